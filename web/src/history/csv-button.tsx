// The button that reads all events of the question, however many pages they are, and makes a file of them in the browser.

import { useRef, useState } from 'preact/hooks';
import type { Failure } from '../../../src/client/outcome.ts';
import { serverNow } from '../clock.ts';
import { Problem } from '../ui/problem.tsx';
import { csvOf, save } from './csv.ts';
import type { Past } from './past.ts';

/** What a spreadsheet and a tab can still hold. */
const most = 100_000;

export function Csv({ past }: { past: Past }) {
  const [count, setCount] = useState<number | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [note, setNote] = useState('');
  const running = useRef<AbortController | null>(null);
  const read = async () => {
    const stop = new AbortController();
    running.current = stop;
    setFailure(null);
    setNote('');
    setCount(0);
    const answer = await past.all(most, setCount, stop.signal);
    setCount(null);
    if (answer === null) return;
    if (!answer.ok) return setFailure(answer);
    const day = new Date(serverNow()).toISOString().slice(0, 10);
    save(`signalbox-history-${day}.csv`, 'text/csv;charset=utf-8', csvOf(answer.value));
    if (answer.value.length === most) setNote(`The file has the newest ${most.toLocaleString()} events only.`);
  };
  return (
    <>
      {count === null ? (
        <button type="button" onClick={() => void read()}>
          CSV
        </button>
      ) : (
        <button
          type="button"
          onClick={() => {
            running.current?.abort();
            setCount(null);
          }}
        >
          {`Reading, ${count.toLocaleString()} so far · stop`}
        </button>
      )}
      {note !== '' && <span role="status">{note}</span>}
      {failure !== null && <Problem what="The file could not be made." failure={failure} again={() => void read()} />}
    </>
  );
}
