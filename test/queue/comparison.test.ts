// The queue beside its specification: some thousand random commands in each of three kinds of world, without a bound on
// searches and with several. `node test/queue/compare.ts` runs as many more as one likes.
// Then the same with faults planted into the queue, each of which must be seen.

import { describe, expect, test } from 'vitest';
import { type Counts, compare, exact, type Options } from './compare.ts';
import { type Mutant, mutants, mutantsWithBound, plant } from './mutants.ts';
import { largeShape, tangledShape } from './random.ts';

const tangled: Options = { ...exact, shape: tangledShape };

function compareSeeds(seeds: number, options: Options, first = 1): Counts {
  const counts: Counts = { commands: 0, grants: 0, missed: 0 };
  for (let seed = first; seed < first + seeds; seed++) compare(seed, options, counts);
  return counts;
}

describe('the queue does what its specification says', () => {
  test('in small worlds', () => {
    const { commands, grants } = compareSeeds(40, exact);
    expect(commands).toBe(12_000);
    expect(grants).toBeGreaterThan(500);
  });

  test('where most of it is set aside and can be exchanged', () => {
    expect(compareSeeds(20, tangled).grants).toBeGreaterThan(50);
  });

  test.each([0, 1, 2])('and keeps its order where no search visits more than %d units', (bound) => {
    const { missed } = compareSeeds(20, { ...tangled, bound });
    // Otherwise the bound was never met, and nothing was tried.
    expect(missed).toBeGreaterThan(0);
  });

  test('and keeps its order with the default bound, where more units than that have a slot set aside', () => {
    compareSeeds(1, { ...exact, bound: 256, shape: largeShape, commands: 700 });
  });
});

describe('the comparison sees a queue that', () => {
  test('grants midway through a command', () => {
    expect(() => compareSeeds(20, { ...exact, grantMidway: true })).toThrow(/cannot be granted and is/);
  });

  test.each(mutants)('$fault', async (mutant) => {
    await expectCaught(mutant, Number.POSITIVE_INFINITY);
  });

  test.each(mutantsWithBound)('$fault, with a bound', async (mutant) => {
    await expectCaught(mutant, 1);
  });
});

async function expectCaught(mutant: Mutant, bound: number): Promise<void> {
  const planted = await plant(mutant);
  try {
    const options = { ...tangled, bound, queue: planted.queue };
    expect(() => compareSeeds(60, options, mutant.seed)).toThrow(/^seed/);
  } finally {
    planted.remove();
  }
}
