// When the next lease is over. A heap of moments in log time, one entry per lease at most; an entry may be early (a renewal
// has come since), never late. What is over is proposed to the core, which decides (`expire` names the renewal it saw).

import { due } from '../core/lease/end.ts';
import type { State } from '../core/state.ts';

interface Entry {
  readonly tick: number;
  readonly id: string;
}

export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #scheduled = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  /** Log time of the earliest entry, null when there is none. */
  next(): number | null {
    return this.#heap[0]?.tick ?? null;
  }

  /** Looks at a lease again after something changed about it. */
  watch(state: State, id: string): void {
    const lease = state.leases.get(id);
    const deadline = lease === undefined ? null : due(state, lease);
    if (deadline === null) return;
    const scheduled = this.#scheduled.get(id);
    if (scheduled !== undefined && scheduled <= deadline.tick) return;
    this.#scheduled.set(id, deadline.tick);
    this.#push({ tick: deadline.tick, id });
  }

  /** Ids of leases that are over at this log time, at most `limit`; entries that were early are put back. */
  takeDue(state: State, tick: number, limit: number): string[] {
    const over: string[] = [];
    while (over.length < limit) {
      const first = this.#heap[0];
      if (first === undefined || first.tick > tick) break;
      this.#pop();
      if (this.#scheduled.get(first.id) !== first.tick) continue;
      this.#scheduled.delete(first.id);
      const lease = state.leases.get(first.id);
      const deadline = lease === undefined ? null : due(state, lease);
      if (deadline === null) continue;
      if (deadline.tick <= tick) over.push(first.id);
      else this.watch(state, first.id);
    }
    return over;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((heap[parent] as Entry).tick <= entry.tick) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry).tick < (heap[child] as Entry).tick) child++;
      if ((heap[child] as Entry).tick >= last.tick) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}
