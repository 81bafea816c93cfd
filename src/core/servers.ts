// Several servers on one store. A waiting client is on the line at one of them, its seat: that server alone says whether it is
// present or has been away for too long. What always holds: no server judges a client whose seat is elsewhere; when a server has
// gone, the others judge its clients as away since they learned of it, so that nobody keeps a place for ever (L9).

import { signalboxItself } from './access.ts';
import type { Change, LeaseRow } from './rows.ts';
import type { State } from './state.ts';
import type { Turn } from './turn.ts';

/** How often a server says that it is there, and how long it is believed to be, in log time: outages of the store do not count. */
export const aliveEveryMs = 3_000;
const goneAfterMs = 12_000;

/** This server is there, from now on or still. */
export function signIn(turn: Turn, id: string): void {
  const { at, tick } = turn.moment;
  const startedAt = turn.state.servers.get(id)?.startedAt ?? at;
  turn.put('server', id, (seq) => ({ id, seq, startedAt, aliveTick: tick }));
}

/** Whether this server judges anybody, so that the others must know that it is there. */
export function isNeeded(state: State): boolean {
  if (state.server !== null) for (const lease of seatedAt(state, state.server)) if (isJudged(lease)) return true;
  return false;
}

/** It judges somebody from now on. */
export function sayThere(turn: Turn): void {
  const { server, servers } = turn.state;
  if (server !== null && !servers.has(server)) signIn(turn, server);
}

/** While it judges nobody this server need not say that it is there: a space in which nothing happens costs nothing. */
export function leave(turn: Turn, id: string): void {
  turn.remove('server', id);
}

/** A server stops, or is found to be gone. */
export function signOff(turn: Turn, id: string): void {
  if (!turn.state.servers.has(id)) return;
  turn.remove('server', id);
  turn.event('server.gone', id, signalboxItself.name);
  for (const lease of seatedAt(turn.state, id)) judgeAbsent(turn.state, lease, turn.moment.tick);
}

/** Signs off all that have not been heard of for too long. */
export function signOffGone(turn: Turn): void {
  for (const id of [...goneServers(turn.state, turn.moment.tick)]) signOff(turn, id);
}

export function* goneServers(state: State, tick: number): Generator<string> {
  for (const { id, aliveTick } of state.servers.values())
    if (id !== state.server && aliveTick + goneAfterMs <= tick) yield id;
}

/** The client of a lease is on the line here. The row keeps its seq: to the client nothing has changed. */
export function takeSeat(turn: Turn, lease: LeaseRow): LeaseRow {
  const { server } = turn.state;
  if (server === null) return lease;
  sayThere(turn);
  if (lease.seat === server) return lease;
  return turn.put('lease', lease.id, () => ({ ...lease, seat: server }));
}

/**
 * A turn was taken back that had said that a client is on the line here, or that a server is gone: whoever has the seat after all
 * goes on judging, alone.
 */
export function leaveSeats(state: State, changes: readonly Change[]): void {
  for (const { kind, id } of changes) {
    if (kind === 'server' && id !== state.server && state.servers.has(id))
      for (const lease of seatedAt(state, id)) state.forgetClient(lease.id);
    const lease = kind === 'lease' ? state.leases.get(id) : undefined;
    if (lease === undefined || lease.seat === state.server || isOrphan(state, lease)) continue;
    state.presence.delete(id);
    state.unsent.delete(id);
  }
}

/**
 * A change that another server has made, and what it means for who judges which client. Called once it is applied; `isNew`:
 * there was no such row before.
 */
export function minds(state: State, { kind, id, row }: Change, isNew: boolean, tick: number): void {
  if (kind === 'server' && row === null) {
    for (const lease of seatedAt(state, id)) judgeAbsent(state, lease, tick);
  } else if (kind === 'server' && isNew && id !== state.server) {
    // It was taken for gone and is back: its clients are its own to judge again.
    for (const lease of seatedAt(state, id)) state.forgetClient(lease.id);
  } else if (kind === 'lease' && row !== null) {
    if (row.seat !== state.server) state.presence.delete(id);
    // It was heard of elsewhere: renewed, collected, or looked at.
    if (row.seat !== state.server || row.renewal === row.seq) state.unsent.delete(id);
    if (row.state === 'waiting' && isOrphan(state, row)) judgeAbsent(state, row, tick);
  }
}

/** Whether nobody judges its client: its server has gone, or it has come from a store with one server. */
export function isOrphan(state: State, { seat }: LeaseRow): boolean {
  return seat === null || (seat !== state.server && !state.servers.has(seat));
}

/** Its client is away from now on, as far as anybody knows. */
export function judgeAbsent(state: State, lease: LeaseRow, tick: number): void {
  if (!isJudged(lease)) return;
  if (lease.state === 'waiting') state.presence.set(lease.id, { open: false, sinceTick: tick });
  else state.unsent.set(lease.id, tick);
}

/** Whether its client must be heard of; one that holds with a ttl renews it, and one that knows that it holds may be silent. */
export function isJudged({ state, ttlMs, collected }: LeaseRow): boolean {
  return state === 'waiting' || (state === 'held' && ttlMs === null && !collected);
}

/** This server stood still while log time went on: whoever is away could not have come back to it in that time. */
export function forgiveAbsences({ presence, unsent }: State, milliseconds: number): void {
  for (const [id, { open, sinceTick }] of presence)
    if (!open) presence.set(id, { open, sinceTick: sinceTick + milliseconds });
  for (const [id, sinceTick] of unsent) unsent.set(id, sinceTick + milliseconds);
}

function* seatedAt(state: State, server: string): Generator<LeaseRow> {
  for (const id of state.waiting) {
    const lease = state.leases.get(id) as LeaseRow;
    if (lease.seat === server) yield lease;
  }
  for (const ids of state.holders.values())
    for (const id of ids) {
      const lease = state.leases.get(id) as LeaseRow;
      if (lease.seat === server) yield lease;
    }
}
