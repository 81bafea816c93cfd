// A clock that stands still until a test moves it on; what arrives from outside arrives all the same.

import type { Clock, Timer } from '../../src/replica/clock.ts';

interface Entry {
  readonly at: number;
  readonly call: () => void;
}

/** Less than log time takes for a stall. */
const stepMs = 100;

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Entry>();

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  after(milliseconds: number, call: () => void): Timer {
    const entry = { at: this.#now + milliseconds, call };
    this.#timers.add(entry);
    return entry;
  }

  cancel(timer: Timer): void {
    this.#timers.delete(timer as Entry);
  }

  soon(call: () => void): void {
    setImmediate(call);
  }

  /** Between any two steps what is under way in this process gets on. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    while (this.#now < end) {
      this.#now = Math.min(end, this.#now + stepMs);
      for (const entry of [...this.#timers].sort((a, b) => a.at - b.at)) {
        if (entry.at > this.#now || !this.#timers.delete(entry)) continue;
        entry.call();
      }
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
