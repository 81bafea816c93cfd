// Environments, freezes and lists over HTTP.

import { describe, expect, test } from 'vitest';
import type { Environment, Lease } from '../../src/api/schemas.ts';
import { eventually } from '../eventually.ts';
import { start } from './server.ts';

const path = (name: string): string => `/v1/environments/${encodeURIComponent(name)}`;

describe('an environment', () => {
  test('is declared by PUT (201, then 200), changed by PATCH, looked at by GET, deleted by DELETE', async () => {
    const { call } = await start();
    const body = { capacity: 3, labels: { kind: 'db' }, description: 'ours', ttlSeconds: 60, onExpire: 'hold' };
    const made = await call('PUT', path('uat'), { body });
    expect(made).toMatchObject({
      status: 201,
      json: { name: 'uat', ...body, declared: true, state: 'open', free: 3, held: [], waiting: 0, frozenBy: [] },
    });
    expect(await call('PUT', path('uat'), { body: { capacity: 2 } })).toMatchObject({ status: 200 });
    const changed = await call('PATCH', path('uat'), { body: { description: 'theirs' } });
    expect(changed).toMatchObject({ status: 200, json: { capacity: 2, description: 'theirs' } });
    expect((await call('GET', path('uat'))).json).toEqual(changed.json);
    expect(await call('DELETE', path('uat'))).toMatchObject({ status: 204, text: '' });
    expect(await call('GET', path('uat'))).toMatchObject({ status: 404, json: { code: 'environment_unknown' } });
  });

  test('that is not there is 404 with the nearest name, for every route but PUT', async () => {
    const { call } = await start();
    await call('PUT', path('production'), { body: {} });
    for (const [method, way, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { capacity: 2 }],
      ['GET', '/fence/1', undefined],
    ] as const) {
      expect(await call(method, path('prodution') + way, { body })).toMatchObject({
        status: 404,
        json: { code: 'environment_unknown', nearest: 'production' },
      });
    }
    expect(await call('DELETE', path('prodution'))).toMatchObject({ status: 404, json: { nearest: 'production' } });
    expect(await call('POST', `${path('prodution')}/clean`, { body: {} })).toMatchObject({ status: 404 });
  });

  test.each([
    'a/b',
    '../x',
    '%2F',
    'é ü 日本',
    '😀'.repeat(200),
    'x'.repeat(200),
    'a?b#c&d=e',
    "'; drop table",
    '<b>',
  ])('may be called %s', async (name) => {
    const { call, ask, environment } = await start();
    expect(await call('PUT', path(name), { body: {} })).toMatchObject({ status: 201, json: { name } });
    expect(await environment(name)).toMatchObject({ name });
    const held = await ask({ environment: name });
    expect((await environment(name)).held).toHaveLength(1);
    expect(await call('GET', `${path(name)}/fence/${held.fence}`)).toMatchObject({ json: { current: true } });
    expect(new URL(held.page).pathname).toBe(`/environments/${encodeURIComponent(name)}`);
    await call('DELETE', `/v1/leases/${held.id}`);
    const { json: history } = await call('GET', `/v1/events?subject=${encodeURIComponent(name)}&kind=lease.`);
    expect(history.items).toHaveLength(2);
    expect(await call('DELETE', path(name))).toMatchObject({ status: 204 });
  });

  test.each([
    ['longer than 200 characters', '😀'.repeat(201)],
    ['longer than 200 characters', 'x'.repeat(5_000)],
    ['control characters', 'a\u0000b'],
    ['control characters', 'a\nb'],
    ['control characters', 'a\u009fb'],
  ])('may not have a name with/that is %s', async (why, name) => {
    const { call } = await start();
    for (const reply of [
      await call('PUT', path(name), { body: {} }),
      await call('GET', path(name)),
      await call('POST', '/v1/leases', { body: { environment: name } }),
    ]) {
      expect(reply).toMatchObject({ status: 422, json: { code: 'invalid_name' } });
      expect(reply.json.detail).toContain(why);
    }
  });

  test('may not have half a character in its name', async () => {
    const { call } = await start();
    expect(await call('POST', '/v1/leases', { rawBody: '{"environment":"a\\ud800"}', body: {} })).toMatchObject({
      status: 422,
      json: { code: 'invalid_name' },
    });
  });

  test('is closed with a reason, and says who, why and until when', async () => {
    const { call, ask } = await start();
    expect(await call('PUT', path('uat'), { body: { state: 'frozen' } })).toMatchObject({
      status: 422,
      json: { code: 'reason_required', field: 'reason' },
    });
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const frozen = await call('PUT', path('uat'), { body: { state: 'frozen', reason: 'month end', until } });
    expect(frozen.json).toMatchObject({
      state: 'frozen',
      stateReason: 'month end',
      stateBy: 'anonymous',
      stateUntil: until,
    });
    const busy = await call('POST', '/v1/leases', { body: { environment: 'uat' } });
    expect(busy).toMatchObject({ status: 409, json: { blockedBy: [{ why: 'frozen', reason: 'month end' }] } });
    await call('PATCH', path('uat'), { body: { state: 'open' } });
    await ask({ environment: 'uat' });
  });

  test('opens by itself when its freeze is over', async () => {
    const { call, environment } = await start();
    const until = new Date(Date.now() + 300).toISOString();
    await call('PUT', path('uat'), { body: { state: 'frozen', reason: 'a moment', until } });
    await eventually(async () => expect((await environment('uat')).state).toBe('open'));
    expect(
      await call('PUT', path('uat'), { body: { state: 'frozen', reason: 'x', until: '2020-01-01T00:00:00Z' } }),
    ).toMatchObject({ status: 400, json: { code: 'invalid_request', field: 'until' } });
  });

  test('drains: new requests are refused, waiting ones end, and empty it is drained', async () => {
    const { call, ask, environment, waiting } = await start();
    const held = await ask({ environment: 'uat' });
    const waiter = call('POST', '/v1/leases?wait=30', { body: { environment: 'uat' } });
    await waiting('uat', 1);
    await call('PUT', path('uat'), { body: { state: 'draining', reason: 'rebuild' } });
    expect(await waiter).toMatchObject({ status: 410, json: { lease: { end: { how: 'environment_draining' } } } });
    expect(await call('POST', '/v1/leases', { body: { environment: 'uat' } })).toMatchObject({
      status: 409,
      json: { code: 'environment_draining' },
    });
    expect((await environment('uat')).state).toBe('draining');
    await call('DELETE', `/v1/leases/${held.id}`);
    expect((await environment('uat')).state).toBe('drained');
  });

  test('is not deleted under its holders, unless with force and a reason', async () => {
    const { call, ask, lease } = await start();
    const held = await ask({ environment: 'uat' });
    expect(await call('DELETE', path('uat'))).toMatchObject({ status: 409, json: { code: 'environment_in_use' } });
    expect(await call('DELETE', `${path('uat')}?force=true`)).toMatchObject({
      status: 422,
      json: { code: 'reason_required' },
    });
    expect(await call('DELETE', `${path('uat')}?force=true&reason=gone`)).toMatchObject({ status: 204 });
    expect(await lease(held.id)).toMatchObject({
      state: 'revoked',
      end: { how: 'environment_deleted', reason: 'gone' },
    });
  });

  test('with onExpire hold is dirty after an expiry until somebody cleans it', async () => {
    const { call, ask, environment } = await start();
    await call('PUT', path('uat'), { body: { onExpire: 'hold' } });
    await ask({ environment: 'uat', ttlSeconds: 1 });
    await eventually(async () => expect(await environment('uat')).toMatchObject({ dirty: 1, free: 0, held: [] }));
    expect((await call('POST', '/v1/leases', { body: { environment: 'uat' } })).json.blockedBy[0].why).toBe('dirty');
    expect(await call('POST', `${path('uat')}/clean`, { body: { reason: 'looked at it' } })).toMatchObject({
      status: 200,
      json: { dirty: 0, free: 1 },
    });
    await ask({ environment: 'uat' });
  });

  test('gives its defaults to leases that do not say', async () => {
    const { call, ask } = await start();
    await call('PUT', path('uat'), { body: { capacity: 2, ttlSeconds: 77, maxHoldSeconds: 777 } });
    expect(await ask({ environment: 'uat' })).toMatchObject({ ttlSeconds: 77, maxHoldSeconds: 777 });
    expect(await ask({ environment: 'uat', ttlSeconds: null })).toMatchObject({ ttlSeconds: null });
  });

  test('that nobody declared is refused with --declared-only', async () => {
    const { call } = await start({ declaredOnly: true });
    await call('PUT', path('production'), { body: {} });
    expect(await call('POST', '/v1/leases', { body: { environment: 'prodution' } })).toMatchObject({
      status: 404,
      json: { code: 'environment_unknown', nearest: 'production', declared: 1 },
    });
  });

  test('is one too many at --max-environments: 429, by first use as by PUT', async () => {
    const { call, ask } = await start({ maxEnvironments: 2 });
    await ask({ wants: [{ environment: 'a' }, { environment: 'b' }] });
    const full = { status: 429, json: { code: 'too_many_environments' } };
    expect(await call('POST', '/v1/leases', { body: { environment: 'c' } })).toMatchObject(full);
    expect(await call('PUT', path('c'), { body: {} })).toMatchObject(full);
    expect(await call('PUT', path('a'), { body: {} })).toMatchObject({ status: 200 });
  });
});

test('the figure of a fence is checked as a number', async () => {
  const { call, ask } = await start();
  await ask({ environment: 'uat' });
  const { fence } = await ask({ environment: 'db' });
  expect(await call('GET', `${path('db')}/fence/${fence}.5`)).toMatchObject({ status: 400 });
  expect((await call('GET', `${path('uat')}/fence/0`)).json).toMatchObject({ current: false });
  for (const wrong of ['x', '-1', '1.5', '99999999999999999999999'])
    expect(await call('GET', `${path('uat')}/fence/${wrong}`)).toMatchObject({ status: 400 });
});

describe('lists', () => {
  test('of environments: by name, page by page, by labels, each as of a moment', async () => {
    const { call } = await start();
    for (const name of ['c', 'a', 'b', 'e', 'd'])
      await call('PUT', path(name), { body: { labels: { kind: name < 'c' ? 'db' : 'web', site: 'eu' } } });
    const names: string[] = [];
    let cursor = '';
    do {
      const { json } = await call('GET', `/v1/environments?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(json.asOf).toMatchObject({ seq: expect.any(Number), at: expect.any(String) });
      names.push(...json.items.map(({ name }: Environment) => name));
      cursor = json.next ?? '';
    } while (cursor !== '');
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    const labelled = await call('GET', '/v1/environments?labels=kind=db,site=eu');
    expect(labelled.json.items.map(({ name }: Environment) => name)).toEqual(['a', 'b']);
    expect((await call('GET', '/v1/environments?labels=__proto__=x')).json.items).toEqual([]);
    expect((await call('GET', '/v1/environments?labels=constructor=x')).json.items).toEqual([]);
    expect(await call('GET', '/v1/environments?labels=nonsense')).toMatchObject({
      status: 400,
      json: { code: 'invalid_request', field: 'labels' },
    });
  });

  test('go on where they stood when the row of the cursor has gone', async () => {
    const { call } = await start();
    for (const name of ['a', 'b', 'c', 'd']) await call('PUT', path(name), { body: {} });
    const { json: first } = await call('GET', '/v1/environments?limit=2');
    await call('DELETE', path('b'));
    const { json: second } = await call('GET', `/v1/environments?limit=2&cursor=${first.next}`);
    expect(second.items.map(({ name }: Environment) => name)).toEqual(['c', 'd']);
  });

  test('of leases: those in the queue in its order, and by state and environment', async () => {
    const { call, ask } = await start();
    const held = await ask({ environment: 'uat' });
    const queued: Lease[] = [];
    for (const priority of [0, 5, 0, 5]) queued.push(await ask({ environment: 'uat', priority, queueSeconds: null }));
    const ids = async (query: string): Promise<string[]> =>
      (await call('GET', `/v1/leases?${query}`)).json.items.map(({ id }: { id: string }) => id);
    const inOrder = [1, 3, 0, 2].map((i) => queued[i]?.id);
    expect(await ids('state=waiting')).toEqual(inOrder);
    expect(await ids('state=waiting&environment=uat')).toEqual(inOrder);
    expect(await ids('state=waiting&environment=other')).toEqual([]);
    expect(await ids('state=held')).toEqual([held.id]);
    expect(await ids('')).toHaveLength(5);
    await call('DELETE', `/v1/leases/${queued[0]?.id}`);
    expect(await ids('state=ended')).toEqual([queued[0]?.id]);
    expect(await ids('state=cancelled')).toEqual([queued[0]?.id]);
    expect(await call('GET', '/v1/leases?state=nonsense')).toMatchObject({ status: 400, json: { field: 'state' } });
    const { json: page } = await call('GET', '/v1/leases?state=waiting&limit=2');
    const { json: rest } = await call('GET', `/v1/leases?state=waiting&limit=2&cursor=${page.next}`);
    expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual([1, 3, 2].map((i) => queued[i]?.id));
    expect(page.items.every((item: object) => !('secret' in item))).toBe(true);
  });

  test.each([
    '/v1/environments',
    '/v1/leases',
    '/v1/freezes',
    '/v1/keys',
    '/v1/events',
  ])('%s refuses a cursor that is not its own, and a limit out of bounds', async (list) => {
    const { call } = await start();
    for (const cursor of ['x', '%00', 'e30', encodeURIComponent('{"key":1}')]) {
      expect([cursor, await call('GET', `${list}?cursor=${cursor}`)]).toMatchObject([
        cursor,
        { status: 400, json: { code: 'invalid_cursor', field: 'cursor' } },
      ]);
    }
    for (const limit of ['0', '-1', '501', '1.5', 'x', ''])
      expect([limit, (await call('GET', `${list}?limit=${limit}`)).status]).toEqual([limit, 400]);
    expect(await call('GET', `${list}?nonsense=1`)).toMatchObject({ status: 400, json: { code: 'unknown_field' } });
  });
});

describe('a freeze', () => {
  test('holds every environment that carries its labels, later ones too, until it is ended', async () => {
    const { call, ask, environment, waiting } = await start();
    const db = { labels: { kind: 'db' } };
    await call('PUT', path('db-1'), { body: db });
    const made = await call('PUT', '/v1/freezes/night', { body: { ...db, reason: 'backup' } });
    expect(made).toMatchObject({
      status: 201,
      json: { name: 'night', ...db, reason: 'backup', by: 'anonymous', until: null },
    });
    expect(await call('PUT', '/v1/freezes/night', { body: { ...db, reason: 'backup!' } })).toMatchObject({
      status: 200,
    });
    await call('PUT', path('db-2'), { body: db });
    for (const name of ['db-1', 'db-2']) {
      expect(await environment(name)).toMatchObject({ state: 'frozen', frozenBy: ['night'], stateReason: 'backup!' });
      expect(await call('POST', '/v1/leases', { body: { environment: name } })).toMatchObject({ status: 409 });
    }
    await ask({ environment: 'web' });
    const waiter = ask({ environment: 'db-1' }, { query: '?wait=30' });
    await waiting('db-1', 1);
    expect((await call('GET', '/v1/freezes')).json.items).toMatchObject([{ name: 'night' }]);
    expect(await call('DELETE', '/v1/freezes/night')).toMatchObject({ status: 204 });
    expect((await waiter).state).toBe('held');
    expect(await call('DELETE', '/v1/freezes/night')).toMatchObject({ status: 404, json: { code: 'freeze_unknown' } });
  });

  test('needs a reason, a name that is allowed, and an end that lies ahead; ends by itself', async () => {
    const { call } = await start();
    const put = (name: string, body: object) => call('PUT', `/v1/freezes/${encodeURIComponent(name)}`, { body });
    expect(await put('x', {})).toMatchObject({ status: 400, json: { field: 'reason' } });
    expect(await put('x', { reason: '  ' })).toMatchObject({ status: 422, json: { code: 'reason_required' } });
    expect(await put('a\nb', { reason: 'x' })).toMatchObject({ status: 422, json: { code: 'invalid_name' } });
    expect(await put('x', { reason: 'x', until: '2020-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
      json: { field: 'until' },
    });
    expect(await put('x', { reason: 'x', until: 'tomorrow' })).toMatchObject({ status: 400, json: { field: 'until' } });
    await put('a/b', { reason: 'x', until: new Date(Date.now() + 300).toISOString() });
    await eventually(async () => expect((await call('GET', '/v1/freezes')).json.items).toEqual([]));
  });

  test('is listed by name, page by page', async () => {
    const { call } = await start();
    for (const name of ['c', 'a', 'b'])
      await call('PUT', `/v1/freezes/${name}`, { body: { labels: { x: name }, reason: 'x' } });
    const { json: first } = await call('GET', '/v1/freezes?limit=2');
    const { json: second } = await call('GET', `/v1/freezes?limit=2&cursor=${first.next}`);
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(second.next).toBeNull();
  });
});
