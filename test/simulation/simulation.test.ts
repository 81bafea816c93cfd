// Thousands of small lives of a server, each with other faults (npm run sim runs more, and longer ones), and the faults that
// were planted on purpose: a simulation that does not find them proves nothing.

import { describe, expect, test } from 'vitest';
import { plantedFaults } from './plants.ts';
import { plantedMeetFaults } from './plants-meet.ts';
import { plantedSeveralFaults } from './plants-several.ts';
import { simulate } from './simulation.ts';

const seeds = 2_000;
const seedsAtOnce = 250;
const steps = 500;
/** A planted fault must show within this many seeds. */
const seedsForPlanted = 1_000;
const timeout = 300_000;

const happened = new Map<string, number>();

describe('all invariants hold, and everything is live again after the last fault', () => {
  for (let first = 1; first <= seeds; first += seedsAtOnce) {
    test(`in the seeds from ${first} on`, { timeout }, async () => {
      for (let seed = first; seed < first + seedsAtOnce; seed++) {
        const { faults, counts, fingerprint } = await simulate({ seed, steps });
        expect(faults, `npm run sim -- --seed ${seed} --steps ${steps} --trace`).toEqual([]);
        for (const [what, count] of Object.entries(counts)) happened.set(what, (happened.get(what) ?? 0) + count);
        if (seed % 100 === 0) expect((await simulate({ seed, steps })).fingerprint).toBe(fingerprint);
      }
    });
  }

  test('and nearly everything that can happen did', () => {
    const rare = [
      ...['absent', 'cancelled', 'environment_deleted', 'environment_draining', 'expired', 'max_hold', 'queue_timeout'],
      ...['released', 'revoked', 'stolen'],
    ].map((how) => `end ${how}`);
    rare.push(
      'deaths',
      'stalls',
      'log full',
      'log lost',
      'log answer lost',
      'renew lease_revoked',
      'renew lease_ended',
    );
    rare.push(
      'acquire unavailable',
      'acquire environment_draining',
      'acquire queue_full',
      'reused key idempotency_key_reused',
    );
    rare.push('stranger not_yours', 'clean ok', 'freeze ok', 'delete ok', 'revoke ok', 'drop unused ok');
    rare.push(...['opened', 'failed', 'timed_out', 'cancelled'].map((how) => `barrier ${how}`));
    for (const outcome of ['met', 'failed', 'timed_out']) rare.push(`any ${outcome}`, `all ${outcome}`);
    for (const state of ['met', 'failed', 'pending']) rare.push(`told signal ${state}`, `told barrier ${state}`);
    for (const state of ['met', 'pending']) rare.push(`told env ${state}`, `told lease ${state}`);
    rare.push('signal.cleared', 'signal.expired', 'set too_many_signals', 'declare too_many_barriers');
    rare.push('declare barrier_differs', 'arrive party_unknown', 'arrive too_many_parties', 'arrive barrier_unknown');
    rare.push('jumps', 'fulls');
    rare.push('cuts', 'log away', 'log hangs', 'log answer late', 'log reload', 'server.gone');
    rare.push('forget ok', 'wait too_many_waits', 'wait stopping');
    expect(rare.filter((what) => (happened.get(what) ?? 0) < 5)).toEqual([]);
    expect(happened.get('grants')).toBeGreaterThan(10_000);
  });
});

describe('a fault that is planted is found', () => {
  const planted = [
    ...[...plantedFaults, ...plantedMeetFaults].map((fault) => ({ ...fault, servers: 'one' as const })),
    ...plantedSeveralFaults.map((fault) => ({ ...fault, servers: 'several' as const })),
  ];
  for (const { name, plant, servers } of planted) {
    test(name, { timeout }, async () => {
      const uproot = plant();
      let found = 0;
      try {
        for (let seed = 1; seed <= seedsForPlanted && found === 0; seed++) {
          const { faults } = await simulate({ seed, steps, servers });
          if (faults.length > 0) found = seed;
        }
      } finally {
        uproot();
      }
      expect(found, `seeds until it is found`).toBeGreaterThan(0);
      // Without it that seed is well.
      expect((await simulate({ seed: found, steps, servers })).faults).toEqual([]);
    });
  }
});
