// Who may do what: every route of the OpenAPI file, with every scope, unlimited, limited to the environment in question, and
// limited to others; with one of another space; without a key, with a wrong one, with an expired one. What is expected is written out here: a route that
// is not in the table fails the test.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lease } from '../../src/api/schemas.ts';
import { scopes } from '../../src/core/access.ts';
import { eventually } from '../eventually.ts';
import { admin, type Reply, startForFile, type TestServer } from './server.ts';

interface Wanted {
  /** The scope that the route needs; null = any key will do. */
  readonly needs: (typeof scopes)[number] | null;
  /** Another scope that is needed as well: no key of this test has two, so only an admin may. */
  readonly and?: (typeof scopes)[number];
  /** Another scope that will do. */
  readonly or?: (typeof scopes)[number];
  /**
   * Of which environments: the one in question; every one (a limited scope is not enough); or any (what is not readable is
   * left out of the answer).
   */
  readonly of: 'it' | 'every' | 'any';
  /** How it ends for whoever may ask, where that is no success. */
  readonly ends?: number;
  /** What is asked, in an environment of this name that is there; may prepare something as admin. */
  readonly ask: (environment: string, server: TestServer) => Promise<{ path: string; body?: unknown }>;
}

const asAdmin = { key: admin.key };
const at = (path: string, body?: unknown) => async () => ({ path, body });
const environment = (suffix: string, body?: unknown) => async (name: string) => ({
  path: `/v1/environments/${name}${suffix}`,
  body,
});
/** A lease of the admin in the environment; a ttl so that nothing about it changes by itself in between. */
const leaseOf = (suffix: string, body?: unknown) => async (name: string, server: TestServer) => {
  const lease = await server.ask({ environment: name, ttlSeconds: 3600 }, asAdmin);
  return { path: `/v1/leases/${lease.id}${suffix}`, body };
};
const reason = 'a reason';
/** A signal of this name that is set. */
const signal = (suffix: string) => async (name: string, server: TestServer) => {
  await server.call('PUT', `/v1/signals/${name}`, { body: {}, ...asAdmin });
  return { path: `/v1/signals/${name}${suffix}` };
};
/** A barrier of this name that opens with the first arrival. */
const barrier = (suffix: string, body?: unknown) => async (name: string, server: TestServer) => {
  await server.call('PUT', `/v1/barriers/${name}`, { body: { parties: 1 }, ...asAdmin });
  return { path: `/v1/barriers/${name}${suffix}`, body };
};
const buildBody = { site: 's', env: 'e', queue: 'q', instanceType: 't' };
const poolBody = { labels: { kind: 'mine' }, max: 1, build: buildBody };
/** A pool of the admin that has nothing to do. */
const pool = (body?: unknown) => async (name: string, server: TestServer) => {
  await server.call('PUT', `/v1/pools/${name}`, { body: poolBody, ...asAdmin });
  return { path: `/v1/pools/${name}`, body };
};
const image = async (name: string, server: TestServer) => {
  await server.call('PUT', `/v1/images/${name}`, { body: {}, ...asAdmin });
  return { path: `/v1/images/${name}` };
};
/** Nothing changes by itself: no worker has anything to do any more, but to look at the driver in a while. */
const quiet = ({ call }: TestServer) =>
  eventually(async () => {
    const { json } = await call('GET', '/v1/jobs', asAdmin);
    const isDone = (job: { kind: string; dueInSeconds: number }) => job.kind === 'reconcile' && job.dueInSeconds > 2;
    expect(json.items.filter((job: never) => !isDone(job))).toEqual([]);
  });
/** A build of the admin, and its machine that runs. */
const build =
  (path: (made: { id: string; instances?: { id: string }[] }) => string) => async (_: string, server: TestServer) => {
    const { json } = await server.call('POST', '/v1/instance-builds', { body: buildBody, ...asAdmin });
    await quiet(server);
    return { path: path(json) };
  };
const aBuild = build(({ id }) => `/v1/instance-builds/${id}`);
const waitFor = (target: string) => async (name: string) => ({
  path: '/v1/waits',
  body: { all: [target.replace('NAME', name)], timeoutSeconds: 0 },
});

/** By method and path; several ways of asking where they need different scopes. */
const table: Record<string, readonly Wanted[]> = {
  'POST /v1/leases': [
    {
      ...{ needs: 'acquire', of: 'it' },
      ask: async (name) => ({ path: '/v1/leases', body: { environment: name, ttlSeconds: 3600 } }),
    },
  ],
  'GET /v1/leases': [{ needs: 'read', of: 'any', ask: at('/v1/leases') }],
  'GET /v1/leases/{id}': [{ needs: 'read', of: 'it', ask: leaseOf('') }],
  'DELETE /v1/leases/{id}': [{ needs: 'force', of: 'it', ask: leaseOf('') }],
  'POST /v1/leases/{id}/renew': [{ needs: 'force', of: 'it', ask: leaseOf('/renew') }],
  'POST /v1/leases/{id}/revoke': [{ needs: 'force', of: 'it', ask: leaseOf('/revoke', { reason }) }],
  'GET /v1/environments': [{ needs: 'read', of: 'any', ask: at('/v1/environments') }],
  'GET /v1/environments/{name}': [{ needs: 'read', of: 'it', ask: environment('') }],
  'PUT /v1/environments/{name}': [
    { needs: 'admin', of: 'it', ask: environment('', { capacity: 7 }) },
    { needs: 'admin', of: 'it', ask: async (name) => ({ path: `/v1/environments/${name}-new`, body: {} }) },
    { needs: 'force', of: 'it', ask: environment('', { state: 'frozen', reason }) },
  ],
  'PATCH /v1/environments/{name}': [
    { needs: 'admin', of: 'it', ask: environment('', { description: 'x' }) },
    { needs: 'force', of: 'it', ask: environment('', { state: 'draining', reason }) },
  ],
  'DELETE /v1/environments/{name}': [
    { needs: 'admin', of: 'it', ask: environment('') },
    { needs: 'admin', of: 'it', ask: environment(`?force=true&reason=${encodeURIComponent(reason)}`) },
  ],
  'POST /v1/environments/{name}/clean': [{ needs: 'force', of: 'it', ask: environment('/clean', { reason }) }],
  'GET /v1/environments/{name}/fence/{fence}': [
    { needs: 'read', or: 'acquire', of: 'it', ask: environment('/fence/1') },
  ],
  'GET /v1/environments/{name}/lanes': [{ needs: 'read', of: 'it', ask: environment('/lanes') }],
  'GET /v1/environments/{name}/stats': [{ needs: 'read', of: 'it', ask: environment('/stats') }],
  'GET /v1/freezes': [{ needs: 'read', of: 'any', ask: at('/v1/freezes') }],
  'PUT /v1/freezes/{name}': [
    { needs: 'force', of: 'every', ask: at('/v1/freezes/one', { labels: { never: 'matched' }, reason }) },
  ],
  'DELETE /v1/freezes/{name}': [
    {
      ...{ needs: 'force', of: 'every' },
      ask: async (_, { call }) => {
        await call('PUT', '/v1/freezes/two', { body: { labels: { never: 'matched' }, reason }, ...asAdmin });
        return { path: '/v1/freezes/two' };
      },
    },
  ],
  'GET /v1/signals': [{ needs: 'read', of: 'any', ask: at('/v1/signals') }],
  'GET /v1/signals/{name}': [
    { needs: 'wait', or: 'read', of: 'it', ask: signal('') },
    { needs: 'wait', of: 'it', ask: signal('?wait=1') },
  ],
  'PUT /v1/signals/{name}': [
    { needs: 'signal', of: 'it', ask: async (name) => ({ path: `/v1/signals/${name}`, body: { data: 1 } }) },
    {
      needs: 'signal',
      of: 'it',
      ask: async (name) => ({ path: `/v1/signals/${name}`, body: { failure: { reason } } }),
    },
  ],
  'DELETE /v1/signals/{name}': [{ needs: 'signal', of: 'it', ask: signal('') }],
  'GET /v1/barriers': [{ needs: 'read', of: 'any', ask: at('/v1/barriers') }],
  'GET /v1/barriers/{name}': [{ needs: 'wait', or: 'read', of: 'it', ask: barrier('') }],
  'PUT /v1/barriers/{name}': [
    { needs: 'signal', of: 'it', ask: async (name) => ({ path: `/v1/barriers/${name}`, body: { parties: 2 } }) },
    { needs: 'signal', of: 'it', ask: barrier('', { parties: ['x'] }) },
  ],
  'POST /v1/barriers/{name}/arrivals': [
    { needs: 'signal', of: 'it', ask: barrier('/arrivals', { party: 'x' }) },
    { needs: 'signal', of: 'it', ask: barrier('/arrivals?wait=1', { party: 'x' }) },
  ],
  'DELETE /v1/barriers/{name}': [
    { needs: 'signal', of: 'it', ask: barrier('') },
    { needs: 'signal', of: 'it', ask: barrier('?forget=true') },
  ],
  'GET /v1/waits': [{ needs: 'read', of: 'any', ask: at('/v1/waits') }],
  'POST /v1/waits': [
    { needs: 'wait', of: 'it', ask: waitFor('signal:NAME') },
    { needs: 'wait', of: 'it', ask: waitFor('barrier:NAME') },
    { needs: 'wait', of: 'it', ask: waitFor('env:NAME') },
    {
      ...{ needs: 'wait', of: 'it' },
      ask: async (name, running) => {
        const { id } = await running.ask({ environment: name, ttlSeconds: 3600 }, asAdmin);
        return { path: '/v1/waits', body: { all: [`lease:${id}`], timeoutSeconds: 0 } };
      },
    },
    // The globs of this scope are held against the target itself, so none of an environment fits.
    { needs: 'probe', of: 'every', ask: waitFor('tcp:127.0.0.1:1') },
  ],
  'POST /v1/instance-builds': [
    {
      ...{ needs: 'build', of: 'every' },
      ask: async (_, server) => {
        await quiet(server);
        return { path: '/v1/instance-builds', body: buildBody };
      },
    },
  ],
  'GET /v1/instance-builds': [{ needs: 'read', of: 'any', ask: at('/v1/instance-builds') }],
  'GET /v1/instance-builds/{id}': [{ needs: 'read', of: 'any', ask: aBuild }],
  'DELETE /v1/instance-builds/{id}': [{ needs: 'build', of: 'every', ask: aBuild }],
  'GET /v1/instances': [{ needs: 'read', of: 'any', ask: at('/v1/instances') }],
  'DELETE /v1/instances/{id}': [
    { needs: 'terminate', of: 'every', ask: build(({ instances = [] }) => `/v1/instances/${instances[0]?.id}`) },
  ],
  'POST /v1/instances/{id}/ready': [
    { needs: 'build', of: 'every', ask: build(({ instances = [] }) => `/v1/instances/${instances[0]?.id}/ready`) },
  ],
  'GET /v1/images': [{ needs: 'read', of: 'any', ask: at('/v1/images') }],
  'PUT /v1/images/{id}': [{ needs: 'build', of: 'every', ask: at('/v1/images/ami-1', { role: 'web' }) }],
  'DELETE /v1/images/{id}': [{ needs: 'build', of: 'every', ask: image }],
  'GET /v1/pools': [{ needs: 'read', of: 'any', ask: at('/v1/pools') }],
  'PUT /v1/pools/{name}': [{ needs: 'admin', of: 'every', ask: pool(poolBody) }],
  'DELETE /v1/pools/{name}': [{ needs: 'admin', of: 'every', ask: pool() }],
  'POST /v1/jobs/claim': [
    // Of no such job: nobody is to work on one here.
    {
      needs: 'build',
      and: 'terminate',
      of: 'every',
      ask: at('/v1/jobs/claim', { worker: 'w', holdSeconds: 1, job: 'x' }),
    },
  ],
  'POST /v1/jobs/{id}/work': [
    {
      ...{ needs: 'build', and: 'terminate', of: 'every', ends: 409 },
      ask: at('/v1/jobs/none/work', { number: 1, command: { do: 'end_build' } }),
    },
  ],
  'GET /v1/jobs': [{ needs: 'read', of: 'any', ask: at('/v1/jobs') }],
  'GET /v1/spaces': [{ needs: 'admin', of: 'every', ask: at('/v1/spaces') }],
  'PUT /v1/spaces/{name}': [{ needs: 'admin', of: 'every', ask: at('/v1/spaces/team', {}) }],
  'DELETE /v1/spaces/{name}': [
    {
      needs: 'admin',
      of: 'every',
      ask: async (_, { call }) => {
        await call('PUT', '/v1/spaces/team', { body: {}, ...asAdmin });
        return { path: '/v1/spaces/team' };
      },
    },
  ],
  'GET /v1/keys': [{ needs: 'admin', of: 'every', ask: at('/v1/keys') }],
  'POST /v1/keys': [{ needs: 'admin', of: 'every', ask: at('/v1/keys', { name: 'made', scopes: ['read'] }) }],
  'DELETE /v1/keys/{id}': [
    {
      ...{ needs: 'admin', of: 'every' },
      ask: async (_, { makeKey }) => ({ path: `/v1/keys/${(await makeKey(['read'])).split('_')[1]}` }),
    },
  ],
  'GET /v1/me': [{ needs: null, of: 'any', ask: at('/v1/me') }],
  'GET /v1/events': [{ needs: 'read', of: 'any', ask: at('/v1/events') }],
  'GET /v1/events/stream': [{ needs: 'read', of: 'any', ask: at('/v1/events/stream') }],
};

const cases = Object.entries(table).flatMap(([route, ways]) =>
  ways.map((way, i) => ({
    name: i === 0 ? route : `${route} (${i + 1})`,
    method: route.split(' ')[0] as string,
    ...way,
  })),
);
/** What a key's scope is limited to; the environment in question is called mine-…. */
const limits = { unlimited: '', own: ':mine-*', other: ':other-*' } as const;

let server: TestServer;
const keys = new Map<string, string>();
let expired: string;
/** An admin of another space. */
let foreign: string;
let made = 0;

beforeAll(async () => {
  server = await startForFile({
    adminKeys: [admin],
    probeAllow: ['127.0.0.1:1', '127.0.0.1:9'],
    driver: { kind: 'command', program: join(import.meta.dirname, 'machine.sh') },
  });
  for (const scope of scopes)
    for (const limit of Object.values(limits)) keys.set(scope + limit, await server.makeKey([scope + limit]));
  await server.call('PUT', '/v1/spaces/foreign', { body: {}, ...asAdmin });
  foreign = await server.makeKey(['admin'], {}, { ...asAdmin, headers: { 'signalbox-space': 'foreign' } });
  expired = await server.makeKey(['admin'], { expiresInSeconds: 1 });
  await eventually(async () =>
    expect(await server.call('GET', '/v1/me', { key: expired })).toMatchObject({ status: 401 }),
  );
});
afterAll(() => server.stop());

test('every route is in the table, and nothing else', async () => {
  const { json: api } = await server.call('GET', '/openapi.json');
  const routes = Object.entries<object>(api.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(Object.keys(table).sort()).toEqual(routes.sort());
});

/** An environment that nobody has touched before. */
async function fresh(): Promise<string> {
  const name = `mine-${++made}`;
  await server.call('PUT', `/v1/environments/${name}`, { body: { capacity: 3 }, ...asAdmin });
  return name;
}

/** Status and body; a stream is hung up as soon as it is open. */
async function send(
  method: string,
  path: string,
  body: unknown,
  key?: string,
): Promise<Pick<Reply, 'status' | 'json'>> {
  if (!path.startsWith('/v1/events/stream')) return server.call(method, path, { body, key });
  const hangUp = new AbortController();
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(server.url + path, { headers, signal: hangUp.signal });
  const json = response.ok ? null : await response.json();
  hangUp.abort();
  return { status: response.status, json };
}

/** Seq of the last change of anything. */
async function seq(): Promise<number> {
  return (await server.call('GET', '/v1/environments?limit=1', asAdmin)).json.asOf.seq;
}

function isAllowed({ needs, and, or, of }: Wanted, scope: string, limit: keyof typeof limits): boolean {
  if (needs === null) return true;
  if (scope !== 'admin' && (and !== undefined || (scope !== needs && scope !== or))) return false;
  if (of === 'any' || limit === 'unlimited') return true;
  return of === 'it' && limit === 'own';
}

describe.each(cases)('$name needs $needs of $of', (each) => {
  test.each(scopes)('with the scope %s', async (scope) => {
    for (const limit of Object.keys(limits) as (keyof typeof limits)[]) {
      const key = keys.get(scope + limits[limit]) as string;
      const { path, body } = await each.ask(await fresh(), server);
      const before = await seq();
      const { status, json } = await send(each.method, path, body, key);
      const allowed = isAllowed(each, scope, limit);
      expect([limit, status < 300 || status === each.ends ? 'allowed' : status]).toEqual([
        limit,
        allowed ? 'allowed' : 403,
      ]);
      if (allowed) continue;
      expect(json.code).toMatch(/^(forbidden|not_yours)$/);
      expect(json.needs).toMatch(new RegExp(`^(${each.needs}|${each.and})(:(mine-.*|tcp:.*))?$`));
      expect(await seq()).toBe(before);
    }
  });

  test('without a key', async () => {
    const { path, body } = await each.ask(await fresh(), server);
    const before = await seq();
    const { status, json } = await send(each.method, path, body);
    if (each.needs === null) expect(status).toBe(200);
    else expect([status, json.code]).toEqual([401, 'unauthenticated']);
    expect(await seq()).toBe(before);
  });

  test('with an expired key', async () => {
    const { path, body } = await each.ask(await fresh(), server);
    const before = await seq();
    const { status, json } = await send(each.method, path, body, expired);
    expect([status, json.code]).toEqual([401, 'key_expired']);
    expect(await seq()).toBe(before);
  });

  test('with an admin key of another space: 403 where it names this one, and else nothing here changes', async () => {
    const { path, body } = await each.ask(await fresh(), server);
    const before = await seq();
    const headers = { 'signalbox-space': 'main' };
    expect(await server.call(each.method, path, { body, key: foreign, headers })).toMatchObject({
      status: 403,
      json: { code: 'forbidden' },
    });
    await send(each.method, path, body, foreign);
    expect(await seq()).toBe(before);
  });

  test('with a wrong key, even where the request is wrong too', async () => {
    // A server of its own: ten wrong keys are refused otherwise.
    const other = await startForFile({ adminKeys: [admin] });
    try {
      const { path, body } = await each
        .ask('mine-1', other)
        .catch(() => ({ path: '/v1/leases/ls_none', body: undefined }));
      expect(await other.call(each.method, path, { body, key: 'wrong' })).toMatchObject({
        status: 401,
        json: { code: 'key_unknown' },
      });
      if (each.method !== 'GET') {
        const headers = { 'content-type': 'application/json' };
        expect(await other.call(each.method, path, { rawBody: '{', headers, key: 'wrong' })).toMatchObject({
          status: 401,
        });
      }
    } finally {
      await other.stop();
    }
  });
});

describe('what a limited reader is shown', () => {
  test('lists leave out environments and leases of others, except its own leases', async () => {
    const key = await server.makeKey(['read:seen-*', 'acquire']);
    for (const name of ['seen-1', 'unseen-1']) await server.ask({ environment: name, ttlSeconds: 3600 }, asAdmin);
    const own = await server.ask({ environment: 'unseen-2', ttlSeconds: 3600 }, { key });
    const names = async (path: string) => (await server.call('GET', path, { key })).json.items;
    expect((await names('/v1/environments?limit=500')).map((each: { name: string }) => each.name)).toEqual(['seen-1']);
    const leases: Lease[] = await names('/v1/leases?limit=500');
    expect(leases.map(({ granted }) => granted[0]?.environment).sort()).toEqual(['seen-1', 'unseen-2']);
    expect(await server.call('GET', `/v1/leases/${own.id}`, { key })).toMatchObject({ status: 200 });
  });

  test('stealing needs the scope acquire as well', async () => {
    const [strong, both] = await Promise.all([server.makeKey(['force']), server.makeKey(['force', 'acquire'])]);
    const held = await server.ask({ environment: 'stolen-1', ttlSeconds: 3600 }, asAdmin);
    const body = { reason, steal: {} };
    const steal = (key: string) => server.call('POST', `/v1/leases/${held.id}/revoke`, { body, key });
    expect(await steal(strong)).toMatchObject({ status: 403, json: { needs: 'acquire:stolen-1' } });
    expect(await server.lease(held.id, asAdmin)).toMatchObject({ revoking: null });
    expect(await steal(both)).toMatchObject({ status: 200 });
  });

  test('labels are matched only in the environments that the key may acquire', async () => {
    const key = await server.makeKey(['acquire:allowed-*']);
    for (const name of ['allowed-1', 'denied-1'])
      await server.call('PUT', `/v1/environments/${name}`, { body: { labels: { pool: 'p' } }, ...asAdmin });
    const lease = await server.ask({ wants: [{ labels: { pool: 'p' } }] }, { key });
    expect(lease.granted).toEqual([{ environment: 'allowed-1' }]);
    expect(
      await server.call('POST', '/v1/leases', { body: { wants: [{ labels: { pool: 'p' }, count: 2 }] }, key }),
    ).toMatchObject({ status: 422 });
  });
});

describe('keys that are limited to some names', () => {
  const set = (name: string, key: string) => server.call('PUT', `/v1/signals/${name}`, { body: {}, key });
  const wait = (targets: unknown[], key: string, timeoutSeconds = 0) =>
    server.call('POST', '/v1/waits', { body: { all: targets, timeoutSeconds }, key });

  test('signal:build-*: those signals and barriers, set and cleared, and no others', async () => {
    const key = await server.makeKey(['signal:build-*']);
    expect((await set('build-1', key)).status).toBe(201);
    expect(await set('deploy-1', key)).toMatchObject({ status: 403, json: { needs: 'signal:deploy-1' } });
    expect(await server.call('DELETE', '/v1/signals/build-1', { key })).toMatchObject({ status: 204 });
    expect(await server.call('DELETE', '/v1/signals/deploy-1', { key })).toMatchObject({ status: 403 });
    const declare = (name: string) => server.call('PUT', `/v1/barriers/${name}`, { body: { parties: 1 }, key });
    expect([(await declare('build-b')).status, (await declare('deploy-b')).status]).toEqual([201, 403]);
    const arrive = (name: string) =>
      server.call('POST', `/v1/barriers/${name}/arrivals`, { body: { party: 'x' }, key });
    // Refused before anybody is told whether it is there.
    expect([(await arrive('build-b')).status, (await arrive('deploy-none')).status]).toEqual([200, 403]);
    // What may be set may not be read for that.
    expect((await server.call('GET', '/v1/signals/build-1', { key })).status).toBe(403);
    expect((await server.call('GET', '/v1/signals', { key })).status).toBe(403);
  });

  test('wait:build-*: those signals, barriers and environments, in any list', async () => {
    const key = await server.makeKey(['wait:build-*']);
    for (const kind of ['signal', 'barrier', 'env']) {
      expect((await wait([`${kind}:build-x`], key)).status).toBe(200);
      expect(await wait([`${kind}:build-x`, `${kind}:deploy-x`], key)).toMatchObject({
        ...{ status: 403, json: { code: 'forbidden', needs: 'wait:deploy-x', field: 'all.1.target' } },
      });
    }
    expect((await wait([{ target: 'barrier:build-x', generation: '7' }], key)).status).toBe(200);
    expect((await server.call('GET', '/v1/signals/deploy-x?wait=1', { key })).status).toBe(403);
    expect(await wait(['tcp:127.0.0.1:1'], key)).toMatchObject({
      status: 403,
      json: { needs: 'probe:tcp:127.0.0.1:1' },
    });
  });

  test('a signal that was perhaps meant is told only to who may wait for it', async () => {
    const [some, every] = [await server.makeKey(['wait:nearly-*']), await server.makeKey(['wait'])];
    await set('nearly_x', admin.key);
    const nearest = async (key: string) => (await wait(['signal:nearly-x'], key)).json.conditions[0].nearest;
    expect([await nearest(some), await nearest(every)]).toEqual([null, 'signal:nearly_x']);
  });

  test('probe:tcp:127.0.0.1:*: those targets, as they are written without their passwords', async () => {
    const key = await server.makeKey(['probe:tcp:127.0.0.1:*']);
    expect((await wait(['tcp:127.0.0.1:1'], key)).json.outcome).toBe('timed_out');
    expect((await wait(['tcp:127.0.0.1:9'], key)).status).toBe(200);
    expect(await wait(['http://127.0.0.1:9/'], key)).toMatchObject({ json: { needs: 'probe:http://127.0.0.1:9/' } });
    // Not by another name for the same address: the glob is about what is written.
    expect(await wait(['tcp:127.1:1'], key)).toMatchObject({ status: 403, json: { needs: 'probe:tcp:127.1:1' } });
    // Allowed to the key, and not to the server.
    expect(await wait(['tcp:127.0.0.1:2'], key)).toMatchObject({ status: 403, json: { code: 'target_not_allowed' } });
    expect(await wait(['signal:x'], key)).toMatchObject({ status: 403, json: { needs: 'wait:x' } });
    const redis = await server.makeKey(['probe:redis://127.0.0.1:9/0']);
    const refused = await wait(['redis://u:SECRET@127.0.0.1:1/0'], redis);
    expect(refused).toMatchObject({ status: 403, json: { needs: 'probe:redis://127.0.0.1:1/0' } });
    expect(refused.text).not.toContain('SECRET');
    expect((await wait(['redis://u:SECRET@127.0.0.1:9/0'], redis)).status).toBe(200);
  });

  test('a lease may be waited for by who asked for it, and by who may wait for its environment', async () => {
    const owner = await server.makeKey(['acquire']);
    const other = await server.makeKey(['acquire', 'wait:others-*']);
    const some = await server.makeKey(['wait:owned-*']);
    const { id } = await server.ask({ environment: 'owned-1', ttlSeconds: 600 }, { key: owner });
    expect((await wait([`lease:${id}`], owner)).json.outcome).toBe('timed_out');
    expect((await wait([`lease:${id}`], some)).status).toBe(200);
    expect(await wait([`lease:${id}`], other)).toMatchObject({ status: 403, json: { needs: 'wait:owned-1' } });
    // Whether there is such a lease is for those who may wait for anything.
    expect(await wait(['lease:ls_none'], owner)).toMatchObject({ status: 403, json: { needs: 'wait' } });
    expect(await wait(['lease:ls_none'], some)).toMatchObject({ status: 404, json: { code: 'lease_unknown' } });
  });

  test('lists show what the key may read: signals, barriers, and waits of which it may read everything', async () => {
    const other = await startForFile({ adminKeys: [admin], probeAllow: ['127.0.0.1:9'] });
    try {
      const { call, makeKey } = other;
      for (const name of ['seen-1', 'hidden-1']) {
        await call('PUT', `/v1/signals/${name}`, { body: { data: name }, ...asAdmin });
        await call('PUT', `/v1/barriers/${name}`, { body: { parties: 2 }, ...asAdmin });
        await call('PUT', `/v1/barriers/${name}?generation=7`, { body: { parties: 2 }, ...asAdmin });
      }
      // Written as a barrier with a generation is shown.
      await call('PUT', '/v1/barriers/seen-1%20(x)', { body: { parties: 2 }, ...asAdmin });
      const lease = async (environment: string) => (await other.ask({ environment, ttlSeconds: 600 }, asAdmin)).id;
      const [mine, theirs] = [await lease('seen-e'), await lease('hidden-e')];
      const hangUp = new AbortController();
      const begin = (all: unknown[]) =>
        call('POST', '/v1/waits', { body: { all, timeoutSeconds: 600 }, ...asAdmin, signal: hangUp.signal }).catch(
          () => undefined,
        );
      const waiting = [
        ...[
          ['signal:seen-2'],
          ['signal:seen-2', 'signal:hidden-2'],
          ['signal:hidden-2'],
          ['env:seen-e'],
          ['env:hidden-e'],
        ],
        ...[[`lease:${mine}`], [`lease:${theirs}`], ['tcp:127.0.0.1:9']],
        ...[[{ target: 'barrier:seen-1', generation: '7' }], ['barrier:seen-1 (x)'], ['barrier:hidden-1']],
      ].map(begin);
      for (const name of ['seen-3', 'hidden-3'])
        await call('POST', '/v1/waits', { body: { all: [`signal:${name}`], timeoutSeconds: 0.01 }, ...asAdmin });
      await eventually(async () =>
        expect((await call('GET', '/v1/waits', asAdmin)).json.items).toHaveLength(waiting.length),
      );
      const list = async (path: string, scopes: string[]) =>
        (await call('GET', path, { key: await makeKey(scopes) })).json;
      const targets = async (scopes: string[]) =>
        (await list('/v1/waits', scopes)).items
          .map((each: { conditions: { target: string }[] }) => each.conditions[0]?.target)
          .sort();
      const names = (items: { name: string }[]) => items.map(({ name }) => name);
      const some = ['read:seen-*'];
      expect(names((await list('/v1/signals', some)).items)).toEqual(['seen-1', 'seen-2']);
      expect(names((await list('/v1/barriers', some)).items)).toEqual(['seen-1', 'seen-1', 'seen-1 (x)']);
      expect(await targets(some)).toEqual([
        ...['barrier:seen-1 (7)', 'barrier:seen-1 (x)', 'env:seen-e', `lease:${mine}`, 'signal:seen-2'],
      ]);
      expect((await list('/v1/waits', some)).timedOut).toMatchObject([{ target: 'signal:seen-3' }]);
      expect((await list('/v1/waits', some)).probes).toEqual([]);
      // One name exactly: not the barrier whose name only looks like a generation of it.
      expect(await targets(['read:seen-1'])).toEqual(['barrier:seen-1 (7)']);
      const probes = await list('/v1/waits', ['read:tcp:127.0.0.1:*']);
      expect(probes.probes).toMatchObject([{ target: 'tcp:127.0.0.1:9' }]);
      expect(probes.items).toHaveLength(1);
      expect(await targets(['read'])).toHaveLength(waiting.length);
      hangUp.abort();
      await Promise.all(waiting);
    } finally {
      await other.stop();
    }
  });

  test('a limited reader looks at those signals and barriers alone', async () => {
    const key = await server.makeKey(['read:looked-*']);
    for (const name of ['looked-1', 'unlooked-1']) {
      await set(name, admin.key);
      await server.call('PUT', `/v1/barriers/${name}`, { body: { parties: 2 }, ...asAdmin });
    }
    for (const what of ['signals', 'barriers']) {
      expect((await server.call('GET', `/v1/${what}/looked-1`, { key })).status).toBe(200);
      for (const name of ['unlooked-1', 'unlooked-none'])
        expect(await server.call('GET', `/v1/${what}/${name}`, { key })).toMatchObject({
          ...{ status: 403, json: { needs: `wait:${name}` } },
        });
    }
  });
});
