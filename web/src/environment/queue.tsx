// Who waits, in the order in which they will get it: since when, for how long still, and what stands in their way.
//
// Must always hold: rows do not move under pointer or focus; a place that is shown is the server's.

import { useRef } from 'preact/hooks';
import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Blocker, Environment, Lease } from '../../../src/client/types.ts';
import { actionsOnLease } from '../actions/open.ts';
import { serverNow } from '../clock.ts';
import { pathOf } from '../routes.ts';
import { HolderName } from '../ui/holder.tsx';
import { Problem } from '../ui/problem.tsx';
import { useSteady } from '../ui/steady.ts';
import { exact, Since, useTicking } from '../ui/time.tsx';
import { useMedia } from '../ui/window.ts';
import { Actions } from './actions.tsx';
import { mostAsked, type QueueList } from './queue-list.ts';
import { wantWords, whyWords } from './words.ts';

const blockersSeen = 3;

interface Line {
  readonly key: string;
  readonly lease: Lease;
}

export interface QueueProps {
  readonly row: Environment;
  readonly marked: string | null;
  readonly queue: QueueList;
  readonly limit: number;
  readonly setLimit: (limit: number) => void;
}

export function Queue({ row, marked, queue, limit, setLimit }: QueueProps) {
  const { leases, hasMore, at, failure, again } = queue;
  const box = useRef<HTMLDivElement>(null);
  const wanted = (leases ?? []).map((lease): Line => ({ key: lease.id, lease }));
  const { lines, moved, reorder } = useSteady(wanted, '', box);
  const now = new Map(wanted.map(({ key, lease }) => [key, lease]));
  const isPhone = useMedia('(max-width: 639px)');
  const shown = lines.map(({ key, lease }) => ({ lease: now.get(key) ?? lease, isGone: !now.has(key) }));
  const props = { name: row.name, at, marked };
  return (
    <section aria-labelledby="queue">
      <h2 id="queue">
        Queue{leases !== null && ` (${hasMore ? `${leases.length} of ${row.waiting}` : leases.length})`}
      </h2>
      {failure !== null && <Problem what="The queue could not be loaded." failure={failure} again={again} />}
      {leases?.length === 0 && lines.length === 0 && <p class="second">Nobody waits for it.</p>}
      <div ref={box}>
        {shown.length > 0 &&
          (isPhone ? (
            <ol class="leases" aria-label="Queue">
              {shown.map((line) => (
                <Card key={line.lease.id} {...line} {...props} />
              ))}
            </ol>
          ) : (
            <table class="table queue-table" aria-labelledby="queue">
              <thead>
                <tr>
                  <th scope="col" class="col-place">
                    Place
                  </th>
                  <th scope="col" class="col-who">
                    Who
                  </th>
                  <th scope="col" class="col-waits">
                    Waits
                  </th>
                  <th scope="col" class="col-eta">
                    Still about
                  </th>
                  <th scope="col">In the way</th>
                  <th scope="col" class="col-acts">
                    <span class="only-heard">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map((line) => (
                  <Row key={line.lease.id} {...line} {...props} />
                ))}
              </tbody>
            </table>
          ))}
      </div>
      {moved > 0 && (
        <div class="would-move">
          <button type="button" onClick={reorder}>
            {moved === 1 ? '1 row' : `${moved} rows`} would move · reorder
          </button>
        </div>
      )}
      {hasMore &&
        (limit < mostAsked ? (
          <button type="button" onClick={() => setLimit(mostAsked)}>
            Show more
          </button>
        ) : (
          <p class="second">These are the first {mostAsked}.</p>
        ))}
    </section>
  );
}

interface LineProps {
  readonly lease: Lease;
  readonly isGone: boolean;
  readonly name: string;
  readonly at: number;
  readonly marked: string | null;
}

function Row({ lease, isGone, name, at, marked }: LineProps) {
  const isMarked = lease.id === marked;
  if (isGone)
    return (
      <tr class="gone">
        <td colSpan={6}>
          <bdi>{lease.holder.name ?? 'somebody'}</bdi> waits no more
        </td>
      </tr>
    );
  return (
    <tr class={isMarked ? 'marked' : undefined} aria-current={isMarked ? 'true' : undefined} data-lease={lease.id}>
      <td>{lease.position ?? '–'}</td>
      <th scope="row" class="wrap">
        <Who lease={lease} />
      </th>
      <td>
        <Since at={lease.queuedAt} />
      </td>
      <td>
        <Eta lease={lease} at={at} />
      </td>
      <td class="wrap">
        <InTheWay lease={lease} name={name} />
      </td>
      <td class="acts">
        <Actions of={lease.holder.name ?? 'somebody'} items={actionsOnLease(lease, name)} max={1} />
      </td>
    </tr>
  );
}

function Card({ lease, isGone, name, at, marked }: LineProps) {
  const isMarked = lease.id === marked;
  if (isGone)
    return (
      <li class="gone">
        <bdi>{lease.holder.name ?? 'somebody'}</bdi> waits no more
      </li>
    );
  return (
    <li class={isMarked ? 'marked' : undefined} aria-current={isMarked ? 'true' : undefined} data-lease={lease.id}>
      <div class="lease-main">
        <span>{lease.position ?? '–'}</span>
        <Who lease={lease} />
      </div>
      <p class="small">
        waits <Since at={lease.queuedAt} /> · <Eta lease={lease} at={at} />
      </p>
      <p class="small second">
        <InTheWay lease={lease} name={name} />
      </p>
      <Actions of={lease.holder.name ?? 'somebody'} items={actionsOnLease(lease, name)} max={1} />
    </li>
  );
}

function Who({ lease }: { lease: Lease }) {
  return (
    <>
      <HolderName holder={lease.holder} />
      {lease.reason && (
        <span class="second">
          {' '}
          “<bdi>{lease.reason}</bdi>”
        </span>
      )}
      {lease.priority !== 0 && <span class="second"> · priority {lease.priority}</span>}
    </>
  );
}

/** The server's estimate, counted on from when it was made. */
function Eta({ lease: { etaSeconds }, at }: { lease: Lease; at: number }) {
  const text = useTicking(() => {
    if (etaSeconds === null) return 'not known';
    const ms = at + etaSeconds * 1000 - serverNow();
    return ms < 1000 ? 'any moment' : `about ${formatDuration(ms < 60_000 ? ms : Math.round(ms / 60_000) * 60_000)}`;
  });
  if (etaSeconds === null) return <span class="second">{text}</span>;
  return <span title={exact(new Date(at + etaSeconds * 1000).toISOString())}>{text}</span>;
}

/** What it wants beside this environment, and who or what stands between. */
function InTheWay({ lease, name }: { lease: Lease; name: string }) {
  const isMore = lease.wants.length > 1 || lease.wants.some((want) => !('environment' in want));
  const seen = lease.blockedBy.slice(0, blockersSeen);
  const rest = lease.blockedBy.length - seen.length;
  return (
    <>
      {isMore && (
        <>
          wants <bdi>{lease.wants.map(wantWords).join(' + ')}</bdi>
          {seen.length > 0 && ' · '}
        </>
      )}
      {seen.map((blocker, index) => (
        <span key={index}>
          {index > 0 && ', '}
          <InWay blocker={blocker} name={name} />
        </span>
      ))}
      {rest > 0 && ` and ${rest} more`}
    </>
  );
}

function InWay({ blocker, name }: { blocker: Blocker; name: string }) {
  const { environment, holder, reason } = blocker;
  return (
    <>
      {environment !== null &&
        (environment === name ? (
          <bdi>{environment}</bdi>
        ) : (
          <a href={pathOf({ screen: 'environment', name: environment })}>
            <bdi>{environment}</bdi>
          </a>
        ))}{' '}
      {whyWords(blocker)}
      {holder !== null && (
        <>
          {blocker.why === 'queue' ? ': ' : ' by '}
          <HolderName holder={holder} />
        </>
      )}
      {blocker.why !== 'held' && reason && (
        <>
          : “<bdi>{reason}</bdi>”
        </>
      )}
    </>
  );
}
