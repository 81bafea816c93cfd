// Signals, barriers and waits over a stop and a kill of the server, on a store on disk: what was acknowledged is there again, a
// ttl goes on, and whoever waited comes back and is answered once.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from '../crash/server-process.ts';
import { nobodyWaits, openWaits } from './meet.ts';
import { type Reply, start, startForFile, type TestServer, testServer } from './server.ts';

/** A real server that can be killed at any moment and started again. */
async function killable(): Promise<{ process: ServerProcess; server: TestServer }> {
  const process = await ServerProcess.create();
  onTestFinished(() => process.remove());
  await process.start();
  return { process, server: testServer(process.url, () => process.kill()) };
}

/** Asks again as long as nobody answers; counts the answers. */
async function again(ask: () => Promise<Reply>): Promise<{ reply: Reply; lost: number }> {
  for (let lost = 0; ; ) {
    try {
      const reply = await ask();
      if (reply.status !== 503) return { reply, lost };
    } catch {
      lost++;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

test('kill -9 while they wait for a signal, a barrier and a list: they come back, and each is answered once', async () => {
  const { process, server } = await killable();
  const { call } = server;
  await call('PUT', '/v1/barriers/meet?generation=7', { body: { parties: ['a', 'b'] } });
  const waiting = [
    again(() => call('GET', '/v1/signals/built?wait=60')),
    again(() => call('POST', '/v1/barriers/meet/arrivals?generation=7&wait=60', { body: { party: 'a' } })),
    again(() =>
      call('POST', '/v1/waits', { body: { all: ['signal:built', { target: 'barrier:meet', generation: '7' }] } }),
    ),
  ];
  for (let kills = 0; kills < 2; kills++) {
    await openWaits(server, 3);
    await process.kill();
    await process.start();
  }
  await openWaits(server, 3);
  // The arrival was acknowledged by nobody, and is there all the same, once.
  expect((await call('GET', '/v1/barriers/meet?generation=7')).json).toMatchObject({
    ...{ state: 'waiting', arrivals: [{ party: 'a' }], missing: ['b'] },
  });
  await call('PUT', '/v1/signals/built', { body: { data: 'x' } });
  await call('POST', '/v1/barriers/meet/arrivals?generation=7', { body: { party: 'b' } });
  const [signal, barrier, list] = await Promise.all(waiting);
  expect(signal).toMatchObject({ reply: { status: 200, json: { data: 'x' } }, lost: expect.any(Number) });
  expect(barrier).toMatchObject({ reply: { status: 200, json: { state: 'open' } } });
  expect(list).toMatchObject({ reply: { status: 200, json: { outcome: 'met' } } });
  for (const each of [signal, barrier, list]) expect(each?.lost).toBeGreaterThanOrEqual(2);
  await nobodyWaits(server);
  const kinds = (await call('GET', '/v1/events?kind=barrier.')).json.items.map(({ kind }: { kind: string }) => kind);
  expect(kinds).toEqual(['barrier.declared', 'barrier.arrived', 'barrier.arrived', 'barrier.opened']);
});

test('kill -9: what was acknowledged is as it was', async () => {
  const { process, server } = await killable();
  const { call } = server;
  const big = 'x'.repeat(64 * 1024 - 2);
  await call('PUT', '/v1/signals/big', { body: { data: big } });
  await call('PUT', '/v1/signals/failed', { body: { failure: { reason: 'no' }, ttlSeconds: null } });
  await call('PUT', '/v1/signals/cleared');
  await call('DELETE', '/v1/signals/cleared');
  await call('PUT', '/v1/barriers/open', { body: { parties: 1 } });
  await call('POST', '/v1/barriers/open/arrivals', { body: { party: 'a' } });
  await call('PUT', '/v1/barriers/broken', { body: { parties: 2 } });
  await call('DELETE', '/v1/barriers/broken?reason=stop');
  await call('PUT', '/v1/barriers/forgotten', { body: { parties: 2 } });
  await call('DELETE', '/v1/barriers/forgotten?forget=true');
  const lists = async () => [
    (await call('GET', '/v1/signals')).json.items,
    (await call('GET', '/v1/barriers')).json.items,
  ];
  const steady = (rows: object[]) => rows.map((row) => ({ ...row, expiresAt: null, expiresInSeconds: null }));
  const before = await lists();
  await process.kill();
  await process.start();
  const after = await lists();
  expect(after.map(steady)).toEqual(before.map(steady));
  expect(after.flat().map(({ name }: { name: string }) => name)).toEqual(['big', 'failed', 'broken', 'open']);
  expect(await call('POST', '/v1/barriers/open/arrivals', { body: { party: 'b' } })).toMatchObject({
    ...{ status: 422, json: { code: 'too_many_parties' } },
  });
});

test('a ttl and the time of a barrier go on where they were, and end', async () => {
  const { process, server } = await killable();
  const { call } = server;
  await call('PUT', '/v1/signals/long', { body: { ttlSeconds: 3600 } });
  await call('PUT', '/v1/signals/short', { body: { ttlSeconds: 2 } });
  await call('PUT', '/v1/barriers/short', { body: { parties: 2, timeoutSeconds: 2 } });
  await call('POST', '/v1/barriers/short/arrivals', { body: { party: 'a' } });
  const left = async () => (await call('GET', '/v1/signals/long')).json.expiresInSeconds as number;
  const before = await left();
  await process.kill();
  await process.start();
  expect(await left()).toBeLessThanOrEqual(before);
  // Both are over by themselves, and it is told to who waits then.
  const broken = await call('POST', '/v1/barriers/short/arrivals?wait=60', { body: { party: 'a' } });
  expect(broken).toMatchObject({ status: 409, json: { barrier: { end: { how: 'timed_out' } } } });
  await expect.poll(async () => (await call('GET', '/v1/signals/short')).status, { timeout: 20_000 }).toBe(404);
  expect((await call('GET', '/v1/signals/long')).status).toBe(200);
});

describe('a stop', () => {
  function store(): { kind: 'sqlite'; path: string } {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-meet-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return { kind: 'sqlite', path: join(folder, 'signalbox.db') };
  }

  test('waits are answered 503 with Retry-After, arrivals 202, for these count; all go on after the start', async () => {
    const settings = { store: store() };
    const first = await startForFile(settings);
    await first.call('PUT', '/v1/barriers/meet', { body: { parties: 2 } });
    const waits = [
      first.call('GET', '/v1/signals/built?wait=60'),
      first.call('POST', '/v1/waits', { body: { any: ['signal:built', 'tcp:127.0.0.1:1'] } }),
      first.call('POST', '/v1/waits', { body: { all: ['barrier:meet'] } }),
    ];
    const arrived = first.call('POST', '/v1/barriers/meet/arrivals?wait=60', { body: { party: 'a' } });
    await openWaits(first, 4);
    await first.stop();
    for (const reply of await Promise.all(waits)) {
      expect(reply).toMatchObject({ status: 503, json: { code: 'shutting_down' } });
      expect(reply.headers.get('retry-after')).toBe('1');
      expect(reply.headers.get('connection')).toBe('close');
    }
    const reply = await arrived;
    expect(reply).toMatchObject({ status: 202, json: { state: 'waiting', arrivals: [{ party: 'a' }] } });
    expect(reply.headers.get('retry-after')).toBe('1');
    const second = await start(settings);
    const later = second.call('POST', '/v1/barriers/meet/arrivals?wait=60', { body: { party: 'a' } });
    await openWaits(second, 1);
    expect((await second.call('POST', '/v1/barriers/meet/arrivals', { body: { party: 'b' } })).status).toBe(200);
    expect(await later).toMatchObject({ status: 200, json: { state: 'open' } });
  });
});
