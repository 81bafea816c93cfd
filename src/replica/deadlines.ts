// When the next lease, signal or barrier is over. A heap of moments in log time, one entry for each key at most; an entry may be
// early (a renewal has come since), never late. What is over is proposed to the core, which decides (core/due.ts).

import { dueTick } from '../core/due.ts';
import type { State } from '../core/state.ts';

interface Entry {
  readonly tick: number;
  readonly key: string;
}

export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #scheduled = new Map<string, number>();

  /** Log time of the earliest entry, null when there is none. */
  next(): number | null {
    return this.#heap[0]?.tick ?? null;
  }

  /** Looks at it again after something changed about it. */
  watch(state: State, key: string): void {
    const tick = dueTick(state, key);
    if (tick === null) return;
    const scheduled = this.#scheduled.get(key);
    if (scheduled !== undefined && scheduled <= tick) return;
    this.#scheduled.set(key, tick);
    this.#push({ tick, key });
  }

  /** Keys of what is over at this log time, at most `limit`; entries that were early are put back. */
  takeDue(state: State, tick: number, limit: number): string[] {
    const over: string[] = [];
    while (over.length < limit) {
      const first = this.#heap[0];
      if (first === undefined || first.tick > tick) break;
      this.#pop();
      if (this.#scheduled.get(first.key) !== first.tick) continue;
      this.#scheduled.delete(first.key);
      const deadline = dueTick(state, first.key);
      if (deadline === null) continue;
      if (deadline <= tick) over.push(first.key);
      else this.watch(state, first.key);
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
