// Worlds with machines, workers and a cloud (npm run sim -- --machines runs more, and longer ones), and the faults that were planted
// on purpose: a simulation that does not find them proves nothing.

import { describe, expect, test } from 'vitest';
import { simulateMachines } from './machines.ts';
import { plantedMachineFaults } from './plants-machines.ts';

const seeds = 60;
const seconds = 300;
/** A planted fault must show within this many seeds. */
const seedsForPlanted = 60;
const timeout = 300_000;

test('all invariants hold, and once the faults have stopped the cloud has what is known, and nothing else', {
  timeout,
}, async () => {
  const happened = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    const { faults, counts, fingerprint } = await simulateMachines({ seed, seconds });
    expect(faults, `npm run sim -- --machines --seed ${seed} --steps ${seconds / 0.15} --trace`).toEqual([]);
    for (const [what, count] of Object.entries(counts)) happened.set(what, (happened.get(what) ?? 0) + count);
    if (seed % 20 === 0) expect((await simulateMachines({ seed, seconds })).fingerprint).toBe(fingerprint);
  }
  const rare = [
    ...['build.cancelled', 'build.failed', 'build.finished', 'instance.adopted', 'shared.removed', 'pool.removed'],
    ...['create answer lost', 'create late', 'create throttled', 'delete answer lost', 'desk answer lost'],
    ...['server dies: by chance', 'worker dies', 'worker stops', 'stalls', 'vanished', 'once', 'lease held'],
  ];
  expect(rare.filter((what) => (happened.get(what) ?? 0) < 5)).toEqual([]);
});

describe('a fault that is planted is found', () => {
  for (const { name, plant } of plantedMachineFaults) {
    test(name, { timeout }, async () => {
      const uproot = plant();
      let found = 0;
      try {
        for (let seed = 1; seed <= seedsForPlanted && found === 0; seed++)
          if ((await simulateMachines({ seed, seconds })).faults.length > 0) found = seed;
      } finally {
        uproot();
      }
      expect(found, 'seeds until it is found').toBeGreaterThan(0);
      // Without it that seed is well.
      expect((await simulateMachines({ seed: found, seconds })).faults).toEqual([]);
    });
  }
});
