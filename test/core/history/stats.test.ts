// Figures over the past of an environment, by example and held against models that go through it moment by moment.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Step } from '../../../src/core/history/closures.ts';
import { Heap } from '../../../src/core/history/heap.ts';
import { holderName } from '../../../src/core/history/holder-name.ts';
import { lanesOf } from '../../../src/core/history/lanes.ts';
import { waitsWith } from '../../../src/core/history/replay.ts';
import { holdersNamed, statsOf } from '../../../src/core/history/stats.ts';
import type { Span, Timeline } from '../../../src/core/history/timeline.ts';
import { seconds } from '../harness.ts';
import { Watched } from './past.ts';

const span = (from: number, to: number | null, more: Partial<Span> = {}): Span => ({
  ...{ lease: `ls_${from}`, from, to, freedAt: to, holder: { name: 'shop #1', url: null, ref: null }, by: 'ann' },
  ...{ waitedMs: 0, how: to === null ? null : 'released', endedBy: null, reason: null, ...more },
});
const always = <T>(value: T): Step<T>[] => [{ at: Number.NEGATIVE_INFINITY, value }];
const past = (spans: Span[], more: Partial<Timeline> = {}): Timeline => ({
  ...{ from: 0, until: 100, spans, waits: [], capacity: always(1), closures: [], ...more },
});

test('a heap gives the smallest first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (values) => {
      const heap = new Heap();
      for (const value of values) heap.add(value);
      expect(values.map(() => heap.take())).toEqual(values.toSorted((a, b) => a - b));
      expect([heap.size, heap.least]).toEqual([0, Number.POSITIVE_INFINITY]);
    }),
  );
});

test.each([
  ['shop deploy #1841', 'shop deploy'],
  ['shop deploy #1842 (anna)', 'shop deploy'],
  ['shop #3.1', 'shop'],
  ['nightly 77', 'nightly'],
  ['team/app:77', 'team/app'],
  ['team/app/77', 'team/app'],
  ['uat-2', 'uat-2'],
  ['anna@laptop', 'anna@laptop'],
  ['#1841', '#1841'],
  ['1841', '1841'],
  ['#main deploy', '#main deploy'],
  ['', ''],
])('the holder of %s is %s', (name, holder) => {
  expect(holderName(name)).toBe(holder);
});

describe('the share that was held', () => {
  const shareOf = (spans: Span[], more: Partial<Timeline> = {}) => statsOf(past(spans, more)).heldShare;

  test.each([
    ['nobody ever held it', [], {}, 0],
    ['half of the time', [span(20, 70)], {}, 0.5],
    ['from before it until now', [span(-50, null)], {}, 1],
    ['one of two slots', [span(0, null)], { capacity: always(2) }, 0.5],
    ['a capacity that was lowered under its holders', [span(0, null), span(0, null)], {}, 1],
    ['it was made later', [span(60, 70)], { capacity: [...always(0), { at: 60, value: 1 }] }, 0.25],
    ['it was not there', [], { capacity: always(0) }, null],
  ])('%s', (_, spans, more, share) => {
    expect(shareOf(spans, more)).toBe(share);
  });

  test('is what counting each moment gives', () => {
    fc.assert(
      fc.property(anyPast(), (timeline) => {
        let [used, could] = [0, 0];
        for (let at = 0; at < 100; at++) {
          const slots = timeline.capacity.findLast((step) => step.at <= at)?.value ?? 0;
          const held = timeline.spans.filter(({ from, to }) => from <= at && (to === null || to > at)).length;
          used += Math.min(held, slots);
          could += slots;
        }
        expect(statsOf(timeline).heldShare).toBeCloseTo(could === 0 ? 0 : used / could, 9);
      }),
    );
  });
});

test('time that it was closed is counted once, however many closed it', () => {
  const closure = (from: number, to: number | null) => ({
    ...{ from, to, state: 'frozen' as const, reason: null, by: null, freeze: null },
  });
  const closures = [closure(-10, 5), closure(10, 30), closure(20, 25), closure(28, 40), closure(90, null)];
  expect(statsOf(past([], { closures })).closedMs).toBe(5 + 30 + 10);
});

test('holders are counted by name without their runs, the longest first, and those beyond the first twenty together', () => {
  const named = (name: string | null, from: number, to: number) =>
    span(from, to, { holder: { name, url: null, ref: null } });
  const some = Array.from({ length: holdersNamed }, (_, i) => named(`job-${i}`, 50, 52));
  const { byHolder, others, leases } = statsOf(
    past([
      named('shop #1', 0, 10),
      named('shop #2 (ann)', 10, 30),
      named(null, 40, 45),
      ...some,
      named('late', 60, 61),
    ]),
  );
  expect(leases).toBe(holdersNamed + 4);
  expect(byHolder).toHaveLength(holdersNamed);
  expect(byHolder.slice(0, 3)).toMatchObject([
    { name: 'shop', leases: 2, heldMs: 30, share: 30 / 76 },
    { name: null, leases: 1, heldMs: 5 },
    { name: 'job-0', heldMs: 2 },
  ]);
  expect(others).toMatchObject({ holders: 3, leases: 3, heldMs: 5 });
});

test('waits are those of the requests that were granted; who gave up is counted', () => {
  const wait = (to: number | null, how: 'granted' | 'timed_out' | 'cancelled' | null) => ({ from: 0, to, how });
  const spans = [0, 10, 20, 30].map((waitedMs, i) => span(40 + i, 41 + i, { waitedMs }));
  const waits = [
    wait(40, 'granted'),
    wait(50, 'timed_out'),
    wait(60, 'cancelled'),
    wait(61, 'cancelled'),
    wait(null, null),
  ];
  const before = span(-5, 3, { waitedMs: 99 });
  expect(statsOf(past([before, ...spans], { waits })).waits).toEqual({
    ...{ count: 4, p50Ms: 10, p95Ms: 30, sumMs: 60, timedOut: 1, cancelled: 2 },
  });
  expect(statsOf(past([])).waits).toMatchObject({ count: 0, p50Ms: null, p95Ms: null, sumMs: 0 });
});

test('what is too short to be seen is one band in its slot, and what is long enough stays', () => {
  const short = Array.from({ length: 10 }, (_, i) => span(i, i + 1));
  // As many in the second slot, and one that lasts.
  const both = [...short.flatMap((one) => [one, { ...one }]), span(10, 60, { lease: 'long' }), span(60, 61)];
  const { blocks, slots } = lanesOf(past(both, { capacity: always(2) }), 6);
  expect(slots).toBe(2);
  expect(blocks.length).toBeLessThanOrEqual(6);
  expect(blocks.find(({ lease }) => lease === 'long')).toMatchObject({ slot: 0, from: 10, to: 60, merged: 1 });
  const inSlot = (slot: number) => blocks.filter((block) => block.slot === slot);
  const mergedIn = (slot: number) => inSlot(slot).reduce((sum, { merged }) => sum + merged, 0);
  expect([mergedIn(0), mergedIn(1)]).toEqual([12, 10]);
  expect(inSlot(1).at(-1)).toMatchObject({ to: 10, lease: null, holder: { name: 'shop #1' }, how: 'released' });
});

describe('with one more slot', () => {
  test('two that stood behind one another each save what they need not wait', () => {
    // At 0 one takes it for 30; at 10 and 20 two more ask.
    const spans = [span(0, 30), span(30, 60, { waitedMs: 20 }), span(60, 90, { waitedMs: 40 })];
    expect(waitsWith(past(spans), 0)).toEqual([0, 20, 40]);
    expect(waitsWith(past(spans), 1)).toEqual([0, 0, 10]);
    expect(statsOf(past(spans)).oneMore).toEqual({ p50Ms: 0, p95Ms: 10, savedMs: 50 });
  });

  test('nobody is let in while it is closed, and a slot that was left dirty counts as used', () => {
    const closures = [{ from: 5, to: 40, state: 'frozen' as const, reason: null, by: null, freeze: null }];
    const spans = [span(0, 10), span(40, 50, { waitedMs: 30 })];
    expect(waitsWith(past(spans, { closures }), 1)).toEqual([0, 30]);
    const dirty = [span(0, 10, { freedAt: 50 }), span(50, 60, { waitedMs: 49 }), span(60, 61, { waitedMs: 57 })];
    expect(waitsWith(past(dirty), 1)).toEqual([0, 0, 8]);
  });

  test('who held it before is in the way, and who waited since before is let in at once', () => {
    expect(waitsWith(past([span(-20, 50), span(50, 60, { waitedMs: 60 })]), 1)).toEqual([0]);
    expect(waitsWith(past([span(-20, 50), span(-20, 40), span(50, 60, { waitedMs: 45 })]), 0)).toEqual([45]);
  });

  test('is what going through it moment by moment gives, and never longer than in truth', () => {
    fc.assert(
      fc.property(anyPast(), fc.integer({ min: 0, max: 2 }), (timeline, more) => {
        const waits = waitsWith(timeline, more);
        expect(waits).toEqual(slowly(timeline, more));
        const truth = timeline.spans.flatMap(({ from, waitedMs }) => (from >= 0 ? [waitedMs ?? 0] : []));
        for (const [i, wait] of waits.entries()) expect(wait).toBeLessThanOrEqual(truth[i] as number);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** One moment after the other: whoever is next in the order of the grants goes in as soon as there is room. */
function slowly({ spans, capacity, closures }: Timeline, more: number): number[] {
  const busy = spans.filter(({ from }) => from < 0).map(({ freedAt }) => freedAt ?? Infinity);
  const next = spans.filter(({ from }) => from >= 0);
  const waits: number[] = [];
  for (let at = -200; next.length > 0; at++) {
    for (;;) {
      const [first] = next;
      if (first === undefined) break;
      const asked = first.from - (first.waitedMs ?? 0);
      const isClosed = closures.some(({ from, to }) => from <= at && (to === null || to > at));
      const slots = (capacity.findLast((step) => step.at <= at)?.value ?? 0) + more;
      const mayNow = at >= asked && !isClosed && busy.filter((end) => end > at).length < slots;
      if (!mayNow && at < first.from) break;
      waits.push(at - asked);
      busy.push(at + (first.freedAt ?? Infinity) - first.from);
      next.shift();
    }
  }
  return waits;
}

function anyPast(): fc.Arbitrary<Timeline> {
  const time = fc.integer({ min: 0, max: 99 });
  const spans = fc.array(
    fc
      .record({
        from: fc.integer({ min: -30, max: 99 }),
        ms: fc.nat(40),
        dirty: fc.nat(9),
        waitedMs: fc.nat(60),
        ends: fc.nat(9),
      })
      .map(({ from, ms, dirty, waitedMs, ends }) =>
        ends === 0
          ? span(from, null, { waitedMs })
          : span(from, from + ms, { waitedMs, freedAt: from + ms + (dirty > 7 ? 9 : 0) }),
      ),
    { maxLength: 25 },
  );
  const capacity = fc
    .array(fc.record({ at: time, value: fc.integer({ min: 0, max: 3 }) }), { maxLength: 4 })
    .map((steps) => [...always(1), ...steps.sort((a, b) => a.at - b.at)]);
  const closures = fc
    .array(fc.record({ from: time, ms: fc.integer({ min: 1, max: 30 }) }), { maxLength: 3 })
    .map((all) =>
      all
        .map(({ from, ms }) => ({
          from,
          to: from + ms,
          state: 'frozen' as const,
          reason: null,
          by: null,
          freeze: null,
        }))
        .sort((a, b) => a.from - b.from),
    );
  return fc.record({ spans, capacity, closures }).map((each) =>
    past(
      each.spans.sort((a, b) => a.from - b.from),
      each,
    ),
  );
}

describe('by what the core writes', () => {
  test('a holder keeps its link, its slot and how it ended; a thief takes the first slot that is free', () => {
    const space = new Watched('uat');
    space.declare('uat', { capacity: 2, onExpire: 'hold' });
    const first = space.lease('uat', { holder: { name: 'shop #1', url: 'https://ci.example/1', ref: 'main' } });
    space.pass(seconds(5));
    space.lease('uat', { ttlMs: seconds(10) });
    space.pass(seconds(1));
    const third = space.lease('uat', { ttlMs: seconds(600) });
    space.pass(seconds(2));
    space.release(first);
    // The second one expires after 10 s and leaves its slot dirty.
    space.pass(seconds(7));
    const { blocks, waiting, slots } = lanesOf(space.timeline(space.looks[0]?.at ?? 0), 100);
    expect(slots).toBe(2);
    expect(blocks).toMatchObject([
      {
        ...{ slot: 0, lease: first.id, how: 'released', endedBy: 'ann', by: 'ann', waitedMs: 0 },
        holder: { name: 'shop #1', url: 'https://ci.example/1', ref: 'main' },
      },
      { slot: 0, lease: third.id, to: null, waitedMs: seconds(2), how: null },
      { slot: 1, how: 'expired', isDirty: false },
      { slot: 1, isDirty: true, to: null },
    ]);
    expect(waiting.map(({ value }) => value)).toEqual([0, 1, 0]);
  });

  test('who asked by labels is no one who waited in the line of the environment', () => {
    const space = new Watched('uat');
    space.declare('uat', { labels: { kind: 'web' } });
    const first = space.lease('uat');
    space.lease([{ labels: { kind: 'web' }, count: 1 }], { ttlMs: seconds(600) });
    space.pass(seconds(60));
    const from = space.at;
    space.pass(seconds(20));
    space.release(first);
    space.pass(1);
    const timeline = space.timeline(from);
    expect(timeline.waits).toEqual([]);
    expect(timeline.spans.at(-1)).toMatchObject({ waitedMs: seconds(80), to: null });
  });

  test('what an older version has written tells as much as it says', () => {
    const space = new Watched('uat');
    space.declare('uat', { capacity: 2 });
    const lease = space.lease('uat');
    space.pass(seconds(10));
    space.declare('uat', { capacity: 3 });
    space.pass(seconds(10));
    space.release(lease);
    for (const event of space.history)
      for (const key of ['was', 'dirty', 'byLabels']) delete (event.data as Record<string, unknown>)[key];
    const { spans, capacity } = space.timeline(space.at - seconds(5));
    expect(spans).toMatchObject([{ lease: lease.id, how: 'released', to: space.at }]);
    expect(capacity.at(-1)?.value).toBe(3);
  });
});
