// The lease that a link is about (`?lease=ID`): where it stands in the queue, what it holds, or how it ended.
//
// Must always hold: a lease that waits here is not asked for by its id. To the server that could be its job, which keeps its place.

import { useEffect, useState } from 'preact/hooks';
import type { Environment, HistoryEvent, Lease } from '../../../src/client/types.ts';
import { Words } from '../history/cells.tsx';
import { listen } from '../live/feed.ts';
import { pathOf } from '../routes.ts';
import { useAnswer } from '../ui/answer.ts';
import { HolderName } from '../ui/holder.tsx';
import { Problem } from '../ui/problem.tsx';
import { Moment, Since } from '../ui/time.tsx';
import type { QueueList } from './queue-list.ts';
import { endWords, isByOthers } from './words.ts';

export interface MarkedProps {
  readonly id: string;
  readonly name: string;
  readonly row: Environment | null;
  readonly queue: QueueList;
}

export function Marked({ id, name, row, queue }: MarkedProps) {
  const isIt = (lease: Lease) => lease.id === id;
  const here = row?.held.find(isIt) ?? queue.leases?.find(isIt);
  if (here !== undefined) return <Told lease={here} name={name} />;
  return queue.leases === null ? null : <Elsewhere id={id} name={name} />;
}

/** It holds something else, has ended, or stands further behind than is shown. */
function Elsewhere({ id, name }: { id: string; name: string }) {
  const { value, failure, again } = useAnswer((client, signal) => client.lease(id, { signal }), id);
  const [told, setTold] = useState<Lease | null>(null);
  useEffect(
    () =>
      listen({
        row: ({ kind, id: changed, row }) => {
          if (kind === 'leases' && changed === id) setTold(row as Lease | null);
        },
        reload: again,
      }),
    [id],
  );
  const lease = told !== null && told.seq >= (value?.seq ?? 0) ? told : value;
  if (lease !== null) return <Told lease={lease} name={name} />;
  if (failure === null) return null;
  if (failure.kind === 'problem' && failure.status === 404) return <LongAgo id={id} words={failure.problem.detail} />;
  return <Problem what="The lease of this link could not be loaded." failure={failure} again={again} />;
}

function Told({ lease, name }: { lease: Lease; name: string }) {
  return (
    <p class="closed marked-lease" role="status">
      <strong>
        <HolderName holder={lease.holder} />
      </strong>{' '}
      <Standing lease={lease} name={name} />
    </p>
  );
}

function Standing({ lease, name }: { lease: Lease; name: string }) {
  if (lease.state === 'waiting')
    return (
      <>
        waits since <Since at={lease.queuedAt} />
        {lease.position === 1
          ? ' and is next'
          : lease.position !== null && ` and is number ${lease.position} in the queue`}
        .
      </>
    );
  if (lease.state === 'held') {
    const elsewhere = lease.granted.filter(({ environment }) => environment !== name);
    return (
      <>
        holds {elsewhere.length < lease.granted.length && <bdi>{name}</bdi>}
        {elsewhere.map(({ environment }, index) => (
          <span key={environment}>
            {(index > 0 || elsewhere.length < lease.granted.length) && ', '}
            <a href={`${pathOf({ screen: 'environment', name: environment })}?lease=${encodeURIComponent(lease.id)}`}>
              <bdi>{environment}</bdi>
            </a>
          </span>
        ))}
        {lease.grantedAt !== null && (
          <>
            {' '}
            since <Since at={lease.grantedAt} />
          </>
        )}
        .
      </>
    );
  }
  const { end, endedAt } = lease;
  return (
    <>
      has it no more: {endWords(end?.how ?? null)}
      {end !== null && isByOthers(end.how) && (
        <>
          {' '}
          by <bdi>{end.by}</bdi>
        </>
      )}
      {end?.reason && (
        <>
          : “<bdi>{end.reason}</bdi>”
        </>
      )}
      {endedAt !== null && (
        <>
          , <Moment at={endedAt} /> (<Since at={endedAt} /> ago)
        </>
      )}
      .
    </>
  );
}

/** Ended leases are kept for a day; the history knows them for longer. */
function LongAgo({ id, words }: { id: string; words: string }) {
  const { value } = useAnswer(
    (client, signal) => client.events({ lease: id, order: 'desc', limit: 1 }, { signal }),
    `last of ${id}`,
  );
  const last: HistoryEvent | undefined = value?.items[0];
  return (
    <p class="closed marked-lease" role="status">
      {last === undefined ? (
        words
      ) : (
        <>
          The last that is known of the lease of this link: <Words event={last} />, <Moment at={last.at} />.
        </>
      )}
    </p>
  );
}
