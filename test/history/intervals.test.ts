// The checker of whole histories finds what is planted in made-up ones, each time beside a history that differs only in being right.

import { describe, expect, test } from 'vitest';
import type { History } from './history.ts';
import { faultsOf } from './intervals.ts';
import {
  askLost,
  busy,
  called,
  checked,
  granted,
  madeUp,
  mistaken,
  polled,
  queued,
  released,
  releaseLost,
  releaseRefused,
  renewalLost,
  renewalRefused,
  renewed,
  takenAway,
} from './made-up.ts';

interface Case {
  readonly what: string;
  readonly wrong: History;
  readonly fault: string;
  readonly right: History;
}

const pool = [{ labels: { kind: 'db' }, count: 1 }];
const both = { wants: [{ environment: 'uat' }, { environment: 'db' }], granted: ['uat', 'db'] };

const cases: Case[] = [
  {
    what: 'an overlap of 1 ms',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 21, 30), granted('b', 2, 11, 20)]),
    fault: 'overlap: uat has 1 slots, and at 20 it is held by a (fence 1), b (fence 2)',
    right: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), granted('b', 2, 11, 20)]),
  },
  {
    what: 'an overlap with one who stays for 1 ms',
    wrong: madeUp([granted('a', 1, 0, 10), granted('b', 2, 11, 20), released('b', 21, 22), released('a', 30, 31)]),
    fault: 'overlap: uat has 1 slots, and at 20 it is held by a (fence 1), b (fence 2)',
    right: madeUp([granted('a', 1, 0, 10), granted('b', 2, 11, 20), released('b', 20, 22), released('a', 30, 31)]),
  },
  {
    what: 'an overlap with one whose ttl had not ended',
    wrong: madeUp([granted('a', 1, 0, 10, { ttlMs: 1000 }), renewed('a', 500, 510), granted('b', 2, 1300, 1400)]),
    fault: 'overlap: uat has 1 slots, and at 1400 it is held by a (fence 1), b (fence 2)',
    right: madeUp([granted('a', 1, 0, 10, { ttlMs: 1000 }), renewed('a', 500, 510), granted('b', 2, 1300, 1500)]),
  },
  {
    what: 'an overlap with one that has no ttl, an hour later',
    wrong: madeUp([granted('a', 1, 0, 10, { ttlMs: null }), granted('b', 2, 3_600_000, 3_600_001)]),
    fault: 'overlap: uat has 1 slots, and at 3600001 it is held by a (fence 1), b (fence 2)',
    right: madeUp([
      granted('a', 1, 0, 10, { ttlMs: null }),
      releaseLost('a', 20),
      granted('b', 2, 3_600_000, 3_600_001),
    ]),
  },
  {
    what: 'an overlap that one environment of several has',
    wrong: madeUp([
      granted('a', 1, 0, 10, both),
      granted('b', 2, 11, 20, { wants: [{ environment: 'db' }], granted: ['db'] }),
    ]),
    fault: 'overlap: db has 1 slots, and at 20 it is held by a (fence 1), b (fence 2)',
    right: madeUp([
      granted('a', 1, 0, 10, both),
      granted('b', 2, 11, 20, { wants: [{ environment: 'qa' }], granted: ['qa'] }),
    ]),
  },
  {
    what: 'a third holder of two slots',
    wrong: madeUp([granted('a', 1, 0, 10), granted('b', 2, 0, 10), granted('c', 3, 11, 20)], { uat: 2 }),
    fault: 'overlap: uat has 2 slots, and at 20 it is held by a (fence 1), b (fence 2), c (fence 3)',
    right: madeUp([granted('a', 1, 0, 10), granted('b', 2, 0, 10), granted('c', 3, 11, 20)], { uat: 3 }),
  },
  {
    what: 'two holders of one member of a pool',
    wrong: madeUp([
      granted('a', 1, 0, 10, { wants: pool, granted: ['db-1'] }),
      granted('b', 2, 11, 20, { wants: pool, granted: ['db-1'] }),
    ]),
    fault: 'overlap: db-1 has 1 slots, and at 20 it is held by a (fence 1), b (fence 2)',
    right: madeUp([
      granted('a', 1, 0, 10, { wants: pool, granted: ['db-1'] }),
      granted('b', 2, 11, 20, { wants: pool, granted: ['db-2'] }),
    ]),
  },
  {
    what: 'a fence that comes again',
    wrong: madeUp([granted('a', 7, 0, 10), released('a', 20, 30), granted('b', 7, 40, 50)]),
    fault: 'fence twice: 7 was given to a and to b',
    right: madeUp([granted('a', 7, 0, 10), released('a', 20, 30), granted('b', 8, 40, 50)]),
  },
  {
    what: 'a fence that goes back',
    wrong: madeUp([granted('a', 7, 0, 10), released('a', 20, 30), granted('b', 6, 40, 50, { priority: 1 })]),
    fault: 'fence back: uat was granted to a with 7, and later to b with 6',
    right: madeUp([granted('a', 7, 0, 45), released('a', 46, 49), granted('b', 6, 40, 50, { priority: 1 })]),
  },
  {
    what: 'a fence that goes back behind the last but one',
    wrong: madeUp([
      ...[granted('a', 5, 0, 1), released('a', 2, 3), granted('b', 7, 4, 5), released('b', 6, 7)],
      granted('c', 6, 8, 9, { priority: 1 }),
    ]),
    fault: 'fence back: uat was granted to b with 7, and later to c with 6',
    right: madeUp([
      ...[granted('a', 5, 0, 1), released('a', 2, 3), granted('b', 6, 4, 5), released('b', 6, 7)],
      granted('c', 7, 8, 9, { priority: 1 }),
    ]),
  },
  {
    what: 'a fence that goes back, of one that was seen waiting when another had been granted',
    wrong: madeUp([
      ...[queued('b', 0, 5, { priority: 1 }), granted('a', 7, 0, 10), released('a', 20, 30)],
      ...[polled('b', 'waiting', 12, 19), called('b', 6, 20, 50)],
    ]),
    fault: 'fence back: uat was granted to a with 7, and later to b with 6',
    right: madeUp([
      ...[queued('b', 0, 5, { priority: 1 }), granted('a', 7, 0, 10), released('a', 20, 30)],
      ...[polled('b', 'waiting', 9, 19), called('b', 6, 20, 50)],
    ]),
  },
  {
    what: 'a lease whose fence changes',
    wrong: madeUp([queued('a', 0, 1), called('a', 3, 2, 3), called('a', 4, 4, 5)]),
    fault: 'two grants: a was granted uat with fence 3, and then uat with fence 4',
    right: madeUp([queued('a', 0, 1), called('a', 3, 2, 3), called('a', 3, 4, 5)]),
  },
  {
    what: 'an order that is swapped',
    wrong: madeUp([
      ...[queued('a', 0, 10), queued('b', 11, 20), called('b', 1, 21, 30), released('b', 31, 40)],
      called('a', 2, 12, 50),
    ]),
    fault: 'order: a asked for uat before b did, and was granted after it',
    right: madeUp([
      ...[queued('a', 0, 11), queued('b', 11, 20), called('b', 1, 21, 30), released('b', 31, 40)],
      called('a', 2, 12, 50),
    ]),
  },
  {
    what: 'an order that is swapped among those of a higher priority',
    wrong: madeUp([
      ...[queued('a', 0, 10, { priority: 1 }), queued('b', 11, 20, { priority: 1 })],
      ...[called('b', 1, 21, 30), released('b', 31, 40), called('a', 2, 12, 50)],
    ]),
    fault: 'order: a asked for uat before b did, and was granted after it',
    right: madeUp([
      ...[queued('a', 0, 10, { priority: 0 }), queued('b', 11, 20, { priority: 1 })],
      ...[called('b', 1, 21, 30), released('b', 31, 40), called('a', 2, 12, 50)],
    ]),
  },
  {
    what: 'a release that was lost: the lease is renewed after it',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), renewed('a', 31, 40)]),
    fault: 'came back: a had ended at 30, and a renew at 31 found it held',
    right: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), renewed('a', 30, 40)]),
  },
  {
    what: 'a lease that was taken away and renewed after it',
    wrong: madeUp([granted('a', 1, 0, 10), takenAway('a', 20, 30), renewed('a', 31, 40)]),
    fault: 'came back: a had ended at 30, and a renew at 31 found it held',
    right: madeUp([granted('a', 1, 0, 10), takenAway('a', 20, 30), renewalRefused('a', 'revoked', 31, 40)]),
  },
  {
    what: 'a lease that waits again after its grant',
    wrong: madeUp([queued('a', 0, 1), called('a', 1, 2, 3), polled('a', 'waiting', 4, 5)]),
    fault: 'came back: a was granted or had ended, and a poll at 4 found it waiting',
    right: madeUp([queued('a', 0, 1), called('a', 1, 2, 4), polled('a', 'waiting', 4, 5)]),
  },
  {
    what: 'a double grant of one idempotency key',
    wrong: madeUp([
      ...[askLost('a', 0, { key: 'job' }), granted('a', 1, 5, 10, { key: 'job' }), released('a', 11, 12)],
      granted('b', 2, 20, 30, { key: 'job' }),
    ]),
    fault: 'key twice: job made a and b',
    right: madeUp([
      ...[askLost('a', 0, { key: 'job' }), granted('a', 1, 5, 10, { key: 'job' }), released('a', 11, 12)],
      granted('b', 2, 20, 30, { key: 'next' }),
    ]),
  },
  {
    what: 'one lease for two keys',
    wrong: madeUp([granted('a', 1, 0, 10, { key: 'job' }), granted('a', 1, 11, 20, { key: 'next' })]),
    fault: 'two keys: a was made by job and by next',
    right: madeUp([granted('a', 1, 0, 10, { key: 'job' }), granted('a', 1, 11, 20, { key: 'job' })]),
  },
  {
    what: 'a stale read: a fence that is current after its release',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), checked(1, true, 31, 40)]),
    fault: 'stale: fence 1 was current at 31, and a had ended at 30',
    right: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), checked(1, true, 30, 40)]),
  },
  {
    what: 'a stale read: a lease that is shown held after its release',
    wrong: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), polled('a', 'held', 31, 40)]),
    fault: 'came back: a had ended at 30, and a poll at 31 found it held',
    right: madeUp([granted('a', 1, 0, 10), released('a', 20, 30), polled('a', 'released', 31, 40)]),
  },
  {
    what: 'a stale read: a fence that is not current yet',
    wrong: madeUp([granted('a', 1, 0, 10), checked(1, false, 10, 20), released('a', 20, 30)]),
    fault: 'lost: fence 1 was not current at 10, and a is held from 10 to 20',
    right: madeUp([granted('a', 1, 0, 10), checked(1, false, 9, 20), released('a', 20, 30)]),
  },
  {
    what: 'a stale read: a fence that is no longer current',
    wrong: madeUp([granted('a', 1, 0, 10), checked(1, false, 11, 20), released('a', 20, 30)]),
    fault: 'lost: fence 1 was not current at 11, and a is held from 10 to 20',
    right: madeUp([granted('a', 1, 0, 10), checked(1, false, 11, 21), released('a', 20, 30)]),
  },
  {
    what: 'a fence that nobody was given and is current',
    wrong: madeUp([granted('a', 1, 0, 10), checked(2, true, 11, 12)]),
    fault: "stale: fence 2 of uat is current, and nobody's",
    right: madeUp([granted('a', 1, 0, 10), checked(2, false, 11, 12)]),
  },
  {
    what: 'a lease that ended before its ttl',
    wrong: madeUp([granted('a', 1, 0, 10, { ttlMs: 1000 }), renewalRefused('a', 'expired', 500, 900)]),
    fault: 'lost: a is held until 995, and a renew that ended at 900 found it ended',
    right: madeUp([granted('a', 1, 0, 10, { ttlMs: 1000 }), renewalRefused('a', 'expired', 500, 1100)]),
  },
  {
    what: 'an answer that nobody should get',
    wrong: madeUp([granted('a', 1, 0, 10), mistaken('b', 11, 12)]),
    fault: 'unexpected: acquire was answered 500',
    right: madeUp([granted('a', 1, 0, 10), askLost('b', 11)]),
  },
  {
    what: 'a lease that nobody knows any more',
    wrong: madeUp([granted('a', 1, 0, 10), polled('x', 'held', 11, 12)]),
    fault: "nobody's: x was never the answer to an ask",
    right: madeUp([granted('a', 1, 0, 10), polled('a', 'held', 11, 12)]),
  },
];

describe.each(cases)('$what', ({ wrong, fault, right }) => {
  test('is found, and only that', () => expect(faultsOf(wrong)).toEqual([fault]));
  test('is not found where it is not', () => expect(faultsOf(right)).toEqual([]));
});

describe('no fault is', () => {
  test.each<[string, History]>([
    ['an empty history', madeUp([])],
    [
      'that nobody knows when a lost release took effect',
      madeUp([granted('a', 1, 0, 10), releaseLost('a', 20), granted('b', 2, 21, 30)]),
    ],
    [
      'that a lost release never took effect',
      madeUp([granted('a', 1, 0, 10), releaseLost('a', 20), renewed('a', 30, 40)]),
    ],
    [
      'that a lost renewal did not count',
      madeUp([granted('a', 1, 0, 10, { ttlMs: 1000 }), renewalLost('a', 900), granted('b', 2, 1000, 1100)]),
    ],
    ['that another is busy', madeUp([granted('a', 1, 0, 10), busy('b', 11, 12)])],
    [
      'that a release comes too late',
      madeUp([
        granted('a', 1, 0, 10, { ttlMs: 1000 }),
        granted('b', 2, 1000, 1100),
        releaseRefused('a', 'expired', 1200, 1300),
      ]),
    ],
    [
      'that of two slots one is taken past somebody who is away',
      madeUp([queued('a', 0, 10), granted('b', 1, 11, 20), called('a', 2, 30, 40)], { uat: 2 }),
    ],
    [
      'that the one who waits for two is passed where that cannot delay it',
      madeUp([
        queued('a', 0, 10, both),
        granted('b', 1, 11, 20),
        released('b', 21, 22),
        called('a', 2, 12, 30, ['uat', 'db']),
      ]),
    ],
  ])('%s', (_, history) => expect(faultsOf(history)).toEqual([]));
});

test('100,000 operations are looked at in the time of sorting them, and the one overlap is found', () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => [
    granted(`lease-${i}`, i + 1, 10 * i, 10 * i + 1),
    released(`lease-${i}`, 10 * i + (i === 12_345 ? 12 : 8), 10 * i + 13),
  ]).flat();
  expect(faultsOf(madeUp(lines.toReversed()))).toEqual([
    'overlap: uat has 1 slots, and at 123461 it is held by lease-12345 (fence 12346), lease-12346 (fence 12347)',
  ]);
});
