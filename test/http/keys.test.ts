// Keys: made, shown once, used, expired, revoked; and who one is.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin, start } from './server.ts';

const withKeys = { adminKeys: [admin] };
const asAdmin = { key: admin.key };

describe('a key', () => {
  test('is shown once, works as bearer, token and X-API-KEY, and ends with DELETE', async () => {
    const { call } = await start(withKeys);
    const body = { name: 'ci', scopes: ['acquire:uat-*', 'read'], maxPriority: 7 };
    const made = await call('POST', '/v1/keys', { body, ...asAdmin });
    expect(made).toMatchObject({ status: 201, json: { ...body, createdBy: 'admin', expiresAt: null } });
    const { id, key } = made.json;
    expect(key).toMatch(new RegExp(`^sbx_${id}_[\\w-]{43}$`));
    const { json: list } = await call('GET', '/v1/keys', asAdmin);
    expect(list.items).toEqual([{ ...made.json, key: undefined }].map(({ key: _, ...shown }) => shown));
    for (const headers of [
      { authorization: `Bearer ${key}` },
      { authorization: `bearer ${key}` },
      { authorization: `token ${key}` },
      { authorization: `token=${key}` },
      { 'x-api-key': key },
    ] as Record<string, string>[]) {
      expect(await call('GET', '/v1/me', { headers })).toMatchObject({
        status: 200,
        json: { name: 'ci', scopes: body.scopes, maxPriority: 7, space: 'main', anonymous: false, keys: true },
      });
    }
    expect(await call('DELETE', `/v1/keys/${id}`, asAdmin)).toMatchObject({ status: 204 });
    expect(await call('GET', '/v1/me', { key })).toMatchObject({ status: 401, json: { code: 'key_unknown' } });
    expect(await call('DELETE', `/v1/keys/${id}`, asAdmin)).toMatchObject({
      status: 404,
      json: { code: 'key_not_found' },
    });
  });

  test('is admin when it is the first, and no other key is configured: else nobody could make the second', async () => {
    const { call } = await start();
    const first = await call('POST', '/v1/keys', { body: { name: 'ci', scopes: ['read', 'admin:uat-*'] } });
    expect(first).toMatchObject({ status: 400, json: { code: 'invalid_request', field: 'scopes' } });
    expect(await call('POST', '/v1/keys', { body: { name: 'root', scopes: ['admin'] } })).toMatchObject({
      status: 201,
    });
  });

  test('is not deleted as the last admin: nobody could make another', async () => {
    const { call } = await start();
    const made = async (name: string, scopes: string[], more: object = {}) =>
      (await call('POST', '/v1/keys', { body: { name, scopes }, ...more })).json;
    const root = await made('root', ['admin']);
    const asRoot = { key: root.key };
    const last = { status: 400, json: { code: 'invalid_request', detail: expect.stringContaining('last key') } };
    const ci = await made('ci', ['acquire', 'admin:uat-*'], asRoot);
    expect(await call('DELETE', `/v1/keys/${root.id}`, asRoot)).toMatchObject(last);
    expect(await call('DELETE', `/v1/keys/${ci.id}`, asRoot)).toMatchObject({ status: 204 });
    await call('PUT', '/v1/spaces/team-a', { body: {}, ...asRoot });
    expect(await call('DELETE', `/v1/keys/${root.id}`, asRoot)).toMatchObject(last);
    await call('DELETE', '/v1/spaces/team-a', asRoot);
    expect(await call('DELETE', `/v1/keys/${root.id}`, asRoot)).toMatchObject({ status: 204 });
    expect(await call('GET', '/v1/environments')).toMatchObject({ status: 200 });
  });

  test('expires', async () => {
    const { call, makeKey } = await start(withKeys);
    const key = await makeKey(['read'], { expiresInSeconds: 1 });
    expect(await call('GET', '/v1/environments', { key })).toMatchObject({ status: 200 });
    await eventually(async () =>
      expect(await call('GET', '/v1/environments', { key })).toMatchObject({
        status: 401,
        json: { code: 'key_expired' },
      }),
    );
  });

  test('of which one letter differs is unknown, also with the id of another', async () => {
    const { call, makeKey } = await start(withKeys);
    const [one, two] = [await makeKey(['read']), await makeKey(['read'])];
    const id = one.split('_')[1];
    const secret = two.slice(two.indexOf('_', 4) + 1);
    const flipped = one.slice(0, -1) + (one.endsWith('A') ? 'B' : 'A');
    for (const key of [
      flipped,
      `sbx_${id}_${secret}`,
      `sbx_${id}_`,
      `sbx__${secret}`,
      `${admin.key}x`,
      admin.key.slice(1),
    ])
      expect(await call('GET', '/v1/me', { key })).toMatchObject({ status: 401, json: { code: 'key_unknown' } });
  });

  test('the first one turns keys on for everybody else', async () => {
    const { call, makeKey } = await start();
    expect((await call('GET', '/v1/me')).json).toMatchObject({ anonymous: true, keys: false, scopes: ['admin'] });
    const key = await makeKey(['admin'], {}, {});
    expect(await call('GET', '/v1/environments')).toMatchObject({ status: 401 });
    expect((await call('GET', '/v1/me')).json).toMatchObject({ anonymous: true, keys: true, scopes: [] });
    expect(await call('GET', '/v1/environments', { key })).toMatchObject({ status: 200 });
  });

  test.each([
    [{ name: 'x', scopes: ['nonsense'] }, 400, 'invalid_request', 'scopes'],
    [{ name: 'x', scopes: ['read:'] }, 400, 'invalid_request', 'scopes'],
    [{ name: 'x', scopes: [] }, 400, 'invalid_request', 'scopes'],
    [{ name: 'x' }, 400, 'invalid_request', 'scopes'],
    [{ name: '', scopes: ['read'] }, 422, 'invalid_name', 'name'],
    [{ name: 'a\nb', scopes: ['read'] }, 422, 'invalid_name', 'name'],
    [{ name: 'x', scopes: ['read'], expiresInSeconds: -1 }, 422, 'invalid_duration', 'expiresInSeconds'],
    [{ name: 'x', scopes: ['read'], maxPriority: 1e9 }, 400, 'invalid_request', 'maxPriority'],
    [{ name: 'x', scopes: ['read'], hash: 'x' }, 400, 'unknown_field', 'hash'],
  ])('%j is refused: %s %s', async (body, status, code, field) => {
    const { call } = await start(withKeys);
    expect(await call('POST', '/v1/keys', { body, ...asAdmin })).toMatchObject({ status, json: { code, field } });
  });

  test('may not use a priority above its own', async () => {
    const { call, makeKey } = await start(withKeys);
    const key = await makeKey(['acquire'], { maxPriority: 5 });
    expect(await call('POST', '/v1/leases', { body: { environment: 'a', priority: 6 }, key })).toMatchObject({
      status: 403,
      json: { code: 'priority_too_high', field: 'priority', maxPriority: 5 },
    });
    expect(await call('POST', '/v1/leases', { body: { environment: 'a', priority: 5 }, key })).toMatchObject({
      status: 201,
    });
  });

  test('who made, revoked, asked is in the history', async () => {
    const { call, makeKey, ask } = await start(withKeys);
    const key = await makeKey(['acquire'], { name: 'ci' });
    await ask({ environment: 'uat' }, { key });
    const { json } = await call('GET', '/v1/events?kind=key.', asAdmin);
    expect(json.items).toMatchObject([
      { kind: 'key.created', subject: 'ci', actor: 'admin', data: { scopes: ['acquire'] } },
    ]);
    const { json: granted } = await call('GET', '/v1/events?actor=ci', asAdmin);
    expect(granted.items.map(({ kind }: { kind: string }) => kind)).toEqual(['environment.created', 'lease.granted']);
  });
});

test('ten wrong keys within a minute are told to wait; right keys go on', async () => {
  const { call } = await start(withKeys);
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await call('GET', '/v1/me', { key: `wrong-${i}` })).status);
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  const refused = await call('POST', '/maybe?environment=x', { headers: { 'x-api-key': 'wrong' } });
  expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_attempts' } });
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(await call('GET', '/v1/me', asAdmin)).toMatchObject({ status: 200 });
});

test('behind a sign-in proxy the person is the actor, and only that proxy is believed', async () => {
  const headers = { 'x-forwarded-user': 'sion' };
  const body = { environment: 'uat' };
  const actorsOf = async (from: string[]) => {
    const { call, ask } = await start({ ...withKeys, trustUser: { header: 'x-forwarded-user', from } });
    await ask(body, { ...asAdmin, headers });
    const { json } = await call('GET', '/v1/events?kind=lease.granted', asAdmin);
    return json.items.map(({ actor }: { actor: string }) => actor);
  };
  expect(await actorsOf(['127.0.0.0/8'])).toEqual(['sion']);
  expect(await actorsOf(['10.0.0.0/8'])).toEqual(['admin']);
});
