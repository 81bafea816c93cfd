// Builds through a driver: never more machines than were asked for, and none that nobody knows, wherever a worker dies.

import { describe, expect, onTestFinished, test } from 'vitest';
import { askBuild, cancelBuild, reportReady } from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import type { BuildRow, BuildSpec } from '../../src/core/rows.ts';
import { defaultSettings, type State } from '../../src/core/state.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { LocalDesk } from '../../src/provision/desk.ts';
import type { Driver } from '../../src/provision/driver.ts';
import { Worker, type WorkerOptions } from '../../src/provision/worker.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { randomIds, randomText } from '../../src/replica/ids.ts';
import { Replica } from '../../src/replica/replica.ts';
import { actor } from '../core/harness.ts';
import { eventually } from '../eventually.ts';
import { FakeCloud, hiccup, noRoom, refusal } from './fake-cloud.ts';

const builder = actor('ann', ['build', 'terminate']);
const spec: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.2xlarge', count: 2 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};

const deskOf = (replica: Pick<Replica, 'decide' | 'look' | 'onTurn'>) =>
  new LocalDesk({ replica, tag: 'main-1', newId: () => `in_${randomText(6)}`, userDataFor: () => null });

const jobsBesideLooks = ({ jobs }: State) => [...jobs.values()].filter(({ kind }) => kind !== 'reconcile');

class World {
  readonly cloud = new FakeCloud();
  readonly replica: Replica;
  readonly troubles: string[] = [];

  constructor(replica: Replica) {
    this.replica = replica;
  }

  static async open(): Promise<World> {
    const replica = await Replica.open({
      ...{ log: new MemoryLog(), clock: systemClock, ids: randomIds, settings: defaultSettings },
      ...{ historyMs: 1e9, startFacts: {} },
    });
    onTestFinished(() => replica.close());
    return new World(replica);
  }

  work(more: Partial<WorkerOptions> = {}): Worker {
    const made = new Worker({
      ...{ desk: deskOf(this.replica), driver: this.cloud, clock: systemClock, worker: randomText(4), holdMs: 150 },
      onTrouble: (message, error) => void this.troubles.push(`${message}: ${error.message}`),
      ...more,
    });
    onTestFinished(() => made.stop());
    return made;
  }

  async ask(change: Partial<BuildSpec> = {}, id = `bd_${randomText(8)}`): Promise<BuildRow> {
    const asked = { ...spec, ...change };
    const instances = Array.from({ length: asked.count }, () => ({ id: `in_${randomText(8)}`, token: randomText(16) }));
    const outcome = await this.replica.decide((turn) =>
      askBuild(turn, { id, spec: asked, instances, job: `jb_${randomText(8)}` }, builder),
    );
    if (!outcome.ok) throw new Error(outcome.message);
    return outcome.value.build;
  }

  look<T>(reader: (state: State) => T): T | Promise<T> {
    return this.replica.look(reader);
  }

  becomes(id: string, state: BuildRow['state']): Promise<BuildRow> {
    return eventually(async () => {
      const build = (await this.look(({ builds }) => builds.get(id))) as BuildRow;
      expect(build.state).toBe(state);
      return build;
    });
  }
}

test('a build makes as many machines as it was asked for, and is finished when each has said that it is ready', async () => {
  const world = await World.open();
  world.work();
  const { id } = await world.ask();
  const build = await world.becomes(id, 'started');
  expect(build.steps.map(({ name, doneAt }) => [name, doneAt !== null])).toEqual([
    ['launch 1/2', true],
    ['launch 2/2', true],
  ]);
  expect(
    await world.look(({ instances }) => [...instances.values()].map(({ state, cloudId }) => [state, cloudId])),
  ).toEqual([
    ['running', 'i-1'],
    ['running', 'i-2'],
  ]);
  for (const cloudId of ['i-1', 'i-1', 'i-2'])
    expect(await world.replica.decide((turn) => reportReady(turn, id, cloudId))).toMatchObject({ ok: true });
  await world.becomes(id, 'finished');
  expect(await world.look(jobsBesideLooks)).toEqual([]);
  expect(world.troubles).toEqual([]);
});

test('the same id is the same build', async () => {
  const world = await World.open();
  world.work();
  const first = await world.ask({}, 'bd_mine');
  await world.becomes(first.id, 'started');
  expect((await world.ask({ count: 5 }, 'bd_mine')).spec.count).toBe(2);
  expect(world.cloud.machines).toHaveLength(2);
});

describe('what goes wrong', () => {
  test('and may pass is tried again with the same token: a lost answer makes no second machine', async () => {
    const world = await World.open();
    let lost = 0;
    world.cloud.afterCreate = () => {
      if (lost++ < 1) throw hiccup();
    };
    world.work();
    const { id } = await world.ask();
    await world.becomes(id, 'started');
    expect(world.cloud.machines).toHaveLength(2);
    expect(lost).toBe(2);
  });

  test('is not believed: a machine that is another one already is not given to two', async () => {
    const world = await World.open();
    const create = world.cloud.create.bind(world.cloud);
    let lies = 0;
    world.cloud.create = async (ask) => {
      const made = await create(ask);
      return made.cloudId === 'i-2' && lies++ < 1 ? { ...made, cloudId: 'i-1' } : made;
    };
    world.work();
    const { id } = await world.ask();
    await eventually(async () => {
      const build = await world.look(({ builds }) => builds.get(id));
      expect(build?.failure?.reason).toMatch(/^the driver has given i-1 for in_\w+, and it is in_\w+ already$/);
    });
    await world.becomes(id, 'started');
    const named = await world.look(({ instances }) => [...instances.values()].map(({ cloudId }) => cloudId));
    expect(named).toEqual(['i-1', 'i-2']);
  });

  test('for want of room is tried with the next choice, under another token', async () => {
    const world = await World.open();
    world.cloud.choicesOf = () => 3;
    world.cloud.onCreate = ({ choice }) => {
      if (choice < 2) throw noRoom();
    };
    world.work();
    const { id } = await world.ask();
    await world.becomes(id, 'started');
    expect(world.cloud.machines.map(({ choice }) => choice)).toEqual([2, 2]);
    expect(new Set(world.cloud.machines.map(({ token }) => token)).size).toBe(2);
  });

  test('for good is said with its step and reason, and what runs is kept until somebody cancels', async () => {
    const world = await World.open();
    let asked = 0;
    world.cloud.onCreate = () => {
      if (++asked === 2) throw refusal();
    };
    world.work();
    const { id } = await world.ask();
    const build = await world.becomes(id, 'failed');
    expect(build.failure).toEqual({ step: 'launch 2/2', reason: 'no such image', tries: 1 });
    expect(world.cloud.there).toHaveLength(1);
    const cancel = { id, job: 'jb_cancel', reason: 'no use' };
    await world.replica.decide((turn) => cancelBuild(turn, cancel, builder));
    await world.becomes(id, 'cancelled');
    expect(world.cloud.there).toEqual([]);
    expect(await world.look(({ instances }) => [...instances.values()].map(({ state }) => state))).toEqual([
      'gone',
      'gone',
    ]);
  });
});

test('a machine is ended once somebody says so, and stays ended', async () => {
  const world = await World.open();
  world.work();
  const { id } = await world.ask({ count: 1 });
  await world.becomes(id, 'started');
  const end = () =>
    world.replica.decide((turn) => terminate(turn, { id: 'i-1', job: `jb_${randomText(4)}`, reason: null }, builder));
  expect(await end()).toMatchObject({ ok: true, value: { state: 'ending' } });
  await eventually(async () => expect(world.cloud.there).toEqual([]));
  await eventually(async () => expect(await world.look(jobsBesideLooks)).toEqual([]));
  expect(await end()).toMatchObject({ ok: false, code: 'instance_unknown' });
});

describe('a worker that dies', () => {
  /** Lives for so many calls: from then on none of them comes back; the last one still has its effect or has not. */
  function mortal(
    world: World,
    lives: number,
    hasEffect: boolean,
  ): Pick<WorkerOptions, 'desk' | 'driver'> & { calls: () => number } {
    let calls = 0;
    const through = async <T>(act: () => T | Promise<T>): Promise<T> => {
      calls++;
      if (calls < lives) return act();
      if (calls === lives && hasEffect) await act();
      return new Promise<never>(() => undefined);
    };
    const { replica, cloud } = world;
    const driver: Driver = {
      name: 'mortal',
      images: null,
      shared: null,
      choices: (spec) => cloud.choices(spec),
      create: (ask) => through(() => cloud.create(ask)),
      get: (id) => through(() => cloud.get(id)),
      find: (id) => through(() => cloud.find(id)),
      list: () => through(() => cloud.list()),
      delete: (id) => through(() => cloud.delete(id)),
    };
    return {
      driver,
      desk: deskOf({
        decide: (command) => through(() => replica.decide(command)),
        look: (reader) => replica.look(reader),
        onTurn: (listener) => replica.onTurn(listener),
      }),
      calls: () => calls,
    };
  }

  test.each([true, false])('at any point, its last call having had its effect: %s', {
    timeout: 120_000,
  }, async (hasEffect) => {
    for (let lives = 1; ; lives++) {
      const world = await World.open();
      const first = mortal(world, lives, hasEffect);
      new Worker({
        ...first,
        clock: systemClock,
        worker: 'first',
        holdMs: 60,
        onTrouble: () => undefined,
      });
      const { id } = await world.ask();
      // It has died, or it has done all there is to do.
      await eventually(async () => {
        const build = await world.look(({ builds }) => builds.get(id));
        expect(first.calls() >= lives || build?.state === 'started').toBe(true);
      });
      world.work({ holdMs: 60 });
      await world.becomes(id, 'started');
      const known = await world.look(({ instances }) => [...instances.values()].map(({ cloudId }) => cloudId));
      expect({ lives, known: known.sort() }).toEqual({
        lives,
        known: world.cloud.there.map(({ cloudId }) => cloudId).sort(),
      });
      expect({ lives, there: world.cloud.there.length }).toEqual({ lives, there: 2 });
      if (first.calls() < lives) {
        // Not one of its calls was left out.
        expect(lives).toBeGreaterThan(8);
        return;
      }
    }
  });

  test('at any point of a cancellation: nothing is left', { timeout: 120_000 }, async () => {
    for (let lives = 1; ; lives++) {
      const world = await World.open();
      world.cloud.afterCreate = ({ instance }) => {
        if (world.cloud.machines.length === 2 && instance !== '') throw hiccup();
      };
      const before = world.work({ holdMs: 60 });
      const { id } = await world.ask();
      await eventually(() => expect(world.cloud.there).toHaveLength(2));
      await before.stop();
      await world.replica.decide((turn) => cancelBuild(turn, { id, job: 'jb_c', reason: null }, builder));
      const first = mortal(world, lives, lives % 2 === 0);
      new Worker({
        ...first,
        clock: systemClock,
        worker: 'first',
        holdMs: 60,
        onTrouble: () => undefined,
      });
      await eventually(async () => {
        const build = await world.look(({ builds }) => builds.get(id));
        expect(first.calls() >= lives || build?.state === 'cancelled').toBe(true);
      });
      world.work({ holdMs: 60 });
      await world.becomes(id, 'cancelled');
      expect({ lives, there: world.cloud.there }).toEqual({ lives, there: [] });
      if (first.calls() < lives) return;
    }
  });
});
