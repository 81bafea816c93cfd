// Time for a replica. `Clock` is the world's: real in a server, virtual in the simulation. `LogTime` makes log time of it:
// what always holds is that it never goes back, and that it stands still while the server was stopped, asleep or stalled,
// because nobody could have renewed anything then (L5, L13).

/** A running timer; its shape is the clock's own business. */
export type Timer = unknown;

export interface Clock {
  /** Monotonic milliseconds. */
  monotonic(): number;
  /** Wall time in milliseconds since 1970; may jump either way. */
  wall(): number;
  after(milliseconds: number, call: () => void): Timer;
  cancel(timer: Timer): void;
  /** Calls back once everything that has already arrived from outside was taken in. */
  soon(call: () => void): void;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after: (milliseconds, call) => setTimeout(call, milliseconds),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
  soon: (call) => setImmediate(call),
};

/** How often log time looks at the clock, and how much may have passed between two looks without being a stall. */
const lookEveryMs = 100;
const longestStepMs = 200;

export class LogTime {
  readonly #clock: Clock;
  #tick: number;
  #lookedAt: number;
  #timer: Timer;

  constructor(clock: Clock, tick: number) {
    this.#clock = clock;
    this.#tick = tick;
    this.#lookedAt = clock.monotonic();
    this.#look();
  }

  /** Log time in milliseconds; whole numbers, as they are written into rows. */
  tick(): number {
    const now = this.#clock.monotonic();
    this.#tick += Math.min(Math.max(0, now - this.#lookedAt), longestStepMs);
    this.#lookedAt = now;
    return Math.floor(this.#tick);
  }

  stop(): void {
    this.#clock.cancel(this.#timer);
  }

  #look(): void {
    this.tick();
    this.#timer = this.#clock.after(lookEveryMs, () => this.#look());
  }
}
