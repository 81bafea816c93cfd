// Turns deadlines into commands: what is over by log time is proposed like anything else that is asked, behind whatever has
// already arrived. What always holds: an end that could not be decided is proposed again, and at once when the store is back: it
// was over before, and log time, which has stood still meanwhile, goes on (L6).

import { dueKeys, dueVersion, endDue } from '../core/due.ts';
import type { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import type { Clock, LogTime, Timer } from './clock.ts';
import { Deadlines } from './deadlines.ts';

export interface ExpiryOptions {
  readonly clock: Clock;
  readonly time: LogTime;
  readonly state: () => State;
  readonly decide: (command: (turn: Turn) => void) => Promise<void>;
  /** Nothing can be decided any more. */
  readonly isOver: () => boolean;
}

const expiriesPerTurn = 1_000;
/** How long after a proposal that could not be decided it is made again. */
const againAfterMs = 1_000;
/** A timer that is later than its deadline by no more is left as it is. */
const lateAtMostMs = 10;

export class Expiry {
  readonly #options: ExpiryOptions;
  #deadlines = new Deadlines();
  #timer: Timer = null;
  /** Monotonic time at which the timer goes off; null while none runs. */
  #goesOffAt: number | null = null;
  /** What could not be decided, until it is proposed again. */
  readonly #putOff = new Set<string>();

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  /** Log time of the next deadline, perhaps early; null when there is none. */
  get next(): number | null {
    return this.#deadlines.next();
  }

  /** Looks at everything, of a state that was loaded. */
  watchAll(): void {
    const state = this.#options.state();
    this.#deadlines = new Deadlines();
    for (const key of dueKeys(state)) this.#deadlines.watch(state, key);
    this.schedule();
  }

  /** Looks at one thing again. Several at once: `note` each, then `schedule`. */
  watch(key: string): void {
    this.note(key);
    this.schedule();
  }

  note(key: string): void {
    this.#deadlines.watch(this.#options.state(), key);
  }

  schedule(): void {
    const { clock, time, isOver } = this.#options;
    const next = this.#deadlines.next();
    if (next === null || isOver()) return;
    const now = clock.monotonic();
    const left = Math.max(1, next - time.tick());
    // Log time jumps ahead when another server was further on.
    if (this.#goesOffAt !== null && this.#goesOffAt <= now + left + lateAtMostMs) return;
    clock.cancel(this.#timer);
    this.#goesOffAt = now + left;
    this.#timer = clock.after(left, () => {
      this.#goesOffAt = null;
      // Renewals that have arrived are read first (semantics: holding).
      clock.soon(() => this.#propose());
    });
  }

  /** What could not be decided can be now, as far as is known. */
  again(): void {
    for (const key of this.#putOff) this.note(key);
    this.#putOff.clear();
    this.schedule();
  }

  stop(): void {
    this.#options.clock.cancel(this.#timer);
  }

  #propose(): void {
    const { clock, time, state, decide, isOver } = this.#options;
    if (isOver()) return;
    const over = this.#deadlines.takeDue(state(), time.tick(), expiriesPerTurn);
    const proposals = over.map((key) => ({ key, version: dueVersion(state(), key) }));
    if (proposals.length === 0) {
      this.schedule();
      return;
    }
    const done = (): void => {
      for (const { key } of proposals) this.note(key);
      this.schedule();
    };
    const putOff = (): void => {
      for (const { key } of proposals) this.#putOff.add(key);
      clock.after(againAfterMs, () => this.again());
    };
    decide((turn) => {
      for (const { key, version } of proposals) endDue(turn, key, version);
    }).then(done, putOff);
  }
}
