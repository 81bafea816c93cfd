// A store that is slow, full or broken, as clients see it.

import { expect, test } from 'vitest';
import { FaultyLog, startOnLog } from './on-log.ts';
import { openStream } from './stream.ts';

test('a stream leaves nothing out, though much becomes durable while it looks into a slow history', async () => {
  const log = new FaultyLog();
  const server = await startOnLog(log);
  await server.call('PUT', '/v1/environments/a', { body: {} });
  log.slowMs = 50;
  const stream = await openStream(server, { query: '?since=0&rows=environments' });
  for (let i = 0; i < 60; i++) await server.call('PATCH', '/v1/environments/a', { body: { description: `${i}` } });
  log.slowMs = 0;
  const isLast = ({ data }: { data: { description?: string } | undefined }): boolean => data?.description === '59';
  await stream.until((seen) => seen.some(({ data }) => isLast({ data: data.data })));
  await stream.until((seen) => seen.some(({ data }) => isLast({ data: data.row })));
  const { json } = await server.call('GET', '/v1/events?limit=500');
  const told = stream.seen.filter(({ event }) => event !== 'row').map(({ data }) => data.seq);
  expect(told).toEqual(json.items.map(({ seq }: { seq: number }) => seq));
});

test('a full disk refuses what is new, 507, and lets renewals, releases and reads go on', async () => {
  const log = new FaultyLog();
  const { call, ask } = await startOnLog(log);
  const held = await ask({ environment: 'uat', ttlSeconds: 60 });
  log.full = true;
  const refused = { status: 507, json: { code: 'store_full' } };
  expect(await call('POST', '/v1/leases', { body: { environment: 'db' } })).toMatchObject(refused);
  expect(await call('GET', '/start')).toMatchObject(refused);
  expect(await call('POST', '/maybe?environment=db')).toMatchObject(refused);
  expect(await call('PUT', '/v1/environments/db', { body: {} })).toMatchObject(refused);
  expect(await call('GET', '/readyz')).toMatchObject({ status: 200, json: { ok: true, storeFull: true } });
  expect((await call('GET', '/metrics')).text).toContain('signalbox_store_full{space="main"} 1\n');
  expect(await call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 200 });
  expect(await call('GET', `/v1/leases/${held.id}`)).toMatchObject({ status: 200 });
  expect(await call('DELETE', `/v1/leases/${held.id}`)).toMatchObject({ status: 200, json: { state: 'released' } });
  log.full = false;
  await ask({ environment: 'db' });
});

test('on a full disk what gives back goes on: breaking a barrier, clearing a signal, and asking again after an arrival', async () => {
  const log = new FaultyLog();
  const { call } = await startOnLog(log);
  for (const name of ['a', 'b', 'c']) await call('PUT', `/v1/barriers/${name}`, { body: { parties: 3 } });
  await call('POST', '/v1/barriers/a/arrivals', { body: { party: 'one' } });
  for (const name of ['s', 't']) await call('PUT', `/v1/signals/${name}`);
  log.full = true;
  const refused = { status: 507, json: { code: 'store_full' } };
  expect(await call('PUT', '/v1/barriers/d', { body: { parties: 3 } })).toMatchObject(refused);
  expect(await call('POST', '/v1/barriers/a/arrivals', { body: { party: 'two' } })).toMatchObject(refused);
  expect(await call('POST', '/v1/barriers/a/arrivals?wait=1', { body: { party: 'two' } })).toMatchObject(refused);
  expect(await call('PUT', '/v1/signals/u')).toMatchObject(refused);
  expect(await call('PUT', '/u')).toMatchObject({ status: 507 });
  const again = await call('POST', '/v1/barriers/a/arrivals?wait=0.1', { body: { party: 'one' } });
  expect(again).toMatchObject({ status: 202, json: { arrived: 1 } });
  const failing = { party: 'two', failure: { reason: 'no disk' } };
  expect(await call('POST', '/v1/barriers/a/arrivals', { body: failing })).toMatchObject({
    ...{ status: 409, json: { code: 'barrier_broken', barrier: { end: { how: 'failed', party: 'two' } } } },
  });
  expect(await call('DELETE', '/v1/barriers/b')).toMatchObject({ status: 200, json: { state: 'broken' } });
  expect(await call('DELETE', '/v1/barriers/c?forget=true')).toMatchObject({ status: 200 });
  expect(await call('DELETE', '/v1/signals/s')).toMatchObject({ status: 204 });
  expect(await call('DELETE', '/t')).toMatchObject({ status: 204 });
  log.full = false;
  expect((await call('GET', '/v1/signals')).json.items).toEqual([]);
});

test('a broken store is 503 for all that decides, says that the outcome is not known, and is not ready', async () => {
  const log = new FaultyLog();
  const { call, ask } = await startOnLog(log);
  const held = await ask({ environment: 'uat', ttlSeconds: 60 });
  log.isBroken = true;
  for (let i = 0; i < 2; i++) {
    const failed = await call('POST', `/v1/leases/${held.id}/renew`);
    expect(failed).toMatchObject({ status: 503, json: { code: 'store_failed' } });
    expect(failed.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(failed.json.detail).toContain('Idempotency-Key');
    expect(failed.text).not.toContain('input/output');
  }
  expect(await call('GET', '/readyz')).toMatchObject({ status: 503, json: { ok: false } });
  expect(await call('GET', '/healthz')).toMatchObject({ status: 200 });
});
