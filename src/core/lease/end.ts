// How leases end. What always holds: a lease ends once; a release of one's own is idempotent and a late one never touches a
// successor (L3); nothing expires before its time since the last acknowledged renewal (L5).

import type { Actor } from '../access.ts';
import { environmentsOf, signalboxItself } from '../access.ts';
import { markDirty } from '../dirty.ts';
import type { Outcome } from '../errors.ts';
import { accept } from '../errors.ts';
import type { EndHow, LeaseRow, LeaseState } from '../rows.ts';
import { selectorText } from '../selectors.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { grantReady } from './grant.ts';
import { alreadyEnded, findLease, notYours } from './hold.ts';

const endedWaiting: Partial<Record<EndHow, LeaseState>> = { queue_timeout: 'timed_out', absent: 'timed_out' };
const endedHeld: Partial<Record<EndHow, LeaseState>> = {
  released: 'released',
  expired: 'expired',
  max_hold: 'expired',
  absent: 'expired',
};

/** Ends after which a slot may have been left as it was: nobody said that they were done with it. */
const leavesDirty: readonly EndHow[] = ['expired', 'max_hold', 'revoked'];

/** Ends a lease that waits or is held; whoever follows is granted at the end of the command, by the caller. */
export function end(turn: Turn, lease: LeaseRow, how: EndHow, by: string, reason: string | null): LeaseRow {
  const { state, moment } = turn;
  const wasHeld = lease.state === 'held';
  const dirty =
    wasHeld && leavesDirty.includes(how) ? lease.granted.filter((name) => markDirty(turn, name, lease.id, how)) : [];
  const next: LeaseState = wasHeld ? (endedHeld[how] ?? 'revoked') : (endedWaiting[how] ?? 'cancelled');
  const ended = turn.put('lease', lease.id, (seq) => ({
    ...(state.leases.get(lease.id) as LeaseRow),
    seq,
    state: next,
    ttlTick: null,
    endedAt: moment.at,
    endedTick: moment.tick,
    end: { how, by, reason },
  }));
  const seconds = Math.max(0, Math.round((moment.tick - (lease.grantedTick ?? lease.queuedTick)) / 1000));
  const data = {
    lease: lease.id,
    holder: lease.holder.name,
    environments: environmentsOf(lease),
    ...(wasHeld ? { heldSeconds: seconds, fence: lease.fence } : { waitedSeconds: seconds }),
    ...(dirty.length > 0 && { dirty }),
    how,
    by,
    reason,
  };
  for (const subject of subjectsOf(lease)) turn.event(`lease.${next}`, subject, by, data);
  return ended;
}

/** Gives back a held lease, or leaves the queue. */
export function release(turn: Turn, id: string, actor: Actor): Outcome<LeaseRow> {
  const found = findLease(turn.state, id);
  if (!found.ok) return found;
  const lease = found.value;
  const foreign = notYours(actor, lease);
  if (foreign !== null) return foreign;
  if (lease.state === 'released') return accept(lease);
  if (lease.state !== 'held' && lease.state !== 'waiting') return alreadyEnded(lease);
  const ended = end(turn, lease, lease.state === 'held' ? 'released' : 'cancelled', actor.name, null);
  grantReady(turn);
  return accept(ended);
}

/** When a lease ends if nothing is heard until then, in log time, and how; null when never. */
export function due(state: State, lease: LeaseRow): { tick: number; how: EndHow } | null {
  let earliest: { tick: number; how: EndHow } | null = null;
  const consider = (tick: number | null, how: EndHow): void => {
    if (tick !== null && (earliest === null || tick < earliest.tick)) earliest = { tick, how };
  };
  if (lease.state === 'waiting') {
    consider(lease.queueMs === null ? null : lease.queuedTick + lease.queueMs, 'queue_timeout');
    const presence = state.presence.get(lease.id);
    if (presence !== undefined && !presence.open) consider(presence.sinceTick + state.settings.graceMs, 'absent');
  } else if (lease.state === 'held') {
    const revoked = lease.revoking === null ? 'expired' : lease.revoking.steal ? 'stolen' : 'revoked';
    consider(lease.ttlTick, revoked);
    consider(hardEnd(lease), 'max_hold');
    const unsent = state.unsent.get(lease.id);
    consider(unsent === undefined ? null : unsent + state.settings.graceMs, 'absent');
  }
  return earliest;
}

/** Log time at which a held lease ends unless it is renewed, without regard to its client; null when never. */
export function expiryTick(lease: LeaseRow): number | null {
  const hard = hardEnd(lease);
  if (lease.ttlTick === null || hard === null) return lease.ttlTick ?? hard;
  return Math.min(lease.ttlTick, hard);
}

function hardEnd(lease: LeaseRow): number | null {
  return lease.maxHoldMs === null || lease.grantedTick === null ? null : lease.grantedTick + lease.maxHoldMs;
}

/**
 * A server proposes that a lease's time is over, naming the renewal from which it counted. It is void, and null comes back,
 * when that renewal is no longer the last one, or the time is not over after all.
 */
export function expire(turn: Turn, id: string, renewal: number): LeaseRow | null {
  const lease = turn.state.leases.get(id);
  if (lease === undefined || lease.renewal !== renewal) return null;
  const deadline = due(turn.state, lease);
  if (deadline === null || deadline.tick > turn.moment.tick) return null;
  const by = lease.revoking?.by ?? signalboxItself.name;
  const ended = end(turn, lease, deadline.how, by, lease.revoking?.reason ?? null);
  grantReady(turn);
  return ended;
}

/** What the history files a lease under: its environments, else the labels that it asked for. */
export function subjectsOf(lease: LeaseRow): readonly string[] {
  if (lease.granted.length > 0) return lease.granted;
  return lease.wants.map((want) => ('environment' in want ? want.environment : selectorText(want.labels)));
}
