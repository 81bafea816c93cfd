// Waiting for machines: which turn tells whom, and how a build or a machine stands for whoever waits for it.

import { describe, expect, test } from 'vitest';
import {
  askBuild,
  beginLaunch,
  cancelBuild,
  endBuild,
  endLaunch,
  failStep,
  reportReady,
} from '../../src/core/machines/build.ts';
import { endInstance } from '../../src/core/machines/instance.ts';
import { type Claim, claimJob } from '../../src/core/machines/job.ts';
import { type Awaited, awaitedKey, standingOf, toldBy, waitRefusal } from '../../src/core/meet/waiting.ts';
import type { InstanceRow } from '../../src/core/rows.ts';
import type { Turn } from '../../src/core/turn.ts';
import { actor, ann, Space } from './harness.ts';

const bob = actor('bob', ['build', 'wait']);
const spec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', count: 2 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};
const awaited = (id: string, ready = false): Awaited => ({ kind: 'instance', id, ready });

class World extends Space {
  claim: Claim;

  constructor() {
    super();
    const instances = ['in_0', 'in_1'].map((id) => ({ id, token: id }));
    this.turn((turn) => askBuild(turn, { id: 'bd', spec, instances, job: 'jb' }, bob));
    this.claim = this.turn((turn) => claimJob(turn, 'w', 60_000, ['build']))?.claim as Claim;
  }

  launch(i: number): void {
    const ids = { cloudId: `i-${i}`, facts: {} };
    this.turn((turn) => beginLaunch(turn, this.claim, `in_${i}`, 0));
    this.turn((turn) => endLaunch(turn, this.claim, `in_${i}`, ids));
  }

  started(): this {
    this.launch(0);
    this.launch(1);
    this.turn((turn) => endBuild(turn, this.claim));
    return this;
  }

  stands(id: string, ready = false): string {
    const { state, detail } = standingOf(this.state, awaited(id, ready));
    return `${state} ${detail}`;
  }

  /** What a turn tells those who wait for these, with and without `/ready`. */
  tells(ids: readonly string[], command: (turn: Turn) => unknown): string[] {
    const keys = new Set(ids.flatMap((id) => [awaitedKey(awaited(id)), awaitedKey(awaited(id, true))]));
    return this.turn((turn) => {
      command(turn);
      return [...toldBy(turn, { has: (key) => keys.has(key), environments: [] })].map(
        ([key, { state }]) => `${key.slice('instance '.length)} ${state}`,
      );
    });
  }
}

describe('a build', () => {
  test('is met when all its machines run, and with /ready once each has said that it is', () => {
    const world = new World();
    expect([world.stands('bd'), world.stands('bd', true)]).toEqual(['pending pending', 'pending pending']);
    world.launch(0);
    expect(world.stands('bd')).toMatch(/^pending/);
    world.started();
    expect([world.stands('bd'), world.stands('bd', true)]).toEqual(['met started', 'pending started']);
    world.turn((turn) => reportReady(turn, 'bd', 'i-0'));
    expect(world.stands('bd', true)).toMatch(/^pending/);
    expect(world.tells(['bd'], (turn) => reportReady(turn, 'bd', 'i-1'))).toEqual(
      expect.arrayContaining(['bd met', 'bd/ready met']),
    );
  });

  test('that fails or is cancelled ends the wait with the reason', () => {
    const failed = new World();
    const failure = { step: 'launch 1/2', reason: 'no room', againAfterMs: 0, isFinal: true };
    expect(failed.tells(['bd'], (turn) => failStep(turn, failed.claim, failure))).toContain('bd failed');
    expect(failed.stands('bd')).toBe('failed no room');
    const cancelled = new World();
    cancelled.turn((turn) => cancelBuild(turn, { id: 'bd', job: 'jb_c', reason: null }, bob));
    expect(cancelled.stands('bd', true)).toBe('failed cancelled by bob');
  });

  test('one of whose machines goes before it is ready will never be ready', () => {
    const world = new World().started();
    const machine = () => world.state.instances.get('in_0') as InstanceRow;
    expect(world.tells(['bd', 'i-0'], (turn) => endInstance(turn, machine(), 'somebody', null))).toEqual(
      expect.arrayContaining(['bd/ready failed', 'i-0 failed']),
    );
    expect(world.stands('bd')).toBe('met started');
  });
});

test('a machine is waited for by either of its names, and whoever waits for another is told nothing', () => {
  const world = new World();
  world.turn((turn) => beginLaunch(turn, world.claim, 'in_0', 0));
  const made = { cloudId: 'i-0', facts: {} };
  const told = world.tells(['in_0', 'i-0', 'in_1', 'i-1'], (turn) => endLaunch(turn, world.claim, 'in_0', made));
  expect(told.sort()).toEqual(['i-0 met', 'i-0/ready pending', 'in_0 met', 'in_0/ready pending']);
  expect([world.stands('i-0'), world.stands('i-0', true)]).toEqual(['met running', 'pending running']);
});

test('who may not wait is refused, and what nobody knows is not waited for', () => {
  const { state } = new World();
  expect(waitRefusal(state, awaited('bd'), bob)).toBeNull();
  expect(waitRefusal(state, awaited('in_0', true), bob)).toBeNull();
  expect(waitRefusal(state, awaited('bd'), ann)).toMatchObject({ code: 'forbidden' });
  expect(waitRefusal(state, awaited('i-9'), bob)).toMatchObject({ code: 'instance_unknown' });
});
