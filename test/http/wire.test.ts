// What only an attacker, a broken proxy or an accident sends: requests that two readers could take for two things, that come too
// slowly, too large, too many; each is refused clearly, and none of them changes anything.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { raw, rawRequest, start, type TestServer } from './server.ts';

const body = '{"environment":"uat"}';
const post = (...headers: string[]): string[] => [
  ...['POST /v1/leases HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Connection: close', ...headers],
];
const withLength = `Content-Length: ${body.length}`;

/** Nobody has taken or made anything. */
async function nothingHappened({ call }: TestServer): Promise<void> {
  expect((await call('GET', '/v1/environments')).json.items).toEqual([]);
}

function problem(answer: string): { status: number; code: string; detail: string } {
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  const { code, detail } = JSON.parse(answer.slice(answer.indexOf('{', answer.indexOf('\r\n\r\n')))) as {
    code: string;
    detail: string;
  };
  return { status, code, detail };
}

describe('a request that is not one clear request', () => {
  test.each([
    ['Host twice', post('Host: other', withLength)],
    ['Authorization twice', post('Authorization: Bearer a', 'authorization: Bearer b', withLength)],
    ['X-API-KEY twice', post('X-API-KEY: a', 'X-API-KEY: b', withLength)],
    ['Idempotency-Key twice', post('Idempotency-Key: a', 'Idempotency-Key: a', withLength)],
    ['a lease secret twice', post('Signalbox-Lease-Secret: a', 'Signalbox-Lease-Secret: b', withLength)],
    ['Content-Type twice', post('Content-Type: text/plain', withLength)],
    ['Content-Length twice', post(withLength, withLength)],
    ['two different lengths', post(withLength, 'Content-Length: 2')],
    ['both a length and chunks', post(withLength, 'Transfer-Encoding: chunked')],
    ['an unknown encoding', post('Transfer-Encoding: xchunked')],
    ['an encoding in front of chunks', post('Transfer-Encoding: gzip, chunked')],
    ['no Host', ['POST /v1/leases HTTP/1.1', 'Content-Type: application/json', 'Connection: close', withLength]],
    ['a length that is no number', post('Content-Length: +5')],
    ['a header with a space in its name', post('X Y: 1', withLength)],
    ['a header with a zero byte', post('X-Y: a\0b', withLength)],
    [
      'a path with an address in front',
      [post()[0]?.replace('/v1', 'http://localhost/v1') ?? '', ...post(withLength).slice(1)],
    ],
    ['not HTTP', ['hello', 'there']],
  ])('%s: 400, and nothing is done', async (_, lines) => {
    const server = await start();
    const answer = await rawRequest(server, lines, body);
    expect(problem(answer)).toMatchObject({ status: 400, code: 'malformed_request' });
    expect(answer).toMatch(/\r\nSignalbox-Request-Id: .+\r\n/i);
    await nothingHappened(server);
  });

  test.each(['GET', 'HEAD'])('%s with a body: 400', async (method) => {
    const server = await start();
    for (const header of [withLength, 'Transfer-Encoding: chunked']) {
      const content = header === withLength ? body : `0\r\n\r\n`;
      const answer = await rawRequest(server, [`${method} /start HTTP/1.1`, 'Host: localhost', header], content);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    }
    expect(await server.call('GET', '/stop')).toMatchObject({ text: '0' });
  });

  test.each([
    ['a bad size', `${body.length.toString(16)}x\r\n${body}\r\n0\r\n\r\n`],
    ['a bad extension', `${body.length.toString(16)};a=\x01\r\n${body}\r\n0\r\n\r\n`],
    ['an extension without end', `${body.length.toString(16)};${'x'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`],
    ['no end of the chunk', `5\r\n${body}\r\n0\r\n\r\n`],
    ['a good chunk and then a bad one', `${body.length.toString(16)}\r\n${body}\r\nzz\r\n`],
  ])('chunks with %s: 4xx, and nothing is done', async (_, chunks) => {
    const server = await start();
    const answer = await rawRequest(server, post('Transfer-Encoding: chunked'), chunks);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    await nothingHappened(server);
  });

  test('good chunks are a body', async () => {
    const chunks = `1\r\n{\r\n${(body.length - 1).toString(16)};x=y\r\n${body.slice(1)}\r\n0\r\n\r\n`;
    expect(await rawRequest(await start(), post('Transfer-Encoding: chunked'), chunks)).toMatch(/^HTTP\/1\.1 201 /);
  });

  test('a body that ends early does nothing', async () => {
    const server = await start();
    const connection = await raw(server, `${post('Content-Length: 100').join('\r\n')}\r\n\r\n${body}`);
    connection.socket.end();
    await connection.ended();
    await nothingHappened(server);
  });
});

describe('limits', () => {
  test('headers of 8 KiB are taken, of more than 16 KiB refused: 431', async () => {
    const server = await start();
    const headers = (size: number) => [
      'GET /healthz HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      `X: ${'x'.repeat(size)}`,
    ];
    expect(await rawRequest(server, headers(8 * 1024))).toMatch(/^HTTP\/1\.1 200 /);
    expect(problem(await rawRequest(server, headers(17 * 1024)))).toMatchObject({
      status: 431,
      code: 'headers_too_large',
    });
  });

  test('a body of 64 KiB is taken, a larger one refused: 413, with a length as with chunks', async () => {
    const server = await start();
    const json = (size: number) => `{"environment":"uat","reason":"${'x'.repeat(size - 33)}"}`;
    const fits = await server.call('POST', '/v1/leases', {
      rawBody: json(64 * 1024),
      headers: { 'content-type': 'application/json' },
    });
    expect(fits).toMatchObject({ status: 400, json: { code: 'invalid_request', field: 'reason' } });
    const large = json(64 * 1024 + 1);
    const told = { status: 413, code: 'body_too_large' };
    expect(problem(await rawRequest(server, post(`Content-Length: ${large.length}`), large))).toMatchObject(told);
    const chunks = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    expect(problem(await rawRequest(server, post('Transfer-Encoding: chunked'), chunks))).toMatchObject(told);
    expect(
      await rawRequest(
        server,
        ['POST /start HTTP/1.1', 'Host: localhost', 'Content-Length: 70000'],
        'x'.repeat(70_000),
      ),
    ).toMatch(/^HTTP\/1\.1 413 /);
    await nothingHappened(server);
  });

  test('slow headers end after 5 seconds, slow bodies after 15, a long poll does not: 408', async () => {
    const server = await start();
    const { ask, call } = server;
    await ask({ environment: 'polled' });
    const poll = call('POST', '/v1/leases?wait=18', { body: { environment: 'polled' } });
    const slow = async (first: string): Promise<string> => {
      const connection = await raw(server, first);
      const dripping = setInterval(() => connection.socket.write('x'), 500);
      try {
        return await connection.until(/"requestId":"[^"]+"/);
      } finally {
        clearInterval(dripping);
      }
    };
    const [headers, content, silent] = await Promise.all([
      slow('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: '),
      slow(`${post('Content-Length: 1000').join('\r\n')}\r\n\r\n{"environment":"uat","reason":"`),
      raw(server).then((connection) => connection.ended()),
    ]);
    expect(problem(headers)).toMatchObject({ status: 408, code: 'request_timeout' });
    expect(problem(content)).toMatchObject({ status: 408, code: 'request_timeout' });
    expect(silent).toMatch(/^HTTP\/1\.1 408 /);
    expect(await poll).toMatchObject({ status: 202 });
    expect(await call('GET', '/v1/environments/uat')).toMatchObject({ status: 404 });
  });

  test('one connection too many is told so, and takes nothing; there is room again when one goes', async () => {
    const server = await start({ maxConnections: 10 });
    const idle = await Promise.all(Array.from({ length: 10 }, () => raw(server)));
    const refused = await rawRequest(server, post(withLength), body);
    expect(problem(refused)).toMatchObject({ status: 503, code: 'server_full' });
    expect(refused).toMatch(/\r\nretry-after: 5\r\n/i);
    expect(refused).toMatch(/\r\nconnection: close\r\n/i);
    idle[0]?.socket.destroy();
    await eventually(() => nothingHappened(server));
  });

  test('pipelined requests are answered in their order', async () => {
    const server = await start();
    const paths = ['/start', '/start', '/stop', '/stop', '/v1/leases/ls_none', '/start'];
    const requests = paths.map((path, i) => {
      const last = i === paths.length - 1 ? 'Connection: close\r\n' : '';
      return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`;
    });
    const connection = await raw(server, requests.join(''));
    const answers = (await connection.ended()).split('HTTP/1.1 ').slice(1);
    expect(answers.map((each) => each.slice(0, 3))).toEqual(['200', '200', '200', '200', '404', '200']);
    expect(answers.map((each) => each.at(-1))).toEqual(['1', '0', '1', '0', '}', '1']);
  });

  test('a connection that pipelines long polls without end is cut, and its requests leave the queue', async () => {
    const server = await start({ graceSeconds: 1 });
    await server.ask({ environment: 'uat' });
    const request = `POST /v1/leases?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${withLength}\r\n\r\n${body}`;
    const connection = await raw(server, request.repeat(500));
    await connection.ended();
    await eventually(async () => expect((await server.environment('uat')).waiting).toBe(0));
  });
});

describe('a connection that is not what it was', () => {
  test('half-closed after the request: the server goes on, and nothing is kept for it beyond the grace', async () => {
    const server = await start({ graceSeconds: 1 });
    await server.ask({ environment: 'uat' });
    const connection = await raw(
      server,
      `${post(withLength).join('\r\n').replace('leases', 'leases?wait=60')}\r\n\r\n${body}`,
    );
    await server.waiting('uat', 1);
    connection.socket.end();
    await server.waiting('uat', 0);
    await eventually(async () =>
      expect((await server.call('GET', '/metrics')).text).toMatch(/signalbox_polls{space="main"} 0\n/),
    );
  });

  test('reset in the middle of anything: the server goes on and forgets it', async () => {
    const server = await start({ graceSeconds: 1 });
    const whole = `${post(withLength).join('\r\n')}\r\n\r\n${body}`;
    for (let length = 0; length <= whole.length; length += 7) {
      const connection = await raw(server, whole.slice(0, length));
      connection.socket.resetAndDestroy();
    }
    await eventually(async () => {
      const [, connections] = /signalbox_connections (\d+)\n/.exec((await server.call('GET', '/metrics')).text) ?? [];
      expect(Number(connections)).toBeLessThanOrEqual(1);
    });
    await eventually(async () =>
      expect(await server.call('POST', '/v1/leases', { body: { environment: 'uat' } })).toMatchObject({ status: 201 }),
    );
  });
});
