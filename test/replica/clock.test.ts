// Log time where several servers share a store: nobody ends early what another has renewed, whatever the clocks do (L5, L13), and
// no jump of a clock stops it (L6).

import { beforeEach, expect, test } from 'vitest';
import { type Clock, LogTime } from '../../src/replica/clock.ts';

const hour = 3_600_000;

let now: number;
let time: LogTime;

/** A server that looks at its clock as often as it does. */
function passes(milliseconds: number): void {
  for (let left = milliseconds; left > 0; left -= 100) {
    now += Math.min(left, 100);
    time.tick();
  }
}

beforeEach(() => {
  now = 5_000;
  const clock: Clock = {
    monotonic: () => now,
    wall: () => 0,
    after: () => null,
    cancel: () => undefined,
    soon: () => undefined,
  };
  time = new LogTime(clock, 1_000);
  // Its first turn, at ten o'clock by the store.
  time.turn(10 * hour, null);
});

test('whoever is ahead goes on from the turn of another', () => {
  passes(3_000);
  expect(time.tick()).toBe(4_000);
  time.heard({ tick: 1_500, at: 10 * hour + 2_900 });
  expect(time.tick()).toBe(1_600);
});

test('whoever is behind catches up, with the time since', () => {
  now += 3_000;
  expect(time.tick()).toBe(1_200);
  expect(time.heard({ tick: 3_900, at: 10 * hour + 2_900 })).toBe(2_700);
  // Of the last 100 ms nobody knows whether they were counted: it stood still until now.
  expect(time.tick()).toBe(3_900);
  passes(50);
  expect(time.tick()).toBe(3_950);
});

test('little by little is said once it is much', () => {
  const behind = Array.from({ length: 4 }, (_, i) => {
    passes(100);
    return time.heard({ tick: 1_000 + (i + 1) * 104, at: 10 * hour + (i + 1) * 100 });
  });
  expect(behind).toEqual([0, 0, 12, 0]);
});

test('what passed while the store was away is not counted', () => {
  passes(1_000);
  time.stand(true);
  passes(20_000);
  time.stand(false);
  passes(500);
  time.heard({ tick: 1_400, at: 10 * hour + 400 });
  expect(time.tick()).toBe(1_400 + 600 + 500);
});

test.each([
  -hour,
  hour,
])('a turn behind a jump of the clock of the store by %s ms counts from when it is heard of', (jump) => {
  passes(3_000);
  time.heard({ tick: 3_900, at: 10 * hour + jump + 2_900 });
  expect(time.tick()).toBe(3_900);
});

test('in a turn no more passes than the store counts', () => {
  passes(3_000);
  time.turn(10 * hour + 2_900, { tick: 1_000, at: 10 * hour });
  expect(time.tick()).toBe(3_900);
});

test('a clock of the store that has jumped ahead ends nothing', () => {
  passes(3_000);
  time.turn(11 * hour, { tick: 1_000, at: 10 * hour });
  expect(time.tick()).toBe(4_000);
});

test('a clock of the store that has gone back is not waited for', () => {
  for (let turns = 1; turns <= 3; turns++) {
    passes(1_000);
    time.turn(9 * hour + turns * 1_000, { tick: 1_000, at: 10 * hour });
    expect(time.tick()).toBe(1_000 + turns * 1_000);
  }
});

test('wall time is that of the store', () => {
  passes(1_000);
  expect(time.wall()).toBe(10 * hour + 1_000);
});

test.each([-hour, hour])('when a turn was taken is not believed of a clock that has jumped by %s ms since', (jump) => {
  passes(1_000);
  time.heard({ tick: 1_500, at: 10 * hour + 400 });
  expect(time.tick()).toBe(2_100);
  passes(50);
  time.turn(10 * hour + jump + 1_050, { tick: 1_500, at: 10 * hour + 400 });
  expect(time.tick()).toBe(1_550);
});

test('a server counts for how long it was awake, whether or not log time goes on', () => {
  const before = time.awake();
  passes(1_000);
  time.stand(true);
  passes(500);
  expect(time.awake() - before).toBe(1_500);
  now += 10_000;
  expect(time.awake() - before).toBe(1_700);
  time.tick();
  expect(time.awake() - before).toBe(1_700);
});
