// Who may do what: every route of the OpenAPI file, with every scope, unlimited, limited to the environment in question, and
// limited to others; without a key, with a wrong one, with an expired one. What is expected is written out here: a route that
// is not in the table fails the test.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lease } from '../../src/api/schemas.ts';
import { scopes } from '../../src/core/access.ts';
import { admin, eventually, type Reply, startForFile, type TestServer } from './server.ts';

interface Wanted {
  /** The scope that the route needs; null = any key will do. */
  readonly needs: (typeof scopes)[number] | null;
  /** Another scope that will do. */
  readonly or?: (typeof scopes)[number];
  /**
   * Of which environments: the one in question; every one (a limited scope is not enough); or any (what is not readable is
   * left out of the answer).
   */
  readonly of: 'it' | 'every' | 'any';
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
let made = 0;

beforeAll(async () => {
  server = await startForFile({ adminKeys: [admin] });
  for (const scope of scopes)
    for (const limit of Object.values(limits)) keys.set(scope + limit, await server.makeKey([scope + limit]));
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

function isAllowed({ needs, or, of }: Wanted, scope: string, limit: keyof typeof limits): boolean {
  if (needs === null) return true;
  if (scope !== needs && scope !== or && scope !== 'admin') return false;
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
      expect([limit, status < 300 ? 'allowed' : status]).toEqual([limit, allowed ? 'allowed' : 403]);
      if (allowed) continue;
      expect(json.code).toMatch(/^(forbidden|not_yours)$/);
      expect(json.needs).toMatch(new RegExp(`^${each.needs}(:mine-.*)?$`));
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
