// What every log must do (src/log/log.ts). A log passes all of `logConformance`, and `durableConformance` when it outlives
// the process.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EventRecord } from '../../src/core/rows.ts';
import type { EventQuery, Log } from '../../src/log/log.ts';
import { Hand, type Happened, rowsOf } from './drafts.ts';

export interface Place {
  open(): Promise<Log>;
  /** Removes what is left of it. */
  clear(): Promise<void>;
}

export function logConformance(makePlace: () => Place): void {
  let place: Place;
  let log: Log;

  beforeEach(async () => {
    place = makePlace();
    log = await place.open();
  });
  afterEach(async () => {
    await log.close();
    await place.clear();
  });

  test('a new log is empty and has a secret of its own', async () => {
    const contents = await log.load();
    expect(contents).toMatchObject({ seq: 0, tick: 0, epoch: 0, isNew: true, rows: [] });
    expect(contents.secret).toMatch(/^[0-9a-f]{64}$/);
    expect(log.full).toBe(false);
    expect(await log.oldestEvent()).toBeNull();
    const other = makePlace();
    const otherLog = await other.open();
    expect((await otherLog.load()).secret).not.toBe(contents.secret);
    await otherLog.close();
    await other.clear();
  });

  describe('turns', () => {
    test('what a turn puts is there, in the order of its seq', async () => {
      const hand = await Hand.on(log);
      const first = await hand.take(
        [{ id: 'z' }, { id: 'a', kind: 'environment', row: { labels: { kind: 'uat' }, text: 'ä "quoted"\n\u0000' } }],
        [{}],
      );
      expect(first).toEqual({ outcome: 'durable' });
      const { seq, tick, rows } = await log.load();
      expect({ seq, tick }).toEqual({ seq: 3, tick: 1 });
      expect(rows).toEqual([
        { kind: 'lease', id: 'z', seq: 1, row: { id: 'z', seq: 1 } },
        {
          kind: 'environment',
          id: 'a',
          seq: 2,
          row: { id: 'a', seq: 2, labels: { kind: 'uat' }, text: 'ä "quoted"\n\u0000' },
        },
      ]);
    });

    test('a row takes the place of the one before and moves to the end, a deleted one goes', async () => {
      const hand = await Hand.on(log);
      await hand.take([{ id: 'a', row: { n: 1 } }, { id: 'b', row: { n: 1 } }, { id: 'c' }]);
      await hand.take([
        { id: 'a', row: { n: 2 } },
        { id: 'c', row: null },
      ]);
      expect((await log.load()).rows.map(({ id, seq }) => [id, seq])).toEqual([
        ['b', 2],
        ['a', 4],
      ]);
    });

    test('the same name in two kinds is two rows', async () => {
      const hand = await Hand.on(log);
      await hand.take([
        { id: 'uat', kind: 'environment' },
        { id: 'uat', kind: 'freeze' },
      ]);
      await hand.take([{ id: 'uat', kind: 'freeze', row: null }]);
      expect((await log.load()).rows.map(({ kind }) => kind)).toEqual(['environment']);
    });

    test('within one turn the last change of a row counts', async () => {
      const hand = await Hand.on(log);
      await hand.take([
        { id: 'put-deleted' },
        { id: 'put-deleted', row: null },
        { id: 'deleted-put', row: null },
        { id: 'deleted-put', row: { n: 1 } },
        { id: 'put-put', row: { n: 1 } },
        { id: 'put-put', row: { n: 2 } },
      ]);
      expect(await rowsOf(log)).toEqual({ 'deleted-put': { n: 1 }, 'put-put': { n: 2 } });
    });

    test('a turn of many rows is kept whole', async () => {
      const hand = await Hand.on(log);
      const ids = Array.from({ length: 2_501 }, (_, i) => `lease-${i}`);
      await hand.take(
        ids.map((id) => ({ id })),
        ids.map((lease) => ({ data: { lease } })),
      );
      expect((await log.load()).rows.map(({ id }) => id)).toEqual(ids);
      const last = await log.events({ order: 'desc', limit: 1 });
      expect(last).toMatchObject([{ seq: 5_002, data: { lease: 'lease-2500' } }]);
    });

    test('a turn that decides nothing leaves no trace', async () => {
      const hand = await Hand.on(log);
      await hand.take([{ id: 'a' }]);
      const before = await log.load();
      expect(await log.turn(hand.seq, () => null)).toEqual({ outcome: 'empty' });
      expect(await log.turn(hand.seq, () => hand.draft([]))).toEqual({ outcome: 'empty' });
      expect(await log.load()).toEqual(before);
    });

    test('decide is called once, and learns of nothing where there is one server', async () => {
      const hand = await Hand.on(log);
      const learned: unknown[] = [];
      await log.turn(0, (changes) => {
        learned.push(changes);
        return hand.draft([{ id: 'a' }]);
      });
      expect(learned).toEqual([[]]);
      expect(await log.learn(1)).toEqual({ outcome: 'learned', turns: [] });
    });

    test('two turns at once are refused, and the first is kept', async () => {
      const hand = await Hand.on(log);
      const first = hand.take([{ id: 'a' }]);
      await expect(log.turn(0, () => null)).rejects.toThrow('under way');
      expect(await first).toEqual({ outcome: 'durable' });
      expect(await hand.take([{ id: 'b' }])).toEqual({ outcome: 'durable' });
    });

    test('a turn that does not begin where the last one ended is refused: no fork', async () => {
      const hand = await Hand.on(log);
      await hand.take([{ id: 'a' }]);
      await expect(log.turn(0, () => hand.draft([{ id: 'b' }]))).rejects.toThrow('the log is at 1');
      await expect(log.turn(1, () => new Hand(log).draft([{ id: 'b' }]))).rejects.toThrow('the log is at 1');
      expect(await rowsOf(log)).toEqual({ a: {} });
    });

    test('an exception in decide keeps nothing, and the next turn is taken', async () => {
      const hand = await Hand.on(log);
      const bug = new Error('a bug');
      await expect(
        log.turn(0, () => {
          throw bug;
        }),
      ).rejects.toBe(bug);
      expect(await hand.take([{ id: 'a' }])).toEqual({ outcome: 'durable' });
    });
  });

  test('log time is kept by turns and beats, and never goes back', async () => {
    const hand = await Hand.on(log);
    hand.tick = 99;
    await hand.take([{ id: 'a' }]);
    expect((await log.load()).tick).toBe(100);
    await log.beat(250);
    expect((await log.load()).tick).toBe(250);
    await log.beat(200);
    expect((await log.load()).tick).toBe(250);
    await hand.take([{ id: 'b' }]);
    expect(await log.load()).toMatchObject({ tick: 250, seq: 2 });
  });

  test('a beat may come while a turn is under way', async () => {
    const hand = await Hand.on(log);
    await Promise.all([hand.take([{ id: 'a' }]), log.beat(500)]);
    expect(await log.load()).toMatchObject({ seq: 1, tick: 500 });
  });

  describe('the history', () => {
    test('an event is read back as it was written', async () => {
      const hand = await Hand.on(log);
      const data = { lease: 'ls_1', holder: null, text: 'ä "quoted" \n\u0000 \ud83d\ude80', deep: { n: [1, 2.5] } };
      await hand.take(
        [],
        [{ at: 1_700_000_000_123, kind: 'lease.granted', subject: 'uät "1"', actor: "o'neil", data }],
      );
      expect(await log.events({ order: 'asc', limit: 10 })).toEqual([
        { seq: 1, at: 1_700_000_000_123, kind: 'lease.granted', subject: 'uät "1"', actor: "o'neil", data },
      ]);
    });

    test('any question gets what a plain look through all events would find', async () => {
      const hand = await Hand.on(log);
      const all: EventRecord[] = [];
      const happened = fc.sample(anyHappened, { numRuns: 400, seed: 7 });
      for (let i = 0; i < happened.length; i += 20) {
        // Far apart, as when most changes have no event: the history is kept in parts by seq.
        const gap = Array.from({ length: 600 }, () => ({ id: 'again' }));
        const draft = hand.draft(gap, happened.slice(i, i + 20));
        all.push(...draft.events);
        await hand.take(gap, happened.slice(i, i + 20));
      }
      await fc.assert(
        fc.asyncProperty(anyQuery(all.map(({ seq }) => seq)), async (query) => {
          expect(await log.events(query)).toEqual(plainLook(all, query));
        }),
        { numRuns: 300, seed: 11 },
      );
    });

    test('a time is found to the millisecond, also where the clock went back', async () => {
      const hand = await Hand.on(log);
      const ats = [10, 5, 7, 2];
      for (const at of ats) await hand.take(Array(5_000).fill({ id: 'again' }), [{ at }]);
      const found = async (query: Partial<EventQuery>) =>
        (await log.events({ order: 'asc', limit: 10, ...query })).map(({ at }) => at);
      expect(await found({ since: 10 })).toEqual([10]);
      expect(await found({ since: 11 })).toEqual([]);
      expect(await found({ since: 5, until: 10 })).toEqual([5, 7]);
      expect(await found({ until: 5 })).toEqual([2]);
      expect(await found({ subject: 'uat', since: 7 })).toEqual([10, 7]);
    });

    test('old events are dropped by their time, the oldest first, as many as asked for', async () => {
      const hand = await Hand.on(log);
      // The clock was an hour ahead, then an hour behind: what it said is what counts.
      const ats = [100, 9_000, 200, 300, 50, 5_000, 400];
      await hand.take(
        [],
        ats.map((at) => ({ at })),
      );
      const left = async (): Promise<number[]> => (await log.events({ order: 'asc', limit: 100 })).map(({ at }) => at);
      expect(await log.prune(100, 10)).toBe(1);
      expect(await left()).toEqual([100, 9_000, 200, 300, 5_000, 400]);
      expect(await log.prune(400, 2)).toBe(2);
      expect(await left()).toEqual([9_000, 300, 5_000, 400]);
      expect(await log.oldestEvent()).toBe(2);
      expect(await log.prune(400, 10)).toBe(1);
      expect(await log.prune(400, 10)).toBe(0);
      expect(await log.prune(10_000, 10)).toBe(3);
      expect(await log.oldestEvent()).toBeNull();
    });

    test('a long history is dropped part by part, and asked as before', async () => {
      const hand = await Hand.on(log);
      const count = 9_000;
      for (let i = 0; i < count; i += 1_000) {
        const part = Array.from({ length: 1_000 }, (_, k) => ({ at: i + k, subject: `env-${(i + k) % 7}` }));
        await hand.take([], part);
      }
      expect(await log.prune(6_500, 5_000)).toBe(5_000);
      expect(await log.oldestEvent()).toBe(5_001);
      expect(await log.prune(6_500, 5_000)).toBe(1_500);
      const query = { subject: 'env-3', order: 'asc', limit: 1_000 } as const;
      const found = await log.events(query);
      expect(found.map(({ at }) => at)).toEqual(
        Array.from({ length: count }, (_, i) => i).filter((i) => i >= 6_500 && i % 7 === 3),
      );
      expect(await log.prune(count, count)).toBe(2_500);
      expect(await log.events(query)).toEqual([]);
      await hand.take([], [{ subject: 'env-3', at: 1 }]);
      expect(await log.events({ ...query, until: 10 })).toMatchObject([{ at: 1 }]);
      expect(await log.oldestEvent()).toBe(count + 1);
    });
  });

  test('a closed log refuses everything, and may be closed again', async () => {
    await log.close();
    await log.close();
    const refused = { code: 'store_failed', message: expect.stringMatching(/closed\.$/) };
    await expect(log.load()).rejects.toMatchObject(refused);
    await expect(log.turn(0, () => null)).rejects.toMatchObject(refused);
    await expect(log.learn(0)).rejects.toMatchObject(refused);
    await expect(log.beat(1)).rejects.toMatchObject(refused);
    await expect(log.events({ order: 'asc', limit: 1 })).rejects.toMatchObject(refused);
    await expect(log.oldestEvent()).rejects.toMatchObject(refused);
    await expect(log.prune(1, 1)).rejects.toMatchObject(refused);
  });
}

/** For logs that outlive the process. */
export function durableConformance(makePlace: () => Place): void {
  test('what was kept is there when it is opened again', async () => {
    const place = makePlace();
    const first = await place.open();
    const hand = await Hand.on(first);
    await hand.take([{ id: 'a', row: { n: 1 } }, { id: 'b' }], [{ subject: 'uat' }]);
    await hand.take([{ id: 'b', row: null }]);
    await first.beat(777);
    const before = await first.load();
    await first.close();

    const second = await place.open();
    const { rows, ...rest } = await second.load();
    expect({ ...rest, rows }).toEqual({ ...before, isNew: false, tick: 777 });
    expect(await second.events({ order: 'asc', limit: 10 })).toMatchObject([{ seq: 3, subject: 'uat' }]);
    const again = await Hand.on(second);
    expect(await again.take([{ id: 'c' }], [{ subject: 'uat' }])).toEqual({ outcome: 'durable' });
    expect(await second.events({ subject: 'uat', order: 'asc', limit: 10 })).toHaveLength(2);
    await second.close();
    await place.clear();
  });
}

const few = fc.constantFrom('a', 'b', 'c.d', 'lease', 'x"y', '');
const anyHappened: fc.Arbitrary<Happened> = fc.record({
  at: fc.integer({ min: 0, max: 50 }),
  kind: fc.constantFrom('lease.granted', 'lease.released', 'lease', 'leases.x', 'x.lease.y', 'environment.created'),
  subject: few,
  actor: few,
  data: fc.oneof(
    fc.record({ lease: few, n: fc.nat() }),
    fc.constant({}),
    fc.record({ other: fc.record({ lease: few }) }),
  ),
});

function anyQuery(known: readonly number[]): fc.Arbitrary<EventQuery> {
  // Each filter now and then: all at once would let nothing through.
  const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
  const seqs = fc.constantFrom(-1, 0, ...known, (known.at(-1) ?? 0) + 1);
  const times = fc.integer({ min: -1, max: 51 });
  return fc.record({
    afterSeq: maybe(seqs),
    beforeSeq: maybe(seqs),
    since: maybe(times),
    until: maybe(times),
    subject: maybe(few),
    kind: maybe(fc.constantFrom('lease.', 'lease', 'lease.granted', 'environment.', 'nothing')),
    actor: maybe(few),
    lease: maybe(few),
    order: fc.constantFrom('asc', 'desc'),
    limit: fc.constantFrom(1, 3, 30, 300, 1_000),
  });
}

function plainLook(all: readonly EventRecord[], query: EventQuery): EventRecord[] {
  const found = all.filter(
    (event) =>
      event.seq > (query.afterSeq ?? -1) &&
      event.seq < (query.beforeSeq ?? Number.POSITIVE_INFINITY) &&
      event.at >= (query.since ?? Number.NEGATIVE_INFINITY) &&
      event.at < (query.until ?? Number.POSITIVE_INFINITY) &&
      [undefined, event.subject].includes(query.subject) &&
      [undefined, event.actor].includes(query.actor) &&
      [undefined, event.data.lease].includes(query.lease) &&
      (query.kind === undefined ||
        event.kind === query.kind ||
        (query.kind.endsWith('.') && event.kind.startsWith(query.kind))),
  );
  if (query.order === 'desc') found.reverse();
  return found.slice(0, query.limit);
}
