// The life of a lease between the ask and its end: contact of its client, renewal, and knowing that a grant has arrived.
// What always holds: only its own holder, or somebody with `force`, renews it; a late renewal changes nothing (L3).

import type { Actor } from '../access.ts';
import { mayForce, owns } from '../access.ts';
import type { Outcome, Refusal } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { LeaseRow } from '../rows.ts';
import { takeSeat } from '../servers.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { grantIfPresent, grantSeq } from './grant.ts';

/** The lease of this id, or the refusal that says that there is none (it never was, or ended longer ago than is kept). */
export function findLease(state: State, id: string): Outcome<LeaseRow> {
  const lease = state.leases.get(id);
  if (lease !== undefined) return accept(lease);
  return refuse(
    'lease_unknown',
    `There is no lease ${id}. Ended leases are kept for a day: signalbox history tells of older ones.`,
  );
}

/** Why this actor may not renew, release or collect this lease; null when it may. */
export function notYours(actor: Actor, lease: LeaseRow): Refusal | null {
  if (owns(actor, lease) || mayForce(actor, lease)) return null;
  const message = `Lease ${lease.id} was asked for by ${lease.by}. Show its secret (Signalbox-Lease-Secret), use the key that asked, or one with the scope force.`;
  return refuse('not_yours', message, { facts: { needs: 'force' } });
}

/** What a renewal or release of an ended lease is told: how, by whom, why. */
export function alreadyEnded(lease: LeaseRow): Refusal {
  const end = lease.end;
  const why = end?.reason == null ? '' : `: ${end.reason}`;
  const message = `Lease ${lease.id} has ended: ${end?.how ?? lease.state} by ${end?.by ?? 'nobody'}${why}. Someone else may hold what it held.`;
  return refuse('lease_ended', message, { facts: { lease: lease.id } });
}

/**
 * The client of a lease is on the line, until `leaveLine`: a waiting one keeps its place, and is granted if everything is set
 * aside for it; a grant counts as arrived.
 */
export function contact(turn: Turn, lease: LeaseRow): LeaseRow {
  if (lease.state === 'held') return collect(turn, lease.renewal === grantSeq(lease) ? takeSeat(turn, lease) : lease);
  if (lease.state !== 'waiting') return lease;
  takeSeat(turn, lease);
  turn.state.presence.set(lease.id, { open: true, sinceTick: turn.moment.tick });
  grantIfPresent(turn, lease.id);
  return turn.state.leases.get(lease.id) as LeaseRow;
}

/**
 * The client of a lease is on the line from this moment, before any turn could say so: it cannot be found absent, and the next
 * turn may grant it. Changes no row.
 */
export function joinLine(state: State, id: string, tick: number): void {
  if (state.presence.has(id)) state.presence.set(id, { open: true, sinceTick: tick });
}

/**
 * The client of a lease has hung up; should it wait, its place is kept for the grace. Changes no row. Whatever state it is in:
 * the turn that has just granted or ended it may still be taken back.
 */
export function leaveLine(state: State, id: string, tick: number): void {
  if (state.presence.has(id)) state.presence.set(id, { open: false, sinceTick: tick });
}

/**
 * The reply that told of a grant could not be written: it ends after the grace unless its client is heard of. Changes no row.
 * One that is known to have arrived, by another reply or because its client was heard of, stays. Where the seat is elsewhere that
 * server has a reply of its own to send, and judges by that one.
 */
export function grantNotSent(state: State, id: string, tick: number): void {
  const lease = state.leases.get(id);
  if (lease?.state !== 'held' || lease.collected || lease.seat !== state.server) return;
  if (!state.arrived.has(id)) state.unsent.set(id, tick);
}

/**
 * Whether a reply that has told of the grant must be written down, by `collect`: for good where nothing else would ever end the
 * lease, and where another server judges its client, by a reply that may have got lost (L5).
 */
export function mustTellArrival(state: State, id: string): boolean {
  const lease = state.leases.get(id);
  return lease?.state === 'held' && !lease.collected && (lease.ttlMs === null || lease.seat !== state.server);
}

/** The client of a held lease knows that it holds. Changes no row. */
export function grantArrived(state: State, id: string): void {
  if (state.leases.get(id)?.state !== 'held') return;
  state.unsent.delete(id);
  state.arrived.add(id);
}

/** The grant has reached its client. A lease without ttl remembers that: nothing else would ever end it. */
export function collect(turn: Turn, lease: LeaseRow): LeaseRow {
  grantArrived(turn.state, lease.id);
  if (lease.state !== 'held' || lease.collected) return lease;
  if (lease.ttlMs !== null) return takeSeat(turn, lease);
  return turn.put('lease', lease.id, (seq) => ({ ...lease, seq, collected: true }));
}

/** The ttl counts anew from this moment. */
export function renew(turn: Turn, id: string, actor: Actor): Outcome<LeaseRow> {
  const found = findLease(turn.state, id);
  if (!found.ok) return found;
  const lease = found.value;
  const foreign = notYours(actor, lease);
  if (foreign !== null) return foreign;
  if (lease.state === 'waiting') {
    return refuse(
      'not_held',
      `Lease ${id} is still waiting: ask for it with GET /v1/leases/${id}?wait=30 instead of renewing it.`,
    );
  }
  if (lease.state !== 'held') return alreadyEnded(lease);
  if (lease.revoking !== null) {
    const { by, reason } = lease.revoking;
    return refuse('lease_revoked', `${by} is taking this lease away: ${reason}. Stop, and release it.`, {
      facts: { lease: id },
    });
  }
  if (lease.ttlMs === null) return accept(collect(turn, lease));
  grantArrived(turn.state, id);
  const ttlTick = turn.moment.tick + lease.ttlMs;
  return accept(turn.put('lease', id, (seq) => ({ ...lease, seq, renewal: seq, ttlTick, resumed: false })));
}
