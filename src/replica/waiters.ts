// Who is on the line for a lease, and waking them. What always holds: whoever waits for a change that became durable after
// they began to wait is woken (L8), each once; a client that has gone costs nothing from then on.

import type { State } from '../core/state.ts';
import type { Clock, Timer } from './clock.ts';
import type { Happened } from './learned.ts';

interface Waiter {
  readonly id: string;
  /** Also woken when its place may have moved beyond this seq; null = only when its own row changes. */
  readonly after: number | null;
  readonly wake: () => void;
}

/** Movement in a queue concerns everybody in it, so it is told at most this often. */
const tellMovesEveryMs = 2_000;

export class Waiters {
  readonly #clock: Clock;
  readonly #byLease = new Map<string, Set<Waiter>>();
  readonly #followers = new Set<Waiter>();
  #moveTimer: Timer = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    let count = 0;
    for (const waiters of this.#byLease.values()) count += waiters.size;
    return count;
  }

  /** Calls `wake` once when the lease changes; returns how to stop waiting. */
  add(id: string, after: number | null, wake: () => void): () => void {
    const waiter: Waiter = { id, after, wake };
    const waiters = this.#byLease.get(id);
    if (waiters === undefined) this.#byLease.set(id, new Set([waiter]));
    else waiters.add(waiter);
    if (after !== null) this.#followers.add(waiter);
    return () => this.#remove(waiter);
  }

  /** Wakes whoever waits for what a durable turn has changed. */
  turned(turn: Happened): void {
    for (const change of turn.changes) {
      if (change.kind !== 'lease') continue;
      for (const waiter of [...(this.#byLease.get(change.id) ?? [])]) this.#wake(waiter);
    }
    if (this.#followers.size > 0 && this.#moveTimer === null) {
      this.#moveTimer = this.#clock.after(tellMovesEveryMs, () => {
        this.#moveTimer = null;
        this.#wakeMoved(turn.state);
      });
    }
  }

  /** Wakes everybody: the server is stopping. */
  wakeAll(): void {
    this.#clock.cancel(this.#moveTimer);
    for (const waiters of [...this.#byLease.values()]) for (const waiter of [...waiters]) this.#wake(waiter);
  }

  #wakeMoved(state: State): void {
    for (const waiter of [...this.#followers]) {
      const lease = state.leases.get(waiter.id);
      if (lease !== undefined && state.movedSeq(lease) > (waiter.after ?? 0)) this.#wake(waiter);
    }
  }

  #wake(waiter: Waiter): void {
    this.#remove(waiter);
    waiter.wake();
  }

  #remove(waiter: Waiter): void {
    this.#followers.delete(waiter);
    const waiters = this.#byLease.get(waiter.id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byLease.delete(waiter.id);
  }
}
