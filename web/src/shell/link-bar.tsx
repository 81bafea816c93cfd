// How the stream is: a word beside the name, and a bar once it has been lost for longer than a moment.

import { useEffect, useState } from 'preact/hooks';
import { useCell } from '../cell.ts';
import { serverNow } from '../clock.ts';
import { link, retryNow } from '../live/feed.ts';
import { State } from '../ui/state.tsx';
import { Moment, useTicking } from '../ui/time.tsx';

const momentMs = 3_000;

export function LinkWord() {
  const { state } = useCell(link);
  if (state === 'live') return <State shape="held" word="live" />;
  return <State shape={state === 'away' ? 'failed' : 'waiting'} word={state === 'away' ? 'not live' : 'connecting'} />;
}

export function LinkBar() {
  const now = useCell(link);
  const [isLong, setLong] = useState(false);
  const isAway = now.state === 'away';
  useEffect(() => {
    setLong(false);
    if (!isAway) return;
    const timer = setTimeout(() => setLong(true), momentMs);
    return () => clearTimeout(timer);
  }, [isAway]);
  if (now.state !== 'away' || !isLong) return null;
  return (
    <div class="bar" role="status">
      <State shape="failed" word="Not live" />
      <span>
        since <Moment at={now.since} />, showing what was known then. <Retry at={now.retryAt} />
      </span>
      <button type="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}

/** Not heard: a screen reader would tell each second. */
function Retry({ at }: { at: number }) {
  const text = useTicking(() => {
    const seconds = Math.ceil((at - serverNow()) / 1000);
    return seconds > 0 ? `Trying again in ${seconds}s.` : 'Trying again…';
  });
  return <span aria-hidden="true">{text}</span>;
}
