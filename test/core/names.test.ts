// Names, nearest names, selectors and globs, each against a plain statement of what it means.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxNameLength, nameFault, nearestName } from '../../src/core/names.ts';
import { globMatches, globsMatch, labelsMatch, selectorText } from '../../src/core/selectors.ts';

describe('a name', () => {
  test.each([
    'uat',
    'Production EU',
    'größe',
    '環境',
    '🚂',
    'a/b',
    "it's",
    '__proto__',
    'a'.repeat(maxNameLength),
    '🚂'.repeat(maxNameLength),
  ])('may be %s', (name) => {
    expect(nameFault(name)).toBeNull();
  });

  test.each([
    ['', 'is empty'],
    ['a'.repeat(maxNameLength + 1), 'is longer than 200 characters'],
    ['a\nb', 'contains control characters'],
    ['a\u007fb', 'contains control characters'],
    ['a\u0085b', 'contains control characters'],
    ['a\ud800', 'contains control characters'],
  ])('may not be %j: it %s', (name, fault) => {
    expect(nameFault(name)).toBe(fault);
  });

  test('of any allowed kind can be written as UTF-8 and read again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        fc.pre(nameFault(name) === null);
        expect(Buffer.from(name, 'utf8').toString('utf8')).toBe(name);
      }),
    );
  });
});

describe('the nearest name', () => {
  test.each([
    ['prodution', ['uat', 'production'], 'production'],
    ['uta', ['uat', 'qa'], 'uat'],
    ['UAT', ['uat'], 'uat'],
    ['staging', ['production', 'uat'], null],
    ['a', [], null],
    ['uat', ['uat'], null],
  ] as const)('to %s among %j is %s', (name, candidates, nearest) => {
    expect(nearestName(name, candidates)).toBe(nearest);
  });

  test('finds any one slip of the finger in a name of four letters or more', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 4, maxLength: 12 });
    fc.assert(
      fc.property(letters, fc.nat(), fc.constantFrom('x', ''), fc.boolean(), (name, at, other, swaps) => {
        const i = at % (name.length - 1);
        const slipped = swaps
          ? name.slice(0, i) + name[i + 1] + name[i] + name.slice(i + 2)
          : name.slice(0, i) + other + name.slice(i + 1);
        fc.pre(slipped !== name);
        expect(nearestName(slipped, [name])).toBe(name);
      }),
    );
  });

  test('is never further away than a third of the name', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.array(fc.string({ maxLength: 8 })), (name, candidates) => {
        const nearest = nearestName(name, candidates);
        if (nearest === null) return;
        expect(candidates).toContain(nearest);
        expect(distance(name.toLowerCase(), nearest.toLowerCase())).toBeLessThanOrEqual(
          Math.max(1, Math.floor(name.length / 3)),
        );
      }),
    );
  });
});

describe('a glob', () => {
  test.each([
    ['*', 'anything', true],
    ['uat', 'uat', true],
    ['uat', 'uat1', false],
    ['uat*', 'uat', true],
    ['*-eu', 'uat-eu', true],
    ['a*a', 'a', false],
    ['a*b*a', 'aba', true],
    ['a.c', 'abc', false],
    ['*a*a*', 'aXa', true],
  ])('%s and %s: %s', (glob, name, matches) => {
    expect(globMatches(glob, name)).toBe(matches);
  });

  test('means what the same pattern means as a regular expression', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n'), maxLength: 8 });
    fc.assert(
      fc.property(text, name, (glob, of) => {
        const pattern = glob
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('[^]*');
        expect(globMatches(glob, of)).toBe(new RegExp(`^${pattern}$`).test(of));
      }),
      { numRuns: 2_000 },
    );
  });

  test('no list is no limit, an empty list matches nothing', () => {
    expect(globsMatch(null, 'uat')).toBe(true);
    expect(globsMatch([], 'uat')).toBe(false);
    expect(globsMatch(['x', 'u*'], 'uat')).toBe(true);
  });
});

describe('a selector', () => {
  test('matches what carries every pair of it', () => {
    const labels = fc.dictionary(fc.constantFrom('kind', 'site', 'tier'), fc.constantFrom('a', 'b'));
    fc.assert(
      fc.property(labels, labels, (selector, carried) => {
        const all = Object.entries(selector).every(([key, value]) => carried[key] === value);
        expect(labelsMatch(selector, carried)).toBe(all);
      }),
    );
  });

  test('is not matched by what every object carries', () => {
    expect(labelsMatch({ constructor: 'x' }, {})).toBe(false);
    expect(labelsMatch({ toString: 'x' }, { toString: 'x' })).toBe(true);
  });

  test('is written the same whatever the order of its pairs', () => {
    expect(selectorText({ site: 'eu', kind: 'db' })).toBe('kind=db,site=eu');
    expect(selectorText({})).toBe('');
  });
});

/** Edits between two words; a swap of neighbours is one (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(i - 2, j - 2) + 1);
      (rows[i] as number[])[j] = cost;
    }
  }
  return at(a.length, b.length);
}
