// What all tries together may take, on a clock of the test's own.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Budget } from '../../src/probes/budget.ts';
import { Loop } from '../../src/probes/loop.ts';
import type { Question } from '../../src/probes/probe.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what there is room for begins at once; the rest as often as the budget says, in the order of coming', async () => {
  const budget = new Budget(100);
  const begun: number[] = [];
  const leave = Array.from({ length: 50 }, (_, i) => budget.enter(() => begun.push(i)));
  expect(begun).toEqual(Array.from({ length: 10 }, (_, i) => i));
  expect(leave.map((each) => each === null)).toEqual(leave.map((_, i) => i < 10));
  await vi.advanceTimersByTimeAsync(200);
  expect(begun).toEqual(Array.from({ length: 30 }, (_, i) => i));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun).toHaveLength(50);
  expect(vi.getTimerCount()).toBe(0);
});

test('who leaves the line takes nothing of it, and the last leaves no timer', async () => {
  const budget = new Budget(100);
  const begun: number[] = [];
  const leave = Array.from({ length: 40 }, (_, i) => budget.enter(() => begun.push(i)));
  for (const each of leave.slice(10, 39)) each?.();
  await vi.advanceTimersByTimeAsync(10);
  expect(begun.slice(10)).toEqual([39]);
  budget.enter(() => expect.unreachable())?.();
  expect(vi.getTimerCount()).toBe(0);
});

test('loops that want more than that share it alike: their pauses grow, and none is left out', async () => {
  const budget = new Budget(100);
  const tries = Array.from({ length: 100 }, () => 0);
  for (const i of tries.keys()) {
    const attempt = async () => {
      tries[i] = (tries[i] as number) + 1;
      return { state: 'unready', detail: '' } as const;
    };
    const settings = { connectTimeoutMs: 1_000, intervalMs: 50, budget, attempt };
    const loop = new Loop({ ...settings, found: () => undefined, ended: () => undefined });
    loop.join({ successes: 1, invert: false } as Question, () => undefined);
  }
  await vi.advanceTimersByTimeAsync(20_000);
  const all = tries.reduce((sum, each) => sum + each, 0);
  expect(all).toBeGreaterThan(1_900);
  expect(all).toBeLessThanOrEqual(20 * 100 + 10);
  expect(Math.min(...tries)).toBeGreaterThanOrEqual(Math.max(...tries) - 2);
});
