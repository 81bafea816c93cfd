// The dialect of web-rendezvous, row by row: keys that are set and waited for, ports and databases that are waited for.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { FaultyLog, startOnLog } from '../http/on-log.ts';
import {
  admin,
  type Reply,
  raw,
  rawRequest,
  start,
  startForFile,
  type TestServer,
  testServer,
} from '../http/server.ts';
import { freePort } from '../servers/daemon.ts';
import { type Postgres, startPostgres } from '../servers/postgres.ts';

const plain = 'text/plain; charset=utf-8';

/** Resolves when so many wait for the target: `signal:abc`. */
function waiting({ call }: TestServer, target: string, count: number, key?: string): Promise<void> {
  return eventually(async () => {
    const { json } = await call('GET', '/v1/waits?limit=500', { key });
    const open = json.items.filter(({ conditions }: { conditions: { target: string }[] }) =>
      conditions.some((condition) => condition.target === target),
    );
    if (open.length !== count) throw new Error(`${open.length} wait for ${target}, not ${count}`);
  });
}

/** One request with its path as it is written, which fetch would tidy up. */
async function sent(server: TestServer, line: string, ...headers: string[]) {
  const lines = [`${line} HTTP/1.1`, `Host: localhost:${server.port}`, 'Connection: close', ...headers];
  const [head = '', body = ''] = (await rawRequest(server, lines)).split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body };
}

async function keysOf({ call }: TestServer, key?: string): Promise<string[]> {
  return (await call('GET', '/', { key, headers: { accept: 'application/json' } })).json.waiting_and_failed;
}

const setKeys = async ({ call }: TestServer): Promise<string[]> =>
  (await call('GET', '/', { headers: { accept: 'application/json' } })).json.marked;

function says(reply: Reply, status: number, text: string): void {
  expect([reply.status, reply.text]).toEqual([status, text]);
  expect(reply.headers.get('content-type')).toBe(plain);
}

describe('a key', () => {
  test.each(['PUT', 'POST'])('%s sets it, and it stays set', async (method) => {
    const { call } = await start();
    says(await call(method, '/abc'), 200, 'OK');
    says(await call('GET', '/abc'), 200, 'OK');
    says(await call('GET', '/abc'), 200, 'OK');
    says(await call(method, '/abc'), 200, 'OK');
    expect((await call('GET', '/v1/signals/abc')).json).toMatchObject({
      ...{ state: 'set', data: null, failure: null, ttlSeconds: 7 * 24 * 3600, holder: { name: null } },
    });
  });

  test('GET is answered when it is set', async () => {
    const server = await start();
    const waiter = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    await server.call('PUT', '/abc');
    says(await waiter, 200, 'OK');
  });

  test('GET is 404 when it is not set in time', async () => {
    const { call } = await start();
    says(await call('GET', '/abc?timeout=0.05'), 404, "Timeout : '/abc'");
    says(await call('GET', '/abc?timeout=0'), 404, "Timeout : '/abc'");
    says(await call('GET', '/%C3%A4%20b%2Fc?timeout=0'), 404, "Timeout : '/ä b/c'");
  });

  test('GET waits as long as the server is told to, when it is not told itself', async () => {
    const { call } = await start({ timeoutSeconds: 0.05 });
    says(await call('GET', '/abc'), 404, "Timeout : '/abc'");
  });

  test('DELETE clears it, whether it is set or not, and answers nobody', async () => {
    const server = await start();
    await server.call('PUT', '/abc');
    expect(await server.call('DELETE', '/abc')).toMatchObject({ status: 204, text: '' });
    expect(await server.call('DELETE', '/abc')).toMatchObject({ status: 204, text: '' });
    const waiter = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    await server.call('DELETE', '/abc');
    await waiting(server, 'signal:abc', 1);
    await server.call('POST', '/abc');
    says(await waiter, 200, 'OK');
  });

  test('one that is set as a failure is 404 at once, with the reason, on one line', async () => {
    const server = await start();
    const waiter = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    const failure = { reason: 'migration 42 failed\n\u001b[2Jsee above' };
    await server.call('PUT', '/v1/signals/abc', { body: { failure } });
    const text = "Failed : '/abc' migration 42 failed [2Jsee above";
    says(await waiter, 404, text);
    says(await server.call('GET', '/abc'), 404, text);
    says(await server.call('PUT', '/abc'), 200, 'OK');
    says(await server.call('GET', '/abc'), 200, 'OK');
  });

  test('is the signal of that name, both ways round', async () => {
    const { call } = await start();
    await call('PUT', '/a/b%20c');
    expect(await call('GET', '/v1/signals/a%2Fb%20c')).toMatchObject({ status: 200, json: { name: 'a/b c' } });
    const { json } = await call('GET', '/v1/events?kind=signal.set');
    expect(json.items).toMatchObject([{ subject: 'a/b c', actor: 'anonymous' }]);
    await call('PUT', '/v1/signals/start', { body: null });
    await call('PUT', '/v1/signals/x', { body: { data: { a: 1 } } });
    says(await call('GET', '/x'), 200, 'OK');
  });

  test('is the decoded path without the query: /a%2Fb is /a/b; /abc and /abc/ differ', async () => {
    const { call } = await start();
    await call('PUT', '/a%2Fb?timeout=nonsense&x=1');
    says(await call('GET', '/a/b?x=2'), 200, 'OK');
    await call('PUT', '/abc/');
    says(await call('GET', '/abc?timeout=0'), 404, "Timeout : '/abc'");
    says(await call('GET', '/ABC/?timeout=0'), 404, "Timeout : '/ABC/'");
    says(await call('GET', '/abc/'), 200, 'OK');
  });

  test('its answers carry the name of the signal', async () => {
    const { call } = await start();
    const names = [];
    for (const [method, path] of [
      ['PUT', '/a%C3%A4%20b'],
      ['GET', '/a%C3%A4%20b'],
      ['DELETE', '/a%C3%A4%20b'],
      ['GET', '/a%C3%A4%20b?timeout=0'],
    ] as const)
      names.push((await call(method, path)).headers.get('signalbox-signal'));
    expect(names).toEqual(Array(4).fill('a%C3%A4 b'));
  });

  test('a body of any kind is ignored, up to its bound', async () => {
    const server = await start();
    const { call } = server;
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/octet-stream',
      'x',
      ';',
      'a/b; c',
    ])
      says(await call('PUT', '/abc', { rawBody: '{"not":', headers: { 'content-type': type } }), 200, 'OK');
    const untyped = ['POST /b HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 5'];
    expect(await rawRequest(server, untyped, 'hello')).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nOK$/s);
    const large = await call('PUT', '/large', {
      rawBody: 'x'.repeat(65 * 1024),
      headers: { 'content-type': 'text/plain' },
    });
    says(large, 413, 'The body is larger than 64 KiB (72 KiB where a signal is set).');
    expect(large.headers.get('signalbox-code')).toBe('body_too_large');
    expect((await setKeys(server)).sort()).toEqual(['/abc', '/b']);
  });

  test('the answers are these bytes', async () => {
    const server = await start();
    const put = await sent(server, 'PUT /abc', 'Content-Length: 0');
    expect(put.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(put.head).toMatch(/\r\ncontent-type: text\/plain; charset=utf-8\r\n/i);
    expect(put.head).toMatch(/\r\ncontent-length: 2(\r\n|$)/i);
    expect(put.body).toBe('OK');
    expect((await sent(server, 'GET /abc')).body).toBe('OK');
    expect((await sent(server, 'GET /x?timeout=0')).body).toBe("Timeout : '/x'");
    const cleared = await sent(server, 'DELETE /abc');
    expect(cleared).toMatchObject({ status: 204, body: '' });
  });

  test.each([
    '/../../etc/passwd',
    '/constructor',
    '/x/__proto__',
    '/toString',
    '//double',
  ])('%s is a plain name', async (path) => {
    const server = await start();
    expect(await sent(server, `PUT ${path}`, 'Content-Length: 0')).toMatchObject({ status: 200, body: 'OK' });
    expect(await sent(server, `GET ${path}?timeout=0`)).toMatchObject({ status: 200, body: 'OK' });
    expect(await setKeys(server)).toEqual([path]);
    expect(({} as Record<string, unknown>).set).toBeUndefined();
  });

  test.each([
    ['/%00', 400, 'invalid_name'],
    ['/a%0d%0aSet-Cookie:x', 400, 'invalid_name'],
    [`/${'x'.repeat(201)}`, 400, 'invalid_name'],
    [`/${'x'.repeat(10_000)}`, 400, 'invalid_name'],
  ])('%.30s: %s %s, a sentence in plain text', async (path, status, code) => {
    const server = await start();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await sent(server, `${method} ${path}`, ...(method === 'GET' ? [] : ['Content-Length: 0']));
      expect([method, answer.status]).toEqual([method, status]);
      expect(answer.head).toContain(`Signalbox-Code: ${code}`.toLowerCase());
      expect(answer.body).toMatch(/^[A-Z].*\.$/);
    }
    expect(await setKeys(server)).toEqual([]);
  });
});

describe('timeout', () => {
  test.each([
    '',
    'x',
    '-1',
    '1e2',
    '%zz',
    '3600.1',
    '3601',
    '99999999999',
    '0x10',
    '1,5',
    'Infinity',
    'NaN',
    '%201',
  ])('%j is refused at once', async (timeout) => {
    const { call } = await start();
    for (const path of ['/abc', '/_port/localhost/1']) {
      const reply = await call('GET', `${path}?timeout=${timeout}`);
      says(reply, 400, 'timeout is a number of seconds from 0 to 3600.');
      expect(reply.headers.get('signalbox-code')).toBe('invalid_duration');
    }
  });

  test.each(['0', '0.01', '.01', '0.', '3600', '3600.0', '1.5&timeout=x'])('%s is taken', async (timeout) => {
    const { call } = await start();
    await call('PUT', '/abc');
    says(await call('GET', `/abc?timeout=${timeout}`), 200, 'OK');
  });
});

describe('many at once', () => {
  test('64 waiters on one key are all answered, each once', async () => {
    const server = await start();
    const request = `GET /abc HTTP/1.1\r\nHost: localhost:${server.port}\r\n\r\n`;
    const connections = await Promise.all(Array.from({ length: 64 }, () => raw(server, request)));
    await waiting(server, 'signal:abc', 64);
    await server.call('PUT', '/abc');
    await Promise.all(connections.map((connection) => connection.until('\r\n\r\nOK')));
    await server.call('DELETE', '/abc');
    await server.call('PUT', '/abc');
    await server.stop();
    for (const connection of connections) {
      const all = await connection.ended();
      expect(all.match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(all).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nOK$/s);
    }
  });

  test('concurrent PUTs, POSTs and DELETEs of one key are all answered, and none is lost', async () => {
    const server = await start();
    const waiter = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => server.call(['PUT', 'POST', 'DELETE'][i % 3] as string, '/abc')),
    );
    expect(replies.map(({ status }) => status)).toEqual(replies.map((_, i) => (i % 3 === 2 ? 204 : 200)));
    says(await waiter, 200, 'OK');
    const many = await Promise.all(Array.from({ length: 100 }, (_, i) => server.call('PUT', `/many/${i}`)));
    expect(new Set(many.map(({ text }) => text))).toEqual(new Set(['OK']));
    expect((await setKeys(server)).filter((key) => key.startsWith('/many/'))).toHaveLength(100);
  });

  test('beyond the bound of waits: 429 with Retry-After; what is set already is told all the same', async () => {
    const server = await start({ maxWaits: 1 });
    const waiter = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    const refused = await server.call('GET', '/other');
    expect(refused).toMatchObject({ status: 429, text: expect.stringContaining('--max-waits') });
    expect(refused.headers.get('content-type')).toBe(plain);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('signalbox-code')).toBe('too_many_waits');
    await server.call('PUT', '/set');
    says(await server.call('GET', '/set'), 200, 'OK');
    await server.call('PUT', '/abc');
    says(await waiter, 200, 'OK');
  });
});

describe('other methods', () => {
  test('change nothing and wait for nothing: 405 with Allow', async () => {
    const server = await start();
    await server.call('PUT', '/set');
    for (const method of ['HEAD', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL']) {
      for (const path of ['/set', '/unset', '/a/b?timeout=0']) {
        const answer = await sent(server, `${method} ${path}`);
        expect([method, path, answer.status]).toEqual([method, path, 405]);
        expect(answer.head).toContain('\r\nallow: DELETE, GET, POST, PUT\r\n');
        expect(answer.head).toContain('\r\nsignalbox-code: method_not_allowed\r\n');
        expect(answer.head).toContain(plain);
        if (method === 'HEAD') expect(answer.body).toBe('');
      }
    }
    for (const type of ['text/plain', 'application/json']) {
      const patched = await server.call('PATCH', '/set', { rawBody: '{', headers: { 'content-type': type } });
      says(patched, 405, 'PATCH is not allowed here, but DELETE, GET, POST, PUT is.');
    }
    expect(await setKeys(server)).toEqual(['/set']);
    expect(await keysOf(server)).toEqual([]);
  });

  test.each(['HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'])('%s of what is probed: 405', async (method) => {
    const { call } = await start();
    for (const path of ['/_port/localhost/1', '/_postgres/db', '/_port/h', '/_postgres/a/b']) {
      const reply = await call(method, path);
      expect([path, reply.status, reply.headers.get('allow')]).toEqual([path, 405, 'GET']);
    }
  });
});

describe('what is no key', () => {
  const routes = [
    ['/V1/leases', '/v1/leases'],
    ['//v1/leases', '/v1/leases'],
    ['/v1%2Fleases', '/v1/leases'],
    ['/v1/./leases', '/v1/leases'],
    ['/x/../v1/leases', '/v1/leases'],
    ['/start/', '/start'],
    ['/START', '/start'],
    ['/../start', '/start'],
    ['/%2e%2e/start', '/start'],
    ['/lease', '/v1/leases'],
    ['/leases', '/v1/leases'],
    ['/leases/ls_1/renew', '/v1/leases/:id/renew'],
    ['/v1/leases/ls_1/renw', '/v1/leases/:id/renew'],
    ['/environment', '/v1/environments'],
    ['/environment/uat', '/v1/environments/:name'],
    ['/signal/abc', '/v1/signals/:name'],
    ['/v1/signal/abc', '/v1/signals/:name'],
    ['/health', '/healthz'],
    ['/ready', '/readyz'],
    ['/api/v1/leases', null],
    ['/_other', null],
    ['/_ui/x.js', null],
    ['/__proto__', null],
    ['/robots.txt', null],
    ['/.well-known/security.txt', null],
  ] as const;

  test.each(routes)('%s: 404 with the nearest route, %s', async (path, nearest) => {
    const server = await start();
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'HEAD']) {
      const answer = await sent(server, `${method} ${path}`, ...(method === 'GET' ? [] : ['Content-Length: 0']));
      expect([method, answer.status]).toEqual([method, 404]);
      if (method === 'HEAD') continue;
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'unknown_route', nearest });
      expect(answer.head).toMatch(/content-type: application\/problem\+json/);
    }
    expect([await setKeys(server), await keysOf(server)]).toEqual([[], []]);
  });

  test.each([
    ['PUT', '/v1/leases', 'GET, HEAD, POST'],
    ['PUT', '/start', 'GET, POST'],
    ['HEAD', '/start', 'GET, POST'],
    ['POST', '/v1/environments/uat', 'DELETE, GET, HEAD, PATCH, PUT'],
    ['PUT', '/', 'DELETE, GET, HEAD'],
    ['POST', '/', 'DELETE, GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['DELETE', '/metrics', 'GET, HEAD'],
    ['PUT', '/docs/x', 'GET, HEAD'],
  ])('%s %s, a route with other methods: 405', async (method, path, allow) => {
    const server = await start();
    const reply = await server.call(method, path);
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, allow]);
    expect(await setKeys(server)).toEqual([]);
  });

  test('another way to write a route is that route, and no key', async () => {
    const server = await start();
    expect(await sent(server, 'GET /%761/leases')).toMatchObject({
      status: 200,
      body: expect.stringContaining('items'),
    });
    expect(await sent(server, 'PUT /%761/leases', 'Content-Length: 0')).toMatchObject({ status: 404 });
    expect(await setKeys(server)).toEqual([]);
  });

  test.each(['PUT', 'POST'])('%s with JSON or an Idempotency-Key was meant for a route', async (method) => {
    const server = await start();
    const { call } = server;
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'application/json; charset=utf-8' },
      { 'content-type': 'application/merge-patch+json' },
      { 'idempotency-key': 'x' },
    ] as Record<string, string>[]) {
      for (const [path, nearest] of [
        ['/lease', '/v1/leases'],
        ['/leasse', '/v1/leases'],
        ['/mabye', '/maybe'],
        ['/abc', null],
      ] as const) {
        const reply = await call(method, path, { rawBody: '{"environment":"uat"}', headers });
        expect(reply).toMatchObject({ status: 404, json: { code: 'unknown_route', nearest } });
        if (nearest === null) expect(reply.json.detail).toContain('/v1/signals/NAME');
      }
    }
    expect(await setKeys(server)).toEqual([]);
    expect((await call('GET', '/v1/environments')).json.items).toEqual([]);
  });

  test('a browser is told at once, and sets nothing', async () => {
    const server = await start();
    for (const headers of [
      ['Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
      ['Accept: */*', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Site: none'],
    ]) {
      for (const path of ['/abc', '/_port/localhost/1', '/_postgres/db', '/history/x']) {
        const answer = await sent(server, `GET ${path}`, ...headers);
        expect([path, answer.status]).toEqual([path, 404]);
        expect(answer.body).toMatch(/^This is no page: .*\.$/);
        expect(answer.head).toContain('signalbox-code: unknown_route');
      }
    }
    const form = await sent(server, 'POST /abc', 'Sec-Fetch-Mode: navigate', 'Content-Length: 0');
    expect(form.status).toBe(404);
    expect([await setKeys(server), await keysOf(server)]).toEqual([[], []]);
  });

  test('pages are shown to a browser; to everybody else meet, machines and history are keys', async () => {
    const { call } = await start();
    const headers = { accept: 'text/html,*/*' };
    for (const path of ['/meet', '/machines', '/history', '/environments', '/environments/uat'])
      expect((await call('GET', path, { headers })).headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const path of ['/meet', '/machines', '/history']) {
      says(await call('PUT', path), 200, 'OK');
      says(await call('GET', path), 200, 'OK');
    }
    expect(await call('PUT', '/environments')).toMatchObject({ status: 404, json: { nearest: '/v1/environments' } });
  });

  test('with --no-rendezvous there are no keys at all', async () => {
    const { call } = await start({ rendezvous: false });
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])
      for (const path of ['/abc', '/_port/localhost/1', '/_postgres/db'])
        expect(await call(method, path)).toMatchObject({ status: 404 });
    expect(await call('GET', '/strat')).toMatchObject({ json: { code: 'unknown_route', nearest: '/start' } });
    const browser = await call('GET', '/history', { headers: { accept: 'text/html' } });
    expect(browser.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });

  test('what a page of another site could send is refused, and sets nothing', async () => {
    const server = await start();
    for (const headers of [['Origin: http://evil.example'], ['Sec-Fetch-Site: cross-site']]) {
      const answer = await sent(server, 'POST /abc', 'Content-Length: 0', ...headers);
      expect(answer.status).toBe(403);
      expect(answer.head).toContain('signalbox-code: forged_request');
    }
    const elsewhere = ['PUT /abc HTTP/1.1', 'Host: evil.example', 'Connection: close', 'Content-Length: 0'];
    expect(await rawRequest(server, elsewhere)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await setKeys(server)).toEqual([]);
  });
});

describe('keys of the API', () => {
  test('without one: 401; a wrong one: 401; without the scope: 403; each a sentence in plain text', async () => {
    const server = await start({ adminKeys: [admin] });
    const { call, makeKey } = server;
    const reader = await makeKey(['read']);
    for (const [method, path, scope] of [
      ['GET', '/abc', 'wait:abc'],
      ['PUT', '/abc', 'signal:abc'],
      ['POST', '/abc', 'signal:abc'],
      ['DELETE', '/abc', 'signal:abc'],
      ['GET', '/_port/127.0.0.1/1', 'probe:tcp:127.0.0.1:1'],
      ['GET', '/_postgres/db', 'probe:postgres:db'],
    ] as const) {
      const none = await call(method, path);
      says(none, 401, `This needs a key with the scope ${scope}. Send it as Authorization: Bearer.`);
      expect(none.headers.get('signalbox-code')).toBe('unauthenticated');
      expect(none.headers.get('www-authenticate')).toBe('Bearer');
      const wrong = await call(method, path, { key: 'wrong' });
      expect([wrong.status, wrong.headers.get('signalbox-code')]).toEqual([401, 'key_unknown']);
      expect(wrong.headers.get('content-type')).toBe(plain);
      const unfit = await call(method, path, { key: reader });
      expect([unfit.status, unfit.headers.get('signalbox-code')]).toEqual([403, 'forbidden']);
      expect(unfit.text).toContain(scope.replace(/^(\w+):/, '$1 on '));
    }
    expect((await call('GET', '/v1/signals', { key: admin.key })).json.items).toEqual([]);
  });

  test('a scope may be limited to some names', async () => {
    const { call, makeKey } = await start({ adminKeys: [admin] });
    const key = await makeKey(['signal:rel-*', 'wait:rel-*']);
    says(await call('PUT', '/rel-1', { key }), 200, 'OK');
    says(await call('GET', '/rel-1', { key }), 200, 'OK');
    expect(await call('PUT', '/other', { key })).toMatchObject({ status: 403 });
    expect(await call('GET', '/other', { key })).toMatchObject({ status: 403 });
    expect(await call('DELETE', '/rel-1', { headers: { authorization: `token ${key}` } })).toMatchObject({
      status: 204,
    });
  });

  test('with --anonymous signal,wait everybody may what the original let them', async () => {
    const { call } = await start({ adminKeys: [admin], anonymous: ['signal', 'wait'] });
    says(await call('PUT', '/abc'), 200, 'OK');
    says(await call('GET', '/abc'), 200, 'OK');
    expect(await call('GET', '/_port/127.0.0.1/1')).toMatchObject({ status: 401 });
  });
});

describe('GET /', () => {
  const greeting = /^Signalbox \S+: pipelines take turns here\.\n\nCurrently waiting for \+ recently failed:\n/;
  const listed = async ({ call }: TestServer): Promise<string> => {
    const { text, headers } = await call('GET', '/', { headers: { accept: '*/*' } });
    expect(headers.get('content-type')).toBe(plain);
    expect(text).toMatch(greeting);
    return text.replace(greeting, '');
  };

  test('lists each key that is waited for or timed out, once, until it is set', async () => {
    const server = await start();
    const { call } = server;
    expect(await listed(server)).toBe('Total : 0\n');
    const waiters = ['/abc', '/abc', '/a%2Fb%20c'].map((path) => call('GET', path));
    await waiting(server, 'signal:abc', 2);
    await waiting(server, 'signal:a/b c', 1);
    await call('GET', '/late?timeout=0.01');
    await call('GET', '/abc?timeout=0');
    expect((await keysOf(server)).sort()).toEqual(['/a/b c', '/abc', '/late']);
    const text = await listed(server);
    expect(text.split('\n').sort()).toEqual(['', '\t /a/b c', '\t /abc', '\t /late', 'Total : 3']);
    for (const path of ['/abc', '/a/b%20c', '/late']) await call('PUT', path);
    await Promise.all(waiters);
    expect(await listed(server)).toBe('Total : 0\n');
    const { json } = await call('GET', '/', { headers: { accept: 'application/json' } });
    expect(json.waiting_and_failed).toEqual([]);
    expect(json.marked.sort()).toEqual(['/a/b c', '/abc', '/late']);
  });

  test('a waiter that hangs up takes its key along', async () => {
    const server = await start();
    const leaving = new AbortController();
    const waiter = server.call('GET', '/abc', { signal: leaving.signal }).catch(() => 'gone');
    await waiting(server, 'signal:abc', 1);
    expect(await keysOf(server)).toEqual(['/abc']);
    leaving.abort();
    expect(await waiter).toBe('gone');
    await eventually(async () => expect(await keysOf(server)).toEqual([]));
  });

  test('what is set as a failure is not marked, nor what is cleared', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/failed', { body: { failure: { reason: 'x' } } });
    await server.call('PUT', '/a');
    await server.call('PUT', '/b');
    await server.call('DELETE', '/b');
    expect(await setKeys(server)).toEqual(['/a']);
  });

  test('shows what is waited for through any door, as far as it has a key here', async () => {
    const server = await start();
    const closed = await freePort();
    const left = new AbortController();
    onTestFinished(() => left.abort());
    const all = [
      ...['signal:app', `tcp:127.0.0.1:${closed}`, `tcp://localhost:${closed}`, 'postgres:mydb', 'env:free'],
      ...[
        'barrier:meet',
        `http://127.0.0.1:${closed}/x`,
        `postgres://127.0.0.1:${closed}/other`,
        `tcp:[::1]:${closed}`,
      ],
    ];
    void server.call('POST', '/v1/waits', { body: { all, timeoutSeconds: 60 }, signal: left.signal }).catch(() => null);
    await waiting(server, 'signal:app', 1);
    expect((await keysOf(server)).sort()).toEqual(
      [
        ...[`/_port/127.0.0.1/${closed}`, `/_port/[::1]/${closed}`, `/_port/localhost/${closed}`],
        ...['/_postgres/mydb', '/app'],
      ].sort(),
    );
    // What was met already is not waited for, though the wait goes on.
    await server.call('PUT', '/app');
    expect(await keysOf(server)).not.toContain('/app');
  });

  test('shows a key only to those who may read it or wait for it', async () => {
    const server = await start({ adminKeys: [admin], anonymous: [], probeAllow: ['127.0.0.1:*'] });
    const { call, makeKey } = server;
    const port = `/_port/127.0.0.1/${await freePort()}`;
    const left = new AbortController();
    onTestFinished(() => left.abort());
    await call('PUT', '/rel-set', { key: admin.key });
    await call('PUT', '/other-set', { key: admin.key });
    for (const path of ['/rel-1', '/other', port])
      void call('GET', path, { key: admin.key, signal: left.signal }).catch(() => null);
    await waiting(server, 'signal:rel-1', 1, admin.key);
    await waiting(server, 'signal:other', 1, admin.key);
    await eventually(async () => expect(await keysOf(server, admin.key)).toContain(port));
    const seen = async (key?: string) => {
      const { status, json } = await call('GET', '/', { key, headers: { accept: 'application/json' } });
      expect(status).toBe(200);
      return [json.waiting_and_failed.sort(), json.marked.sort()];
    };
    expect(await seen(admin.key)).toEqual([
      [port, '/other', '/rel-1'],
      ['/other-set', '/rel-set'],
    ]);
    expect(await seen(await makeKey(['probe:tcp:127.0.0.1:*']))).toEqual([[port], []]);
    for (const scopes of [['read:rel-*'], ['wait:rel-*']])
      expect(await seen(await makeKey(scopes))).toEqual([['/rel-1'], ['/rel-set']]);
    expect(await seen(await makeKey(['signal', 'acquire']))).toEqual([[], []]);
    expect(await seen()).toEqual([[], []]);
    expect((await call('GET', '/', { headers: { accept: '*/*' } })).text).toMatch(/^Signalbox .*\nTotal : 0\n$/s);
    expect(await call('GET', '/', { key: 'wrong' })).toMatchObject({ status: 401 });
  });

  test('shows a thousand keys, and says how many there are', async () => {
    const server = await start();
    for (let i = 0; i < 10; i++) {
      const conditions = Array.from({ length: 20 }, (_, j) => `signal:met-${i}-${j}`);
      await server.call('POST', '/v1/waits', { body: { all: conditions, timeoutSeconds: 0.01 } });
    }
    await Promise.all(Array.from({ length: 900 }, (_, i) => server.call('GET', `/late-${i}?timeout=0.01`)));
    const waiters = [new AbortController()];
    onTestFinished(() => waiters.forEach((each) => void each.abort()));
    const all = Array.from({ length: 10 }, (_, i) => `signal:now-${i}`);
    void server
      .call('POST', '/v1/waits', { body: { all, timeoutSeconds: 60 }, signal: waiters[0]?.signal as AbortSignal })
      .catch(() => null);
    await waiting(server, 'signal:now-0', 1);
    const lines = (await listed(server)).split('\n');
    // A thousand of those that timed out are remembered, and ten are waited for.
    expect(lines.at(-2)).toBe('Total : 1010');
    expect(lines.length).toBe(1_002);
    expect(lines.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, i) => `\t /now-${i}`));
    expect(await keysOf(server)).toHaveLength(1_000);
  });
});

describe('/_port', () => {
  test('is OK when it opens while it is waited for, whoever waits, with one connection at a time', async () => {
    const server = await start();
    const port = await freePort();
    const waiters = Array.from({ length: 20 }, () => server.call('GET', `/_port/127.0.0.1/${port}`));
    await waiting(server, `tcp:127.0.0.1:${port}`, 20);
    let connections = 0;
    const target = createServer((socket) => {
      connections++;
      socket.on('error', () => undefined).resume();
    });
    onTestFinished(() => void target.close());
    target.listen(port, '127.0.0.1');
    for (const reply of await Promise.all(waiters)) says(reply, 200, 'OK');
    expect(connections).toBeLessThan(20);
    expect(await keysOf(server)).toEqual([]);
  });

  test('is OK at once when it is open, by name, by address, and for IPv6 in brackets or not', async () => {
    const server = await start();
    const six = createServer((socket) => void socket.on('error', () => undefined).resume()).listen(0, '::1');
    await once(six, 'listening');
    onTestFinished(() => void six.close());
    const { port } = six.address() as { port: number };
    for (const path of [
      ...[`/_port/localhost/${server.port}?timeout=0`, `/_port/127.0.0.1/${server.port}`],
      ...[`/_port/[::1]/${port}`, `/_port/::1/${port}`, `/_port/%5B%3A%3A1%5D/${port}?timeout=0`],
    ]) {
      const { status, body } = await sent(server, `GET ${path}`);
      expect([path, status, body]).toEqual([path, 200, 'OK']);
    }
  });

  test('is 404 when it does not open in time, and in the list; timeout=0 tries it once', async () => {
    const server = await start();
    const port = await freePort();
    for (const timeout of ['0', '0.05']) {
      const reply = await server.call('GET', `/_port/127.0.0.1/${port}?timeout=${timeout}`);
      says(reply, 404, `Timeout : '/_port/127.0.0.1/${port}'`);
      // A look is no wait.
      expect(await keysOf(server)).toEqual(timeout === '0' ? [] : [`/_port/127.0.0.1/${port}`]);
    }
    says(
      await server.call('GET', '/_port/no-such-host.invalid/1?timeout=0'),
      404,
      "Timeout : '/_port/no-such-host.invalid/1'",
    );
  });

  test.each([
    ...['/_port', '/_port/', '/_port/h', '/_port/h/', '/_port/h/x', '/_port/h/0', '/_port/h/65536', '/_port/h/1/2'],
    ...['/_port//1', '/_port/a%2Fb/1', '/_port/u@h/1', '/_port/[h]/1'],
  ])('%s is 400 at once, with what to write', async (path) => {
    const { call } = await start();
    const reply = await call('GET', path);
    says(reply, 400, 'This cannot be waited for: write /_port/HOST/PORT, with a port from 1 to 65535.');
    expect(reply.headers.get('signalbox-code')).toBe('invalid_target');
  });

  test('what may not be connected to is 403, with the setting that would allow it', async () => {
    const server = await start({ adminKeys: [admin] });
    const reply = await server.call('GET', `/_port/127.0.0.1/${server.port}`, { key: admin.key });
    expect([reply.status, reply.headers.get('signalbox-code')]).toEqual([403, 'target_not_allowed']);
    expect(reply.text).toContain(`--probe-allow 127.0.0.1:${server.port}`);
    expect(reply.headers.get('content-type')).toBe(plain);
    const open = await start();
    expect(await open.call('GET', '/_port/169.254.169.254/80')).toMatchObject({ status: 403 });
    expect(await open.call('GET', '/_port/10.0.0.1/80')).toMatchObject({ status: 403 });
    const allowing = await start({ adminKeys: [admin], probeAllow: [`127.0.0.1:${server.port}`] });
    says(await allowing.call('GET', `/_port/127.0.0.1/${server.port}`, { key: admin.key }), 200, 'OK');
  });

  test('counts among the waits', async () => {
    const server = await start({ maxWaits: 1 });
    const port = await freePort();
    const left = new AbortController();
    onTestFinished(() => left.abort());
    void server.call('GET', `/_port/127.0.0.1/${port}`, { signal: left.signal }).catch(() => null);
    await waiting(server, `tcp:127.0.0.1:${port}`, 1);
    for (const timeout of ['0', '1']) {
      const reply = await server.call('GET', `/_port/127.0.0.1/${port}?timeout=${timeout}`);
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([429, '5']);
    }
  });
});

describe('/_postgres', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.stop());

  const urlFor = (password = postgres.password): string =>
    `postgres://${postgres.user}:${encodeURIComponent(password)}@127.0.0.1:${postgres.port}/{{.}}?sslmode=disable`;
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const backends = async (database: string): Promise<number> => {
    const [row] = await postgres.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${database.replaceAll("'", "''")}'`,
    );
    return row?.n as number;
  };

  // Whether its own server is allowed is not a question of loopback: keys are on.
  const settings = () => ({ postgresURL: urlFor(), adminKeys: [admin] });
  const key = admin.key;

  test('is OK when the database is made while it is waited for, and leaves no backend', async () => {
    const server = await start(settings());
    const waiters = Array.from({ length: 20 }, () => server.call('GET', '/_postgres/mydb', { key }));
    await waiting(server, 'postgres:mydb', 20, key);
    expect(await keysOf(server, key)).toEqual(['/_postgres/mydb']);
    await postgres.query('CREATE DATABASE mydb');
    for (const reply of await Promise.all(waiters)) says(reply, 200, 'OK');
    for (let i = 0; i < 20; i++) says(await server.call('GET', '/_postgres/mydb', { key }), 200, 'OK');
    await eventually(async () => expect(await backends('mydb')).toBe(0));
    expect(await keysOf(server, key)).toEqual([]);
  });

  test.each([
    'a&b=c',
    'with space',
    `quo"te'd`,
    'Ünïcode',
    'sslmode=require',
    'a?b#c%41',
  ])('the database %s is found, and its like is not', async (name) => {
    const { call } = await start(settings());
    const path = `/_postgres/${encodeURIComponent(name)}?timeout=0`;
    says(await call('GET', path, { key }), 404, `Timeout : '/_postgres/${name}'`);
    await postgres.query(`CREATE DATABASE ${quoted(name)}`);
    says(await call('GET', path, { key }), 200, 'OK');
    await eventually(async () => expect(await backends(name)).toBe(0));
  });

  test('is 404 when it is not there in time', async () => {
    const { call } = await start(settings());
    says(await call('GET', '/_postgres/never?timeout=0.05', { key }), 404, "Timeout : '/_postgres/never'");
  });

  test('a refused password fails at once, and says nothing of it', async () => {
    const { call } = await start({ ...settings(), postgresURL: urlFor('a-wrong-password') });
    for (const timeout of ['0', '3600']) {
      const reply = await call('GET', `/_postgres/postgres?timeout=${timeout}`, { key });
      says(reply, 404, `Failed : '/_postgres/postgres' password authentication failed for user "postgres"`);
      expect(reply.text).not.toContain('wrong-password');
    }
  });

  test.each([
    '/_postgres',
    '/_postgres/',
    '/_postgres/a/b',
    '/_postgres/a%2Fb',
    `/_postgres/${'x'.repeat(64)}`,
    '/_postgres/a%00',
  ])('%.30s is 400 at once', async (path) => {
    const { call } = await start(settings());
    const reply = await call('GET', path, { key });
    expect([reply.status, reply.headers.get('signalbox-code')]).toEqual([400, 'invalid_target']);
    expect(reply.headers.get('content-type')).toBe(plain);
    expect(reply.text).toMatch(/^(This cannot be waited for: write \/_postgres\/NAME|The name of a PostgreSQL .*)\.$/);
  });
});

test('a store without room: 507, while what is set is told and cleared', async () => {
  const log = new FaultyLog();
  const { call } = await startOnLog(log);
  await call('PUT', '/abc');
  log.full = true;
  const refused = await call('PUT', '/other');
  expect([refused.status, refused.headers.get('signalbox-code')]).toEqual([507, 'store_full']);
  expect(refused.headers.get('content-type')).toBe(plain);
  says(await call('GET', '/abc'), 200, 'OK');
  expect(await call('DELETE', '/abc')).toMatchObject({ status: 204 });
});

describe('a server that ends', () => {
  test('by a stop: whoever waits is told 503 with Retry-After', async () => {
    const server = await startForFile();
    const port = await freePort();
    const waiters = [server.call('GET', '/abc'), server.call('GET', `/_port/127.0.0.1/${port}`)];
    await waiting(server, 'signal:abc', 1);
    await waiting(server, `tcp:127.0.0.1:${port}`, 1);
    await server.stop();
    for (const reply of await Promise.all(waiters)) {
      expect([reply.status, reply.headers.get('signalbox-code')]).toEqual([503, 'shutting_down']);
      expect(reply.headers.get('retry-after')).toBe('1');
      expect(reply.headers.get('content-type')).toBe(plain);
    }
  });

  test('by a power cut: what was set stays set, and a waiter that comes back is answered', async () => {
    const process = await ServerProcess.create();
    onTestFinished(() => process.remove());
    await process.start();
    const server = testServer(process.url, () => process.kill());
    await server.call('PUT', '/before');
    const cut = server.call('GET', '/abc').catch(() => 'cut');
    await waiting(server, 'signal:abc', 1);
    await process.kill();
    expect(await cut).toBe('cut');
    await process.start();
    says(await server.call('GET', '/before?timeout=0'), 200, 'OK');
    expect(await keysOf(server)).toEqual([]);
    const back = server.call('GET', '/abc');
    await waiting(server, 'signal:abc', 1);
    await server.call('PUT', '/abc');
    says(await back, 200, 'OK');
  });
});

test('the two shells of the document', async () => {
  const server = await start();
  const curl = async (...args: string[]): Promise<string> => {
    const child = spawn('curl', ['-s', ...args, `${server.url}/abc`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    return out;
  };
  const first = curl('-X', 'GET', '--max-time', '600', '-f');
  const second = curl('--max-time', '600', '-w', '%{http_code}');
  await waiting(server, 'signal:abc', 2);
  expect(await curl('-X', 'PUT')).toBe('OK');
  expect(await first).toBe('OK');
  expect(await second).toBe('OK200');
});
