// What one actor may have of all waits, so that nobody takes all of it.

import { expect, test } from 'vitest';
import { Shares } from '../../src/replica/shares.ts';

const ci = { identity: 'key:ci', by: 'ci' };
const other = { identity: 'key:other', by: 'other' };
const anonymous = { identity: 'anonymous', by: 'anonymous' };
const plain = (count: number) => Array.from({ length: count }, () => null);
const targets = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `tcp:db:${from + i}`);

test.each([
  [10, 1_000],
  [10_000, 1_000],
  [100_000, 10_000],
])('of %s conditions one key may have %s, and all without a key three times as many', (all, each) => {
  const shares = new Shares(all);
  expect(shares.take(ci, plain(each))).toBeNull();
  const refused = shares.take(ci, plain(1));
  expect(refused).toMatchObject({ code: 'too_many_waits', message: expect.stringContaining(`At most ${each} `) });
  expect(refused?.message).toContain('for ci alone');
  expect(shares.take(other, plain(each))).toBeNull();
  expect(shares.take(anonymous, plain(3 * each))).toBeNull();
  expect(shares.take(anonymous, plain(1))?.message).toContain('who show no key');
  shares.giveBack(ci, plain(each));
  expect(shares.take(ci, plain(each))).toBeNull();
});

test('one key may have a hundred targets tried, each of which counts once', () => {
  const shares = new Shares(100_000);
  expect(shares.take(ci, targets(0, 64))).toBeNull();
  expect(shares.take(ci, targets(0, 64))).toBeNull();
  expect(shares.take(ci, [...targets(64, 100), 'tcp:db:64'])).toBeNull();
  expect(shares.take(ci, targets(100, 101))).toMatchObject({
    ...{ code: 'too_many_waits', message: expect.stringContaining('At most 100 targets') },
  });
  // Signals and the like, and what is tried for it already, are no more targets.
  expect(shares.take(ci, [null, ...targets(0, 100)])).toBeNull();
  expect(shares.take(other, targets(0, 100))).toBeNull();
  shares.giveBack(ci, targets(0, 64));
  expect(shares.take(ci, targets(100, 101))?.code).toBe('too_many_waits');
  shares.giveBack(ci, [null, ...targets(0, 100)]);
  shares.giveBack(ci, targets(0, 64));
  expect(shares.take(ci, targets(100, 164))).toBeNull();
  expect(shares.take(anonymous, targets(0, 300))).toBeNull();
  expect(shares.take(anonymous, targets(300, 301))?.code).toBe('too_many_waits');
});

test('nothing is left of who has given all back', () => {
  const shares = new Shares(100);
  shares.take(ci, [null, 'tcp:db:1', 'tcp:db:1']);
  expect(shares.count).toBe(1);
  shares.giveBack(ci, [null, 'tcp:db:1', 'tcp:db:1']);
  expect(shares.count).toBe(0);
});
