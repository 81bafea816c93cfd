// Who is missing at a barrier: said only where it is certain.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingParties, missingText } from '../../src/core/meet/missing.ts';
import type { BarrierRow } from '../../src/core/rows.ts';
import { done } from './harness.ts';
import { Meeting } from './meeting.ts';

const template = done(new Meeting().meet(1)).barrier;

function barrier(count: number, arrived: readonly string[], names: readonly string[] | null = null): BarrierRow {
  return { ...template, count, names, arrivals: arrived.map((party) => ({ party, at: 0, by: 'ci' })) };
}

const missing = (count: number, ...arrived: string[]) => missingText(barrier(count, arrived));

test('those who were named and have not come', () => {
  expect(missingParties(barrier(3, ['b'], ['a', 'b', 'c']))).toEqual(['a', 'c']);
  expect(missingText(barrier(3, ['b'], ['a', 'b', 'c']))).toBe('a, c');
  expect(missingParties(barrier(2, ['b', 'a'], ['a', 'b']))).toEqual([]);
  const many = Array.from({ length: 12 }, (_, i) => `p${i}`);
  expect(missingText(barrier(12, [], many))).toBe(`${many.slice(0, 10).join(', ')}, …`);
});

describe('where only their number was said', () => {
  test.each([
    ['from 1', 5, ['shard-1', 'shard-2', 'shard-4', 'shard-5'], 'shard-3'],
    ['from 0', 5, ['shard-0', 'shard-2', 'shard-3', 'shard-4'], 'shard-1'],
    ['from 0, several', 4, ['s0', 's3'], 's1, s2'],
    ['from 1, several', 4, ['s1', 's4'], 's2, s3'],
    ['with something behind', 3, ['1-of-x', '3-of-x'], '2-of-x'],
    ['where the number is the name', 3, ['1', '3'], '2'],
    ['padded', 12, ['n01', 'n12', 'n05', 'n02', 'n03', 'n04', 'n06', 'n07', 'n08', 'n09', 'n11'], 'n10'],
    ['padded, either numbering', 3, ['n01', 'n02'], 'n00 or n03'],
    ['padded to two, whoever came first', 101, ['n100', ...range(0, 99).filter((n) => n !== 'n05')], 'n05'],
    ['either numbering', 5, ['shard-1', 'shard-2', 'shard-3', 'shard-4'], 'shard-0 or shard-5'],
    ['either numbering and more than one', 5, ['shard-1', 'shard-2', 'shard-3'], '2 of 5'],
    ['one alone', 3, ['shard-1'], '2 of 3'],
    ['nobody', 3, [], '3 of 3'],
    ['no numbers', 3, ['linux', 'windows'], '1 of 3'],
    ['different words', 3, ['linux-1', 'windows-2'], '1 of 3'],
    ['a number that does not fit', 3, ['shard-1', 'shard-7'], '1 of 3'],
    ['one number twice', 3, ['shard-1', 'shard-01'], '1 of 3'],
    ['one number twice, both zero', 3, ['shard-0', 'shard-00'], '1 of 3'],
    ['padded in two ways', 3, ['shard-1', 'shard-002'], '1 of 3'],
    ['a long number', 3, ['shard-10000001', 'shard-10000002'], 'shard-10000000 or shard-10000003'],
  ])('%s', (_, count, arrived, text) => {
    expect(missing(count, ...arrived)).toBe(text);
  });

  test('all have come', () => {
    expect(missingParties(barrier(2, ['x', 'y']))).toEqual([]);
  });

  test('what it names is as many as are missing, and nobody who has come', () => {
    const party = fc.oneof(
      fc.stringMatching(/^[ab]-?\d{1,4}b?$/),
      fc.integer({ min: 0, max: 12 }).map((n) => `p${String(n).padStart(2, '0')}`),
      fc.integer({ min: 0, max: 12 }).map((n) => `p${n}`),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), fc.uniqueArray(party, { maxLength: 14 }), (count, all) => {
        const arrived = all.slice(0, count);
        const row = barrier(count, arrived);
        const told = missingParties(row);
        if (told === null) return;
        expect(told).toHaveLength(count - arrived.length);
        expect(told.filter((one) => arrived.includes(one))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('nobody can say how p9 is written where only longer numbers came', () => {
    expect(missingParties(barrier(12, ['p10', 'p11', 'p12']))).toBeNull();
    expect(missingText(barrier(12, ['p10', 'p11', 'p12']))).toBe('9 of 12');
    expect(missingParties(barrier(12, ['p7', 'p10', 'p12']))).toEqual(
      [1, 2, 3, 4, 5, 6, 8, 9, 11].map((number) => `p${number}`),
    );
  });

  test('parties that are numbered are never told wrongly, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 120 }),
        fc.constantFrom(0, 1),
        fc.constantFrom(1, 2, 3),
        fc.infiniteStream(fc.nat()),
        (count, first, width, chance) => {
          const all = Array.from({ length: count }, (_, i) => `n${String(first + i).padStart(width, '0')}`);
          const order = all.map((one) => [chance.next().value as number, one] as const).sort((a, b) => a[0] - b[0]);
          const arrived = order.slice(0, (chance.next().value as number) % count).map(([, one]) => one);
          const told = missingParties(barrier(count, arrived));
          if (told !== null) expect(new Set([...told, ...arrived])).toEqual(new Set(all));
        },
      ),
      { numRuns: 500 },
    );
  });
});

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `n${String(from + i).padStart(2, '0')}`);
}
