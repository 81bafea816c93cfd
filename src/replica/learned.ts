// Turns that other servers have taken, as this one hears of them: their changes go into the state in order, and whoever listens
// here is told of them as of turns of our own.

import type { Change, Kind, Moment, Rows } from '../core/rows.ts';
import { isOrphan, judgeAbsent, minds } from '../core/servers.ts';
import { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import type { Contents, Learned } from '../log/log.ts';

/** What has become durable, whoever has decided it. `state` is how everything is now, perhaps later than this. */
export type Happened = Pick<Turn, 'state' | 'moment' | 'changes' | 'events' | 'rowBefore'>;

/** Takes a turn of another server over into the state. */
export function takeOver(state: State, { changes, events, tick, at, seq }: Learned): Happened {
  const before: (Rows[Kind] | null)[] = [];
  for (const change of changes) {
    const row = state.row(change.kind, change.id) ?? null;
    before.push(row);
    state.apply(change);
    minds(state, change, row === null, tick);
  }
  // Events have seqs too.
  state.seq = seq;
  const moment: Moment = { tick, at };
  return { state, moment, changes: [...changes] as Change[], events: [...events], rowBefore: (i) => before[i] ?? null };
}

/** The state as it is in the store, in the place of one that cannot be brought up to date. `onLine`: whose clients are on the line here. */
export function loadAnew(before: State, { rows, seq, epoch, tick }: Contents, onLine: ReadonlySet<string>): State {
  const state = new State(before.settings);
  state.load(rows, seq, epoch);
  state.server = before.server;
  for (const lease of state.leases.values()) {
    // Who is on the line here and has the seat elsewhere is judged there.
    if (!isOrphan(state, lease) && lease.seat !== state.server) continue;
    judgeAbsent(state, lease, tick);
    if (lease.end === null && onLine.has(lease.id)) state.presence.set(lease.id, { open: true, sinceTick: tick });
  }
  return state;
}
