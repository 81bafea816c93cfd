// The dialect of call-me, row by row: GET, POST and DELETE /maybe?environment=E.

import { describe, expect, test } from 'vitest';
import { admin, raw, start, type TestServer } from '../http/server.ts';

const withKeys = { adminKeys: [admin] };
const right = { headers: { 'x-api-key': admin.key } };

test('GET is 200 when free and 403 when locked, without a body, and changes nothing', async () => {
  const { call } = await start(withKeys);
  for (let i = 0; i < 2; i++) {
    const free = await call('GET', '/maybe?environment=uat', right);
    expect(free).toMatchObject({ status: 200, text: '' });
    expect(free.headers.get('content-length')).toBe('0');
  }
  const { json } = await call('GET', '/v1/environments', { key: admin.key });
  expect(json.items).toEqual([]);
  await call('POST', '/maybe?environment=uat', right);
  const locked = await call('GET', '/maybe?environment=uat', right);
  expect(locked).toMatchObject({ status: 403, text: '' });
  expect(locked.headers.get('content-length')).toBe('0');
});

test('POST is 201 when it is given and 403 when it is locked, without a body', async () => {
  const { call } = await start(withKeys);
  const given = await call('POST', '/maybe?environment=uat', right);
  expect(given).toMatchObject({ status: 201, text: '' });
  expect(given.headers.get('content-length')).toBe('0');
  const locked = await call('POST', '/maybe?environment=uat', right);
  expect(locked).toMatchObject({ status: 403, text: '' });
  expect(locked.headers.get('content-length')).toBe('0');
  expect(await call('POST', '/maybe?environment=dev', right)).toMatchObject({ status: 201 });
});

test('DELETE is 204 whether it was locked, free or never seen, and frees it whoever asks', async () => {
  const { call, makeKey } = await start(withKeys);
  expect(await call('DELETE', '/maybe?environment=never', right)).toMatchObject({ status: 204, text: '' });
  await call('POST', '/maybe?environment=uat', right);
  const another = { headers: { 'x-api-key': await makeKey(['acquire']) } };
  expect(await call('DELETE', '/maybe?environment=uat', another)).toMatchObject({ status: 204, text: '' });
  expect(await call('DELETE', '/maybe?environment=uat', right)).toMatchObject({ status: 204 });
  expect(await call('POST', '/maybe?environment=uat', right)).toMatchObject({ status: 201 });
});

test.each([
  ['no key', {}],
  ['an empty key', { 'x-api-key': '' }],
  ['a wrong key', { 'x-api-key': 'wrong' }],
])('%s: 401 with the words of call-me', async (_, headers) => {
  const { call } = await start(withKeys);
  for (const method of ['GET', 'POST', 'DELETE']) {
    expect(await call(method, '/maybe?environment=uat', { headers })).toMatchObject({
      status: 401,
      json: { code: 401, message: 'unauthenticated for invalid credentials' },
    });
  }
});

test.each([
  '/maybe',
  '/maybe?environment=',
  '/maybe?other=1',
  '/maybe?environment=%zz',
])('%s: 422, the environment is required', async (path) => {
  const { call } = await start(withKeys);
  for (const method of ['GET', 'POST', 'DELETE']) {
    expect(await call(method, path, right)).toMatchObject({
      status: 422,
      json: { code: 602, message: 'environment in query is required' },
    });
  }
});

test.each(['PUT', 'PATCH', 'OPTIONS'])('%s: 405 with Allow and the words of call-me', async (method) => {
  const { call } = await start(withKeys);
  const reply = await call(method, '/maybe?environment=uat', right);
  expect(reply).toMatchObject({
    status: 405,
    json: { code: 405, message: `method ${method} is not allowed, but [GET,POST,DELETE] are` },
  });
  expect(reply.headers.get('allow')).toBe('GET,POST,DELETE');
});

test('a method that nobody knows is refused with the methods that there are', async () => {
  const server = await start();
  const connection = await raw(server, 'PROPFIND /maybe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const answer = await connection.ended();
  expect(answer).toContain('HTTP/1.1 405');
  expect(answer).toMatch(/\r\nallow: DELETE, GET, HEAD, POST\r\n/i);
});

test('of two environments the last wins', async () => {
  const { call, environment } = await start();
  await call('POST', '/maybe?environment=a&environment=b');
  expect((await environment('b')).held).toHaveLength(1);
  expect(await call('GET', '/v1/environments/a')).toMatchObject({ status: 404 });
});

test.each([
  ['too long', 'x'.repeat(201), 'longer than 200 characters'],
  ['with a line break', 'a%0Ab', 'control characters'],
  ['with a zero byte', '%00', 'control characters'],
])('a name %s: 422 with a message that says so', async (_, name, words) => {
  const { call } = await start();
  for (const method of ['GET', 'POST', 'DELETE']) {
    const reply = await call(method, `/maybe?environment=${name}`);
    expect(reply.status).toBe(422);
    expect(reply.json.message).toContain(words);
  }
});

test('curl -I -X GET reads no body; HEAD answers as GET does and changes nothing', async () => {
  const { call } = await start();
  expect(await call('HEAD', '/maybe?environment=uat')).toMatchObject({ status: 200 });
  await call('POST', '/maybe?environment=uat');
  expect(await call('HEAD', '/maybe?environment=uat')).toMatchObject({ status: 403 });
});

test('a lock of /v1 that another key took is freed by DELETE only with the scope force', async () => {
  const { call, ask, makeKey, environment } = await start(withKeys);
  const [taker, other, strong] = await Promise.all([
    makeKey(['acquire']),
    makeKey(['acquire']),
    makeKey(['acquire', 'force']),
  ]);
  const asKey = (key: string) => ({ headers: { 'x-api-key': key } });
  await ask({ environment: 'uat' }, { key: taker });
  expect(await call('DELETE', '/maybe?environment=uat', asKey(other))).toMatchObject({
    status: 403,
    json: { code: 403 },
  });
  expect((await environment('uat', { key: admin.key })).held).toHaveLength(1);
  expect(await call('DELETE', '/maybe?environment=uat', asKey(strong))).toMatchObject({ status: 204 });
  await ask({ environment: 'uat' }, { key: taker });
  expect(await call('DELETE', '/maybe?environment=uat', asKey(taker))).toMatchObject({ status: 204 });
  expect((await environment('uat', { key: admin.key })).held).toEqual([]);
});

test('DELETE frees the oldest lock that came through this dialect, and no other before it', async () => {
  const { call, ask, environment } = await start();
  await call('PUT', '/v1/environments/uat', { body: { capacity: 3 } });
  const direct = await ask({ environment: 'uat' });
  await call('POST', '/maybe?environment=uat');
  await call('POST', '/maybe?environment=uat');
  const [, oldest, newest] = (await environment('uat')).held;
  await call('DELETE', '/maybe?environment=uat');
  expect((await environment('uat')).held.map(({ id }) => id)).toEqual([direct.id, newest?.id]);
  expect(oldest?.id).not.toBe(newest?.id);
});

test('a key whose scopes are for another environment: 403, and nothing is locked', async () => {
  const { call, makeKey } = await start(withKeys);
  const headers = { 'x-api-key': await makeKey(['acquire:dev-*']) };
  expect(await call('POST', '/maybe?environment=uat', { headers })).toMatchObject({ status: 403 });
  expect(await call('POST', '/maybe?environment=dev-1', { headers })).toMatchObject({ status: 201 });
});

test('with --declared-only an unknown environment is refused with a message', async () => {
  const { call } = await start({ declaredOnly: true });
  const reply = await call('POST', '/maybe?environment=uat');
  expect(reply.status).toBe(422);
  expect(reply.json.message).toContain('There is no environment "uat"');
});

test('GET is 403 while the slot is set aside for somebody who waits, though nobody holds it', async () => {
  const server = await start();
  const { call, ask } = server;
  const both = await waiterForBoth(server);
  expect(await call('GET', '/maybe?environment=a')).toMatchObject({ status: 403 });
  expect(await call('POST', '/maybe?environment=a')).toMatchObject({ status: 403 });
  await call('DELETE', `/v1/leases/${both.blocker}`);
  await both.granted;
  await ask({ environment: 'c' });
});

describe('Prefer: wait', () => {
  const patiently = { headers: { prefer: 'wait=30' } };

  test('queues, and answers 201 when it is freed', async () => {
    const { call, waiting, environment } = await start();
    await call('POST', '/maybe?environment=uat');
    const late = call('POST', '/maybe?environment=uat', patiently);
    await waiting('uat', 1);
    await call('DELETE', '/maybe?environment=uat');
    expect(await late).toMatchObject({ status: 201, text: '' });
    expect((await environment('uat')).held).toHaveLength(1);
  });

  test('a client that hangs up leaves the queue', async () => {
    const { call, waiting, environment } = await start();
    await call('POST', '/maybe?environment=uat');
    const hangUp = new AbortController();
    const left = call('POST', '/maybe?environment=uat', { ...patiently, signal: hangUp.signal });
    await waiting('uat', 1);
    hangUp.abort();
    await expect(left).rejects.toThrow();
    await waiting('uat', 0);
    await call('DELETE', '/maybe?environment=uat');
    expect((await environment('uat')).held).toEqual([]);
    expect(await call('POST', '/maybe?environment=uat')).toMatchObject({ status: 201 });
  });

  test('with an Idempotency-Key the place is kept for whoever asks again, before those who came later', async () => {
    const { call, ask, waiting } = await start();
    await call('POST', '/maybe?environment=uat');
    const again = { headers: { prefer: 'wait=1', 'idempotency-key': 'call-me:1' } };
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 403 });
    const later = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 2);
    await call('DELETE', '/maybe?environment=uat');
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 201 });
    // A lost answer is given again, and is no second lock.
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 201 });
    await call('DELETE', '/maybe?environment=uat');
    expect((await later).state).toBe('held');
  });

  test('a key whose place was given up in the meantime is a new request', async () => {
    const { call, waiting } = await start({ graceSeconds: 1 });
    await call('POST', '/maybe?environment=uat');
    const again = { headers: { prefer: 'wait=1', 'idempotency-key': 'call-me:1' } };
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 403 });
    await waiting('uat', 0);
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 403 });
    await call('DELETE', '/maybe?environment=uat');
    expect(await call('POST', '/maybe?environment=uat', again)).toMatchObject({ status: 201 });
  });

  test('is over when its seconds are: 403, and nothing is left in the queue', async () => {
    const { call, environment } = await start();
    await call('POST', '/maybe?environment=uat');
    const reply = await call('POST', '/maybe?environment=uat', { headers: { prefer: 'wait=1' } });
    expect(reply).toMatchObject({ status: 403, text: '' });
    expect((await environment('uat')).waiting).toBe(0);
    await call('DELETE', '/maybe?environment=uat');
    expect((await environment('uat')).held).toEqual([]);
  });

  test('waits in the order of arrival, together with /v1', async () => {
    const { call, ask, waiting } = await start();
    await call('POST', '/maybe?environment=uat');
    const order: string[] = [];
    const first = call('POST', '/maybe?environment=uat', patiently).then(() => order.push('call-me'));
    await waiting('uat', 1);
    const second = ask({ environment: 'uat' }, { query: '?wait=30' }).then(() => order.push('v1'));
    await waiting('uat', 2);
    await call('DELETE', '/maybe?environment=uat');
    await first;
    expect(order).toEqual(['call-me']);
    await call('DELETE', '/maybe?environment=uat');
    await second;
    expect(order).toEqual(['call-me', 'v1']);
  });
});

test('a lock shows in /v1 and in the history, and keeps a waiter of /v1 waiting', async () => {
  const { call, ask, environment, waiting } = await start();
  await call('POST', '/maybe?environment=uat');
  expect(await environment('uat')).toMatchObject({ held: [{ state: 'held', ttlSeconds: null }], free: 0 });
  const { json: events } = await call('GET', '/v1/events?subject=uat&kind=lease.granted');
  expect(events.items).toHaveLength(1);
  expect(await call('POST', '/v1/leases', { body: { environment: 'uat' } })).toMatchObject({ status: 409 });
  const waiter = ask({ environment: 'uat' }, { query: '?wait=30' });
  await waiting('uat', 1);
  await call('DELETE', '/maybe?environment=uat');
  const granted = await waiter;
  expect(granted.state).toBe('held');
  expect(await call('POST', '/maybe?environment=uat')).toMatchObject({ status: 403 });
  expect(await call('GET', '/maybe?environment=uat')).toMatchObject({ status: 403 });
});

test('64 concurrent POSTs, 20 rounds: there is always one winner', async () => {
  const { call } = await start();
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 64 }, () => call('POST', '/maybe?environment=uat')));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 403)).toHaveLength(63);
    await call('DELETE', '/maybe?environment=uat');
  }
});

/** Somebody holds b; somebody else waits for a and b, so that a is free but set aside. */
async function waiterForBoth({ ask, waiting }: TestServer): Promise<{ blocker: string; granted: Promise<unknown> }> {
  const blocker = await ask({ environment: 'b' });
  const granted = ask({ wants: [{ environment: 'a' }, { environment: 'b' }] }, { query: '?wait=30' });
  await waiting('a', 1);
  return { blocker: blocker.id, granted };
}
