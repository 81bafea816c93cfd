// The life of a lease over HTTP: asked for, waited for, held, renewed, given back, taken away.

import { describe, expect, test } from 'vitest';
import type { Lease } from '../../src/api/schemas.ts';
import { eventually } from '../eventually.ts';
import { admin, start, type TestServer } from './server.ts';

describe('asking', () => {
  test('201 and held when it is free, with Location, secret, fence and who holds it', async () => {
    const { call } = await start();
    const holder = { name: 'deploy #42', url: 'https://ci.example/42', ref: 'main' };
    const reply = await call('POST', '/v1/leases', {
      body: { environment: 'uat', holder, reason: 'release', ttlSeconds: 60, maxHoldSeconds: 600 },
    });
    expect(reply.status).toBe(201);
    expect(reply.json).toMatchObject({
      ...{ state: 'held', granted: [{ environment: 'uat' }], holder, reason: 'release', ttlSeconds: 60 },
      ...{ maxHoldSeconds: 600, blockedBy: [], position: null, end: null, revoking: null },
      created: [{ environment: 'uat', nearest: null }],
    });
    expect(reply.json.fence).toBeGreaterThan(0);
    expect(reply.json.expiresInSeconds).toBeGreaterThan(50);
    expect(reply.headers.get('location')).toBe(`/v1/leases/${reply.json.id}`);
    expect(reply.headers.get('signalbox-lease-secret')).toBe(reply.json.secret);
    expect(reply.headers.get('signalbox-version')).toMatch(/^\d+\.\d+/);
    expect(reply.headers.get('signalbox-request-id')).toMatch(/.+/);
  });

  test('409 with who is in the way when it is not free and nobody waits; nothing is left behind', async () => {
    const { call, ask, environment } = await start();
    await ask({ environment: 'uat', holder: { name: 'arthur' }, reason: 'trying' });
    const reply = await call('POST', '/v1/leases', { body: { environment: 'uat' } });
    expect(reply).toMatchObject({ status: 409, json: { code: 'environment_busy' } });
    expect(reply.json.blockedBy).toMatchObject([
      { environment: 'uat', why: 'held', holder: { name: 'arthur' }, reason: 'trying' },
    ]);
    expect((await environment('uat')).waiting).toBe(0);
  });

  test('202 in the queue with queueSeconds, with place and blockers; timed_out when that is over', async () => {
    const { call, ask, lease } = await start();
    await ask({ environment: 'uat', holder: { name: 'arthur' } });
    const reply = await call('POST', '/v1/leases', { body: { environment: 'uat', queueSeconds: 1 } });
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ state: 'waiting', position: 1, fence: null, blockedBy: [{ why: 'held' }] });
    await eventually(async () =>
      expect(await lease(reply.json.id)).toMatchObject({ state: 'timed_out', end: { how: 'queue_timeout' } }),
    );
  });

  test('several environments are granted together or not at all', async () => {
    const { call, ask, environment } = await start();
    const uat = await ask({ environment: 'uat' });
    const wants = [{ environment: 'uat' }, { environment: 'db' }];
    expect(await call('POST', '/v1/leases', { body: { wants } })).toMatchObject({ status: 409 });
    const both = ask({ wants }, { query: '?wait=30' });
    await eventually(async () => expect((await environment('db')).waiting).toBe(1));
    expect((await environment('db')).held).toEqual([]);
    await call('DELETE', `/v1/leases/${uat.id}`);
    expect((await both).granted).toEqual(wants);
  });

  test('labels are matched, and the granted names are told', async () => {
    const { call, ask } = await start();
    for (const name of ['db-1', 'db-2', 'web-1'])
      await call('PUT', `/v1/environments/${name}`, { body: { labels: { kind: name.split('-')[0] } } });
    const granted = await ask({ wants: [{ labels: { kind: 'db' }, count: 2 }] });
    expect(granted.granted.map(({ environment }) => environment).sort()).toEqual(['db-1', 'db-2']);
    expect(granted.wants).toEqual([{ labels: { kind: 'db' }, count: 2 }]);
  });

  test('an environment that is made by this says so, with the name that was perhaps meant', async () => {
    const { call, ask } = await start();
    await call('PUT', '/v1/environments/production', { body: {} });
    expect((await ask({ environment: 'prodution' })).created).toEqual([
      { environment: 'prodution', nearest: 'production' },
    ]);
    expect((await ask({ environment: 'production' })).created).toBeUndefined();
  });
});

describe('waiting', () => {
  test('a slot that comes free is handed over in the order of arrival, each with a greater fence', async () => {
    const { call, ask, waiting } = await start();
    let holder: Lease = await ask({ environment: 'uat' });
    const order: number[] = [];
    const waiters: Promise<Lease>[] = [];
    for (let i = 0; i < 5; i++) {
      const waiter = ask({ environment: 'uat' }, { query: '?wait=60' });
      waiters.push(waiter.finally(() => order.push(i)));
      await waiting('uat', i + 1);
    }
    for (let i = 0; i < 5; i++) {
      const fence = holder.fence ?? 0;
      await call('DELETE', `/v1/leases/${holder.id}`);
      holder = await (waiters[i] as Promise<Lease>);
      expect(order).toEqual(Array.from({ length: i + 1 }, (_, n) => n));
      expect(holder.fence).toBeGreaterThan(fence);
    }
  });

  test('a higher priority goes before', async () => {
    const { call, ask, waiting } = await start();
    const holder = await ask({ environment: 'uat' });
    const plain = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 1);
    const urgent = ask({ environment: 'uat', priority: 10 }, { query: '?wait=30' });
    await waiting('uat', 2);
    const { json: queue } = await call('GET', '/v1/leases?state=waiting&environment=uat');
    expect(queue.items.map((each: Lease) => each.priority)).toEqual([10, 0]);
    await call('DELETE', `/v1/leases/${holder.id}`);
    const second = await urgent;
    await call('DELETE', `/v1/leases/${second.id}`);
    await plain;
  });

  test('?wait= ends with 202 and the lease as it stands', async () => {
    const { call, ask } = await start();
    await ask({ environment: 'uat' });
    const reply = await call('POST', '/v1/leases?wait=0.2', { body: { environment: 'uat' } });
    expect(reply).toMatchObject({ status: 202, json: { state: 'waiting', position: 1, queueSeconds: null } });
    const look = await call('GET', `/v1/leases/${reply.json.id}?wait=0.2`);
    expect(look).toMatchObject({ status: 200, json: { state: 'waiting' } });
  });

  test('GET ?wait= returns when it no longer waits', async () => {
    const { call, ask, waiting } = await start();
    const holder = await ask({ environment: 'uat' });
    const queued = await ask({ environment: 'uat', queueSeconds: null });
    const poll = call('GET', `/v1/leases/${queued.id}?wait=30`);
    await waiting('uat', 1);
    await call('DELETE', `/v1/leases/${holder.id}`);
    expect(await poll).toMatchObject({ status: 200, json: { state: 'held', secret: queued.secret } });
  });

  test('hanging up keeps the place for the grace: whoever comes back is before those who came later', async () => {
    const { call, ask, waiting } = await start({ graceSeconds: 30 });
    const holder = await ask({ environment: 'uat' });
    const hangUp = new AbortController();
    const first = ask({ environment: 'uat' }, { query: '?wait=30', signal: hangUp.signal });
    await waiting('uat', 1);
    const { json: queue } = await call('GET', '/v1/leases?state=waiting');
    hangUp.abort();
    await expect(first).rejects.toThrow();
    const second = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 2);
    await call('DELETE', `/v1/leases/${holder.id}`);
    // Set aside for the first, who is not on the line; a request that names the lease collects it.
    expect(await call('GET', `/v1/leases/${queue.items[0].id}`)).toMatchObject({ json: { state: 'held' } });
    await call('DELETE', `/v1/leases/${queue.items[0].id}`);
    expect((await second).state).toBe('held');
  });

  test('after the grace the place is gone, and the slot goes to the next one who is there', async () => {
    const { call, ask, lease, waiting } = await start({ graceSeconds: 1 });
    const holder = await ask({ environment: 'uat' });
    const queued = await ask({ environment: 'uat', queueSeconds: null });
    const second = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 2);
    await waiting('uat', 1);
    expect(await lease(queued.id)).toMatchObject({ state: 'timed_out', end: { how: 'absent', by: 'signalbox' } });
    await call('DELETE', `/v1/leases/${holder.id}`);
    expect((await second).state).toBe('held');
  });

  test('a look by somebody else keeps no place', async () => {
    const { call, ask, makeKey } = await start({ adminKeys: [admin], graceSeconds: 1 });
    const [acquirer, reader] = await Promise.all([makeKey(['acquire']), makeKey(['read'])]);
    await ask({ environment: 'uat' }, { key: acquirer });
    const queued = await ask({ environment: 'uat', queueSeconds: null }, { key: acquirer });
    const onlooker = await call('GET', `/v1/leases/${queued.id}?wait=30`, { key: reader });
    expect(onlooker).toMatchObject({ status: 200, json: { state: 'timed_out', end: { how: 'absent' } } });
    expect(onlooker.json.secret).toBeUndefined();
    expect(onlooker.headers.get('signalbox-lease-secret')).toBeNull();
  });

  test('leaving the queue is a DELETE: cancelled, and again 410', async () => {
    const { call, ask } = await start();
    await ask({ environment: 'uat' });
    const queued = await ask({ environment: 'uat', queueSeconds: null });
    expect(await call('DELETE', `/v1/leases/${queued.id}`)).toMatchObject({
      status: 200,
      json: { state: 'cancelled', end: { how: 'cancelled' } },
    });
    expect(await call('DELETE', `/v1/leases/${queued.id}`)).toMatchObject({
      status: 410,
      json: { code: 'lease_ended' },
    });
  });
});

describe('after=SEQ', () => {
  test('returns at once when the seq is behind, else when the place moves or the lease is granted', async () => {
    const { call, ask, waiting } = await start();
    const holder = await ask({ environment: 'uat' });
    const ahead = await ask({ environment: 'uat', queueSeconds: null });
    const queued = await ask({ environment: 'uat', queueSeconds: null });
    expect(queued.position).toBe(2);
    const now = await call('GET', `/v1/leases/${queued.id}?wait=30&after=${queued.seq - 1}`);
    expect(now).toMatchObject({ status: 200, json: { state: 'waiting', position: 2 } });
    const moved = call('GET', `/v1/leases/${queued.id}?wait=30&after=${queued.seq}`);
    await waiting('uat', 2);
    await call('DELETE', `/v1/leases/${ahead.id}`);
    const { json } = await moved;
    expect(json).toMatchObject({ state: 'waiting', position: 1 });
    const granted = call('GET', `/v1/leases/${queued.id}?wait=30&after=${json.seq}`);
    await waiting('uat', 1);
    await call('DELETE', `/v1/leases/${holder.id}`);
    expect((await granted).json.state).toBe('held');
  });

  test('shows a holder at once that its lease is being taken away', async () => {
    const { call, ask } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 300 });
    const poll = call('GET', `/v1/leases/${held.id}?wait=30&after=${held.seq}`);
    await call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'hotfix' } });
    expect((await poll).json).toMatchObject({ state: 'held', revoking: { reason: 'hotfix', by: 'anonymous' } });
  });

  test.each([null, 300])('a holder (ttl %s) who hangs up such a poll keeps its lease', async (ttlSeconds) => {
    const { call, ask, lease, waiting } = await start({ graceSeconds: 1 });
    const held = await ask({ environment: 'uat', ttlSeconds });
    const { seq } = await lease(held.id);
    const hangUp = new AbortController();
    const poll = call('GET', `/v1/leases/${held.id}?wait=30&after=${seq}`, { signal: hangUp.signal });
    await onTheLine(call, 1);
    hangUp.abort();
    await expect(poll).rejects.toThrow();
    await onTheLine(call, 0);
    // A waiter that loses its place afterwards shows that the grace has passed for everybody.
    await ask({ environment: 'uat', queueSeconds: null });
    await waiting('uat', 0);
    expect((await lease(held.id)).state).toBe('held');
  });
});

describe('Idempotency-Key', () => {
  const keyed = { headers: { 'idempotency-key': 'build-42' } };

  test('the same request again is the same lease, as it is now', async () => {
    const { call, environment } = await start();
    await call('PUT', '/v1/environments/uat', { body: { capacity: 5 } });
    const body = { environment: 'uat', ttlSeconds: 60 };
    const first = await call('POST', '/v1/leases', { body, ...keyed });
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    const again = await call('POST', '/v1/leases', { body, ...keyed });
    expect(again).toMatchObject({ status: 201, json: { id: first.json.id, secret: first.json.secret } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await environment('uat')).held).toHaveLength(1);
    await call('DELETE', `/v1/leases/${first.json.id}`);
    const ended = await call('POST', '/v1/leases', { body, ...keyed });
    expect(ended).toMatchObject({ status: 410, json: { code: 'lease_ended', lease: { state: 'released' } } });
    expect(ended.headers.get('idempotency-replayed')).toBe('true');
  });

  test('a replay during the first request joins it: one place, and both are told', async () => {
    const { call, ask, waiting } = await start();
    const holder = await ask({ environment: 'uat' });
    const polls = [1, 2, 3].map(() => call('POST', '/v1/leases?wait=30', { body: { environment: 'uat' }, ...keyed }));
    await waiting('uat', 1);
    await call('DELETE', `/v1/leases/${holder.id}`);
    const replies = await Promise.all(polls);
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(replies.map(({ json }) => json.id)).size).toBe(1);
  });

  test('a replay while it waits shows 202 and the same place', async () => {
    const { call, ask } = await start();
    await ask({ environment: 'uat' });
    const body = { environment: 'uat', queueSeconds: null };
    const first = await call('POST', '/v1/leases', { body, ...keyed });
    const again = await call('POST', '/v1/leases', { body, ...keyed });
    expect(again).toMatchObject({ status: 202, json: { id: first.json.id, position: 1 } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  test('with another body it is refused, whatever the route says otherwise', async () => {
    const { call } = await start();
    await call('POST', '/v1/leases', { body: { environment: 'uat' }, ...keyed });
    expect(await call('POST', '/v1/leases', { body: { environment: 'db' }, ...keyed })).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused', field: 'Idempotency-Key' },
    });
  });

  test('a refusal is not remembered', async () => {
    const { call, ask } = await start();
    const holder = await ask({ environment: 'uat' });
    expect(await call('POST', '/v1/leases', { body: { environment: 'uat' }, ...keyed })).toMatchObject({ status: 409 });
    await call('DELETE', `/v1/leases/${holder.id}`);
    expect(await call('POST', '/v1/leases', { body: { environment: 'uat' }, ...keyed })).toMatchObject({ status: 201 });
  });

  test('belongs to the key that sent it', async () => {
    const { call, makeKey } = await start({ adminKeys: [admin] });
    const [one, two] = await Promise.all([makeKey(['acquire']), makeKey(['acquire'])]);
    const body = { environment: 'uat' };
    expect(await call('POST', '/v1/leases', { body, key: one, ...keyed })).toMatchObject({ status: 201 });
    expect(await call('POST', '/v1/leases', { body, key: two, ...keyed })).toMatchObject({ status: 409 });
  });

  test.each(['', ' ', 'a b', 'x'.repeat(201), 'é'])('%j is refused', async (value) => {
    const { call } = await start();
    const headers = { 'idempotency-key': value };
    expect(await call('POST', '/v1/leases', { body: { environment: 'uat' }, headers })).toMatchObject({
      status: 400,
      json: { code: 'invalid_request', field: 'Idempotency-Key' },
    });
  });
});

/** Resolves when so many polls are being held. */
async function onTheLine(call: TestServer['call'], count: number): Promise<void> {
  await eventually(async () =>
    expect((await call('GET', '/metrics')).text).toContain(`signalbox_polls{space="main"} ${count}\n`),
  );
}
