// The way to one sink: how many messages are on it, and until when nothing is sent because it does not take any. What always holds:
// a sink that fails is asked less and less often, whatever waits for it, and as before once it has taken something.

import type { Sent, Sink } from './sink.ts';

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

export class Line {
  readonly sink: Sink;
  #busy = 0;
  /** Pauses in a row. */
  #pauses = 0;
  /** Monotonic. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  room(now: number): number {
    return this.pauseMs(now) > 0 ? 0 : Math.max(0, this.sink.atOnce - this.#busy);
  }

  /** How long nothing is sent from now on. */
  pauseMs(now: number): number {
    return Math.max(0, this.#pausedUntil - now);
  }

  begin(): void {
    this.#busy++;
  }

  end(): void {
    this.#busy--;
  }

  /** What has become of a message. Returns whether the sink has only now begun to fail. */
  heard(sent: Sent, now: number): boolean {
    if (sent.outcome !== 'again') {
      this.#pauses = 0;
      this.#pausedUntil = Number.NEGATIVE_INFINITY;
      return false;
    }
    // Those that were on the way together have failed for one reason.
    const isNew = this.pauseMs(now) === 0;
    const usualMs = isNew ? Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(10, this.#pauses)) : 0;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + (sent.afterMs ?? usualMs));
    if (isNew) this.#pauses++;
    return isNew && this.#pauses === 1;
  }
}
