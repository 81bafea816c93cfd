// Spaces: teams that share a server and nothing else.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ServerSettings } from '../../src/config.ts';
import { noDefaults } from '../../src/config-values.ts';
import { eventually } from '../eventually.ts';
import { admin, start, type TestServer } from './server.ts';
import { openStream } from './stream.ts';

const asAdmin = { key: admin.key };
const inSpace = (name: string, more: Record<string, string> = {}) => ({
  headers: { 'signalbox-space': name, ...more },
});

interface Team {
  readonly name: string;
  /** An admin of this space. */
  readonly key: string;
}

async function team({ call }: TestServer, name: string): Promise<Team> {
  const made = await call('PUT', `/v1/spaces/${name}`, { body: {}, ...asAdmin });
  expect(made).toMatchObject({ status: 201, json: { name, open: true } });
  const body = { name: `${name} admin`, scopes: ['admin'] };
  const { json } = await call('POST', '/v1/keys', { body, ...asAdmin, ...inSpace(name) });
  return { name, key: json.key };
}

async function twoTeams(settings: Partial<ServerSettings> = {}) {
  const server = await start({ adminKeys: [admin], ...settings });
  return { server, a: await team(server, 'team-a'), b: await team(server, 'team-b') };
}

describe('two teams', () => {
  test('hold an environment of the same name at the same time, and see nothing of one another', async () => {
    const { server, a, b } = await twoTeams();
    const { call, ask } = server;
    const of = { [a.name]: a, [b.name]: b };
    const leases: Record<string, { id: string; secret: string }> = {};
    for (const { name, key } of Object.values(of)) {
      leases[name] = await ask({ environment: 'uat', labels: undefined }, { key });
      expect(leases[name]).toMatchObject({ state: 'held' });
      await call('PUT', '/v1/signals/built', { body: { data: name }, key });
      await call('PUT', '/v1/barriers/meet', { body: { parties: 2 }, key });
      await call('PUT', '/v1/freezes/night', { body: { labels: { of: name }, reason: name }, key });
    }
    for (const [mine, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const { key } = mine;
      expect((await call('GET', '/v1/signals/built', { key })).json.data).toBe(mine.name);
      for (const [path, count] of [
        ['/v1/environments', 1],
        ['/v1/leases', 1],
        ['/v1/signals', 1],
        ['/v1/barriers', 1],
        ['/v1/freezes', 1],
        ['/v1/keys', 1],
      ] as const) {
        const { text, json } = await call('GET', path, { key });
        expect({ path, count: json.items.length }).toEqual({ path, count });
        expect(text).not.toContain(leases[other.name]?.id);
        expect(text).not.toContain(other.name);
      }
      expect((await call('GET', '/v1/events?limit=1000', { key })).text).not.toContain(other.name);
      const foreign = leases[other.name] as { id: string; secret: string };
      const secret = { 'signalbox-lease-secret': foreign.secret };
      for (const [method, path] of [
        ['GET', ''],
        ['POST', '/renew'],
        ['DELETE', ''],
      ] as const) {
        expect(await call(method, `/v1/leases/${foreign.id}${path}`, { key, headers: secret })).toMatchObject({
          status: 404,
          json: { code: 'lease_unknown' },
        });
      }
      expect(await call('GET', '/metrics', { key }).then(({ text }) => text)).not.toMatch(
        new RegExp(`${other.name}|main|signalbox_requests`),
      );
    }
    expect((await call('GET', '/v1/leases', asAdmin)).json.items).toEqual([]);
    const { text } = await call('GET', '/metrics', asAdmin);
    for (const name of ['main', a.name, b.name])
      expect(text).toContain(`signalbox_leases_held{space="${name}"} ${name === 'main' ? 0 : 1}\n`);
  });

  test('wait for signals of their own: what another team sets wakes nobody, on the line or on a stream', async () => {
    const { server, a, b } = await twoTeams();
    const { call } = server;
    const stream = await openStream(server, { query: '?rows=signals', key: a.key });
    let isOver = false;
    const waiting = call('GET', '/v1/signals/go?wait=30', { key: a.key }).finally(() => (isOver = true));
    await eventually(async () => expect((await call('GET', '/v1/waits', { key: a.key })).json.items).toHaveLength(1));
    expect((await call('GET', '/v1/waits', { key: b.key })).json.items).toEqual([]);
    await call('PUT', '/v1/signals/go', { body: { data: 'b' }, key: b.key });
    await call('PUT', '/v1/signals/other', { body: { data: 'a' }, key: a.key });
    await stream.until((events) => events.some(({ data }) => JSON.stringify(data).includes('other')));
    expect(isOver).toBe(false);
    await call('PUT', '/v1/signals/go', { body: { data: 'a' }, key: a.key });
    expect((await waiting).json.data).toBe('a');
    await stream.until((events) => events.some(({ data }) => JSON.stringify(data).includes('go')));
    expect(JSON.stringify(stream.seen)).not.toContain('team-b');
  });
});

describe('a key', () => {
  test('opens its own space only; an admin of main any; nobody else', async () => {
    const { server, a, b } = await twoTeams();
    const { call, makeKey } = server;
    const reader = await makeKey(['read', 'admin:uat-*']);
    const tried = async (key: string | undefined, space: string) => {
      const { status, json } = await call('GET', '/v1/me', { ...(key && { key }), ...inSpace(space) });
      return status === 200 ? json.space : json.code;
    };
    expect(await tried(a.key, 'team-a')).toBe('team-a');
    expect(await tried(a.key, 'team-b')).toBe('forbidden');
    expect(await tried(a.key, 'main')).toBe('forbidden');
    expect(await tried(a.key, 'nowhere')).toBe('forbidden');
    expect(await tried(b.key, 'team-a')).toBe('forbidden');
    expect(await tried(reader, 'team-a')).toBe('forbidden');
    expect(await tried(reader, 'main')).toBe('main');
    expect(await tried(admin.key, 'team-a')).toBe('team-a');
    expect(await tried(admin.key, 'nowhere')).toBe('space_unknown');
    expect(await tried('sbx_nobody_0', 'team-a')).toBe('key_unknown');
    expect(await tried(undefined, 'team-a')).toBe('unauthenticated');
    expect((await call('GET', '/v1/me', { key: a.key })).json.space).toBe('team-a');
  });

  test('of a space makes and removes no spaces, though it is admin there', async () => {
    const { server, a } = await twoTeams();
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PUT', '/team-c', {}],
      ['PUT', '/team-a', { description: 'mine' }],
      ['DELETE', '/team-b', undefined],
    ] as const) {
      expect(await server.call(method, `/v1/spaces${path}`, { key: a.key, ...(body && { body }) })).toMatchObject({
        status: 403,
        json: { code: 'forbidden' },
      });
    }
  });

  test('is of main where it is the first of all, or everybody would be locked out', async () => {
    const { call } = await start();
    await call('PUT', '/v1/spaces/team-a', { body: {} });
    const first = { body: { name: 'a', scopes: ['admin'] }, ...inSpace('team-a') };
    expect(await call('POST', '/v1/keys', first)).toMatchObject({ status: 400, json: { field: 'Signalbox-Space' } });
    expect(await call('POST', '/v1/keys', { body: first.body })).toMatchObject({ status: 201 });
  });

  test('may be none where the secret of a lease is shown, and opens nothing else', async () => {
    const { server, a } = await twoTeams({ anonymous: ['read', 'acquire'] });
    const { call, ask } = server;
    const lease = await ask({ environment: 'uat', ttlSeconds: 60 }, { key: a.key });
    const shown = inSpace('team-a', { 'signalbox-lease-secret': lease.secret });
    expect(await call('GET', '/v1/environments', shown)).toMatchObject({ status: 401 });
    expect(await call('POST', '/v1/leases', { body: { environment: 'dev' }, ...shown })).toMatchObject({ status: 401 });
    const wrong = inSpace('team-a', { 'signalbox-lease-secret': 'x' });
    expect((await call('DELETE', `/v1/leases/${lease.id}`, wrong)).status).toBeGreaterThanOrEqual(400);
    expect(await call('POST', `/v1/leases/${lease.id}/renew`, shown)).toMatchObject({ status: 200 });
    expect(await call('DELETE', `/v1/leases/${lease.id}`, shown)).toMatchObject({ status: 200 });
    // What is open to everybody is so in main.
    expect(await call('GET', '/v1/environments')).toMatchObject({ status: 200 });
  });
});

test('in memory a space begins anew when it is made again', async () => {
  const { server, a } = await twoTeams();
  const { call } = server;
  await server.ask({ environment: 'uat' }, { key: a.key });
  await call('DELETE', '/v1/spaces/team-a', asAdmin);
  const again = await team(server, 'team-a');
  expect((await call('GET', '/v1/environments', { key: again.key })).json.items).toEqual([]);
});

describe('strangers', () => {
  test('are not told which spaces there are', async () => {
    const { server } = await twoTeams({ anonymous: ['read'] });
    const { call } = server;
    const tried = async (space: string, path: string) =>
      (await call('GET', path, inSpace(space, { 'signalbox-lease-secret': 'x' }))).status;
    for (const path of ['/v1/me', '/v1/environments', '/v1/leases/ls_none'])
      expect([path, await tried('team-b', path)]).toEqual([path, await tried('nowhere', path)]);
    expect((await call('GET', '/metrics')).text).not.toMatch(/team-/);
    const some = await server.makeKey(['acquire:shop-*']);
    expect((await call('GET', '/metrics', { key: some })).text).not.toMatch(/team-/);
    expect((await call('GET', '/metrics', { key: await server.makeKey(['read']) })).text).toMatch(/team-b/);
  });
});

describe('where a space cannot be reached', () => {
  const away = new Map([
    ['team-a', { kind: 'postgres', url: 'postgres://nobody@127.0.0.1:1/none', defaults: noDefaults } as const],
  ]);

  test('a key that nobody knows is 503, and 429 once there were too many: no guessing meanwhile', async () => {
    const { call } = await start({ adminKeys: [admin], spaceStores: away });
    await call('PUT', '/v1/spaces/team-a', { body: {}, ...asAdmin });
    const statuses = new Set<number>();
    for (let i = 0; i < 14; i++) statuses.add((await call('GET', '/v1/me', { key: `sbx_${i}_x` })).status);
    expect([...statuses]).toEqual([503, 429]);
    expect(await call('GET', '/v1/me', asAdmin)).toMatchObject({ status: 200 });
    const named = await call('GET', '/v1/environments', { ...asAdmin, ...inSpace('team-a') });
    expect(named).toMatchObject({ status: 503, json: { detail: expect.stringContaining('127.0.0.1:1') } });
    // About the spaces themselves it is asked whichever is named.
    expect(await call('DELETE', '/v1/spaces/team-a', { ...asAdmin, ...inSpace('team-a') })).toMatchObject({
      status: 204,
    });
  });

  test('a key means nothing where there are none', async () => {
    const { call } = await start({ spaceStores: away });
    await call('PUT', '/v1/spaces/team-a', { body: {} });
    expect(await call('GET', '/v1/environments', { key: 'stale' })).toMatchObject({ status: 200 });
  });
});

describe('without keys', () => {
  test('whoever reaches the server names any space; without a name it is main', async () => {
    const { call } = await start();
    await call('PUT', '/v1/spaces/team-a', { body: { description: 'shop' } });
    expect(await call('POST', '/v1/leases', { body: { environment: 'x' }, ...inSpace('team-a') })).toMatchObject({
      status: 201,
    });
    expect((await call('GET', '/v1/environments', inSpace('team-a'))).json.items).toHaveLength(1);
    expect((await call('GET', '/v1/environments')).json.items).toEqual([]);
    expect((await call('GET', '/v1/environments', inSpace('main'))).json.items).toEqual([]);
    expect(await call('GET', '/v1/environments', inSpace('team-b'))).toMatchObject({
      status: 404,
      json: { code: 'space_unknown', field: 'Signalbox-Space' },
    });
    const { json } = await call('GET', '/v1/spaces');
    expect(json.items).toMatchObject([
      { name: 'main', open: true, createdAt: null },
      { name: 'team-a', description: 'shop', open: true, createdBy: 'anonymous' },
    ]);
  });
});

describe('a space that is removed', () => {
  test('sends away who waits in it and makes its keys unknown; made again, it goes on where it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-spaces-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { server, a } = await twoTeams({ store: { kind: 'sqlite', path: join(folder, 'signalbox.db') } });
    const { call, ask } = server;
    const { key } = a;
    const held = await ask({ environment: 'uat', ttlSeconds: 600 }, { key });
    const queued = await ask({ environment: 'uat', queueSeconds: null }, { key });
    const stream = await openStream(server, { key });
    const poll = call('GET', `/v1/leases/${queued.id}?wait=60`, { key });
    const wait = call('GET', '/v1/signals/never?wait=60', { key });
    await eventually(async () => expect((await call('GET', '/v1/waits', { key })).json.items).toHaveLength(1));
    expect(await call('DELETE', '/v1/spaces/team-a', asAdmin)).toMatchObject({ status: 204 });
    expect((await poll).json).toMatchObject({ state: 'waiting' });
    expect((await wait).status).toBe(503);
    await stream.ended;
    expect(await call('GET', '/v1/me', { key })).toMatchObject({ status: 401, json: { code: 'key_unknown' } });
    expect(await call('GET', '/v1/me', { ...asAdmin, ...inSpace('team-a') })).toMatchObject({ status: 404 });
    expect(await call('DELETE', '/v1/spaces/team-a', asAdmin)).toMatchObject({ status: 404 });
    expect((await call('GET', '/metrics', asAdmin)).text).not.toContain('team-a');

    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.db'))
        .sort(),
    ).toEqual(['signalbox.db', 'signalbox.team-a.db', 'signalbox.team-b.db']);
    expect(await call('PUT', '/v1/spaces/team-a', { body: {}, ...asAdmin })).toMatchObject({ status: 201 });
    expect(await server.lease(held.id, { key })).toMatchObject({ state: 'held', fence: held.fence });
    await call('DELETE', `/v1/leases/${held.id}`, { key });
    const next = await call('GET', `/v1/leases/${queued.id}?wait=30`, { key });
    expect(next.json.state).toBe('held');
    expect(next.json.fence).toBeGreaterThan(held.fence as number);
  });
});

test.each([
  ['Upper', 422],
  ['two words', 422],
  ['-a', 422],
  ['a--b', 422],
  ['a.b', 422],
  ['../etc', 422],
  ['main', 422],
  ['a'.repeat(41), 422],
  ['a'.repeat(40), 201],
  ['7', 201],
])('the name %j is answered %i', async (name, status) => {
  const { call } = await start();
  expect((await call('PUT', `/v1/spaces/${encodeURIComponent(name)}`, { body: {} })).status).toBe(status);
});
