// Spaces on several servers: what one of them has made all of them serve, and what happens to the database of one space is nothing to
// the others.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin } from '../http/server.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { type ManyOptions, newServer, type Server, startServers } from './servers.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ max_connections: '120' });
});
afterAll(() => cluster?.stop());

const variables = { API_KEY: admin.key };
const asAdmin = { key: admin.key };
const inSpace = (name: string) => ({ headers: { 'signalbox-space': name } });

async function servers(count: number, options: Omit<ManyOptions, 'settings'> = {}, url?: string): Promise<Server[]> {
  const store = url ?? cluster.url(await cluster.newDatabase());
  const started = await startServers(count, store, { variables, ...options });
  onTestFinished(async () => void (await Promise.all(started.map((server) => server.kill()))));
  return started;
}

/** A space with an admin key of its own. */
async function team(name: string, maker: Server, keyMaker: Server): Promise<string> {
  const made = await maker.call('PUT', `/v1/spaces/${name}`, { body: {}, ...asAdmin });
  expect(made).toMatchObject({ status: 201, json: { open: true } });
  const body = { name, scopes: ['admin'] };
  const { json } = await keyMaker.call('POST', '/v1/keys', { body, ...asAdmin, ...inSpace(name) });
  return json.key;
}

test('a space, and a key in it, that one server has made are there at every other at once', async () => {
  const [a, b, c] = (await servers(3)) as [Server, Server, Server];
  for (let i = 0; i < 5; i++) {
    const key = await team(`team-${i}`, a, b);
    expect(await c.call('GET', '/v1/me', { key })).toMatchObject({ status: 200, json: { space: `team-${i}` } });
    const held = await c.ask({ environment: 'uat', ttlSeconds: 60 }, { key });
    const waiting = await a.ask({ environment: 'uat', queueSeconds: null }, { key });
    const granted = b.call('GET', `/v1/leases/${waiting.id}?wait=30`, { key });
    expect(await a.call('DELETE', `/v1/leases/${held.id}`, { key })).toMatchObject({ status: 200 });
    expect((await granted).json).toMatchObject({ state: 'held' });
    expect(await b.call('DELETE', `/v1/spaces/team-${i}`, asAdmin)).toMatchObject({ status: 204 });
    await eventually(async () => expect((await c.call('GET', '/v1/me', { key })).status).toBe(401));
  }
});

test('many spaces share a few connections, and one that nobody uses takes no turns', async () => {
  const database = await cluster.newDatabase();
  const [a, b] = (await servers(2, {}, cluster.url(database))) as [Server, Server];
  const names = Array.from({ length: 40 }, (_, i) => `team-${i}`);
  for (const name of names) await a.call('PUT', `/v1/spaces/${name}`, { body: {}, ...asAdmin });
  for (const server of [a, b])
    await eventually(async () =>
      expect((await server.call('GET', '/readyz')).json).toMatchObject({ ok: true, spaces: true }),
    );
  const asks = names.flatMap((name) =>
    [a, b].map((server) => server.ask({ environment: `of-${server.port}` }, { ...asAdmin, ...inSpace(name) })),
  );
  for (const lease of await Promise.all(asks)) expect(lease.state).toBe('held');
  // One that listens, eight for turns, three for long questions.
  expect((await cluster.sessions(database)).length).toBeLessThanOrEqual(2 * 12);
  const seqs = () =>
    cluster.query('SELECT space, max(seq)::text AS seq FROM signalbox.turn GROUP BY 1 ORDER BY 1', database);
  // Those that were told that they hold are not judged: the servers leave.
  await eventually(async () =>
    expect(await cluster.query(`SELECT id FROM signalbox.item WHERE kind = 'server'`, database)).toEqual([]),
  );
  const before = await seqs();
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(await seqs()).toEqual(before);
});

test('a space on another database: when that goes away the others go on, and it comes back by itself', async () => {
  const other = await startCluster();
  onTestFinished(() => other.stop());
  const store = cluster.url(await cluster.newDatabase());
  const database = await other.newDatabase();
  const flags = ['--space-stores', `team-b=${other.url(database)}`];
  const [a, b] = (await servers(2, { flags }, store)) as [Server, Server];
  const key = await team('team-a', a, b);
  const foreign = await team('team-b', a, b);
  const held = await a.ask({ environment: 'uat', ttlSeconds: 5 }, { key: foreign });
  expect(
    await other.query(`SELECT count(*)::int AS n FROM signalbox.item WHERE space = 'team-b'`, database),
  ).not.toEqual([{ n: 0 }]);
  await other.kill();
  for (const server of [a, b]) {
    await eventually(async () =>
      expect(await server.call('POST', '/v1/leases', { body: { environment: 'x' }, key: foreign })).toMatchObject({
        status: 503,
        json: { code: 'store_away' },
      }),
    );
    const stale = await server.call('GET', `/v1/leases/${held.id}`, { key: foreign });
    expect([stale.json.state, stale.headers.get('signalbox-stale')]).toEqual(['held', 'true']);
    expect(await server.call('GET', '/readyz')).toMatchObject({ status: 200 });
    expect(await server.ask({ environment: `of-${server.port}` }, { key })).toMatchObject({ state: 'held' });
  }
  // One that starts meanwhile serves what it can, and says of the rest that it cannot just now.
  const late = await newServer(store, { flags, variables });
  onTestFinished(() => late.kill());
  await late.start();
  expect(await late.ask({ environment: 'late' }, { key })).toMatchObject({ state: 'held' });
  expect(await late.call('GET', '/v1/me', { key: foreign })).toMatchObject({ status: 503 });
  expect((await late.call('GET', '/v1/spaces', asAdmin)).json.items).toMatchObject([
    { name: 'main', open: true },
    { name: 'team-a', open: true },
    { name: 'team-b', open: false },
  ]);
  await other.start();
  for (const server of [a, b, late]) {
    await eventually(async () =>
      expect(await server.call('POST', `/v1/leases/${held.id}/renew`, { key: foreign })).toMatchObject({ status: 200 }),
    );
  }
});

test('a server with another setting serves no empty space in the place of the one that is there', async () => {
  const database = await cluster.newDatabase();
  const main = await cluster.newDatabase();
  const store = cluster.url(main);
  const flags = ['--space-stores', `team-b=${cluster.url(database)}`];
  const [right] = (await servers(1, { flags }, store)) as [Server];
  const key = await team('team-b', right, right);
  await right.ask({ environment: 'uat' }, { key });
  const [wrong] = (await servers(1, {}, store)) as [Server];
  expect(await wrong.call('GET', '/v1/me', { key })).toMatchObject({ status: 503 });
  expect(await wrong.call('GET', '/v1/environments', { ...asAdmin, ...inSpace('team-b') })).toMatchObject({
    status: 503,
    json: { code: 'store_away' },
  });
  expect(wrong.output()).toMatch(/team-b is not in the store.*--space-stores/);
  expect((await wrong.call('GET', '/metrics', asAdmin)).text).toContain('signalbox_store_away{space="team-b"} 1\n');
  expect((await cluster.query('SELECT space FROM signalbox.meta', main)).map(({ space }) => space)).toEqual(['main']);
  expect(await right.ask({ environment: 'dev' }, { key })).toMatchObject({ state: 'held' });
});
