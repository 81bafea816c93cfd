// Servers that die, stop and halt beside others on the same PostgreSQL: what was acknowledged stays, places and times are kept.
// `npm run deaths` does the first of these tests for minutes.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { deaths } from './deaths.ts';
import { type Ask, contradictions, missingIn, newAsk } from './promises.ts';
import { type Server, startServers } from './servers.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ max_connections: '100' });
});
afterAll(() => cluster?.stop());

async function three(flags: readonly string[] = []): Promise<[Server, Server, Server]> {
  const servers = await startServers(3, cluster.url(await cluster.newDatabase()), { flags });
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.kill()))));
  return servers as [Server, Server, Server];
}

const onLine = (server: Server, count: number) =>
  eventually(async () =>
    expect((await server.call('GET', '/metrics')).text).toContain(`signalbox_polls{space="main"} ${count}\n`),
  );
const ask = { environment: 'uat', queueSeconds: null };

/** Polls until it no longer waits. */
async function end(server: Server, id: string) {
  for (;;) {
    const { json } = await server.call('GET', `/v1/leases/${id}?wait=30`);
    if (json.state !== 'waiting') return json;
  }
}

test('they are killed again and again under load: nothing that was acknowledged is lost, and the order is kept', async () => {
  const { faults, kills, cycles } = await deaths({ ms: 8_000 });
  expect(faults).toEqual([]);
  expect(kills).toBeGreaterThan(3);
  expect(cycles).toBeGreaterThan(50);
});

test('one lease that is forgotten is found', async () => {
  const { faults } = await deaths({ ms: 1_000, forget: true });
  expect(faults.join('\n')).toMatch(/^lost: .* was granted .* 404/m);
});

describe('what was acknowledged is contradicted', () => {
  let at = 0;
  const ask = (fence: number, times: Partial<Ask>): Ask => {
    at++;
    return { ...newAsk(`k${at}`, 'e'), id: `ls_${at}`, fence, sentAt: 0, placedAt: 1, grantedAt: 1, ...times };
  };
  const found = (asks: readonly Ask[], capacity = 1) =>
    contradictions(asks, () => capacity).map((fault) => fault.replace(/:.*/, ''));

  test('by two who hold at the same time, beyond the capacity', () => {
    const held = [
      ask(1, { grantedAt: 1, releaseSentAt: 10, placedAt: null }),
      ask(2, { grantedAt: 9, releaseSentAt: 20, placedAt: null }),
      ask(3, { grantedAt: 20, releaseSentAt: null, placedAt: null }),
    ];
    expect(found(held)).toEqual(['together']);
    expect(found(held, 2)).toEqual([]);
  });

  test('by a fence that comes twice, or goes back', () => {
    const free = { placedAt: null, releaseSentAt: 2 };
    expect(found([ask(5, free), ask(5, { ...free, grantedAt: 2 })])).toEqual(['fence']);
    expect(found([ask(5, free), ask(4, { ...free, sentAt: 3, grantedAt: 4 })])).toEqual(['fence']);
    expect(found([ask(5, free), ask(4, { ...free, sentAt: 1, grantedAt: 4 })])).toEqual([]);
  });

  test('by a grant to who asked after another had a place, with the same priority', () => {
    const first = { placedAt: 2, grantedAt: 8, releaseSentAt: 9 };
    const second = { sentAt: 3, placedAt: 4, grantedAt: 5, releaseSentAt: 6 };
    expect(found([ask(2, first), ask(1, second)])).toEqual(['order']);
    expect(found([ask(2, first), ask(1, second)], 2)).toEqual([]);
    expect(found([ask(2, first), ask(1, { ...second, priority: 5 })])).toEqual([]);
    expect(found([ask(2, first), ask(1, { ...second, sentAt: 2 })])).toEqual([]);
    expect(found([{ ...ask(2, first), fence: null, grantedAt: null }, ask(1, second)])).toEqual(['order']);
  });

  test('by a history without it', () => {
    const kept = ask(7, { releasedAt: 3 });
    const event = { seq: 1, at: 0, subject: 'e', actor: 'a', data: { lease: kept.id, fence: 7 } };
    const granted = { ...event, kind: 'lease.granted' };
    expect(missingIn([granted, { ...event, kind: 'lease.released' }], [kept])).toEqual([]);
    expect(missingIn([granted], [kept])).toHaveLength(1);
    expect(missingIn([], [ask(8, {})])).toHaveLength(2);
  });
});

describe('who waited at a server that is no more', () => {
  test('keeps the place, though others wait behind it, and is granted wherever it comes back', async () => {
    const [a, b, c] = await three();
    const held = await c.ask(ask);
    const [first, second] = [await a.ask(ask), await b.ask(ask)];
    const lost = a.call('GET', `/v1/leases/${first.id}?wait=60`).catch(() => null);
    const behind = end(b, second.id);
    await Promise.all([onLine(a, 1), onLine(b, 1)]);
    await a.kill();
    expect(await lost).toBeNull();
    await c.call('DELETE', `/v1/leases/${held.id}`);
    for (const server of [b, c]) expect((await server.lease(second.id)).state).toBe('waiting');
    expect(await end(c, first.id)).toMatchObject({ state: 'held' });
    expect((await b.lease(second.id)).state).toBe('waiting');
    await b.call('DELETE', `/v1/leases/${first.id}`);
    expect(await behind).toMatchObject({ state: 'held' });
  });

  test('loses the place when it does not come back within the grace, and the next is let in', async () => {
    const [a, b, c] = await three(['--grace-seconds', '3']);
    const held = await c.ask(ask);
    const [first, second] = [await a.ask(ask), await b.ask(ask)];
    const lost = a.call('GET', `/v1/leases/${first.id}?wait=60`).catch(() => null);
    const behind = end(b, second.id);
    await Promise.all([onLine(a, 1), onLine(b, 1)]);
    await a.kill();
    await lost;
    await c.call('DELETE', `/v1/leases/${held.id}`);
    expect(await behind).toMatchObject({ state: 'held' });
    expect(await c.lease(first.id)).toMatchObject({ state: 'timed_out', end: { how: 'absent' } });
  });
});

describe('a server', () => {
  test('that is killed takes no time and no lease from holders that came through it', async () => {
    const [a, b, c] = await three();
    const asked = { headers: { 'idempotency-key': 'k' }, body: { environment: 'uat', ttlSeconds: 60 } };
    const held = (await a.call('POST', '/v1/leases', asked)).json;
    const forever = await a.ask({ environment: 'for ever' });
    await a.kill();
    expect(await b.lease(held.id)).toMatchObject({ state: 'held', fence: held.fence });
    expect(await c.call('POST', '/v1/leases', asked)).toMatchObject({ status: 201, json: { id: held.id } });
    expect(await b.call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 200 });
    expect(await b.lease(forever.id)).toMatchObject({ state: 'held' });
    await a.start();
    expect(await a.lease(held.id)).toMatchObject({ state: 'held', fence: held.fence });
  });

  test('that is stopped answers who waits there, and they go on at another', async () => {
    const [a, b, c] = await three();
    const held = await c.ask(ask);
    const first = await a.ask(ask);
    const second = await b.ask(ask);
    const poll = a.call('POST', '/v1/leases?wait=60', {
      ...{ body: { environment: 'uat', queueSeconds: null }, headers: { 'idempotency-key': 'third' } },
    });
    await onLine(a, 1);
    expect(await a.end()).toBe(0);
    const told = await poll;
    expect(told).toMatchObject({ status: 202, json: { state: 'waiting' } });
    expect(told.headers.get('retry-after')).toBe('1');
    const { json } = await b.call('GET', '/v1/events?kind=server.gone');
    expect(json.items).toHaveLength(1);
    await c.call('DELETE', `/v1/leases/${held.id}`);
    expect(await end(b, first.id)).toMatchObject({ state: 'held' });
    await c.call('DELETE', `/v1/leases/${first.id}`);
    expect(await end(c, second.id)).toMatchObject({ state: 'held' });
    await c.call('DELETE', `/v1/leases/${second.id}`);
    expect(await end(b, told.json.id)).toMatchObject({ state: 'held' });
  });

  test('that was halted until the others took it for gone joins them again, and its clients keep their places', async () => {
    const [a, b, c] = await three(['--grace-seconds', '6']);
    const held = await c.ask({ ...ask, ttlSeconds: 120 });
    const first = await a.ask(ask);
    const second = await b.ask(ask);
    const [here, behind] = [end(a, first.id), end(b, second.id)];
    await Promise.all([onLine(a, 1), onLine(b, 1)]);
    a.signal('SIGSTOP');
    await eventually(async () =>
      expect((await b.call('GET', '/v1/events?kind=server.gone')).json.items).toHaveLength(1),
    );
    a.signal('SIGCONT');
    // Longer than the grace: nobody else may end it.
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    expect((await c.lease(second.id)).state).toBe('waiting');
    await b.call('DELETE', `/v1/leases/${held.id}`);
    expect(await here).toMatchObject({ id: first.id, state: 'held' });
    await b.call('DELETE', `/v1/leases/${first.id}`);
    expect(await behind).toMatchObject({ id: second.id, state: 'held' });
  });
});
