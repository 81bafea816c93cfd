// The search for an order finds one where there is one and none where there is none: by hand, and against trying all orders.

import { describe, expect, test } from 'vitest';
import { Random } from '../simulation/random.ts';
import type { History, Operation } from './history.ts';
import { linearize, operationsAtMost } from './linearizable.ts';
import {
  askLost,
  busy,
  checked,
  granted,
  madeUp,
  polled,
  released,
  releaseLost,
  releaseRefused,
  renewalLost,
  renewalRefused,
  renewed,
  takenAway,
} from './made-up.ts';
import { type State, Turnstile } from './turnstile.ts';

const verdict = ({ operations, capacities }: History) => linearize(operations, capacities.get('uat')).verdict;

interface Case {
  readonly what: string;
  readonly wrong: History;
  readonly right: History;
}

const brief = { ttlMs: 1000 };
const cases: Case[] = [
  {
    what: 'an overlap of 1 ms',
    wrong: madeUp([granted('a', 1, 0, 10), granted('b', 2, 11, 20), released('a', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), granted('b', 2, 11, 20), released('a', 20, 30)]),
  },
  {
    what: 'a third holder of two slots',
    wrong: madeUp([granted('a', 1, 0, 9), granted('b', 2, 0, 9), granted('c', 3, 11, 20)], { uat: 2 }),
    right: madeUp([granted('a', 1, 0, 9), granted('b', 2, 0, 9), granted('c', 3, 11, 20)], { uat: 3 }),
  },
  {
    what: 'a fence that comes again',
    wrong: madeUp([granted('a', 7, 0, 10), released('a', 11, 12), granted('b', 7, 13, 14)]),
    right: madeUp([granted('a', 7, 0, 10), released('a', 11, 12), granted('b', 8, 13, 14)]),
  },
  {
    what: 'a fence that goes back',
    wrong: madeUp([granted('a', 7, 0, 10), released('a', 11, 12), granted('b', 6, 13, 14)]),
    right: madeUp([granted('a', 7, 0, 15), released('a', 16, 17), granted('b', 6, 13, 18), released('b', 13, 19)]),
  },
  {
    what: 'an order that is swapped: the later one was refused, and the earlier one had not begun',
    wrong: madeUp([busy('b', 0, 10), granted('a', 1, 11, 20)]),
    right: madeUp([busy('b', 0, 11), granted('a', 1, 11, 20)]),
  },
  {
    what: 'a release that was lost: nobody else gets in',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 11, 20), busy('b', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), released('a', 11, 21), busy('b', 21, 30)]),
  },
  {
    what: 'a release that was lost: the lease is renewed after it',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 11, 20), renewed('a', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), released('a', 11, 20), renewalRefused('a', 'released', 21, 30)]),
  },
  {
    what: 'a lease that was taken away and is polled as held',
    wrong: madeUp([granted('a', 1, 0, 10), takenAway('a', 11, 20), polled('a', 'held', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), takenAway('a', 11, 20), polled('a', 'revoked', 21, 30)]),
  },
  {
    what: 'a release of what was taken away before',
    wrong: madeUp([granted('a', 1, 0, 10), takenAway('a', 11, 20), released('a', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), takenAway('a', 11, 20), releaseRefused('a', 'revoked', 21, 30)]),
  },
  {
    what: 'a double grant of one idempotency key',
    wrong: madeUp([
      ...[
        askLost('a', 0, { key: 'job' }),
        granted('a', 1, 5, 10, { key: 'job' }),
        granted('b', 2, 11, 20, { key: 'job' }),
      ],
      ...[released('a', 21, 22), released('b', 23, 24)],
    ]),
    right: madeUp([
      ...[
        askLost('a', 0, { key: 'job' }),
        granted('a', 1, 5, 10, { key: 'job' }),
        granted('a', 1, 11, 20, { key: 'job' }),
      ],
      released('a', 21, 22),
    ]),
  },
  {
    what: 'a stale read: the fence is current after its release',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 11, 20), checked(1, true, 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), released('a', 11, 21), checked(1, true, 21, 30)]),
  },
  {
    what: 'a stale read: one sees the release, and the next does not',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 11, 50), checked(1, false, 12, 20), checked(1, true, 21, 30)]),
    right: madeUp([granted('a', 1, 0, 10), released('a', 11, 50), checked(1, true, 12, 20), checked(1, false, 21, 30)]),
  },
  {
    what: 'a stale read: the grant is not seen yet',
    wrong: madeUp([granted('a', 1, 0, 10), checked(1, false, 11, 20), released('a', 21, 30)]),
    right: madeUp([granted('a', 1, 0, 11), checked(1, false, 11, 20), released('a', 21, 30)]),
  },
  {
    what: 'a lease that ends before its ttl',
    wrong: madeUp([granted('a', 1, 0, 10, brief), renewed('a', 500, 510), granted('b', 2, 600, 1494)]),
    right: madeUp([granted('a', 1, 0, 10, brief), renewed('a', 500, 510), granted('b', 2, 600, 1495)]),
  },
  {
    what: 'a lost renewal, by which nothing lasts longer',
    wrong: madeUp([
      granted('a', 1, 0, 10, brief),
      renewed('a', 900, 910),
      busy('b', 1500, 1501),
      granted('b', 2, 1600, 1700),
    ]),
    right: madeUp([
      granted('a', 1, 0, 10, brief),
      renewalLost('a', 900),
      busy('b', 1500, 1501),
      granted('b', 2, 1600, 1700),
    ]),
  },
  {
    what: 'a lost release, of another lease',
    wrong: madeUp([granted('a', 1, 0, 10), releaseLost('b', 11), granted('c', 2, 12, 20)]),
    right: madeUp([granted('a', 1, 0, 10), releaseLost('a', 11), granted('c', 2, 12, 20)]),
  },
  {
    what: 'a lost release that takes effect before it is sent',
    wrong: madeUp([granted('a', 1, 0, 10), releaseLost('a', 21), granted('c', 2, 12, 20)]),
    right: madeUp([granted('a', 1, 0, 10), releaseLost('a', 20), granted('c', 2, 12, 20)]),
  },
  {
    what: 'a lost ask: busy without any holder, but for the one who was not told',
    wrong: madeUp([busy('b', 10, 20), askLost('a', 21)]),
    right: madeUp([busy('b', 10, 20), askLost('a', 20)]),
  },
  {
    what: 'a lost ask that is granted twice',
    wrong: madeUp([
      askLost('a', 0, brief),
      busy('b', 10, 20),
      granted('b', 1, 2000, 2010),
      released('b', 2011, 2012),
      busy('c', 2013, 2014),
    ]),
    right: madeUp([
      askLost('a', 0, brief),
      granted('b', 1, 2000, 2010),
      released('b', 2011, 2012),
      busy('c', 2013, 2014),
    ]),
  },
  // A lost ask may be what makes another busy; a fence that is too high for that rules it out.
  {
    what: 'a lost ask that took effect late, and is told of later',
    wrong: madeUp([
      ...[askLost('a', 0, { key: 'job' }), busy('c', 5, 6), granted('b', 2, 7, 8), released('b', 9, 10)],
      ...[granted('a', 3, 30, 40, { key: 'job' }), released('a', 41, 42)],
    ]),
    right: madeUp([
      ...[askLost('a', 0, { key: 'job' }), granted('b', 2, 7, 8), released('b', 9, 10), busy('c', 11, 12)],
      ...[granted('a', 3, 30, 40, { key: 'job' }), released('a', 41, 42)],
    ]),
  },
];

describe.each(cases)('$what', ({ wrong, right }) => {
  test('has no order', () => expect(verdict(wrong)).toBe('no'));
  test('is not found where it is not', () => expect(verdict(right)).toBe('yes'));
});

describe('an order is found', () => {
  test.each<[string, History]>([
    ['of nothing', madeUp([])],
    ['of a release that is sent again', madeUp([granted('a', 1, 0, 1), released('a', 2, 3), released('a', 4, 5)])],
    [
      'of a release that is repeated',
      madeUp([granted('a', 1, 0, 1), releaseLost('a', 2), released('a', 3, 4), released('a', 5, 6)]),
    ],
    [
      'of a late release',
      madeUp([granted('a', 1, 0, 1, brief), granted('b', 2, 1100, 1200), releaseRefused('a', 'expired', 1300, 1301)]),
    ],
    [
      'of asks that all overlap, in the order of their fences',
      madeUp([
        ...[granted('c', 3, 0, 100), granted('b', 2, 0, 100), granted('a', 1, 0, 100)],
        ...[released('a', 0, 100), released('b', 0, 100), released('c', 50, 101)],
      ]),
    ],
  ])('%s', (_, history) => expect(verdict(history)).toBe('yes'));
});

/** Whether any order at all is possible: all of them are tried. */
function anyOrder(operations: readonly Operation[], capacity: number): boolean {
  const model = new Turnstile(operations, capacity);
  const answered = operations.filter(({ answer }) => answer.kind !== 'unknown');
  const from = (state: State, left: readonly Operation[]): boolean =>
    left.length === 0 ||
    left.some((next) => {
      const others = left.filter((other) => other !== next);
      if (others.some(({ end }) => end < next.start)) return false;
      const latest = Math.min(...left.map(({ end }) => end));
      return model.after(state, next, latest).some((after) => from(after, others));
    });
  return from(model.empty, answered);
}

/** A history of few operations: a real course of events with wide intervals, of which one answer or fence may be changed. */
function small(random: Random): History {
  const capacity = random.pick([1, 1, 2]);
  const lines: Parameters<typeof madeUp>[0][number][] = [];
  const held = new Map<string, number>();
  let fence = 0;
  const about = (at: number): [number, number] => [at - random.between(0, 25), at + random.between(0, 25)];
  for (let at = 100, i = 0; i < 7; i++, at += 10) {
    const [start, end] = about(at);
    const [lease, own] = random.pick([...held, ['none', 0] as const]);
    const lies = random.chance(0.08);
    const isLost = random.chance(0.15);
    if (lease === 'none') {
      const name = `lease-${i}`;
      const isFull = held.size >= capacity;
      if (isFull !== lies) lines.push(busy(name, start, end));
      else {
        fence += random.between(1, 2);
        lines.push(granted(name, fence, start, end));
      }
      if (!isFull && !lies) held.set(name, fence);
    } else if (random.chance(0.4)) lines.push(checked(own, !lies, start, end));
    else {
      lines.push(isLost ? releaseLost(lease, start) : released(lease, start, end));
      if (!lies) held.delete(lease);
    }
  }
  return madeUp(lines, { uat: capacity });
}

test('the search says the same as trying all orders, of 3,000 small histories', () => {
  const counts = { yes: 0, no: 0 };
  for (let seed = 1; seed <= 3_000; seed++) {
    const { operations, capacities } = small(new Random(seed));
    const capacity = capacities.get('uat') as number;
    const { verdict } = linearize(operations, capacity);
    expect([seed, verdict]).toEqual([seed, anyOrder(operations, capacity) ? 'yes' : 'no']);
    if (verdict !== 'undecided') counts[verdict]++;
  }
  expect(counts.yes).toBeGreaterThan(500);
  expect(counts.no).toBeGreaterThan(500);
});

/** Turns one after the other, with `width` of them overlapping. */
function turns(count: number, width: number): ReturnType<typeof granted>[] {
  return Array.from({ length: count }, (_, i) => [
    granted(`lease-${i}`, i + 1, 100 * i - 60 * width, 100 * i + 10),
    released(`lease-${i}`, 100 * i + 11, 100 * i + 60 * width),
  ]).flat();
}

describe('a thousand operations', () => {
  test('of which many overlap have an order', () => {
    expect(verdict(madeUp(turns(500, 8)))).toBe('yes');
  });

  test('have none when the last but one is a lie', () => {
    const lines = [...turns(499, 8), checked(1, true, 50_000, 50_001), checked(1, false, 50_002, 50_003)];
    const found = linearize(madeUp(lines).operations);
    expect(found).toMatchObject({ verdict: 'no', explained: 998 });
    expect((found as { stuck: string }).stuck).toContain('"current":true');
  });

  test('have none either where many of them could be exchanged', () => {
    const looks = Array.from({ length: 60 }, (_, i) =>
      Array.from({ length: 8 }, () => checked(1, true, 20 * i + 20, 20 * i + 30)),
    );
    const lines = [granted('a', 1, 0, 10), ...looks.flat(), released('a', 2000, 2001), checked(1, true, 2002, 2003)];
    expect(linearize(madeUp(lines).operations)).toMatchObject({ verdict: 'no', explained: 482 });
  });

  test('are the bound', () => {
    const { operations } = madeUp([...turns(500, 1), checked(1, false, 90_000, 90_001)]);
    expect(() => linearize(operations)).toThrow(`${operationsAtMost + 1} operations are too many`);
  });
});
