// Who holds it, since when, for how long still, and when their job last gave a sign of life.

import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Environment, Lease } from '../../../src/client/types.ts';
import { actionsOnLease } from '../actions/open.ts';
import { byAge } from '../board/model.ts';
import { serverNow } from '../clock.ts';
import { HolderName } from '../ui/holder.tsx';
import { leftText, Moment, Since, useTicking } from '../ui/time.tsx';
import { Actions } from './actions.tsx';

const renewSoonShare = 0.25;

export function Holders({ row, marked }: { row: Environment; marked: string | null }) {
  const { capacity, free, dirty } = row;
  return (
    <section class="holders" aria-labelledby="holders">
      <h2 id="holders">Held by</h2>
      {row.held.length > 0 && (
        <ul class="leases">
          {byAge(row.held).map((lease) => (
            <Holder
              key={lease.id}
              lease={lease}
              name={row.name}
              isMarked={lease.id === marked}
              isOnly={row.held.length === 1}
            />
          ))}
        </ul>
      )}
      <p>
        {row.held.length === 0 && dirty === 0 && 'Nobody holds it. '}
        {capacity > 1 && `${free} of ${capacity} slots are free. `}
        {dirty > 0 && (
          <span class="dirty">
            <span aria-hidden="true">▲ </span>
            {dirty === 1 ? '1 slot is dirty: its holder' : `${dirty} slots are dirty: their holders`} went without
            releasing it, and nobody gets it before it is cleaned.
          </span>
        )}
      </p>
    </section>
  );
}

interface HolderProps {
  readonly lease: Lease;
  readonly name: string;
  readonly isMarked: boolean;
  /** Then the page's own buttons are about it. */
  readonly isOnly: boolean;
}

function Holder({ lease, name, isMarked, isOnly }: HolderProps) {
  const who = lease.holder.name ?? 'somebody';
  return (
    <li class={isMarked ? 'marked' : undefined} aria-current={isMarked ? 'true' : undefined}>
      <div class="lease-main">
        <strong>
          <HolderName holder={lease.holder} />
        </strong>
        {lease.reason && (
          <span>
            “<bdi>{lease.reason}</bdi>”
          </span>
        )}
        {lease.grantedAt !== null && (
          <span>
            since <Moment at={lease.grantedAt} /> (<Since at={lease.grantedAt} />)
          </span>
        )}
        <Expiry lease={lease} />
      </div>
      {lease.revoking !== null && (
        <p class="error-text">
          <span aria-hidden="true">▲ </span>
          <bdi>{lease.revoking.by}</bdi> takes it away since <Since at={lease.revoking.at} />: “
          <bdi>{lease.revoking.reason}</bdi>”
        </p>
      )}
      <p class="second small">
        {lease.fence !== null && (
          <>
            fence <span class="mono">{lease.fence}</span> ·{' '}
          </>
        )}
        {lease.holder.ref && (
          <>
            ref <bdi class="mono">{lease.holder.ref}</bdi> ·{' '}
          </>
        )}
        {lease.granted.length > 1 && (
          <>
            with{' '}
            <bdi>
              {lease.granted
                .map(({ environment }) => environment)
                .filter((other) => other !== name)
                .join(', ')}
            </bdi>{' '}
            ·{' '}
          </>
        )}
        lease <span class="mono">{lease.id}</span>
      </p>
      {!isOnly && <Actions of={who} items={actionsOnLease(lease, name)} />}
    </li>
  );
}

/** How much is left, and how long ago it was renewed: a job that has died renews no more. */
function Expiry({ lease }: { lease: Lease }) {
  const text = useTicking(() => expiryText(lease));
  const isSoon = useTicking(() => (isLate(lease) ? 'soon' : ''));
  if (lease.expiresAt === null) return <span class="second">until it is released</span>;
  return (
    <time class={isSoon} dateTime={lease.expiresAt}>
      {text}
    </time>
  );
}

function expiryText(lease: Lease): string {
  const { expiresAt, ttlSeconds } = lease;
  if (expiresAt === null) return '';
  const left = leftText(expiresAt);
  if (ttlSeconds === null || endsByMaxHold(lease)) return left === 'over' ? 'its time is over' : `${left} left`;
  const agoMs = serverNow() - (Date.parse(expiresAt) - ttlSeconds * 1000);
  return `${left === 'over' ? 'not renewed in time' : `${left} to renew`} · last sign of life ${formatDuration(agoMs)} ago`;
}

function endsByMaxHold({ maxHoldSeconds, grantedAt, expiresAt }: Lease): boolean {
  if (maxHoldSeconds === null || grantedAt === null || expiresAt === null) return false;
  return Math.abs(Date.parse(grantedAt) + maxHoldSeconds * 1000 - Date.parse(expiresAt)) < 1000;
}

function isLate({ expiresAt, ttlSeconds }: Lease): boolean {
  if (expiresAt === null || ttlSeconds === null) return false;
  return Date.parse(expiresAt) - serverNow() < ttlSeconds * 1000 * renewSoonShare;
}
