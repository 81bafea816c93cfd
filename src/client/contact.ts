// Keeps count of an absence of the server: says it once, and when it ends, and when it is too long. For whatever waits through
// lost connections and restarts (place.ts, waiting.ts, arriving.ts).
//
// Must always hold: one broken poll is no absence (proxies cut them), so the first new try is made at once and silently; after
// that the pauses grow, so that a restarted server is not asked by all at once.

import { type Failure, failureWords } from './outcome.ts';
import { pause } from './pause.ts';

export interface ContactLimits {
  /** Ends the pauses; nobody waits any longer. */
  readonly signal: AbortSignal;
  /** How long to try until the server answers for the first time. */
  readonly firstContactMs: number;
  /** How long it may be away afterwards; null = as long as it takes. */
  readonly maxAwayMs?: number | null;
  /** When everything is over, by performance.now(); null = never. */
  readonly endAt?: number | null;
  readonly onAway?: (reason: string) => void;
}

/** It was tried for as long as it may be. */
export interface GivenUp {
  readonly reason: string;
  readonly triedMs: number;
}

export class Contact {
  readonly #limits: ContactLimits;
  readonly #sinceAt = performance.now();
  #everAnswered = false;
  #awaySinceAt: number | null = null;
  #said = false;
  #tries = 0;

  constructor(limits: ContactLimits) {
    this.#limits = limits;
  }

  get everAnswered(): boolean {
    return this.#everAnswered;
  }

  /** `back`: told how long it was away, where that had been said. */
  answered(back?: (awayMs: number) => void): void {
    if (this.#said && this.#awaySinceAt !== null) back?.(performance.now() - this.#awaySinceAt);
    this.#everAnswered = true;
    this.#awaySinceAt = null;
    this.#said = false;
    this.#tries = 0;
  }

  /** Pauses before the next try; not null when there is none. For failures that may be over soon. */
  async failed(failure: Failure): Promise<GivenUp | null> {
    const { firstContactMs, maxAwayMs = null, endAt = null, signal, onAway } = this.#limits;
    const now = performance.now();
    this.#awaySinceAt ??= now;
    this.#tries += 1;
    const awayMs = now - (this.#everAnswered ? this.#awaySinceAt : this.#sinceAt);
    const allowedMs = this.#everAnswered ? maxAwayMs : firstContactMs;
    const limitMs = smaller(allowedMs, endAt === null ? null : awayMs + endAt - now);
    const reason = failureWords(failure);
    if (limitMs !== null && awayMs >= limitMs) return { reason, triedMs: awayMs };
    if (this.#tries > 1 && !this.#said) {
      this.#said = true;
      onAway?.(reason);
    }
    const pauseMs = Math.max(retryPauseMs(this.#tries, Math.random()), failure.retryAfterMs ?? 0);
    await pause(limitMs === null ? pauseMs : Math.min(pauseMs, limitMs - awayMs), signal);
    return null;
  }
}

function smaller(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

/** Almost at once, then doubling to 4 s; up to half of it is jitter, so that a restarted server is not asked by all at once. */
export function retryPauseMs(tries: number, random: number): number {
  const fullMs = Math.min(100 * 2 ** (Math.min(tries, 10) - 1), 4000);
  return fullMs * (0.5 + random / 2);
}
