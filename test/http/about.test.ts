// What the server tells of itself: home, health, figures, the API's description and its pages.

import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { describe, expect, test } from 'vitest';
import { problemKinds } from '../../src/api/problems.ts';
import { eventually } from '../eventually.ts';
import { admin, start } from './server.ts';

describe('GET /', () => {
  test('greets in plain text, as the list of who waits', async () => {
    const { call } = await start();
    const reply = await call('GET', '/', { headers: { accept: '*/*' } });
    expect(reply.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(reply.text).toMatch(/^Signalbox .*\n\nCurrently waiting for \+ recently failed:\nTotal : 0\n$/);
  });

  test('as JSON says that it is us', async () => {
    const { call } = await start();
    const reply = await call('GET', '/', { headers: { accept: 'application/json' } });
    expect(reply.json).toEqual({
      ...{ ok: true, name: 'signalbox', version: expect.any(String), waiting_and_failed: [], marked: [] },
    });
  });

  test('is the dashboard to a browser', async () => {
    const { call } = await start({ adminKeys: [admin] });
    const reply = await call('GET', '/', { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([reply.status, reply.headers.get('content-type'), reply.headers.get('vary')]).toEqual([
      ...[200, 'text/html; charset=utf-8', 'accept'],
    ]);
  });
});

test('the page of a lease leads to its environment', async () => {
  const { call } = await start();
  await call('PUT', '/v1/environments/a%2Fb', { body: {} });
  const lease = await call('POST', '/v1/leases', { body: { environment: 'a/b' } });
  const { pathname } = new URL((lease.json as { page: string }).page);
  const page = await call('GET', pathname);
  expect(await call('GET', page.headers.get('location') ?? '')).toMatchObject({ status: 200, json: { name: 'a/b' } });
});

test('DELETE / is 401 without a key, whatever is sent, and stops nothing', async () => {
  const { call } = await start();
  for (const headers of [{}, { authorization: 'token x' }, { 'x-api-key': 'x' }] as Record<string, string>[])
    expect(await call('DELETE', '/', { headers })).toMatchObject({
      ...{ status: 401, json: { errors: [{ details: expect.stringContaining('needs a key') }] } },
    });
  expect(await call('GET', '/healthz')).toMatchObject({ status: 200 });
});

test('/healthz and /readyz need no key', async () => {
  const { call } = await start({ adminKeys: [admin] });
  expect(await call('GET', '/healthz')).toMatchObject({ status: 200, json: { ok: true } });
  expect(await call('GET', '/readyz')).toMatchObject({ status: 200, json: { ok: true } });
});

describe('/metrics', () => {
  test('tells what machines cost, what was given up, and when the driver was looked at', async () => {
    const program = join(import.meta.dirname, 'machine.sh');
    const { call } = await start({ driver: { kind: 'command', program } });
    const body = { site: 's', env: 'e', queue: 'q', instanceType: 't', count: 2 };
    await call('POST', '/v1/instance-builds', { body });
    await eventually(async () => {
      const { text } = await call('GET', '/metrics');
      expect(text).toContain('signalbox_instances{space="main"} 2');
      expect(text).toContain('signalbox_builds_under_way{space="main"} 0');
      expect(text).toContain('signalbox_jobs_dead{space="main"} 0');
      expect(text).toMatch(/signalbox_driver_look_age_seconds\{space="main"\} 0?\.?\d/);
    });
  });

  test('tells of leases, requests by route and errors by code, in the format of Prometheus', async () => {
    const { call, ask } = await start();
    const held = await ask({ environment: 'a-secret-name' });
    await ask({ environment: 'a-secret-name', queueSeconds: null });
    await call('GET', `/v1/leases/${held.id}`);
    await call('GET', '/v1/leases/ls_none');
    await call('GET', '/v1/nowhere');
    await call('HEAD', '/_/a-secret-name');
    await call('POST', '/v1/leases', { rawBody: '{', headers: { 'content-type': 'application/json' } });
    const reply = await call('GET', '/metrics');
    expect(reply.headers.get('content-type')).toMatch(/^text\/plain/);
    for (const line of [
      'signalbox_leases_held{space="main"} 1',
      'signalbox_leases_waiting{space="main"} 1',
      'signalbox_environments{space="main"} 1',
      'signalbox_requests_total{route="GET /v1/leases/:id",status="200"} 1',
      'signalbox_requests_total{route="GET /*",status="404"} 1',
      'signalbox_problems_total{code="lease_unknown"} 1',
      'signalbox_problems_total{code="unknown_route"} 2',
      'signalbox_problems_total{code="malformed_json"} 1',
    ]) {
      expect(reply.text.split('\n')).toContain(line);
    }
    expect(reply.text).not.toContain('a-secret-name');
    for (const line of reply.text.trim().split('\n'))
      expect(line).toMatch(/^(#.*|[a-z_:][a-z0-9_:]*(\{.*\})? [-+.\dE]+|.* (NaN|\+Inf))?$/i);
  });

  test('need a key once keys are on; any will do', async () => {
    const { call, makeKey } = await start({ adminKeys: [admin], anonymous: ['acquire:release'] });
    expect(await call('GET', '/metrics')).toMatchObject({ status: 401 });
    expect(await call('GET', '/metrics', { key: 'wrong' })).toMatchObject({ status: 401 });
    expect(await call('GET', '/metrics', { key: await makeKey(['acquire']) })).toMatchObject({ status: 200 });
  });
});

interface Operation {
  readonly summary?: string;
  readonly parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description?: string; content?: Record<string, { schema?: object }> }>;
}

describe('/openapi.json', () => {
  test('is OpenAPI 3.1: every path with its parameters, every operation with summary, answers and errors', async () => {
    const { call } = await start();
    const { json: api } = await call('GET', '/openapi.json');
    expect(api.openapi).toMatch(/^3\.1\.\d+$/);
    expect(api.info).toMatchObject({
      title: 'Signalbox',
      version: expect.any(String),
      license: { name: 'Apache-2.0' },
    });
    expect(
      Object.keys(api).every((key) => /^(openapi|info|servers|paths|components|security|tags|x-.*)$/.test(key)),
    ).toBe(true);
    expect(api.security.flatMap((each: object) => Object.keys(each))).toEqual(
      Object.keys(api.components.securitySchemes),
    );
    for (const [path, operations] of Object.entries<Record<string, Operation>>(api.paths)) {
      expect(path).toMatch(/^\/v1\/[a-z]/);
      for (const [method, operation] of Object.entries(operations)) {
        const where = `${method} ${path}`;
        expect(method).toMatch(/^(get|put|post|delete|patch)$/);
        expect(operation.summary, where).toMatch(/.+/);
        const inPath = (operation.parameters ?? []).filter((each) => each.in === 'path');
        expect(
          inPath.map(({ name }) => `{${name}}`),
          where,
        ).toEqual(path.match(/\{\w+\}/g) ?? []);
        expect(
          inPath.every(({ required }) => required === true),
          where,
        ).toBe(true);
        const statuses = Object.keys(operation.responses);
        expect(
          statuses.some((status) => status.startsWith('2')),
          where,
        ).toBe(true);
        expect(operation.responses.default?.content, where).toHaveProperty(['application/problem+json', 'schema']);
        for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
          expect(description, `${where} ${status}`).toEqual(expect.any(String));
          if (/^[45]/.test(status)) expect(Object.keys(content)).toEqual(['application/problem+json']);
          for (const { schema } of Object.values(content)) expect(() => Compile(schema as object)).not.toThrow();
        }
        for (const { schema } of operation.parameters ?? []) expect(() => Compile(schema)).not.toThrow();
        for (const { schema } of Object.values(operation.requestBody?.content ?? {}))
          expect(() => Compile(schema)).not.toThrow();
      }
    }
  });

  test('lists every route of /v1', async () => {
    const { call } = await start();
    const { json: api } = await call('GET', '/openapi.json');
    const listed = Object.entries<object>(api.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed.sort()).toEqual(
      [
        'GET /v1/leases',
        'POST /v1/leases',
        'GET /v1/leases/{id}',
        'DELETE /v1/leases/{id}',
        'POST /v1/leases/{id}/renew',
        'POST /v1/leases/{id}/revoke',
        'GET /v1/environments',
        'GET /v1/environments/{name}',
        'PUT /v1/environments/{name}',
        'PATCH /v1/environments/{name}',
        'DELETE /v1/environments/{name}',
        'POST /v1/environments/{name}/clean',
        'GET /v1/environments/{name}/fence/{fence}',
        'GET /v1/environments/{name}/lanes',
        'GET /v1/environments/{name}/stats',
        'POST /v1/instance-builds',
        'GET /v1/instance-builds',
        'GET /v1/instance-builds/{id}',
        'DELETE /v1/instance-builds/{id}',
        'GET /v1/instances',
        'DELETE /v1/instances/{id}',
        'POST /v1/instances/{id}/ready',
        'GET /v1/images',
        'PUT /v1/images/{id}',
        'DELETE /v1/images/{id}',
        'GET /v1/pools',
        'PUT /v1/pools/{name}',
        'DELETE /v1/pools/{name}',
        'GET /v1/jobs',
        'POST /v1/jobs/claim',
        'POST /v1/jobs/{id}/work',
        'GET /v1/spaces',
        'PUT /v1/spaces/{name}',
        'DELETE /v1/spaces/{name}',
        'GET /v1/freezes',
        'PUT /v1/freezes/{name}',
        'DELETE /v1/freezes/{name}',
        'GET /v1/keys',
        'POST /v1/keys',
        'DELETE /v1/keys/{id}',
        'GET /v1/me',
        'GET /v1/signals',
        'GET /v1/signals/{name}',
        'PUT /v1/signals/{name}',
        'DELETE /v1/signals/{name}',
        'GET /v1/barriers',
        'GET /v1/barriers/{name}',
        'PUT /v1/barriers/{name}',
        'DELETE /v1/barriers/{name}',
        'POST /v1/barriers/{name}/arrivals',
        'GET /v1/waits',
        'POST /v1/waits',
        'GET /v1/events',
        'GET /v1/events/stream',
      ].sort(),
    );
  });

  test('tells of the headers that mean something', async () => {
    const { call } = await start();
    const { json: api } = await call('GET', '/openapi.json');
    const headers = (path: string, method: string): string[] =>
      api.paths[path][method].parameters
        .filter((each: { in: string }) => each.in === 'header')
        .map(({ name }: { name: string }) => name);
    expect(headers('/v1/leases', 'post')).toEqual(['Idempotency-Key']);
    expect(headers('/v1/leases/{id}/renew', 'post')).toEqual(['Signalbox-Lease-Secret']);
    expect(headers('/v1/events/stream', 'get')).toEqual(['Last-Event-ID']);
  });
});

describe('/docs', () => {
  test('is a page that loads only what this server has', async () => {
    const { call } = await start();
    const page = await call('GET', '/docs');
    expect(page).toMatchObject({ status: 200 });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      expect(file).toMatch(/^\/docs\//);
      expect(await call('GET', file)).toMatchObject({ status: 200 });
    }
  });

  test('has no other file, and leads nowhere else', async () => {
    const { call } = await start();
    for (const file of ['package.json', '..%2Fpackage.json', '..%2f..%2fsrc%2fmain.ts', '%00', 'index.html'])
      expect(await call('GET', `/docs/${file}`)).toMatchObject({ status: 404, json: { code: 'unknown_route' } });
  });

  test('explains every error where the type of a problem leads', async () => {
    const { call } = await start();
    const problem = await call('GET', '/v1/leases/ls_none');
    const [page, anchor] = problem.json.type.split('#');
    const { text } = await call('GET', page);
    expect(text).toContain(`id="${anchor}"`);
    for (const code of Object.keys(problemKinds)) expect(text).toContain(`id="${code}"`);
  });
});

describe('a route that is not there', () => {
  test.each([
    ['/v1/lease', '/v1/leases'],
    ['/v1/environment', '/v1/environments'],
    ['/v1leases', '/v1/leases'],
    ['/v1/leases/ls_1/revok', '/v1/leases/:id/revoke'],
    ['/start/', '/start'],
    ['/V1/leases', '/v1/leases'],
    ['/v1/completely/elsewhere', null],
    [`/v1/${'x'.repeat(10_000)}`, null],
  ])('%.60s: 404 with the nearest one, %s', async (path, nearest) => {
    const { call } = await start();
    expect(await call('POST', path, { body: {} })).toMatchObject({
      ...{ status: 404, json: { code: 'unknown_route', nearest } },
    });
  });

  test('what looks like none of ours is a key, unless there are no keys', async () => {
    for (const rendezvous of [true, false]) {
      const { call } = await start({ rendezvous });
      const reply = await call('GET', '/completely/elsewhere?timeout=0');
      expect([rendezvous, reply.status, reply.json?.code]).toEqual([
        rendezvous,
        404,
        rendezvous ? undefined : 'unknown_route',
      ]);
      const meant = { json: { code: 'unknown_route', nearest: '/start' } };
      if (!rendezvous) expect(await call('GET', '/strat')).toMatchObject(meant);
    }
  });

  test('another method on a route that is there: 405 with Allow', async () => {
    const { call } = await start();
    for (const [method, path, allow] of [
      ['PUT', '/v1/leases', 'GET, HEAD, POST'],
      ['DELETE', '/v1/environments', 'GET, HEAD'],
      ['GET', '/v1/leases/ls_1/renew', 'POST'],
      ['OPTIONS', '/v1/environments/x', 'DELETE, GET, HEAD, PATCH, PUT'],
      ['POST', '/healthz', 'GET, HEAD'],
    ] as const) {
      const reply = await call(method, path);
      expect(reply).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } });
      expect(reply.headers.get('allow')).toBe(allow);
    }
  });
});
