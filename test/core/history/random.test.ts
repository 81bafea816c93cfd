// Whatever happens to an environment, its history tells afterwards how it was, at every moment, from wherever it is read.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clean } from '../../../src/core/dirty.ts';
import { configure, deleteEnvironment } from '../../../src/core/environment.ts';
import { endFreeze } from '../../../src/core/freeze.ts';
import { type Lanes, lanesOf } from '../../../src/core/history/lanes.ts';
import { statsOf } from '../../../src/core/history/stats.ts';
import type { Timeline } from '../../../src/core/history/timeline.ts';
import type { Labels } from '../../../src/core/rows.ts';
import { admin, labelled, named } from '../harness.ts';
import { told, Watched } from './past.ts';

type Command = (space: Watched) => void;

const pick = <T>(all: readonly T[], n: number): T | undefined => all[n % Math.max(1, all.length)];
const held = (space: Watched) => [...space.state.leases.values()].filter(({ state }) => state === 'held');
const open = (space: Watched) => [...space.state.leases.values()].filter(({ end }) => end === null);
const wants = [named('uat'), named('uat'), named('uat'), named('uat', 'db'), named('db'), labelled({ kind: 'web' })];

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ n: fc.nat(5), ttl: fc.constantFrom(null, 2_000, 60_000), queue: fc.constantFrom(0, null, 9_000) })
      .map(
        ({ n, ttl, queue }): Command =>
          (space) =>
            void space.ask(pick(wants, n) ?? [], { ttlMs: ttl, queueMs: queue }),
      ),
  },
  {
    weight: 6,
    arbitrary: fc.nat().map(
      (n): Command =>
        (space) => {
          const lease = pick(open(space), n);
          if (lease !== undefined) space.release(lease);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ n: fc.nat(), steal: fc.boolean() }).map(
      ({ n, steal }): Command =>
        (space) => {
          const lease = pick(held(space), n);
          if (lease !== undefined) space.revoke(lease, { now: n % 2 === 0, steal: steal ? space.thief() : null });
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat().map(
      (n): Command =>
        (space) => {
          const lease = pick(open(space), n);
          if (lease !== undefined) space.hangUp(lease);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .record(
        {
          capacity: fc.integer({ min: 1, max: 3 }),
          labels: fc.constantFrom<Labels>({ kind: 'web' }, { kind: 'db' }, {}),
          onExpire: fc.constantFrom('free' as const, 'hold' as const),
          description: fc.constant('x'),
        },
        { requiredKeys: [] },
      )
      .map(
        (change): Command =>
          (space) =>
            void space.turn((turn) => configure(turn, 'uat', change, admin)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('open' as const, 'frozen' as const, 'draining' as const).map(
      (state): Command =>
        (space) =>
          void space.turn((turn) =>
            configure(turn, 'uat', { state, ...(state !== 'open' && { reason: state }) }, admin),
          ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Labels>({ kind: 'web' }, {}).map(
      (labels): Command =>
        (space) =>
          space.freeze('week', labels),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Command>((space) => void space.turn((turn) => endFreeze(turn, 'week', admin))) },
  { weight: 1, arbitrary: fc.constant<Command>((space) => void space.turn((turn) => clean(turn, 'uat', admin, null))) },
  {
    weight: 1,
    arbitrary: fc.constant<Command>(
      (space) => void space.turn((turn) => deleteEnvironment(turn, 'uat', admin, { reason: 'anew' })),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(20_000).map(
      (ms): Command =>
        (space) =>
          space.restart(ms),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.nat(8_000).map(
      (ms): Command =>
        (space) =>
          space.pass(ms),
    ),
  },
);

const commands = fc.array(command, { minLength: 5, maxLength: 80 });
const share = fc.double({ min: 0, max: 1, noNaN: true });

function lived(all: readonly Command[], between: (space: Watched) => void = () => undefined): Watched {
  const space = new Watched('uat');
  space.declare('uat', { labels: { kind: 'web' } });
  space.declare('db');
  for (const each of all) {
    between(space);
    each(space);
  }
  space.pass(1_000);
  if (!space.state.environments.has('uat')) space.declare('uat');
  space.pass(1_000);
  return space;
}

describe('at every moment the history tells how it was', () => {
  test('up to now, from wherever it is read', () => {
    fc.assert(
      fc.property(commands, share, (all, begin) => {
        const space = lived(all);
        const first = space.looks[0]?.at ?? 0;
        const from = Math.round(first + begin * (space.at - 1 - first));
        const timeline = space.timeline(from);
        compare(space, timeline, from, space.at);
        check(timeline);
      }),
      { numRuns: 1_000, seed: 20 },
    );
  });

  test('up to a moment in the past, with only a little of what came after it', () => {
    fc.assert(
      fc.property(commands, share, share, fc.constantFrom(Number.POSITIVE_INFINITY, 8), (all, one, other, after) => {
        const space = lived(all);
        const first = space.looks[0]?.at ?? 0;
        const [from = 0, until = 0] = [one, other]
          .sort((a, b) => a - b)
          .map((part) => Math.round(first + part * (space.at - 1 - first)));
        if (until === from) return;
        const timeline = space.timeline(from, { until, after });
        // With more it is exact; with less, what it was is known as long as something tells of it.
        if (after > 8) compare(space, timeline, from, until);
        check(timeline);
      }),
      { numRuns: 500, seed: 21 },
    );
  });

  test('whatever the wall clock does, nothing overlaps or ends before it begins', () => {
    fc.assert(
      fc.property(
        commands,
        fc.infiniteStream(fc.integer({ min: -40_000, max: 40_000 })),
        share,
        (all, jumps, begin) => {
          let turns = 0;
          const space = lived(all, (each) => {
            if (turns++ % 7 === 3) each.at += jumps.next().value as number;
          });
          const ats = space.looks.map(({ at }) => at);
          const [first, last] = [Math.min(...ats), Math.max(...ats, space.at)];
          check(space.timeline(Math.round(first + begin * (last - first)), { until: last + 1 }));
        },
      ),
      { numRuns: 500, seed: 22 },
    );
  });
});

function compare(space: Watched, timeline: Timeline, from: number, until: number): void {
  for (const [i, look] of space.looks.entries()) {
    const end = space.looks[i + 1]?.at ?? space.at;
    const at = Math.max(look.at, from);
    // What lasts no time is not told.
    if (end <= at || at >= until) continue;
    expect(told(timeline, at)).toEqual({ ...look, at });
  }
}

/** What holds of any past. */
function check(timeline: Timeline): void {
  const { spans, from, until } = timeline;
  for (const { from: begin, to, freedAt } of spans) {
    expect(to ?? begin).toBeGreaterThanOrEqual(begin);
    expect(freedAt ?? to ?? begin).toBeGreaterThanOrEqual(to ?? begin);
  }
  for (const one of timeline.closures) expect(one.to ?? until).toBeGreaterThanOrEqual(Math.min(one.from, until));
  const whole = lanesOf(timeline, 100_000);
  expect(whole).toMatchObject({ mergedWithinMs: null, slotsLeftOut: 0 });
  expect(whole.blocks.every(({ merged }) => merged === 1)).toBe(true);
  for (const max of [4, 10]) {
    const lanes = lanesOf(timeline, max);
    for (const list of [lanes.blocks, lanes.closed, lanes.waiting, lanes.capacity])
      expect(list.length).toBeLessThanOrEqual(max);
    checkBlocks(lanes, whole);
    for (const { merged, from: begin, to } of lanes.blocks)
      if (merged > 1) expect((to ?? Infinity) - Math.max(begin, from)).toBeLessThanOrEqual(lanes.mergedWithinMs ?? 0);
    const most = (steps: Lanes['waiting']): number => Math.max(0, ...steps.map(({ value }) => value));
    expect(most(lanes.waiting)).toBe(most(whole.waiting));
  }
  checkBlocks(whole, whole);
  const stats = statsOf(timeline);
  expect(stats.heldShare ?? 0).toBeGreaterThanOrEqual(0);
  expect(stats.heldShare ?? 0).toBeLessThanOrEqual(1);
  expect(stats.closedMs).toBeLessThanOrEqual(until - from);
  for (const rank of ['p50Ms', 'p95Ms'] as const)
    expect(stats.oneMore[rank] ?? 0).toBeLessThanOrEqual(stats.waits[rank] ?? 0);
  expect(stats.oneMore.savedMs).toBeLessThanOrEqual(stats.waits.sumMs);
}

function checkBlocks({ blocks, slotsLeftOut, slots }: Lanes, whole: Lanes): void {
  for (const [i, { slot, to, from }] of blocks.entries()) {
    expect(slot).toBeLessThan(slots - slotsLeftOut);
    const next = blocks[i + 1];
    if (next?.slot === slot) expect(next.from).toBeGreaterThanOrEqual(to ?? Number.POSITIVE_INFINITY);
    else if (next !== undefined) expect(next.slot).toBeGreaterThan(slot);
    expect(to ?? from).toBeGreaterThanOrEqual(from);
  }
  const shown = whole.blocks.filter(({ slot }) => slot < slots - slotsLeftOut);
  expect(blocks.reduce((sum, { merged }) => sum + merged, 0)).toBe(shown.length);
  for (const one of shown) {
    const band = blocks.find(
      ({ slot, from, to }) => slot === one.slot && from <= one.from && (to ?? Infinity) >= (one.to ?? Infinity),
    );
    expect(band).toBeDefined();
  }
}
