// Servers on one PostgreSQL tell everything once between them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/replica/clock.ts';
import { eventually } from '../eventually.ts';
import { openPostgresLog } from '../log/opened.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { Receiver } from './receiver.ts';
import { World, webhook } from './world.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

test('two servers on one store tell everything once, in order', async () => {
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url)];
  const url = cluster.url(await cluster.newDatabase());
  const open = async (server: string) =>
    World.open(hooks, { clock: systemClock, log: await openPostgresLog(url), server });
  const [a, b] = [await open('sv_a'), await open('sv_b')];
  for (const world of [a, b]) world.notifier(hooks);
  const machines = Array.from({ length: 20 }, (_, i) => `${i}`);
  await Promise.all(
    machines.flatMap((machine, i) => {
      const world = i % 2 === 0 ? a : b;
      return [world.happens('instance.launched', machine), world.happens('instance.ready', machine)];
    }),
  );
  for (const world of [a, b]) await eventually(async () => expect(await world.jobs()).toEqual([]));
  for (const machine of machines) {
    const told = receiver.told.filter(({ json }) => json.instance.id === machine).map(({ json }) => json.event);
    expect(told).toEqual(['instance.launched', 'instance.ready']);
  }
  expect(a.outcomes.length + b.outcomes.length).toBe(40);
});
