// Servers whose database goes away and comes back: nothing is decided meanwhile, nothing ends, what is read says that it may be
// old, and afterwards everything goes on by itself.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import type { Reply } from '../http/server.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { type FaultyWay, hasCommit, startProxy } from '../log/postgres-proxy.ts';
import { isReady, type Server, startServers } from './servers.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

async function servers(count: number, port = cluster.port): Promise<Server[]> {
  const database = await cluster.newDatabase();
  const started = await startServers(count, cluster.url(database, port));
  onTestFinished(async () => void (await Promise.all(started.map((server) => server.kill()))));
  return started;
}

const isStale = ({ headers }: Reply): boolean => headers.get('signalbox-stale') === 'true';
const goesAway = (server: Server) =>
  eventually(async () => expect(await server.call('GET', '/readyz')).toMatchObject({ status: 503 }));
const isBack = (server: Server) => eventually(async () => expect(await isReady(server.url)).toBe(true));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a database that is stopped for longer than a ttl: 503 for what decides, reads are stale, no lease ends', async () => {
  const [a, b] = (await servers(2)) as [Server, Server];
  const held = await a.ask({ environment: 'uat', ttlSeconds: 5 });
  const waiting = await b.ask({ environment: 'uat', queueSeconds: null });
  const poll = b.call('GET', `/v1/leases/${waiting.id}?wait=60`);
  await eventually(async () =>
    expect((await b.call('GET', '/metrics')).text).toContain('signalbox_polls{space="main"} 1\n'),
  );
  const asked = { headers: { 'idempotency-key': 'k' }, body: { environment: 'other' } };
  await cluster.kill();
  for (const server of [a, b]) {
    await goesAway(server);
    const refused = await server.call('POST', '/v1/leases', asked);
    expect(refused).toMatchObject({ status: 503, json: { code: 'store_away' } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await server.call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 503 });
    for (const path of ['/v1/environments', `/v1/leases/${held.id}`, `/v1/leases/${waiting.id}`, '/v1/me']) {
      const read = await server.call('GET', path);
      expect([path, read.status, isStale(read)]).toEqual([path, 200, true]);
    }
    expect(await server.call('GET', '/v1/events')).toMatchObject({ status: 503, json: { code: 'store_away' } });
    expect(await server.call('GET', '/healthz')).toMatchObject({ status: 200 });
  }
  await pause(7_000);
  for (const server of [a, b]) expect((await server.lease(held.id)).state).toBe('held');
  await cluster.start();
  for (const server of [a, b]) await isBack(server);
  expect(await b.call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 200 });
  expect(isStale(await a.call('GET', '/v1/environments'))).toBe(false);
  const made = await a.call('POST', '/v1/leases', asked);
  expect(await b.call('POST', '/v1/leases', asked)).toMatchObject({ status: 201, json: { id: made.json.id } });
  await a.call('DELETE', `/v1/leases/${held.id}`);
  expect((await poll).json).toMatchObject({ state: 'held' });
});

test('connections that are all ended again and again: whoever asks again with the same key has one lease', async () => {
  const [a, b] = (await servers(2)) as [Server, Server];
  let isOver = false;
  const ending = (async () => {
    while (!isOver) {
      await cluster.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalbox'`,
      );
      await pause(150);
    }
  })();
  const acknowledged = new Map<string, string>();
  await Promise.all(
    Array.from({ length: 8 }, async (_, client) => {
      for (let i = 0; i < 12; i++) {
        const key = `${client}-${i}`;
        const asked = { headers: { 'idempotency-key': key }, body: { environment: key } };
        for (let tries = 0; !acknowledged.has(key); tries++) {
          const { status, json } = await ([a, b][tries % 2] as Server).call('POST', '/v1/leases', asked);
          if (status === 201) acknowledged.set(key, json.id);
          else expect({ status, code: json.code }).toEqual({ status: 503, code: 'store_away' });
        }
        await pause(20);
      }
    }),
  );
  isOver = true;
  await ending;
  for (const server of [a, b]) {
    await isBack(server);
    const { json } = await server.call('GET', '/v1/leases?limit=500');
    expect(json.items.map(({ id }: { id: string }) => id).sort()).toEqual([...acknowledged.values()].sort());
  }
});

describe('on the way to the database', () => {
  let way: FaultyWay;
  let server: Server;
  beforeEach(async () => {
    way = await startProxy(cluster.port);
    onTestFinished(() => way.stop());
    [server] = (await servers(1, way.port)) as [Server];
  });
  const asked = (key: string) => ({ headers: { 'idempotency-key': key }, body: { environment: key, ttlSeconds: 60 } });

  test('a commit is lost, or its answer: what was asked is done once, and is answered', async () => {
    let commits = 0;
    way.toServer = (piece, link) => {
      if (!hasCommit(piece) || ++commits % 2 === 0) return piece;
      if (commits % 4 === 3) {
        link.cut();
        return null;
      }
      link.marks.add('no answer');
      return piece;
    };
    way.toClient = (piece, link) => {
      if (!link.marks.has('no answer')) return piece;
      link.cut();
      return null;
    };
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      const reply = await eventually(async () => {
        const one = await server.call('POST', '/v1/leases', asked(`k${i}`));
        expect(one.status).toBe(201);
        return one;
      });
      ids.push(reply.json.id);
    }
    expect(commits).toBeGreaterThan(12);
    way.toServer = way.toClient = (piece) => piece;
    const { json } = await server.call('GET', '/v1/leases?limit=500');
    expect(json.items.map(({ id }: { id: string }) => id).sort()).toEqual(ids.toSorted());
  });

  test('a commit hangs: reads show what was before, and say so; the turn is found out in the end', async () => {
    await server.ask({ environment: 'before' });
    way.toServer = (piece, link) => {
      // Not a turn that the server takes by itself.
      if (hasCommit(piece) && piece.includes('hangs')) link.marks.add('silent');
      return piece;
    };
    way.toClient = (piece, link) => (link.marks.has('silent') ? null : piece);
    const hanging = server.call('POST', '/v1/leases', asked('hangs'));
    await goesAway(server);
    way.toServer = (piece) => piece;
    const read = await server.call('GET', '/v1/environments');
    expect(isStale(read)).toBe(true);
    expect(read.json.items.map(({ name }: { name: string }) => name)).toEqual(['before']);
    expect(await server.call('DELETE', '/v1/leases/ls_1')).toMatchObject({ json: { code: 'store_away' } });
    const { status, json } = await hanging;
    expect(status).toBe(201);
    await isBack(server);
    expect((await server.call('POST', '/v1/leases', asked('hangs'))).json).toMatchObject({
      id: json.id,
      state: 'held',
    });
    expect((await server.environment('hangs')).held).toMatchObject([{ id: json.id }]);
  });

  test('nothing passes any more: reads are answered, and no lease ends for it', async () => {
    const held = await server.ask({ environment: 'uat', ttlSeconds: 6 });
    let renewals = 0;
    const renewing = setInterval(async () => {
      const reply = await server.call('POST', `/v1/leases/${held.id}/renew`).catch(() => null);
      if (reply?.status === 200) renewals++;
    }, 1_000);
    onTestFinished(() => clearInterval(renewing));
    await eventually(() => expect(renewals).toBeGreaterThan(1));
    way.toServer = way.toClient = () => null;
    await goesAway(server);
    expect(isStale(await server.call('GET', '/v1/environments'))).toBe(true);
    await pause(6_000);
    expect((await server.lease(held.id)).state).toBe('held');
    way.toServer = way.toClient = (piece) => piece;
    const before = renewals;
    await eventually(() => expect(renewals).toBeGreaterThan(before + 1));
    expect((await server.lease(held.id)).state).toBe('held');
  });
});
