// A few connections that many spaces share. What always holds: each serves one at a time, so that what somebody does in a
// transaction is never mixed with what others do; who finds none free waits, first come, first served.

import type { Line } from './line.ts';

export class Lines {
  readonly #make: () => Line;
  readonly #atMost: number;
  readonly #all: Line[] = [];
  /** The one that was used last is taken first, so that no more are made than are needed at the same time. */
  readonly #free: Line[] = [];
  readonly #waiting: ((line: Line) => void)[] = [];

  constructor(atMost: number, make: () => Line) {
    this.#atMost = atMost;
    this.#make = make;
  }

  async use<T>(act: (line: Line) => Promise<T>): Promise<T> {
    const line = await this.#take();
    try {
      return await act(line);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(line);
      else next(line);
    }
  }

  async close(reason: Error): Promise<void> {
    await Promise.all(this.#all.map((line) => line.close(reason)));
  }

  #take(): Line | Promise<Line> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#all.length === this.#atMost) return new Promise((resolve) => this.#waiting.push(resolve));
    const line = this.#make();
    this.#all.push(line);
    return line;
  }
}
