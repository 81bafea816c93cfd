// Time for a replica. `Clock` is the world's: real in a server, virtual in the simulation. `LogTime` makes log time of it:
// what always holds is that it never goes back from one turn to the next, and that it stands still while the server was stopped, asleep or stalled,
// because nobody could have renewed anything then (L5, L13).

import type { Moment } from '../core/rows.ts';

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
/** Clocks are read a little late, and may run a little fast or slow; who is behind by more has stood still, or was cut off. */
const clocksDifferMs = 10;
/** Stalls that are remembered, to know what was counted since a turn that is heard of late. */
const stallsKept = 32;

/** What the clock of the store showed in a turn that this server has begun, and the monotonic time here then. */
interface Reading {
  readonly at: number;
  readonly monotonic: number;
}

/** Until when (monotonic) how much was not counted. */
interface Stall {
  until: number;
  milliseconds: number;
}

export class LogTime {
  readonly #clock: Clock;
  #tick: number;
  #lookedAt: number;
  #isStill = false;
  /** Monotonic milliseconds until the last look that were in no stall. */
  #awake = 0;
  readonly #notCounted: Stall[] = [];
  #reading: Reading | null = null;
  #behindMs = 0;
  /** What was counted before a turn was heard of, and after it was taken, as far as that is known. */
  #credited = 0;
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
    const passed = Math.max(0, now - this.#lookedAt);
    this.#awake += Math.min(passed, longestStepMs);
    const counted = this.#isStill ? 0 : Math.min(passed, longestStepMs);
    this.#tick += counted;
    if (passed > counted) this.#didNotCount(now, passed - counted);
    this.#lookedAt = now;
    return Math.floor(this.#tick);
  }

  /**
   * Milliseconds for which this server was awake, from some moment on: what it waits for may have come while it was stopped.
   * Unlike log time they go on while the store is away.
   */
  awake(): number {
    const passed = Math.max(0, this.#clock.monotonic() - this.#lookedAt);
    return this.#awake + Math.min(passed, longestStepMs);
  }

  /** Wall time as the clock of the store has it, as far as it is known. */
  wall(): number {
    if (this.#reading === null) return this.#clock.wall();
    return this.#reading.at + this.#clock.monotonic() - this.#reading.monotonic;
  }

  /**
   * A turn of another server: log time is what it says, and what was counted here since it was taken. Whoever was further on
   * goes back: what is renewed in it lasts from then on, and no clock of a store that jumps may make it less (L5, L13).
   * Returns by how much this server was behind, in all since it last said so: 0 as long as that is little.
   */
  heard({ tick, at }: Moment): number {
    this.tick();
    const before = this.#tick;
    this.#credited = this.#countedSince(at);
    this.#tick = tick + this.#credited;
    this.#behindMs = Math.max(0, this.#behindMs + this.#tick - before);
    if (this.#behindMs <= clocksDifferMs) return 0;
    const behindMs = Math.ceil(this.#behindMs);
    this.#behindMs = 0;
    return behindMs;
  }

  /** Everything was loaded anew, and this is the log time of it. */
  goOnFrom(tick: number): void {
    this.tick();
    this.#tick = tick;
    this.#credited = 0;
  }

  /**
   * A turn is taken, and this is the time by the clock of the store. Since the last turn, whoever took it, no more log time
   * passes than that clock counts: the one here may be the faster of the two. Where it has gone back since it cannot tell: to
   * wait for it would stop log time until a turn is kept, and none need be before something is over.
   */
  turn(at: number, last: Moment | null): void {
    this.tick();
    // It has jumped since this server last read it: then it did not know either when the turn was taken that was heard of since.
    const jumpedBy = this.#reading === null ? 0 : at - this.#reading.at - (this.#lookedAt - this.#reading.monotonic);
    if (Math.abs(jumpedBy) > clocksDifferMs) this.#tick -= this.#credited;
    this.#credited = 0;
    const counted = last === null ? -1 : Math.floor(at) - last.at;
    if (last !== null && counted >= 0) this.#tick = Math.min(this.#tick, last.tick + counted);
    this.#reading = { at, monotonic: this.#lookedAt };
  }

  /** While the store is away nobody can renew anything, so no time passes. */
  stand(isStill: boolean): void {
    this.tick();
    this.#isStill = isStill;
  }

  stop(): void {
    this.#clock.cancel(this.#timer);
  }

  /**
   * Of the time since a turn of another server, by the clock of the store, as much as was counted here. That turn was taken after
   * the last one that was begun here: where the clock says otherwise, or has it in the future, it has jumped, and nothing counts.
   */
  #countedSince(at: number): number {
    if (this.#reading === null) return 0;
    const taken = this.#reading.monotonic + at - Math.floor(this.#reading.at);
    if (taken < this.#reading.monotonic || taken > this.#lookedAt) return 0;
    let notCounted = 0;
    for (const { until, milliseconds } of this.#notCounted)
      notCounted += Math.min(milliseconds, Math.max(0, until - taken));
    return Math.max(0, this.#lookedAt - taken - notCounted);
  }

  #didNotCount(now: number, milliseconds: number): void {
    const last = this.#notCounted.at(-1);
    if (last !== undefined && last.until === this.#lookedAt) {
      last.until = now;
      last.milliseconds += milliseconds;
      return;
    }
    this.#notCounted.push({ until: now, milliseconds });
    if (this.#notCounted.length <= stallsKept) return;
    // As if the two oldest had been one.
    const [oldest, next] = this.#notCounted.splice(0, 2) as [Stall, Stall];
    this.#notCounted.unshift({ until: next.until, milliseconds: oldest.milliseconds + next.milliseconds });
  }

  #look(): void {
    this.tick();
    this.#timer = this.#clock.after(lookEveryMs, () => this.#look());
  }
}
