// Time that is made up. One `Timeline` for the whole world: whatever happens next happens at a moment in its heap, and equal
// moments are ordered by the seed. Each server life has a `VirtualClock` on it, with a monotonic clock that begins somewhere
// else than the last one's and may be a little fast or slow, and with stalls, during which nothing of that server runs.
//
// `served` is the yardstick for L5: the time during which a holder could have renewed. Downtime is not in it, nor is what a
// stall takes beyond the 200 ms that log time may count of each.

import type { Clock, Timer } from '../../src/replica/clock.ts';
import type { Random } from './random.ts';

interface Entry {
  readonly at: number;
  /** At one moment, what comes from outside goes before what was put off by `soon`. */
  readonly rank: 0 | 1;
  readonly tie: number;
  readonly owner: VirtualClock | null;
  call: (() => void) | null;
}

/** How much of one stall log time may count (src/replica/clock.ts). */
const countedOfStallMs = 200;

export class Timeline {
  now = 0;
  /** Wall time jumps either way; monotonic time does not notice (L13). */
  wallOffset = 1_700_000_000_000;
  stalls = 0;
  /** Whether the time that has passed until now counts against a holder; asked before what comes next happens. */
  isServed: () => boolean = () => true;
  readonly random: Random;
  readonly #heap: Entry[] = [];
  #order = 0;
  #lost = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Milliseconds during which a server was there and awake. */
  get served(): number {
    return this.now - this.#lost;
  }

  /** Time that does not count against a holder. */
  lose(milliseconds: number): void {
    this.#lost += milliseconds;
  }

  after(milliseconds: number, call: () => void, owner: VirtualClock | null = null): Entry {
    return this.#add(this.now + Math.max(0, milliseconds), 0, this.random.next(), owner, call);
  }

  soon(call: () => void, owner: VirtualClock): void {
    this.#add(this.now, 1, this.#order++, owner, call);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, resolve));
  }

  /** Whether something else happens at this very moment. */
  get isMomentOver(): boolean {
    const next = this.#heap[0];
    return next === undefined || next.at > this.now;
  }

  /** Lets the next thing happen; false when nothing ever will. */
  step(): boolean {
    for (;;) {
      const entry = this.#take();
      if (entry === null) return false;
      const { owner, call } = entry;
      if (call === null || owner?.isDead === true) continue;
      if (owner !== null && owner.stalledUntil > entry.at) {
        this.#add(owner.stalledUntil, entry.rank, entry.rank === 1 ? this.#order++ : this.random.next(), owner, call);
        continue;
      }
      // Before it happens: whatever is decided in it reads `served`, and must not find time in it that is taken away later.
      if (!this.isServed()) this.lose(entry.at - this.now);
      this.now = entry.at;
      call();
      return true;
    }
  }

  /** Lets everything happen that happens within so many milliseconds. */
  async run(milliseconds: number): Promise<void> {
    let over = false;
    this.after(milliseconds, () => {
      over = true;
    });
    while (!over) {
      this.step();
      await microtasksDone();
    }
  }

  stall(clock: VirtualClock, milliseconds: number): void {
    const from = Math.max(this.now, clock.stalledUntil);
    const until = Math.max(from, this.now + milliseconds);
    const notCounted = Math.max(0, until - from - countedOfStallMs);
    this.lose(notCounted);
    clock.stalledMs += notCounted;
    clock.stalledUntil = until;
    this.stalls++;
  }

  #add(at: number, rank: 0 | 1, tie: number, owner: VirtualClock | null, call: () => void): Entry {
    const entry: Entry = { at, rank, tie, owner, call };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent] as Entry)) break;
      heap[i] = heap[parent] as Entry;
      i = parent;
    }
    heap[i] = entry;
    return entry;
  }

  #take(): Entry | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!before(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.rank !== b.rank ? a.rank < b.rank : a.tie < b.tie;
}

/** The clock of one server life. */
export class VirtualClock implements Clock {
  readonly #timeline: Timeline;
  readonly #begin: number;
  /** Milliseconds that it counts in one. */
  readonly #rate: number;
  /** By how much its wall clock is wrong. */
  readonly #wrongMs: number;
  stalledUntil = 0;
  /** For how long it was stalled, beyond what log time may count of each stall. */
  stalledMs = 0;
  isDead = false;

  constructor(timeline: Timeline, rate = 1, wrongMs = 0) {
    this.#timeline = timeline;
    this.#rate = rate;
    this.#wrongMs = wrongMs;
    this.#begin = timeline.random.next() * 1e6 - timeline.now;
  }

  monotonic(): number {
    return this.#begin + this.#timeline.now * this.#rate;
  }

  /** Milliseconds for which its server was awake, from some moment on; to be asked while it is. */
  get awake(): number {
    return this.#timeline.now - this.stalledMs;
  }

  wall(): number {
    return this.#timeline.wallOffset + this.#wrongMs + this.#timeline.now;
  }

  after(milliseconds: number, call: () => void): Timer {
    return this.#timeline.after(milliseconds / this.#rate, call, this);
  }

  cancel(timer: Timer): void {
    if (timer !== null && timer !== undefined) (timer as Entry).call = null;
  }

  soon(call: () => void): void {
    this.#timeline.soon(call, this);
  }
}

/** Resolves when all promises that could settle have: Node runs every microtask before the next tick. */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
