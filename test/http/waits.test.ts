// POST /v1/waits over HTTP: any or all of signals, barriers, environments, leases and what runs elsewhere; and GET /v1/waits, who
// waits for what.

import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { hasShape, nobodyWaits, openWaits } from './meet.ts';
import { admin, type Reply, raw, start, type TestServer } from './server.ts';

type Conditions = readonly (string | object)[];

const wait = (server: TestServer, body: object, more: object = {}): Promise<Reply> =>
  server.call('POST', '/v1/waits', { body, ...more });
const all = (server: TestServer, conditions: Conditions, timeoutSeconds = 60): Promise<Reply> =>
  wait(server, { all: conditions, timeoutSeconds });
const any = (server: TestServer, conditions: Conditions, timeoutSeconds = 60): Promise<Reply> =>
  wait(server, { any: conditions, timeoutSeconds });

/** Answered, with this outcome, in the shape that the API promises. */
function ended(reply: Reply, outcome: string, ...conditions: object[]): void {
  expect(reply).toMatchObject({ status: 200, json: { outcome } });
  hasShape(reply, 'wait');
  if (conditions.length > 0) expect(reply.json.conditions).toMatchObject(conditions);
}

describe('signals, barriers, environments, leases', () => {
  test('what is so already is seen', async () => {
    const server = await start();
    const { call, ask } = server;
    await call('PUT', '/v1/signals/s', { body: { data: { n: 1 }, holder: { name: 'build' } } });
    await call('PUT', '/v1/barriers/b?generation=7', { body: { parties: 1 } });
    await call('POST', '/v1/barriers/b/arrivals?generation=7', { body: { party: 'x' } });
    const { id } = await ask({ environment: 'e' });
    await call('DELETE', `/v1/leases/${id}`);
    const reply = await all(server, [
      'signal:s',
      's',
      { target: 'barrier:b', generation: '7' },
      'env:e',
      `lease:${id}`,
    ]);
    ended(
      reply,
      ...['met'],
      { target: 'signal:s', state: 'met', data: { n: 1 }, by: 'build', tries: null, nearest: null },
      { target: 'signal:s', state: 'met' },
      { target: 'barrier:b (7)', state: 'met', data: null },
      { target: 'env:e', state: 'met', detail: 'free' },
      { target: `lease:${id}`, state: 'met', detail: 'released' },
    );
    expect(reply.json.waitedSeconds).toBeGreaterThanOrEqual(0);
  });

  test('payloads of one reply have together what one may have, and the others are said to be left out', async () => {
    const server = await start();
    const large = 'x'.repeat(40_000);
    for (const name of ['a', 'b']) await server.call('PUT', `/v1/signals/${name}`, { body: { data: large } });
    await server.call('PUT', '/v1/signals/c', { body: { data: 'small' } });
    ended(
      await all(server, ['signal:a', 'signal:b', 'signal:a', 'signal:c']),
      ...['met'],
      { state: 'met', data: large, detail: 'set' },
      { state: 'met', data: null, detail: expect.stringContaining('40002 bytes') },
      { state: 'met', data: null },
      { state: 'met', data: 'small', detail: 'set' },
    );
    ended(await all(server, ['signal:b']), 'met', { data: large });
  });

  test('all: answered when the last one is met, with what each carried when it was', async () => {
    const server = await start();
    const waiting = all(server, ['signal:a', 'signal:b']);
    await openWaits(server, 1);
    await server.call('PUT', '/v1/signals/a', { body: { data: 'then' } });
    await server.call('DELETE', '/v1/signals/a');
    expect((await server.call('GET', '/v1/waits')).json.items[0].conditions).toMatchObject([
      ...[
        { target: 'signal:a', state: 'met' },
        { target: 'signal:b', state: 'pending', settledAt: null },
      ],
    ]);
    await server.call('PUT', '/v1/signals/b');
    ended(await waiting, 'met', { state: 'met', data: 'then' }, { state: 'met' });
    await nobodyWaits(server);
  });

  test('any: the first one will do; the others are told as they stand', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/bad', { body: { failure: { reason: 'no' } } });
    const waiting = any(server, ['signal:a', 'signal:b']);
    await openWaits(server, 1);
    await server.call('PUT', '/v1/signals/b');
    ended(await waiting, 'met', { state: 'pending', settledAt: null }, { state: 'met' });
    await server.call('PUT', '/v1/signals/a');
    ended(await any(server, ['signal:bad', 'signal:a']), 'met', { state: 'failed' }, { state: 'met' });
  });

  test.each(['any', 'all'])('%s: a failure ends it, with the reason and whose it is', async (mode) => {
    const server = await start();
    const waiting = wait(server, { [mode]: ['signal:a', 'signal:b'] });
    await openWaits(server, 1);
    const body = { failure: { reason: 'tests failed' }, holder: { name: 'ci #4' } };
    await server.call('PUT', '/v1/signals/b', { body });
    ended(await waiting, 'failed', { state: 'pending' }, { state: 'failed', detail: 'tests failed', by: 'ci #4' });
  });

  test('an environment: until nobody holds it and nobody waits for it', async () => {
    const server = await start();
    const held = await server.ask({ environment: 'uat', holder: { name: 'shop' } });
    const queued = await server.ask({ environment: 'uat', queueSeconds: null });
    const waiting = all(server, ['env:uat']);
    await openWaits(server, 1);
    expect((await server.call('GET', '/v1/waits')).json.items[0].conditions[0].detail).toContain('held by shop');
    await server.call('DELETE', `/v1/leases/${held.id}`);
    await server.call('GET', `/v1/leases/${queued.id}`);
    await openWaits(server, 1);
    await server.call('DELETE', `/v1/leases/${queued.id}`);
    ended(await waiting, 'met');
    ended(await all(server, ['env:never-used']), 'met', { detail: 'never used' });
  });

  test('with --declared-only an unknown environment is a mistake, with the nearest one', async () => {
    const server = await start({ declaredOnly: true });
    await server.call('PUT', '/v1/environments/production', { body: {} });
    expect(await all(server, ['env:prodution'])).toMatchObject({
      ...{ status: 404, json: { code: 'environment_unknown', nearest: 'production', field: 'all.0.target' } },
    });
  });

  test('a lease: until it ends, with how; one that was never there is unknown', async () => {
    const server = await start();
    const { id } = await server.ask({ environment: 'uat', ttlSeconds: 60 });
    const waiting = all(server, [`lease:${id}`]);
    await openWaits(server, 1);
    await server.call('POST', `/v1/leases/${id}/revoke`, { body: { reason: 'hotfix', now: true } });
    ended(await waiting, 'met', { detail: 'revoked: hotfix', by: 'anonymous' });
    expect(await all(server, ['lease:ls_none'])).toMatchObject({ status: 404, json: { code: 'lease_unknown' } });
  });

  test('a barrier that breaks', async () => {
    const server = await start();
    const waiting = [all(server, ['barrier:b']), all(server, [{ target: 'barrier:b', generation: '2' }])];
    await openWaits(server, 2);
    for (const query of ['', '?generation=2']) {
      await server.call('PUT', `/v1/barriers/b${query}`, { body: { parties: ['x', 'y'] } });
      await server.call('DELETE', `/v1/barriers/b${query}${query ? '&' : '?'}reason=stop`);
    }
    for (const reply of await Promise.all(waiting)) {
      ended(reply, 'failed');
      expect(reply.json.conditions[0].detail).toContain('stop; 0 of 2 arrived, missing x, y');
    }
  });

  test('time over: timed_out, with how each stands, and a signal that was perhaps meant', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/migrated');
    const reply = await all(server, ['signal:migrate', 'signal:migrated', 'barrier:b'], 0.05);
    ended(
      reply,
      ...['timed_out'],
      { state: 'pending', detail: 'not set', nearest: 'signal:migrated', settledAt: null },
      { state: 'met', nearest: null },
      { state: 'pending', detail: 'not declared', nearest: null },
    );
    const { json } = await server.call('GET', '/v1/waits');
    expect(json.timedOut).toMatchObject([{ target: 'barrier:b' }, { target: 'signal:migrate' }]);
  });

  test('of many signals that did not come the first sixteen names are told of a similar one, each wherever it stands', async () => {
    const server = await start();
    for (let i = 10; i < 40; i++) await server.call('PUT', `/v1/signals/migrated-${i}`);
    const missing = Array.from({ length: 20 }, (_, i) => `signal:migrate-${i + 10}`);
    const { json } = await all(server, [missing[0] as string, ...missing], 0.05);
    const nearest = json.conditions.map((condition: { nearest: string | null }) => condition.nearest);
    const first = missing.slice(0, 16).map((target) => target.replace('migrate', 'migrated'));
    expect(nearest).toEqual([first[0], ...first, null, null, null, null]);
  });

  test('of what timed out the list has the latest hundred, and says how many there are', async () => {
    const server = await start();
    const names = Array.from({ length: 128 }, (_, i) => `signal:s${i}`);
    await all(server, names.slice(0, 64), 0.05);
    await all(server, names.slice(64), 0.05);
    const reply = await server.call('GET', '/v1/waits');
    hasShape(reply, 'waits');
    expect([reply.json.timedOut.length, reply.json.timedOutCount]).toEqual([100, 128]);
    expect(reply.json.timedOut[0].target).toBe('signal:s127');
  });

  test('of what is being tried the list has the latest hundred, and says how many there are', async () => {
    const server = await start();
    const gone = new AbortController();
    const targets = Array.from({ length: 128 }, (_, i) => ({ target: `tcp:127.0.0.1:${i + 1}`, successes: 100 }));
    for (const some of [targets.slice(0, 64), targets.slice(64)])
      void server.call('POST', '/v1/waits', { body: { all: some }, signal: gone.signal }).catch(() => undefined);
    await eventually(async () => expect((await server.call('GET', '/v1/waits')).json.probesCount).toBe(128));
    expect((await server.call('GET', '/v1/waits')).json.probes).toHaveLength(100);
    gone.abort();
    await nobodyWaits(server);
  });

  test('timeoutSeconds 0 is a look', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/a');
    ended(await all(server, ['signal:a'], 0), 'met');
    ended(await all(server, ['signal:a', 'signal:b'], 0), 'timed_out', { state: 'met' }, { detail: 'not set' });
    ended(await any(server, ['signal:b', 'signal:a'], 0), 'met');
  });

  test('the same condition twice is met twice; 64 are taken', async () => {
    const server = await start();
    const waiting = all(server, Array(64).fill('signal:a'));
    await openWaits(server, 1);
    expect((await server.call('GET', '/v1/signals')).json.items[0].waiting).toBe(64);
    await server.call('PUT', '/v1/signals/a');
    ended(await waiting, 'met');
    await nobodyWaits(server);
  });
});

const wrong: [unknown, number, string, string | undefined][] = [
  [{}, 400, 'invalid_request', 'any'],
  [{ any: ['signal:a'], all: ['signal:b'] }, 400, 'invalid_request', 'any'],
  [[], 400, 'invalid_request', undefined],
  [null, 400, 'invalid_request', undefined],
  [{ any: [] }, 400, 'invalid_request', 'any'],
  [{ any: 'signal:a' }, 400, 'invalid_request', 'any'],
  [{ all: Array(65).fill('signal:a') }, 400, 'invalid_request', 'all'],
  [{ all: [1] }, 400, 'invalid_request', 'all.0'],
  [{ all: [{}] }, 400, 'invalid_request', 'all.0'],
  [{ all: [{ target: 'signal:a', x: 1 }] }, 400, 'unknown_field', 'all.0.x'],
  [{ all: ['signal:a'], timeout: 5 }, 400, 'unknown_field', 'timeout'],
  [{ all: ['signal:a'], timeoutSeconds: -1 }, 422, 'invalid_duration', 'timeoutSeconds'],
  [{ all: ['signal:a'], timeoutSeconds: 3601 }, 422, 'invalid_duration', 'timeoutSeconds'],
  [{ all: ['signal:a'], timeoutSeconds: '5' }, 400, 'invalid_request', 'timeoutSeconds'],
  [{ all: ['signal:a'], timeoutSeconds: null }, 400, 'invalid_request', 'timeoutSeconds'],
  [{ all: ['signal:a', ''] }, 422, 'invalid_target', 'all.1.target'],
  [{ all: ['signal:'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['signal:a\u0000'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['signal:a\tb'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['signal:\ud800'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: [`signal:${'x'.repeat(201)}`] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: [`signal:${'x'.repeat(2000)}`] }, 400, 'invalid_request', 'all.0'],
  [{ all: ['lease:'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['instance:a b'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['instance:i-1'] }, 404, 'instance_unknown', 'all.0.target'],
  [{ all: ['tcp:db'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['tcp:127.0.0.1:0'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['tcp:127.0.0.1:1/x'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['http:x'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['dns:x/NOPE'] }, 422, 'invalid_target', 'all.0.target'],
  [{ all: ['signal:a', { target: 'signal:a', successes: 2 }] }, 400, 'invalid_request', 'all.1.successes'],
  [{ any: [{ target: 'env:a', invert: false }] }, 400, 'invalid_request', 'any.0.invert'],
  [{ any: [{ target: 'lease:a', status: '200' }] }, 400, 'invalid_request', 'any.0.status'],
  [{ any: [{ target: 'barrier:a', contains: 'x' }] }, 400, 'invalid_request', 'any.0.contains'],
  [{ all: ['signal:a', { target: 'barrier:a', generation: 'a\tb' }] }, 422, 'invalid_name', 'all.1.generation'],
  [{ all: [{ target: 'barrier:a', generation: '\ud800' }] }, 422, 'invalid_name', 'all.0.generation'],
  [{ all: [{ target: 'barrier:a', generation: 'x'.repeat(201) }] }, 400, 'invalid_request', 'all.0.generation'],
  [{ any: [{ target: 'signal:a', generation: '1' }] }, 400, 'invalid_request', 'any.0.generation'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', generation: '1' }] }, 400, 'invalid_request', 'any.0.generation'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', status: '200' }] }, 400, 'invalid_request', 'any.0.status'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', contains: 'x' }] }, 400, 'invalid_request', 'any.0.contains'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', insecure: true }] }, 400, 'invalid_request', 'any.0.insecure'],
  [{ any: [{ target: 'http://127.0.0.1:1', status: 'fine' }] }, 400, 'invalid_request', 'any.0.status'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', successes: 0 }] }, 400, 'invalid_request', 'any.0.successes'],
  [{ any: [{ target: 'tcp:127.0.0.1:1', intervalSeconds: 0 }] }, 422, 'invalid_duration', 'any.0.intervalSeconds'],
  [
    { any: [{ target: 'tcp:127.0.0.1:1', connectTimeoutSeconds: 61 }] },
    422,
    'invalid_duration',
    'any.0.connectTimeoutSeconds',
  ],
];

describe('what is refused', () => {
  test.each(wrong)('%.80j: %s %s %s', async (body, status, code, field) => {
    const server = await start();
    const reply = await server.call('POST', '/v1/waits', { body });
    expect([reply.status, reply.json.code, reply.json.field]).toEqual([status, code, field]);
    expect(reply.json.detail).toMatch(/\S.{10,}/);
    await nobodyWaits(server);
  });

  test.each([
    ['tpc:db:5432', 'tcp:db:5432'],
    ['postgre:db', 'postgres:db'],
    ['db:5432', 'tcp:db:5432'],
    ['Signl:x', 'signal:x'],
    ['kafka:broker', 'signal:kafka:broker'],
  ])('%s: did you mean %s?', async (target, nearest) => {
    const reply = await all(await start(), [target]);
    expect(reply).toMatchObject({ status: 422, json: { code: 'invalid_target', nearest } });
    expect(reply.json.detail).toContain(`Did you mean ${nearest}?`);
  });

  test('a body that is not JSON, or not said to be, or too large', async () => {
    const { call } = await start();
    const json = { headers: { 'content-type': 'application/json' } };
    expect(await call('POST', '/v1/waits')).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    expect(await call('POST', '/v1/waits', { rawBody: '{', ...json })).toMatchObject({
      json: { code: 'malformed_json' },
    });
    const rawBody = '{"all":["signal:a"]}';
    expect(await call('POST', '/v1/waits', { rawBody, headers: { 'content-type': 'x' } })).toMatchObject({
      status: 415,
    });
    expect(await call('POST', '/v1/waits', { rawBody: rawBody.padEnd(64 * 1024 + 1), ...json })).toMatchObject({
      ...{ status: 413, json: { code: 'body_too_large' } },
    });
  });

  test('more conditions than may be waited for: 429 with Retry-After, and none of them stays', async () => {
    const server = await start({ maxWaits: 3 });
    const first = all(server, ['signal:a', 'signal:b']);
    await openWaits(server, 1);
    const refused = await all(server, ['signal:c', 'signal:d']);
    expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_waits' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    const third = all(server, ['signal:c']);
    await openWaits(server, 2);
    for (const name of ['a', 'b', 'c']) await server.call('PUT', `/v1/signals/${name}`);
    ended(await first, 'met');
    ended(await third, 'met');
  });
});

test('one key has no more than a hundred targets tried, and what it may not have others have', async () => {
  const server = await start({ adminKeys: [admin], probeAllow: ['127.0.0.1:*'] });
  const [greedy, other] = [await server.makeKey(['probe']), await server.makeKey(['probe'])];
  const asked = (key: string, from: number, count: number) => {
    const targets = Array.from({ length: count }, (_, i) => ({ target: `tcp:127.0.0.1:${from + i}`, invert: true }));
    const body = { all: [...targets, { target: 'tcp:127.0.0.1:1' }], timeoutSeconds: 30 };
    return server.call('POST', '/v1/waits', { body, key });
  };
  const gone = [asked(greedy, 60_000, 63), asked(greedy, 60_100, 36)];
  await openWaits(server, 2, { key: admin.key });
  const refused = await asked(greedy, 60_200, 1);
  expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_waits' } });
  expect(refused.json.detail).toContain('At most 100 targets');
  expect(refused.headers.get('retry-after')).toBe('5');
  gone.push(asked(other, 60_200, 1));
  await openWaits(server, 3, { key: admin.key });
  await server.stop();
  await Promise.all(gone);
});

describe('targets that may not be connected to', () => {
  const neverAllowed = [
    'tcp:169.254.169.254:80',
    'http://[fe80::1]:80/',
    'tcp:0.0.0.0:80',
    'tcp:0xa9fea9fe:80',
    'tcp:224.0.0.1:9',
  ];

  test('without a key: loopback is, anything else names the setting', async () => {
    const server = await start();
    const reply = await all(server, ['signal:a', 'tcp:10.0.0.1:5432']);
    expect(reply).toMatchObject({
      status: 403,
      json: { code: 'target_not_allowed', field: 'all.1.target', setting: '--probe-allow 10.0.0.1:5432' },
    });
    expect(reply.json.detail).toContain('--probe-allow 10.0.0.1:5432');
    expect(await all(server, ['tcp:[2001:db8::1]:80'])).toMatchObject({
      json: { setting: '--probe-allow [2001:db8::1]:80' },
    });
    await nobodyWaits(server);
  });

  test('with keys: nothing but what is listed', async () => {
    const { port } = await listen(createServer((socket) => socket.end()));
    const server = await start({ adminKeys: [admin], probeAllow: [`127.0.0.1:${port}`] });
    const target = (host: string, at = port): Promise<Reply> =>
      wait(server, { all: [`tcp:${host}:${at}`], timeoutSeconds: 60 }, { key: admin.key });
    ended(await target('127.0.0.1'), 'met');
    for (const host of ['127.0.0.2', '10.0.0.1', '[::1]'])
      expect(await target(host)).toMatchObject({ status: 403, json: { code: 'target_not_allowed' } });
    expect(await target('127.0.0.1', port === 1 ? 2 : 1)).toMatchObject({ json: { code: 'target_not_allowed' } });
  });

  test.each(neverAllowed)('%s never, whatever is allowed', async (target) => {
    const server = await start({ probeAllow: ['*:*', '0.0.0.0/0'] });
    expect(await all(server, [target])).toMatchObject({
      ...{ status: 403, json: { code: 'target_not_allowed', setting: null } },
    });
  });

  test('any spelling of loopback is loopback', async () => {
    const { port } = await listen(createServer((socket) => socket.end()));
    const open = await start();
    const closed = await start({ adminKeys: [admin] });
    for (const host of ['127.1', '2130706433', '0x7f000001', '017700000001', '[::ffff:127.0.0.1]', 'localhost']) {
      ended(await all(open, [`tcp:${host}:${port}`]), 'met');
      const refused = await wait(closed, { all: [`tcp:${host}:${port}`] }, { key: admin.key });
      expect([host, refused.json.code]).toEqual([host, 'target_not_allowed']);
    }
  });
});

async function listen(server: Server, port = 0): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

const web = (listener: RequestListener): Promise<{ port: number }> => listen(createHttpServer(listener));

/** A port where nobody listens now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('probes', () => {
  test('tcp: refused until somebody listens', async () => {
    const server = await start();
    const port = await freePort();
    const waiting = all(server, [{ target: `tcp:127.0.0.1:${port}`, intervalSeconds: 0.05 }]);
    await eventually(async () => {
      const { json } = await server.call('GET', '/v1/waits');
      expect(json.probes).toMatchObject([
        { target: `tcp:127.0.0.1:${port}`, state: 'down', detail: 'connection refused' },
      ]);
      expect(json.items[0].conditions[0].detail).toBe('connection refused');
      hasShape(await server.call('GET', '/v1/waits'), 'waits');
    });
    await listen(createServer(), port);
    const reply = await waiting;
    ended(reply, 'met', { target: `tcp:127.0.0.1:${port}`, detail: 'connected' });
    expect(reply.json.conditions[0].tries).toBeGreaterThan(1);
  });

  test('one that closes at once is up, and is left alone afterwards', async () => {
    const server = await start();
    const { port, sockets } = await listen(createServer((socket) => socket.destroy()));
    ended(await all(server, [`tcp:127.0.0.1:${port}`]), 'met');
    await eventually(async () => {
      expect((await server.call('GET', '/v1/waits')).json.probes).toEqual([]);
      expect(sockets.size).toBe(0);
    });
  });

  test('http: 503 until 200, with the reason while it waits', async () => {
    const server = await start();
    let status = 503;
    const { port } = await web((_, reply) => reply.writeHead(status).end());
    const waiting = all(server, [{ target: `http://127.0.0.1:${port}/healthz?token=SECRET`, intervalSeconds: 0.05 }]);
    await eventually(async () => {
      const { json, text } = await server.call('GET', '/v1/waits');
      expect(json.probes).toMatchObject([{ state: 'unready', detail: expect.stringContaining('503') }]);
      expect(text).not.toContain('SECRET');
    });
    status = 200;
    const reply = await waiting;
    ended(reply, 'met', { target: `http://127.0.0.1:${port}/healthz?…`, detail: expect.stringContaining('200') });
    expect(reply.text).not.toContain('SECRET');
  });

  test('http: status and contains', async () => {
    const server = await start();
    const { port } = await web((_, reply) => reply.writeHead(404).end('{"status":"green"}'));
    const target = `http://127.0.0.1:${port}/`;
    ended(await all(server, [{ target, status: '404', contains: 'green' }]), 'met');
    for (const condition of [{ target }, { target, status: '4xx', contains: 'red' }])
      ended(await all(server, [condition], 0.3), 'timed_out', { state: 'pending' });
  });

  test('one that accepts and never answers: no answer within the time of a try', async () => {
    const server = await start();
    const { port } = await listen(createServer());
    const target = `http://127.0.0.1:${port}/`;
    const reply = await all(server, [{ target, connectTimeoutSeconds: 0.1 }], 1.5);
    ended(reply, 'timed_out', { state: 'pending', detail: expect.stringMatching(/no answer/) });
    ended(await all(server, [{ target, connectTimeoutSeconds: 60 }], 0.1), 'timed_out');
  });

  test('what will never be ready fails at once', async () => {
    const server = await start();
    const { port } = await listen(createServer((socket) => void socket.once('data', () => socket.end('-ERR no\r\n'))));
    // Redis that wants another password says so.
    const redis = await listen(
      createServer((socket) => socket.on('data', () => socket.write('-WRONGPASS invalid username-password pair\r\n'))),
    );
    const reply = await all(server, ['signal:never', `redis://u:SECRET@127.0.0.1:${redis.port}/0`]);
    ended(reply, 'failed', { state: 'pending' }, { state: 'failed' });
    expect(reply.text).not.toContain('SECRET');
    ended(await all(server, [`http://127.0.0.1:${port}/`], 0.3), 'timed_out', { state: 'pending' });
  });

  test('a name that does not resolve is waited for, and the answer says so', async () => {
    const server = await start();
    const reply = await all(server, ['tcp:nowhere.invalid:80', 'http://nowhere.invalid/'], 3);
    const detail = expect.stringMatching(/name does not resolve|the name server does not answer|cannot be looked up/);
    ended(reply, 'timed_out', { state: 'pending', detail }, { state: 'pending', detail });
  });

  test('successes: so many in a row', async () => {
    const server = await start();
    let asked = 0;
    const { port } = await web((_, reply) => reply.writeHead(++asked === 3 ? 500 : 200).end());
    const condition = { target: `http://127.0.0.1:${port}/`, successes: 4, intervalSeconds: 0.05 };
    ended(await all(server, [condition]), 'met', { tries: 7 });
    expect(asked).toBe(7);
  });

  test('invert: until it is down', async () => {
    const server = await start();
    const listening = createServer();
    const { port, sockets } = await listen(listening);
    const waiting = all(server, [{ target: `tcp:127.0.0.1:${port}`, invert: true, intervalSeconds: 0.05 }]);
    await eventually(async () =>
      expect((await server.call('GET', '/v1/waits')).json.probes).toMatchObject([{ state: 'up' }]),
    );
    listening.close();
    for (const socket of sockets) socket.destroy();
    ended(await waiting, 'met', { detail: 'connection refused' });
  });

  test('many who ask the same are one prober; it ends with the last of them', async () => {
    const server = await start();
    const port = await freePort();
    const lines = 'POST /v1/waits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const body = JSON.stringify({ all: [`tcp:127.0.0.1:${port}`], timeoutSeconds: 60 });
    const text = `${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
    const connections = await Promise.all(Array.from({ length: 10 }, () => raw(server, text)));
    await openWaits(server, 10);
    expect((await server.call('GET', '/v1/waits')).json.probes).toMatchObject([{ waiting: 10 }]);
    for (const { socket } of connections) socket.destroy();
    await nobodyWaits(server);
    await eventually(async () => expect((await server.call('GET', '/v1/waits')).json.probes).toEqual([]));
  });

  test('postgres:NAME without the server of --postgresURL being there is waited for', async () => {
    const port = await freePort();
    const server = await start({
      ...{ adminKeys: [admin], postgresURL: `postgres://u:SECRET@127.0.0.1:${port}/{{.}}?sslmode=disable` },
    });
    const reply = await wait(server, { all: ['postgres:app'], timeoutSeconds: 0.3 }, { key: admin.key });
    ended(reply, 'timed_out', { target: 'postgres:app', state: 'pending' });
    expect(reply.text).not.toContain('SECRET');
    // Only as that server: the same address written out is a target like any other.
    expect(await wait(server, { all: [`tcp:127.0.0.1:${port}`] }, { key: admin.key })).toMatchObject({
      ...{ status: 403, json: { code: 'target_not_allowed' } },
    });
  });
});

describe('GET /v1/waits', () => {
  test('who waits for what, since when and until when; nobody once they have gone', async () => {
    const server = await start();
    const body = JSON.stringify({ any: ['signal:a', 'barrier:b'], timeoutSeconds: 600, holder: { name: 'deploy #3' } });
    const head = 'POST /v1/waits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json';
    const { socket } = await raw(server, `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await openWaits(server, 1);
    const list = await server.call('GET', '/v1/waits');
    hasShape(list, 'waits');
    const [item] = list.json.items;
    expect(item).toMatchObject({
      ...{ mode: 'any', by: 'anonymous', holder: { name: 'deploy #3', url: null, ref: null } },
      conditions: [{ target: 'signal:a', state: 'pending' }, { target: 'barrier:b' }],
    });
    expect(Date.parse(item.until) - Date.parse(item.since)).toBe(600_000);
    socket.destroy();
    await nobodyWaits(server);
    expect((await server.call('GET', '/v1/waits')).json.timedOut).toEqual([]);
  });

  test('is paged, the longest wait first', async () => {
    const server = await start();
    const waiting: Promise<Reply>[] = [];
    for (let i = 0; i < 5; i++) {
      waiting.push(all(server, [`signal:s${i}`]));
      await openWaits(server, i + 1);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await server.call('GET', `/v1/waits?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...json.items.map((each: { conditions: { target: string }[] }) => each.conditions[0]?.target));
      cursor = json.next ?? '';
    } while (cursor !== '');
    expect(seen).toEqual([0, 1, 2, 3, 4].map((i) => `signal:s${i}`));
    for (let i = 0; i < 5; i++) await server.call('PUT', `/v1/signals/s${i}`);
    await Promise.all(waiting);
  });

  test('payloads are not in it', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/a', { body: { data: 'PAYLOAD' } });
    const waiting = all(server, ['signal:a', 'signal:b']);
    await openWaits(server, 1);
    expect((await server.call('GET', '/v1/waits')).text).not.toContain('PAYLOAD');
    await server.call('PUT', '/v1/signals/b');
    await waiting;
  });
});
