// The last of its history, as it happens.

import { useEffect, useState } from 'preact/hooks';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { Words } from '../history/cells.tsx';
import { listen } from '../live/feed.ts';
import { pathOf } from '../routes.ts';
import { useAnswer } from '../ui/answer.ts';
import { Problem } from '../ui/problem.tsx';
import { Moment } from '../ui/time.tsx';

const shown = 20;

export function Recent({ name }: { name: string }) {
  const [told, setTold] = useState<readonly HistoryEvent[]>([]);
  const { value, failure, again } = useAnswer(
    (client, signal) => client.events({ subject: name, order: 'desc', limit: shown }, { signal }),
    name,
  );
  useEffect(
    () =>
      listen({
        event: (event) => {
          if (isOfIt(event, name)) setTold((before) => [event, ...before].slice(0, shown));
        },
        reload: again,
      }),
    [name],
  );
  const events = newest([...told, ...(value?.items ?? [])].filter((event) => isOfIt(event, name)));
  const all = `${pathOf({ screen: 'history' })}?subject=${encodeURIComponent(name)}`;
  return (
    <section aria-labelledby="recent">
      <h2 id="recent">
        History <span class="second">(the last {shown})</span>
        <a class="end small" href={all}>
          All of <bdi>{name}</bdi> →
        </a>
      </h2>
      {failure !== null && <Problem what="The history could not be loaded." failure={failure} again={again} />}
      {value !== null && events.length === 0 && <p class="second">Nothing has happened yet.</p>}
      {events.length > 0 && (
        <ol class="events">
          {events.map((event) => (
            <li key={event.seq}>
              <Moment at={event.at} />
              <span>
                <Words event={event} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** A signal or a key may have the same name. */
function isOfIt({ kind, subject }: HistoryEvent, name: string): boolean {
  return subject === name && (kind.startsWith('lease.') || kind.startsWith('environment.'));
}

function newest(events: readonly HistoryEvent[]): HistoryEvent[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, shown);
}
