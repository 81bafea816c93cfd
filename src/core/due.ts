// What is over by log time, of whatever kind: leases, signals, barriers. Each has a key here, a deadline, and a version that an
// end must name: when the row has been renewed since, ending it changes nothing.

import { due, expire } from './lease/end.ts';
import { breakOverdue, breaksTick } from './meet/barrier.ts';
import { expireSignal } from './meet/signal.ts';
import type { Change } from './rows.ts';
import type { State } from './state.ts';
import type { Turn } from './turn.ts';

const signal = 'signal ';
const barrier = 'barrier ';

/** Under which key a changed row has its deadline; null where nothing of its kind ever ends by itself. A lease: its id. */
export function dueKey({ kind, id }: Pick<Change, 'kind' | 'id'>): string | null {
  if (kind === 'lease') return id;
  return kind === 'signal' || kind === 'barrier' ? `${kind} ${id}` : null;
}

/** Keys of everything that may end by itself. */
export function* dueKeys(state: State): Generator<string> {
  yield* state.leases.keys();
  for (const name of state.signals.keys()) yield signal + name;
  for (const id of state.barriers.keys()) yield barrier + id;
}

/** Log time at which it is over; null: never, as things are. */
export function dueTick(state: State, key: string): number | null {
  if (key.startsWith(signal)) return state.signals.get(key.slice(signal.length))?.ttlTick ?? null;
  if (key.startsWith(barrier)) {
    const row = state.barriers.get(key.slice(barrier.length));
    return row === undefined ? null : breaksTick(row);
  }
  const lease = state.leases.get(key);
  return lease === undefined ? null : (due(state, lease)?.tick ?? null);
}

/** What an end has to name. */
export function dueVersion(state: State, key: string): number {
  if (key.startsWith(signal)) return state.signals.get(key.slice(signal.length))?.seq ?? 0;
  if (key.startsWith(barrier)) return state.barriers.get(key.slice(barrier.length))?.seq ?? 0;
  return state.leases.get(key)?.renewal ?? 0;
}

/** Ends it, if it is over and still the one that was meant. */
export function endDue(turn: Turn, key: string, version: number): void {
  if (key.startsWith(signal)) expireSignal(turn, key.slice(signal.length), version);
  else if (key.startsWith(barrier)) breakOverdue(turn, key.slice(barrier.length), version);
  else expire(turn, key, version);
}
