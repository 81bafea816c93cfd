// When the tries of one target are, on a clock of the test's own.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Budget } from '../../src/probes/budget.ts';
import { Loop } from '../../src/probes/loop.ts';
import type { Finding, Question, Standing } from '../../src/probes/probe.ts';
import { jittered, nextPauseMs } from '../../src/probes/schedule.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const hour = 3_600_000;

/** A loop that finds what `state` is at the time, and how often it has looked. */
function loop(intervalMs: number, budget = new Budget(500)) {
  const loop = undefined as unknown as Loop;
  const it = { state: 'unready' as Finding['state'], takesMs: 0, tries: 0, gone: false, loop };
  it.loop = new Loop({
    ...{ connectTimeoutMs: 1_000, intervalMs, budget },
    attempt: async () => {
      it.tries += 1;
      if (it.takesMs > 0) await new Promise((resolve) => setTimeout(resolve, it.takesMs));
      return { state: it.state, detail: it.state };
    },
    found: () => undefined,
    ended: () => {
      it.gone = true;
    },
  });
  return it;
}

function join(by: Loop, successes = 1) {
  const told: Standing[] = [];
  const stop = by.join({ successes, invert: false } as Question, (standing) => told.push(standing));
  return { told, stop };
}

test('the first try is at once, the next after 50 ms or so, and then ever more rarely up to the longest pause', async () => {
  const it = loop(200);
  join(it.loop);
  await vi.advanceTimersByTimeAsync(1);
  expect(it.tries).toBe(1);
  await vi.advanceTimersByTimeAsync(39);
  expect(it.tries).toBe(1);
  await vi.advanceTimersByTimeAsync(25);
  expect(it.tries).toBe(2);
  await vi.advanceTimersByTimeAsync(10_000);
  const before = it.tries;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(it.tries - before).toBeGreaterThan(80);
  expect(it.tries - before).toBeLessThan(126);
});

test('when it is found otherwise than before, the pauses begin anew', async () => {
  const it = loop(hour);
  const { told } = join(it.loop, 9);
  await vi.advanceTimersByTimeAsync(hour);
  it.state = 'up';
  const before = told.length;
  while (told.length === before) await vi.advanceTimersByTimeAsync(1_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told.length).toBeGreaterThan(before + 3);
});

test('who comes does not wait for the long pauses of those who have waited long', async () => {
  const it = loop(hour);
  join(it.loop);
  await vi.advanceTimersByTimeAsync(hour);
  const { told } = join(it.loop);
  await vi.advanceTimersByTimeAsync(501);
  expect(told).toHaveLength(1);
});

test('nor does who comes while a try is under way that began before', async () => {
  const it = loop(hour);
  join(it.loop);
  await vi.advanceTimersByTimeAsync(hour);
  it.takesMs = 900;
  const before = it.tries;
  while (it.tries === before) await vi.advanceTimersByTimeAsync(100);
  const { told } = join(it.loop);
  await vi.advanceTimersByTimeAsync(900 + 500 + 900);
  expect(told).toHaveLength(1);
});

test('who was told that it is met is told nothing more, while others go on', async () => {
  const it = loop(100);
  it.state = 'up';
  const short = join(it.loop, 2);
  const long = join(it.loop, 50);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(short.told.map(({ state }) => state)).toEqual(['pending', 'met']);
  expect(long.told).toHaveLength(50);
});

test('who comes back within a second keeps the loop for as long as they stay', async () => {
  const it = loop(100);
  join(it.loop).stop();
  await vi.advanceTimersByTimeAsync(999);
  const { told } = join(it.loop);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(it.gone).toBe(false);
  expect(told.length).toBeGreaterThan(50);
});

test('a second after the last one has gone the loop is gone, with every timer', async () => {
  const it = loop(100);
  const [one, two] = [join(it.loop), join(it.loop)];
  await vi.advanceTimersByTimeAsync(1_000);
  one.stop();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(it.gone).toBe(false);
  two.stop();
  const { tries } = it;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([it.gone, it.tries, vi.getTimerCount()]).toEqual([true, tries, 0]);
});

test('pauses grow from 50 ms by half to the longest, and are a fifth longer or shorter', () => {
  const pauses: number[] = [];
  for (let pause = nextPauseMs(null, 200); pauses.length < 6; pause = nextPauseMs(pause, 200)) pauses.push(pause);
  expect(pauses).toEqual([50, 75, 112.5, 168.75, 200, 200]);
  expect(nextPauseMs(null, 20)).toBe(20);
  expect([0, 0.5, 1].map((dice) => Math.round(jittered(100, dice)))).toEqual([80, 100, 120]);
});
