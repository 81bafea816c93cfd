// The dialect of releasestatus, row by row: one release at a time, told by 0 and 1.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { start } from '../http/server.ts';

describe.each(['GET', 'POST'])('%s', (method) => {
  test('/start is 1 when it was free, 0 when it was running already, without a newline', async () => {
    const { call } = await start();
    const first = await call(method, '/start');
    expect(first).toMatchObject({ status: 200, text: '1' });
    expect(first.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await call(method, '/start')).toMatchObject({ status: 200, text: '0' });
  });

  test('/stop is 1 when it was running, 0 when nothing was', async () => {
    const { call } = await start();
    expect(await call(method, '/stop')).toMatchObject({ status: 200, text: '0' });
    await call('GET', '/start');
    const stopped = await call(method, '/stop');
    expect(stopped).toMatchObject({ status: 200, text: '1' });
    expect(stopped.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await call(method, '/stop')).toMatchObject({ text: '0' });
    expect(await call('GET', '/start')).toMatchObject({ text: '1' });
  });

  test('/block refuses starts, lets a running release go on and be stopped, until /unblock', async () => {
    const { call, environment } = await start();
    await call('GET', '/start');
    expect(await call(method, '/block?name=sion')).toMatchObject({ status: 200, text: '1' });
    expect(await call(method, '/block')).toMatchObject({ status: 200, text: '0' });
    expect((await environment('release')).held).toHaveLength(1);
    expect(await environment('release')).toMatchObject({
      state: 'frozen',
      stateReason: 'blocked by sion through /block',
    });
    expect(await call(method, '/stop')).toMatchObject({ text: '1' });
    expect(await call(method, '/start')).toMatchObject({ status: 200, text: '0' });
    expect(await call(method, '/unblock')).toMatchObject({ status: 200, text: '1' });
    expect(await call(method, '/unblock')).toMatchObject({ status: 200, text: '0' });
    expect(await call(method, '/start')).toMatchObject({ text: '1' });
  });
});

test('a body of any kind is ignored', async () => {
  const { call } = await start();
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await call('POST', '/start', { rawBody: 'a=b&c', headers: form })).toMatchObject({ status: 200, text: '1' });
  expect(
    await call('POST', '/stop', { rawBody: '{"not":', headers: { 'content-type': 'application/json' } }),
  ).toMatchObject({
    status: 200,
    text: '1',
  });
});

test.each([
  ['?name=sion', 'sion'],
  ['?name=sion&name=arthur', 'sion'],
  ['?x=1&name=a+b%21', 'a b!'],
  ['?name=%zz', null],
  ['?name=%zz&name=arthur', 'arthur'],
  ['?name=', null],
  ['', null],
])('/start%s is started by %s', async (query, name) => {
  const { call, environment } = await start();
  expect(await call('GET', `/start${query}`)).toMatchObject({ status: 200, text: '1' });
  const [held] = (await environment('release')).held;
  expect(held?.holder.name).toBe(name);
});

test('a refused start, and a stop of what /start did not make, say who has it since when; the body stays 0', async () => {
  const { call, ask } = await start();
  await call('GET', '/start?name=sion');
  const refused = await call('GET', '/start?name=arthur');
  expect(refused.text).toBe('0');
  expect(refused.headers.get('signalbox-holder')).toBe('sion');
  expect(Date.parse(refused.headers.get('signalbox-since') ?? '')).toBeGreaterThan(Date.now() - 60_000);
  await call('GET', '/stop');
  await ask({ environment: 'release', holder: { name: 'by the API' } });
  const stopped = await call('GET', '/stop');
  expect(stopped).toMatchObject({ status: 200, text: '0' });
  expect(stopped.headers.get('signalbox-holder')).toBe('by the API');
});

test.each([
  '/start',
  '/stop',
  '/block',
  '/unblock',
])('%s changes nothing by HEAD, OPTIONS and others: 405 with Allow', async (path) => {
  const { call, environment } = await start();
  await call('GET', '/start');
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']) {
    const reply = await call(method, path);
    expect([method, reply.status, reply.headers.get('allow')]).toEqual([method, 405, 'GET, POST']);
  }
  expect(await environment('release')).toMatchObject({ state: 'open', held: [{ state: 'held' }] });
});

test('64 concurrent starts, 100 rounds: there is always one winner', async () => {
  const { call } = await start();
  for (let round = 0; round < 100; round++) {
    const answers = await Promise.all(Array.from({ length: 64 }, () => call('GET', '/start')));
    const winners = answers.filter(({ text }) => text === '1').length;
    expect([round, winners]).toEqual([round, 1]);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await call('GET', '/stop')).toMatchObject({ text: '1' });
  }
});

test('a release shows in /v1 and in the history, and keeps a waiter of /v1 waiting until it stops', async () => {
  const { call, ask, environment, waiting } = await start();
  await call('GET', '/start?name=sion');
  expect(await environment('release')).toMatchObject({ held: [{ holder: { name: 'sion' }, state: 'held' }], free: 0 });
  const { json: events } = await call('GET', '/v1/events?subject=release&kind=lease.granted');
  expect(events.items).toMatchObject([{ kind: 'lease.granted', data: { holder: 'sion' } }]);
  const waiter = ask({ environment: 'release' }, { query: '?wait=30' });
  await waiting('release', 1);
  expect(await call('GET', '/stop')).toMatchObject({ text: '1' });
  const granted = await waiter;
  expect(granted.state).toBe('held');
  // And the other way round: what /v1 holds is not free for /start, and not for /stop to end.
  expect(await call('GET', '/start')).toMatchObject({ text: '0' });
  expect(await call('GET', '/stop')).toMatchObject({ text: '0' });
  await call('DELETE', `/v1/leases/${granted.id}`);
  expect(await call('GET', '/start')).toMatchObject({ text: '1' });
});

test('a freeze or drain of the environment through /v1 refuses starts', async () => {
  const { call } = await start();
  for (const state of ['frozen', 'draining']) {
    await call('PUT', '/v1/environments/release', { body: { state, reason: 'month end' } });
    expect(await call('GET', '/start')).toMatchObject({ status: 200, text: '0' });
  }
  await call('PATCH', '/v1/environments/release', { body: { state: 'open' } });
  await call('PUT', '/v1/freezes/all', { body: { labels: {}, reason: 'month end' } });
  expect(await call('GET', '/start')).toMatchObject({ status: 200, text: '0' });
  await call('DELETE', '/v1/freezes/all');
  expect(await call('GET', '/start')).toMatchObject({ status: 200, text: '1' });
});

test('the lock has no expiry of its own, and the one that its environment is configured with', async () => {
  const { call, environment } = await start();
  await call('GET', '/start');
  expect((await environment('release')).held[0]).toMatchObject({ ttlSeconds: null, maxHoldSeconds: null });
  await call('GET', '/stop');
  await call('PUT', '/v1/environments/release', { body: { maxHoldSeconds: 1 } });
  await call('GET', '/start');
  await eventually(async () => expect(await call('GET', '/start')).toMatchObject({ text: '1' }));
});

test('with keys on, a start needs one, as bearer or X-API-KEY, and /block the scope force', async () => {
  const adminKey = 'an-admin-key';
  const { call, makeKey } = await start({ adminKeys: [{ name: 'API_KEY', key: adminKey }] });
  const key = await makeKey(['acquire:release'], {}, { key: adminKey });
  expect(await call('GET', '/start')).toMatchObject({ status: 401, json: { code: 'unauthenticated' } });
  expect(await call('GET', '/stop')).toMatchObject({ status: 401 });
  expect(await call('GET', '/block')).toMatchObject({ status: 401 });
  expect(await call('GET', '/unblock')).toMatchObject({ status: 401 });
  expect(await call('GET', '/start', { key: 'wrong' })).toMatchObject({ status: 401, json: { code: 'key_unknown' } });
  expect(await call('GET', '/start', { headers: { 'x-api-key': key } })).toMatchObject({ status: 200, text: '1' });
  expect(await call('GET', '/block', { key })).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  expect(await call('GET', '/unblock', { key })).toMatchObject({ status: 403 });
  expect(await call('GET', '/block', { key: adminKey })).toMatchObject({ status: 200, text: '1' });
  expect(await call('GET', '/stop', { key })).toMatchObject({ status: 200, text: '1' });
});

test('what the originals allowed to everybody can be allowed again: --anonymous acquire:release', async () => {
  const { call } = await start({ adminKeys: [{ name: 'API_KEY', key: 'k' }], anonymous: ['acquire:release'] });
  expect(await call('GET', '/start')).toMatchObject({ status: 200, text: '1' });
  expect(await call('GET', '/stop')).toMatchObject({ status: 200, text: '1' });
  expect(await call('GET', '/block')).toMatchObject({ status: 401 });
  expect(await call('POST', '/v1/leases', { body: { environment: 'uat' } })).toMatchObject({ status: 401 });
});
