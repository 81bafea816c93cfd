// What the driver lists against what is known: lost machines are adopted or ended, vanished ones are noticed, others left alone.

import { expect, onTestFinished, test } from 'vitest';
import { askBuild, beginLaunch, cancelBuild } from '../../src/core/machines/build.ts';
import { claimJob } from '../../src/core/machines/job.ts';
import { keepLooking } from '../../src/core/machines/reconcile.ts';
import type { InstanceRow } from '../../src/core/rows.ts';
import { defaultSettings } from '../../src/core/state.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { LocalDesk } from '../../src/provision/desk.ts';
import { Worker } from '../../src/provision/worker.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { randomIds, randomText } from '../../src/replica/ids.ts';
import { Replica } from '../../src/replica/replica.ts';
import { actor } from '../core/harness.ts';
import { eventually } from '../eventually.ts';
import { bareAsk, FakeCloud } from './fake-cloud.ts';

const ann = actor('ann', ['build', 'terminate']);
const spec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', count: 1 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};

async function world() {
  const cloud = new FakeCloud();
  const replica = await Replica.open({
    ...{ log: new MemoryLog(), clock: systemClock, ids: randomIds, settings: { ...defaultSettings, lookEveryMs: 10 } },
    ...{ historyMs: 1e9, startFacts: {} },
  });
  const troubles: string[] = [];
  const onTrouble = (message: string, error: Error) => void troubles.push(`${message}: ${error.message}`);
  const newId = () => `in_${randomText(6)}`;
  const desk = new LocalDesk({ replica, tag: 'main-1', newId, userDataFor: () => null });
  onTestFinished(() => replica.close());
  return {
    ...{ cloud, replica, troubles },
    /** From now on it is looked every now and then, by whatever worker there is. */
    reconcile: () => replica.decide((turn) => keepLooking(turn, 'jb_look')),
    work: () => {
      const made = new Worker({
        ...{ desk, driver: cloud, clock: systemClock, worker: randomText(4), holdMs: 100, lookEveryMs: 10 },
        onTrouble,
      });
      onTestFinished(() => made.stop());
      return made;
    },
    ask: () =>
      replica.decide((turn) =>
        askBuild(turn, { id: 'bd_1', spec, instances: [{ id: 'in_1', token: 't1' }], job: 'jb_1' }, ann),
      ),
    rows: (): InstanceRow[] | Promise<InstanceRow[]> => replica.look(({ instances }) => [...instances.values()]),
  };
}

const machine = (cloud: FakeCloud, instance: string) =>
  cloud.create({ ...bareAsk, token: randomText(8), instance, spec });

test('a machine whose ask was never answered is adopted', async () => {
  const { cloud, replica, reconcile, work, ask, rows } = await world();
  await ask();
  const claimed = await replica.decide((turn) => claimJob(turn, 'a worker that dies', 60_000, ['build']));
  await replica.decide((turn) => beginLaunch(turn, claimed?.claim as never, 'in_1', 0));
  await machine(cloud, 'main-1/in_1');
  work();
  await reconcile();
  await eventually(async () => expect(await rows()).toMatchObject([{ state: 'running', cloudId: 'i-1' }]));
  expect(cloud.there).toHaveLength(1);
});

test('one that carries our tag and that nobody knows is ended; what lacks our tag is never touched', async () => {
  const { cloud, reconcile, work, rows } = await world();
  for (const tagged of ['main-1/in_lost', 'main-2/in_1', 'main-12/in_1', 'team-a-1/in_1', 'somebody else', ''])
    await machine(cloud, tagged);
  work();
  await reconcile();
  await eventually(() => expect(cloud.there.map(({ instance }) => instance)).not.toContain('main-1/in_lost'));
  await eventually(async () => expect((await rows()).map(({ state }) => state)).toEqual(['gone']));
  expect(cloud.there).toHaveLength(5);
});

test('one that was made after its build was cancelled is ended', async () => {
  const { cloud, replica, reconcile, work, ask, rows } = await world();
  // The worker dies while it asks, and the ask is still on its way.
  let late: (() => Promise<unknown>) | null = null;
  cloud.onCreate = (asked) => {
    cloud.onCreate = () => undefined;
    late = () => machine(cloud, asked.instance);
    throw new Error('died');
  };
  const first = work();
  await ask();
  await eventually(() => expect(late).not.toBeNull());
  await first.stop();
  await replica.decide((turn) => cancelBuild(turn, { id: 'bd_1', job: 'jb_2', reason: null }, ann));
  work();
  await eventually(async () => expect((await rows()).map(({ state }) => state)).toEqual(['gone']));
  await (late as unknown as () => Promise<unknown>)();
  expect(cloud.there).toHaveLength(1);
  await reconcile();
  await eventually(() => expect(cloud.there).toEqual([]));
});

test('one that has vanished is gone once the driver says so of its id, and not because a list left it out', async () => {
  const { cloud, replica, reconcile, work, ask, rows } = await world();
  work();
  await ask();
  await eventually(async () => expect(await rows()).toMatchObject([{ state: 'running' }]));
  const real = cloud.list.bind(cloud);
  let lists = 0;
  cloud.list = async () => {
    lists++;
    return [];
  };
  await reconcile();
  await eventually(() => expect(lists).toBeGreaterThan(5));
  expect(await rows()).toMatchObject([{ state: 'running' }]);
  cloud.list = real;
  // Of one that was launched only just now even the driver may not know yet.
  await replica.decide((turn) => {
    const [row] = [...turn.state.instances.values()] as [InstanceRow];
    turn.put('instance', row.id, (seq) => ({ ...row, seq, launchedTick: -60_000 }));
  });
  await cloud.delete('i-1');
  await eventually(async () => expect(await rows()).toMatchObject([{ state: 'gone' }]));
});

test('a driver that cannot be asked changes nothing, and is asked again', async () => {
  const { cloud, troubles, reconcile, work, ask, rows } = await world();
  work();
  await ask();
  await eventually(async () => expect(await rows()).toMatchObject([{ state: 'running' }]));
  cloud.list = () => Promise.reject(new Error('throttled'));
  await reconcile();
  await eventually(() => expect(troubles).toMatchObject([expect.stringContaining('throttled')]));
  expect(await rows()).toMatchObject([{ state: 'running' }]);
});
