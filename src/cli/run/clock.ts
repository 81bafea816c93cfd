// The clocks of a run. Deadlines count on the monotonic clock, which no one can set; it stands still while the machine sleeps,
// so two others tell how much time really passed (docs/run.md, "Suspended machines").

import { uptime } from 'node:os';

export interface Clock {
  /** Never set, never back, stands still during suspend. */
  readonly monotonicMs: () => number;
  /** The same, but it goes on during suspend where the system can tell (Linux: CLOCK_BOOTTIME). Resolution 10 ms. */
  readonly awakeAndAsleepMs: () => number;
  /** The date: may be set by anyone, in either direction. */
  readonly wallMs: () => number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  awakeAndAsleepMs: () => uptime() * 1000,
  wallMs: () => Date.now(),
};

/** All three clocks at one instant. */
export interface Instant {
  readonly monotonicMs: number;
  readonly awakeAndAsleepMs: number;
  readonly wallMs: number;
}

export function instant(clock: Clock): Instant {
  return {
    monotonicMs: clock.monotonicMs(),
    awakeAndAsleepMs: clock.awakeAndAsleepMs(),
    wallMs: clock.wallMs(),
  };
}

/** Clocks that differ by more than this have been through a suspend, or were set. */
export const jumpMs = 1000;

export interface Elapsed {
  /** What surely passed: monotonic time, and sleep that both other clocks know of. */
  readonly surelyMs: number;
  /**
   * What may have passed: what any clock says. A paused virtual machine shows only in the date, but so does a date that was
   * set; and in some containers the time since the start is made up, and jumps when its maker restarts.
   */
  readonly perhapsMs: number;
}

export function elapsed(from: Instant, to: Instant): Elapsed {
  const { monotonicMs, awakeAndAsleepMs, wallMs } = difference(from, to);
  const agreedMs = Math.min(awakeAndAsleepMs, wallMs);
  // Below the threshold the difference is only the coarser clock's resolution.
  const surelyMs = agreedMs > monotonicMs + jumpMs ? agreedMs : monotonicMs;
  return { surelyMs, perhapsMs: Math.max(surelyMs, awakeAndAsleepMs, wallMs) };
}

/** Whether a clock jumped between two looks: the machine slept, or the date was set. */
export function jumped(from: Instant, to: Instant): boolean {
  const { monotonicMs, awakeAndAsleepMs, wallMs } = difference(from, to);
  return Math.abs(wallMs - monotonicMs) > jumpMs || Math.abs(awakeAndAsleepMs - monotonicMs) > jumpMs;
}

function difference(from: Instant, to: Instant): Instant {
  return {
    monotonicMs: to.monotonicMs - from.monotonicMs,
    awakeAndAsleepMs: to.awakeAndAsleepMs - from.awakeAndAsleepMs,
    wallMs: to.wallMs - from.wallMs,
  };
}
