import { expect, test } from 'vitest';
import { elapsed, type Instant, jumped } from '../../src/cli/run/clock.ts';

const start: Instant = { monotonicMs: 5000, awakeAndAsleepMs: 90_000, wallMs: 1_700_000_000_000 };

function after(monotonicMs: number, asleepMs = 0, wallStepMs = 0): Instant {
  return {
    monotonicMs: start.monotonicMs + monotonicMs,
    awakeAndAsleepMs: start.awakeAndAsleepMs + monotonicMs + asleepMs,
    wallMs: start.wallMs + monotonicMs + asleepMs + wallStepMs,
  };
}

test('an ordinary half second is no jump', () => {
  expect(jumped(start, after(500))).toBe(false);
  expect(elapsed(start, after(500))).toEqual({ surelyMs: 500, perhapsMs: 500 });
});

test('sleep of the machine surely passed', () => {
  expect(jumped(start, after(500, 60_000))).toBe(true);
  expect(elapsed(start, after(500, 60_000))).toEqual({ surelyMs: 60_500, perhapsMs: 60_500 });
});

test('a date that was set forward is a jump, but only perhaps time that passed', () => {
  expect(jumped(start, after(500, 0, 3_600_000))).toBe(true);
  expect(elapsed(start, after(500, 0, 3_600_000))).toEqual({ surelyMs: 500, perhapsMs: 3_600_500 });
});

test('a date that was set back is a jump, and no time comes back', () => {
  expect(jumped(start, after(500, 0, -3_600_000))).toBe(true);
  expect(elapsed(start, after(500, 0, -3_600_000))).toEqual({ surelyMs: 500, perhapsMs: 500 });
});

test('a clock that counts sleep and jumps alone (a container’s) is not believed without the date', () => {
  const odd = { ...after(500), awakeAndAsleepMs: start.awakeAndAsleepMs + 8_640_000 };
  expect(jumped(start, odd)).toBe(true);
  expect(elapsed(start, odd)).toEqual({ surelyMs: 500, perhapsMs: 8_640_000 });
});

test('the coarse resolution of the clock that counts sleep is no sleep', () => {
  expect(elapsed(start, after(500, 12)).surelyMs).toBe(500);
});
