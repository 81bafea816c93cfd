// Signals as the screen shows them: those that are set or failed, from the stream, and those that are only waited for, from the
// list of waits.
//
// Must always hold: the same signal with the same waiters is the same value, so that a row is painted only when it has changed.

import type { Signal } from '../../../src/client/types.ts';
import { mayEverywhere } from '../../../src/core/access.ts';
import { person } from '../access.ts';
import { signals } from '../live/tables.ts';
import type { Waiter } from './waiting.ts';
import { waits } from './waits.ts';

export interface Place {
  readonly name: string;
  /** null: it is not set, and waited for. */
  readonly signal: Signal | null;
  readonly waiters: readonly Waiter[];
  /** More than are named above, where this person may not see who they are. */
  readonly waiting: number;
}

const none: readonly Waiter[] = [];
const known = new Map<string, Place>();

const target = (name: string): string => `signal:${name}`;

/** Whether somebody may wait for a signal in a wait that this person does not see; then the lists of signals say how many. */
export function seesLittle(): boolean {
  return person.value !== null && !mayEverywhere(person.value.actor, 'read');
}

export const places = {
  get(name: string): Place | null {
    const row = signals.get(name);
    const signal = row === null || row.state === 'unset' ? null : row;
    const waiters = waits.value?.pending.get(target(name)) ?? none;
    const listed = row !== null && signal === null && seesLittle() ? row.waiting : 0;
    const waiting = Math.max(waiters.length, listed);
    if (signal === null && waiting === 0) {
      known.delete(name);
      return null;
    }
    const before = known.get(name);
    if (before?.signal === signal && before.waiters === waiters && before.waiting === waiting) return before;
    const place = { name, signal, waiters, waiting };
    known.set(name, place);
    return place;
  },

  watch(name: string, watcher: () => void): () => void {
    let shown = places.get(name);
    const look = () => {
      const now = places.get(name);
      if (now === shown) return;
      shown = now;
      watcher();
    };
    const stops = [signals.watch(name, look), waits.watch(look)];
    return () => {
      for (const stop of stops) stop();
    };
  },

  all(): Place[] {
    const names = new Set([...signals.all()].map(({ name }) => name));
    for (const text of waits.value?.pending.keys() ?? []) if (text.startsWith('signal:')) names.add(text.slice(7));
    return [...names].flatMap((name) => places.get(name) ?? []);
  },
};

const byText = new Intl.Collator('en', { numeric: true }).compare;

/** What needs attention first: what is waited for, the longest first; what has failed; then what is set, by name. */
export function byNeed(a: Place, b: Place): number {
  const rank = ({ signal }: Place) => (signal === null ? 0 : signal.state === 'failed' ? 1 : 2);
  const since = ({ signal, waiters }: Place) => (signal === null ? (waiters[0]?.since ?? '') : '');
  return rank(a) - rank(b) || since(a).localeCompare(since(b)) || byText(a.name, b.name);
}

export function barriersByNeed(
  a: { state: string; name: string; generation: string; createdAt: string },
  b: { state: string; name: string; generation: string; createdAt: string },
): number {
  const order = ['waiting', 'broken', 'open'];
  return (
    order.indexOf(a.state) - order.indexOf(b.state) ||
    byText(a.name, b.name) ||
    b.createdAt.localeCompare(a.createdAt) ||
    byText(a.generation, b.generation)
  );
}
