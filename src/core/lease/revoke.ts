// Taking a lease away, with a reason. What always holds: renewals are refused from then on; the slot passes on when the
// holder releases or its last acknowledged ttl has ended, so that a holder that keeps the rules has stopped by then. Only
// `now` (always so without a ttl) passes it on at once, and then the old holder's fence is all that stops it.

import type { Actor } from '../access.ts';
import { environmentsOf, forbidden, mayForce } from '../access.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { LeaseRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import type { Acquired, Ask } from './acquire.ts';
import { acquire } from './acquire.ts';
import { end, subjectsOf } from './end.ts';
import { grantReady } from './grant.ts';
import { alreadyEnded, findLease } from './hold.ts';

export interface Revocation {
  readonly id: string;
  readonly actor: Actor;
  readonly reason: string;
  readonly now: boolean;
  /** The thief's own request, next for that slot; its wants are what the lease holds. */
  readonly steal: Omit<Ask, 'wants' | 'ahead'> | null;
}

export interface Revoked {
  readonly lease: LeaseRow;
  readonly stolen: Acquired | null;
  /** The slot was passed on at once: the old holder may still be working. */
  readonly mayStillWork: boolean;
}

export function revoke(turn: Turn, revocation: Revocation): Outcome<Revoked> {
  const { actor, reason, id } = revocation;
  const found = findLease(turn.state, id);
  if (!found.ok) return found;
  const lease = found.value;
  if (!mayForce(actor, lease)) return forbidden(actor, 'force', environmentsOf(lease)[0] ?? null);
  if (reason.trim() === '') {
    return refuse('reason_required', 'Taking something away needs a reason: it is shown to whoever loses it.', {
      field: 'reason',
    });
  }
  if (lease.state !== 'held' && lease.state !== 'waiting') return alreadyEnded(lease);

  const mark = turn.mark();
  const wasHeld = lease.state === 'held';
  const passesOnNow = !wasHeld || revocation.now || lease.ttlMs === null;
  // The thief stands in the queue before the slot comes free, so that nobody can come between.
  let stolen: Acquired | null = null;
  if (revocation.steal !== null) {
    const wants = wasHeld ? lease.granted.map((environment) => ({ environment })) : lease.wants;
    const asked = acquire(turn, { ...revocation.steal, wants, ahead: true, queueMs: revocation.steal.queueMs ?? null });
    if (!asked.ok) return asked;
    stolen = asked.value;
  }
  if (passesOnNow) {
    end(turn, lease, revocation.steal === null ? 'revoked' : 'stolen', actor.name, reason);
    if (stolen !== null && stolen.lease.state === 'waiting')
      turn.state.presence.set(stolen.lease.id, { open: true, sinceTick: turn.moment.tick });
    grantReady(turn);
  } else {
    const revoking = { by: actor.name, reason, at: turn.moment.at, steal: revocation.steal !== null };
    turn.put('lease', id, (seq) => ({ ...lease, seq, revoking }));
    const data = { lease: id, holder: lease.holder.name, environments: lease.granted, by: actor.name, reason };
    for (const subject of subjectsOf(lease)) turn.event('lease.revoking', subject, actor.name, data);
  }
  if (stolen !== null) {
    const thief = turn.state.leases.get(stolen.lease.id);
    if (thief === undefined) {
      turn.rollback(mark);
      return refuse('environment_busy', 'The request that was to take its place could not be made.');
    }
    if (thief.state === 'waiting' && revocation.steal?.polling !== true) {
      turn.state.presence.set(thief.id, { open: false, sinceTick: turn.moment.tick });
    }
    stolen = { ...stolen, lease: thief };
  }
  return accept({ lease: turn.state.leases.get(id) as LeaseRow, stolen, mayStillWork: wasHeld && passesOnNow });
}
