// Signals over HTTP: set, looked at, waited for, cleared; with a payload or a failure; by clients that wait and by some that leave.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { figure, hasShape, nobodyWaits, openWaits } from './meet.ts';
import { type Reply, raw, rawRequest, start, type TestServer } from './server.ts';
import { openStream } from './stream.ts';

const week = 7 * 24 * 3600;
const holder = { name: 'build #7', url: 'https://ci.example/7', ref: 'main' };

const wait = (server: TestServer, name: string, seconds: number | string = 60): Promise<Reply> =>
  server.call('GET', `/v1/signals/${name}?wait=${seconds}`);

describe('setting', () => {
  test('201 with what was set, by whom and for how long; 200 when it replaces', async () => {
    const { call } = await start();
    const first = await call('PUT', '/v1/signals/built', { body: { data: { sha: 'abc', n: [1, null] }, holder } });
    expect(first).toMatchObject({
      status: 201,
      json: {
        ...{ name: 'built', state: 'set', data: { sha: 'abc', n: [1, null] }, failure: null, by: 'anonymous', holder },
        ...{ ttlSeconds: week, waiting: 0, waiters: [] },
      },
    });
    hasShape(first, 'signal');
    expect(first.json.expiresInSeconds).toBeGreaterThan(week - 60);
    const second = await call('PUT', '/v1/signals/built', { body: { data: 'new', ttlSeconds: 60 } });
    expect(second).toMatchObject({ status: 200, json: { data: 'new', holder: { name: null }, ttlSeconds: 60 } });
    expect(second.json.seq).toBeGreaterThan(first.json.seq);
    expect(second.json.expiresInSeconds).toBeLessThanOrEqual(60);
    expect((await call('GET', '/v1/signals/built')).json).toMatchObject({ data: 'new', seq: second.json.seq });
  });

  test('without a body it is only set; null is no payload', async () => {
    const { call } = await start();
    for (const [name, options] of [
      ['none', {}],
      ['typed', { headers: { 'content-type': 'application/json' } }],
      ['null', { rawBody: 'null', headers: { 'content-type': 'application/json' } }],
      ['empty', { body: {} }],
      ['data', { body: { data: null } }],
    ] as const) {
      expect([name, await call('PUT', `/v1/signals/${name}`, options)]).toMatchObject([
        name,
        { status: 201, json: { state: 'set', data: null, ttlSeconds: week } },
      ]);
    }
  });

  test('ttlSeconds null: until it is cleared', async () => {
    const { call } = await start();
    expect(await call('PUT', '/v1/signals/a', { body: { ttlSeconds: null } })).toMatchObject({
      json: { ttlSeconds: null, expiresAt: null, expiresInSeconds: null },
    });
  });

  const payloads: unknown[] = [
    ...[0, '', false, [], {}, 'x', -1.5e300, [[[null]]]],
    ...[{ a: { b: 'ü 日本 😀 \u0000 \ud800' } }, { constructor: 'x' }, { toJSON: 1 }],
  ];
  test.each(payloads.map((data): [unknown] => [data]))('the payload %j comes back as it was', async (data) => {
    const { call } = await start();
    expect((await call('PUT', '/v1/signals/a', { body: { data } })).json.data).toEqual(data);
    expect((await call('GET', '/v1/signals/a')).json).toMatchObject({ state: 'set', data });
  });

  test('a failure: the reason and who said so, for everyone who looks or waits, until it is set anew', async () => {
    const server = await start();
    const { call } = server;
    const waiting = wait(server, 'built');
    await openWaits(server, 1);
    const body = { failure: { reason: 'tests failed' }, holder };
    expect(await call('PUT', '/v1/signals/built', { body })).toMatchObject({
      ...{ status: 201, json: { state: 'failed', failure: { reason: 'tests failed' }, data: null } },
    });
    for (const reply of [await waiting, await call('GET', '/v1/signals/built'), await wait(server, 'built')]) {
      expect(reply).toMatchObject({
        status: 409,
        json: { code: 'signal_failed', reason: 'tests failed', by: 'build #7' },
      });
      expect(reply.json.detail).toContain('tests failed');
    }
    expect((await call('GET', '/v1/signals')).json.items).toMatchObject([{ name: 'built', state: 'failed' }]);
    await call('PUT', '/v1/signals/built');
    expect(await call('GET', '/v1/signals/built')).toMatchObject({ status: 200, json: { failure: null } });
  });
});

describe('how much a payload may be', () => {
  const bodyOf = (bytes: number): string => `{"data":"${'x'.repeat(bytes - 2)}"}`;
  const put = (server: TestServer, rawBody: string): Promise<Reply> =>
    server.call('PUT', '/v1/signals/a', { rawBody, headers: { 'content-type': 'application/json' } });

  test('64 KiB of JSON, and not one byte more', async () => {
    const server = await start();
    expect((await put(server, bodyOf(64 * 1024))).status).toBe(201);
    const reply = await put(server, bodyOf(64 * 1024 + 1));
    expect(reply).toMatchObject({ status: 413, json: { code: 'payload_too_large', field: 'data' } });
    expect(reply.json.detail).toContain('65537 bytes');
    // In bytes of UTF-8, not in characters.
    expect((await put(server, `{"data":"${'ü'.repeat(32 * 1024)}"}`)).json.code).toBe('payload_too_large');
    expect((await server.call('GET', '/v1/signals/a')).json.data).toHaveLength(64 * 1024 - 2);
  });

  test('a body of 72 KiB is read, a larger one is not', async () => {
    const server = await start();
    const padded = (bytes: number): string => `{"data":1${' '.repeat(bytes - 10)}}`;
    expect((await put(server, padded(72 * 1024))).status).toBe(201);
    expect(await put(server, padded(72 * 1024 + 1))).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  test('64 deep, and no deeper', async () => {
    const server = await start();
    const deep = (n: number): string => `{"data":${'['.repeat(n)}${']'.repeat(n)}}`;
    expect((await put(server, deep(65))).status).toBe(201);
    for (const n of [66, 30_000])
      expect(await put(server, deep(n))).toMatchObject({
        ...{ status: 400, json: { code: 'invalid_request', field: 'data' } },
      });
  });
});

const wrong: [unknown, number, string, string | undefined][] = [
  [[], 400, 'invalid_request', undefined],
  ['x', 400, 'invalid_request', undefined],
  [1, 400, 'invalid_request', undefined],
  [{ data: 1, failure: { reason: 'x' } }, 400, 'invalid_request', 'failure'],
  [{ data: false, failure: { reason: 'x' } }, 400, 'invalid_request', 'failure'],
  [{ failure: {} }, 400, 'invalid_request', 'failure.reason'],
  [{ failure: 'x' }, 400, 'invalid_request', 'failure'],
  [{ failure: { reason: '' } }, 422, 'reason_required', 'failure.reason'],
  [{ failure: { reason: ' \n' } }, 422, 'reason_required', 'failure.reason'],
  [{ failure: { reason: 'x'.repeat(1001) } }, 400, 'invalid_request', 'failure.reason'],
  [{ failure: { reason: 'x', by: 'y' } }, 400, 'unknown_field', 'failure.by'],
  [{ ttlSeconds: 0 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ ttlSeconds: -1 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ ttlSeconds: 366 * 24 * 3600 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ ttlSeconds: '60' }, 400, 'invalid_request', 'ttlSeconds'],
  [{ holder: { nam: 'x' } }, 400, 'unknown_field', 'holder.nam'],
  [{ payload: 1 }, 400, 'unknown_field', 'payload'],
  [{ data: 1, ttl: 60 }, 400, 'unknown_field', 'ttl'],
];

describe('what is refused', () => {
  test.each(wrong)('PUT %j: %s %s %s', async (body, status, code, field) => {
    const { call } = await start();
    const reply = await call('PUT', '/v1/signals/a', { body });
    expect([reply.status, reply.json.code, reply.json.field]).toEqual([status, code, field]);
    expect((await call('GET', '/v1/signals')).json.items).toEqual([]);
  });

  test('a body that is not JSON, or not said to be', async () => {
    const { call } = await start();
    const json = { headers: { 'content-type': 'application/json' } };
    for (const rawBody of ['{', 'data=1', '{"__proto__":{"x":1}}', '{"data":{"__proto__":1}}'])
      expect(await call('PUT', '/v1/signals/a', { rawBody, ...json })).toMatchObject({
        ...{ status: 400, json: { code: 'malformed_json' } },
      });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'x'])
      expect(
        await call('PUT', '/v1/signals/a', { rawBody: '{"data":1}', headers: { 'content-type': type } }),
      ).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
    expect(await call('GET', '/v1/signals/a')).toMatchObject({ status: 404 });
  });

  test.each(['', '-1', '61', 'x', '1e1', 'Infinity', '1&wait=2', '%zz'])('?wait=%s', async (seconds) => {
    const { call } = await start();
    const reply = await call('GET', `/v1/signals/a?wait=${seconds}`);
    expect(reply.json).toMatchObject({ field: 'wait', code: expect.stringMatching(/^invalid_(request|duration)$/) });
  });

  test.each(['timeout=1', 'wait=1&x=1', 'after=1'])('?%s is no field of it', async (query) => {
    const { call } = await start();
    expect(await call('GET', `/v1/signals/a?${query}`)).toMatchObject({ json: { code: 'unknown_field' } });
  });
});

/** As written in a path: status of GET (404: a name like any other), code. */
const paths: [string, number, string][] = [
  ['a%2Fb', 404, 'signal_unset'],
  ['..', 404, 'signal_unset'],
  ['%2e%2e%2fkeys', 404, 'signal_unset'],
  ['__proto__', 404, 'signal_unset'],
  ['constructor', 404, 'signal_unset'],
  ['toString', 404, 'signal_unset'],
  ['signal:a', 404, 'signal_unset'],
  ['%3Cb%3E', 404, 'signal_unset'],
  ['%F0%9F%98%80'.repeat(200), 404, 'signal_unset'],
  ['x'.repeat(200), 404, 'signal_unset'],
  ['x'.repeat(201), 422, 'invalid_name'],
  ['%F0%9F%98%80'.repeat(201), 422, 'invalid_name'],
  ['', 422, 'invalid_name'],
  ['%00', 422, 'invalid_name'],
  ['a%0d%0aX:1', 422, 'invalid_name'],
  ['a%09b', 422, 'invalid_name'],
  ['%7f', 422, 'invalid_name'],
  ['%ED%A0%80', 400, 'malformed_request'],
  ['%C0%AF', 400, 'malformed_request'],
  ['%zz', 400, 'malformed_request'],
  ['%', 400, 'malformed_request'],
  ['a/b', 404, 'unknown_route'],
];

describe('names', () => {
  test.each(
    paths.map(([path, ...more]) => [path.slice(0, 20), path.length, path, ...more] as const),
  )('%s (%s characters), whatever is done with it', async (_, _length, path, status, code) => {
    const server = await start();
    const send = async (method: string, query = ''): Promise<[number, string | null, unknown]> => {
      const answer = await rawRequest(server, [
        ...[`${method} /v1/signals/${path}${query} HTTP/1.1`, 'Host: localhost', 'Connection: close'],
        'Content-Length: 0',
      ]);
      const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString();
      const json = body === '' ? null : JSON.parse(body);
      return [Number(answer.slice(9, 12)), json?.code ?? null, json?.name];
    };
    expect((await send('GET')).slice(0, 2)).toEqual([status, code]);
    if (code !== 'signal_unset') {
      for (const method of ['PUT', 'DELETE']) expect((await send(method)).slice(0, 2)).toEqual([status, code]);
      if (code !== 'unknown_route') expect((await send('GET', '?wait=60')).slice(0, 2)).toEqual([status, code]);
      expect((await server.call('GET', '/v1/signals')).json.items).toEqual([]);
      return;
    }
    const name = decodeURIComponent(path);
    const waiting = send('GET', '?wait=60');
    await openWaits(server, 1);
    expect(await send('PUT')).toEqual([201, null, name]);
    expect(await waiting).toEqual([200, null, name]);
    expect(await send('GET')).toEqual([200, null, name]);
    expect((await server.call('GET', '/v1/signals')).json.items).toMatchObject([{ name }]);
    expect(await send('DELETE')).toEqual([204, null, undefined]);
    expect((await send('GET')).slice(0, 2)).toEqual([404, 'signal_unset']);
  });
});

describe('waiting', () => {
  test('what is set before the wait is seen by it, with who set it', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/a', { body: { data: { n: 1 }, holder } });
    const reply = await wait(server, 'a');
    expect(reply).toMatchObject({ status: 200, json: { state: 'set', data: { n: 1 }, by: 'anonymous', holder } });
    hasShape(reply, 'signal');
  });

  test('everyone who waits is answered when it is set, once, with the payload', async () => {
    const server = await start();
    const waiting = Array.from({ length: 20 }, () => wait(server, 'a'));
    await openWaits(server, 20);
    await server.call('PUT', '/v1/signals/a', { body: { data: 'x', holder } });
    for (const reply of await Promise.all(waiting)) {
      expect(reply).toMatchObject({ status: 200, json: { name: 'a', state: 'set', data: 'x', holder, waiting: 0 } });
      hasShape(reply, 'signal');
    }
    await nobodyWaits(server);
  });

  test('nobody sets it: 404 when the time is over, and it is listed among what did not come until it does', async () => {
    const server = await start();
    const reply = await wait(server, 'a', '0.05');
    expect(reply).toMatchObject({ status: 404, json: { code: 'signal_unset' } });
    expect(reply.json.detail).toContain('waited 0.05 s');
    expect((await server.call('GET', '/v1/waits')).json.timedOut).toMatchObject([
      { target: 'signal:a', detail: 'not set', by: 'anonymous' },
    ]);
    await server.call('PUT', '/v1/signals/a');
    expect((await server.call('GET', '/v1/waits')).json.timedOut).toEqual([]);
  });

  test('wait=0 and no wait are a look', async () => {
    const server = await start();
    for (const query of ['', '?wait=0', '?wait=0.0'])
      expect(await server.call('GET', `/v1/signals/a${query}`)).toMatchObject({
        ...{ status: 404, json: { code: 'signal_unset', detail: 'Signal "a" is not set.' } },
      });
  });

  test('a clear answers nobody, and the next set answers them', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/a', { body: { data: 'old' } });
    await server.call('DELETE', '/v1/signals/a');
    const waiting = wait(server, 'a');
    await openWaits(server, 1);
    expect((await server.call('DELETE', '/v1/signals/a')).status).toBe(204);
    await openWaits(server, 1);
    await server.call('PUT', '/v1/signals/a', { body: { data: 'new' } });
    expect(await waiting).toMatchObject({ status: 200, json: { data: 'new' } });
  });

  test('set and cleared in one breath: whoever waited has seen it', async () => {
    const server = await start();
    for (let i = 0; i < 20; i++) {
      const waiting = Array.from({ length: 3 }, () => wait(server, 'a'));
      await openWaits(server, 3);
      // On one connection, and without bodies that are read first: both are decided in one turn.
      const set = 'PUT /v1/signals/a HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const clear = 'DELETE /v1/signals/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
      const both = await raw(server, set + clear);
      await both.ended();
      for (const reply of await Promise.all(waiting)) {
        expect(reply).toMatchObject({ status: 200, json: { state: 'set', data: null, by: 'anonymous' } });
        hasShape(reply, 'signal');
      }
      expect((await server.call('GET', '/v1/signals/a')).status).toBe(404);
    }
  });

  test('set with one payload and then another: nobody is told half of each', async () => {
    const server = await start();
    for (let i = 0; i < 20; i++) {
      const waiting = Array.from({ length: 3 }, () => wait(server, `a${i}`));
      await openWaits(server, 3);
      const put = (data: string): string => {
        const body = JSON.stringify({ data, holder: { name: data } });
        const head = `PUT /v1/signals/a${i} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`;
        return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      };
      const both = await raw(server, put('one') + put('two'));
      await both.until(/"data":"two"/);
      for (const { json } of await Promise.all(waiting))
        expect([json.data, json.holder.name ?? json.by]).toEqual([json.data, json.data]);
    }
  });

  test('set and then failed in one breath: whoever waited has seen it set', async () => {
    const server = await start();
    for (let i = 0; i < 10; i++) {
      const waiting = wait(server, `a${i}`);
      await openWaits(server, 1);
      const put = (body: string): string =>
        `PUT /v1/signals/a${i} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const both = await raw(server, put('{"data":"fine"}') + put('{"failure":{"reason":"broken"}}'));
      await both.until('broken');
      expect(await waiting).toMatchObject({ status: 200, json: { state: 'set', data: 'fine', failure: null } });
    }
  });

  test('its ttl ends: it is unset, and says so in the history', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/a', { body: { ttlSeconds: 1 } });
    expect((await server.call('GET', '/v1/signals/a')).status).toBe(200);
    await eventually(async () => expect((await server.call('GET', '/v1/signals/a')).status).toBe(404));
    expect((await server.call('GET', '/v1/events?kind=signal.expired')).json.items).toMatchObject([
      { subject: 'a', actor: 'signalbox', data: { setBy: 'anonymous' } },
    ]);
  });

  test('each set starts the ttl anew', async () => {
    const { call } = await start();
    await call('PUT', '/v1/signals/a', { body: { ttlSeconds: 1 } });
    await call('PUT', '/v1/signals/a', { body: { ttlSeconds: 600 } });
    await call('PUT', '/v1/signals/b', { body: { ttlSeconds: 1 } });
    await eventually(async () => expect((await call('GET', '/v1/signals/b')).status).toBe(404));
    expect((await call('GET', '/v1/signals/a')).status).toBe(200);
  });

  test('HEAD waits as GET does, and brings no body', async () => {
    const server = await start();
    const head = server.call('HEAD', '/v1/signals/a?wait=60');
    await openWaits(server, 1);
    await server.call('PUT', '/v1/signals/a');
    expect(await head).toMatchObject({ status: 200, text: '' });
  });
});

describe('clients that leave', () => {
  test.each(['destroy', 'end', 'resetAndDestroy'] as const)('%s: nothing is left of them', async (how) => {
    const server = await start();
    const connections = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        raw(server, `GET /v1/signals/a${i % 2}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n`),
      ),
    );
    const stays = wait(server, 'a0');
    await openWaits(server, 6);
    expect(await figure(server, 'waits')).toBe(6);
    for (const { socket } of connections) socket[how]();
    await openWaits(server, 1);
    expect((await server.call('GET', '/v1/signals')).json.items).toMatchObject([{ name: 'a0', waiting: 1 }]);
    await server.call('PUT', '/v1/signals/a0');
    expect((await stays).status).toBe(200);
    await nobodyWaits(server);
    // They were not there any more, so nobody waited in vain.
    expect((await server.call('GET', '/v1/waits')).json.timedOut).toEqual([]);
  });

  test('one that hangs up before its request is looked at', async () => {
    const server = await start();
    for (let i = 0; i < 50; i++) {
      const { socket } = await raw(server, 'GET /v1/signals/a?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n');
      socket.resetAndDestroy();
    }
    await nobodyWaits(server);
  });

  test('several waits on one connection are answered in their order, and all leave with it', async () => {
    const server = await start();
    const get = (name: string): string => `GET /v1/signals/${name}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const connection = await raw(server, get('a') + get('b'));
    await openWaits(server, 2);
    await server.call('PUT', '/v1/signals/b', { body: { data: 'of b' } });
    await openWaits(server, 1);
    expect(connection.received()).toBe('');
    await server.call('PUT', '/v1/signals/a', { body: { data: 'of a' } });
    expect(await connection.until('of b')).toMatch(/of a.*of b/s);
    connection.socket.write(Array.from({ length: 30 }, () => get('never')).join(''));
    await openWaits(server, 30);
    connection.socket.destroy();
    await nobodyWaits(server);
  });
});

describe('the list', () => {
  test('signals by name, and those that are waited for without being set, with who waits', async () => {
    const server = await start();
    const { call } = server;
    await call('PUT', '/v1/signals/b', { body: { data: 1 } });
    await call('PUT', '/v1/signals/d', { body: { failure: { reason: 'no' } } });
    const waiting = [
      wait(server, 'c'),
      wait(server, 'c'),
      call('POST', '/v1/waits', { body: { all: ['a', 'b'], holder } }),
    ];
    await openWaits(server, 3);
    const list = await call('GET', '/v1/signals');
    hasShape(list, 'signals');
    expect(list.json.items).toMatchObject([
      { name: 'a', state: 'unset', waiting: 1, waiters: [{ by: 'anonymous', holder }], at: null, seq: null },
      { name: 'b', state: 'set', data: 1, waiting: 1 },
      { name: 'c', state: 'unset', waiting: 2 },
      { name: 'd', state: 'failed', failure: { reason: 'no' }, waiting: 0 },
    ]);
    for (const name of ['a', 'c']) await call('PUT', `/v1/signals/${name}`);
    await Promise.all(waiting);
  });

  test('leaves payloads above 1 KiB out, here and in the stream, and says how large they are', async () => {
    const server = await start();
    const [small, large] = ['x'.repeat(1_022), 'x'.repeat(1_023)];
    await server.call('PUT', '/v1/signals/small', { body: { data: small } });
    await server.call('PUT', '/v1/signals/large', { body: { data: large } });
    const { items } = (await server.call('GET', '/v1/signals')).json;
    expect(items).toMatchObject([
      { name: 'large', data: null, bytes: 1_025 },
      { name: 'small', data: small, bytes: 1_024 },
    ]);
    const stream = await openStream(server, { query: '?since=0&rows=signals' });
    await stream.until((seen) => seen.filter(({ event }) => event === 'row').length === 2);
    const rows = stream.seen.flatMap(({ event, data: { row } }) => (event === 'row' ? [row] : []));
    expect(rows).toMatchObject(expect.arrayContaining([expect.objectContaining({ name: 'large', data: null })]));
    expect((await server.call('GET', '/v1/signals/large')).json).toMatchObject({ data: large, bytes: 1_025 });
  });

  test('shows ten of those who wait, and counts all', async () => {
    const server = await start();
    const waiting = Array.from({ length: 12 }, () => wait(server, 'a'));
    await openWaits(server, 12);
    const { json } = await server.call('GET', '/v1/signals');
    expect(json.items[0]).toMatchObject({ waiting: 12 });
    expect(json.items[0].waiters).toHaveLength(10);
    await server.call('PUT', '/v1/signals/a');
    await Promise.all(waiting);
  });

  test('is paged', async () => {
    const { call } = await start();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await call('PUT', `/v1/signals/${name}`);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await call('GET', `/v1/signals?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...json.items.map(({ name }: { name: string }) => name));
      // What a page ended with may be gone when the next is asked for.
      if (cursor === '') await call('DELETE', '/v1/signals/b');
      cursor = json.next ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await call('GET', '/v1/signals?cursor=x')).toMatchObject({ status: 400, json: { code: 'invalid_cursor' } });
    expect(await call('GET', '/v1/signals?limit=501')).toMatchObject({ status: 400 });
  });
});

test('clearing what is not set is no mistake, and leaves no trace', async () => {
  const { call } = await start();
  const events = async (): Promise<number> => (await call('GET', '/v1/events')).json.items.length;
  const before = await events();
  expect(await call('DELETE', '/v1/signals/a')).toMatchObject({ status: 204, text: '' });
  expect(await events()).toBe(before);
});

test('more than may wait at once: 429 with Retry-After, what is set is told all the same, and there is room again when somebody goes', async () => {
  const server = await start({ maxWaits: 2 });
  const connection = await raw(server, 'GET /v1/signals/a?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const second = wait(server, 'b');
  await openWaits(server, 2);
  const refused = await wait(server, 'c');
  expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_waits' } });
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(refused.json.detail).toContain('--max-waits');
  expect((await wait(server, 'c', 0)).status).toBe(404);
  await server.call('PUT', '/v1/signals/set');
  expect((await wait(server, 'set')).status).toBe(200);
  connection.socket.destroy();
  await openWaits(server, 1);
  const third = wait(server, 'c');
  await openWaits(server, 2);
  for (const name of ['b', 'c']) await server.call('PUT', `/v1/signals/${name}`);
  expect([(await second).status, (await third).status]).toEqual([200, 200]);
});
