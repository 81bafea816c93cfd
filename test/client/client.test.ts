// One request, one outcome: what counts as an answer of Signalbox and what does not.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { failureWords, isTransient } from '../../src/client/outcome.ts';

let server: Server | null = null;
const seen: IncomingMessage[] = [];

async function answering(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Client> {
  seen.length = 0;
  const made = createServer((request, response) => {
    seen.push(request);
    handle(request, response);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return new Client({ url: `http://127.0.0.1:${(made.address() as AddressInfo).port}/`, key: 'sbx_abc_def' });
}

function body(status: number, type: string, text: string, headers = {}) {
  return (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': type, ...headers });
    response.end(text);
  };
}

const lease = JSON.stringify({ id: 'ls_1', state: 'held', granted: [], seq: 3 });

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('an answer', () => {
  test('is JSON in the shape of the route', async () => {
    const client = await answering(
      body(201, 'application/json; charset=utf-8', lease, { 'idempotency-replayed': 'true' }),
    );
    const outcome = await client.acquire({ environment: 'uat' }, { idempotencyKey: 'k', wait: 5 });
    expect(outcome).toMatchObject({ ok: true, status: 201, replayed: true, value: { id: 'ls_1' } });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/leases?wait=5' });
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer sbx_abc_def', 'idempotency-key': 'k' });
  });

  test('shows the secret of the lease where the key may not be enough', async () => {
    const client = await answering(body(200, 'application/json', lease));
    await client.renew('ls/1', { secret: 's3' });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/leases/ls%2F1/renew' });
    expect(seen[0]?.headers['signalbox-lease-secret']).toBe('s3');
  });

  test('may be a refusal, with its code', async () => {
    const text = JSON.stringify({ code: 'environment_busy', status: 409, detail: 'It is held.' });
    const client = await answering(body(409, 'application/problem+json', text, { 'retry-after': '7' }));
    const outcome = await client.lease('ls_1');
    expect(outcome).toMatchObject({
      ok: false,
      kind: 'problem',
      status: 409,
      problem: { code: 'environment_busy' },
      retryAfterMs: 7000,
    });
    expect(!outcome.ok && isTransient(outcome)).toBe(false);
  });

  test('of 204 has no value', async () => {
    const client = await answering((_, response) => response.writeHead(204).end());
    expect(await client.deleteKey('k')).toMatchObject({ ok: true, status: 204 });
  });
});

describe('a space', () => {
  test('is named in every request, streams too, and only where one is given', async () => {
    const plain = await answering(body(200, 'application/json', lease));
    await plain.lease('ls_1');
    expect(seen[0]?.headers).not.toHaveProperty('signalbox-space');
    const client = new Client({ url: plain.url, key: 'sbx_abc_def', space: 'team-a' });
    const stop = new AbortController();
    await client.lease('ls_1');
    await client.createKey({ name: 'ci', scopes: ['read'] });
    await client.health();
    for await (const item of client.stream({ signal: stop.signal, retryMs: 10 }))
      if (item.kind === 'away') stop.abort();
    const asked = seen.slice(1);
    expect(asked.map(({ url }) => url)).toEqual([
      '/v1/leases/ls_1',
      '/v1/keys',
      '/healthz',
      '/v1/events/stream',
      '/v1/events?limit=1',
    ]);
    for (const { headers } of asked)
      expect(headers).toMatchObject({ 'signalbox-space': 'team-a', authorization: 'Bearer sbx_abc_def' });
  });

  test('is listed, made and removed by name', async () => {
    const space = { name: 'a/b', description: 'x', open: true, createdAt: null, createdBy: null };
    const page = { items: [space], next: null, asOf: { seq: 1, at: '' } };
    const client = await answering(({ method }, response) => {
      if (method === 'DELETE') {
        response.writeHead(204).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(method === 'GET' ? page : space));
    });
    expect(await client.spaces({ limit: 5 })).toMatchObject({ ok: true, value: { items: [space] } });
    expect(await client.putSpace('a/b', { description: 'x' })).toMatchObject({ ok: true, value: space });
    expect(await client.deleteSpace('a/b')).toMatchObject({ ok: true, status: 204 });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/spaces?limit=5',
      'PUT /v1/spaces/a%2Fb',
      'DELETE /v1/spaces/a%2Fb',
    ]);
  });
});

describe('no answer is', () => {
  test.each<[string, number, string, string, Record<string, string>]>([
    ['the page of a proxy', 502, 'text/html', '<html>', {}],
    ['a page that says OK', 200, 'text/html', 'OK', {}],
    ['the plain OK of a rendezvous at the root', 200, 'text/plain', 'OK', {}],
    ['a lease that is not said to be JSON', 200, 'text/plain', lease, {}],
    ['JSON of something else', 200, 'application/json', '{"ok":true}', {}],
    ['a gateway’s own JSON', 403, 'application/json', '{"message":"Forbidden"}', {}],
    ['half of an answer', 200, 'application/json', '{"id":"ls_1",', {}],
  ])('%s', async (_, status, type, text, headers) => {
    const client = await answering(body(status, type, text, headers));
    const outcome = await client.lease('ls_1');
    expect(outcome).toMatchObject({ ok: false, kind: 'unreachable', aborted: false });
    expect(!outcome.ok && isTransient(outcome)).toBe(true);
    expect(seen).toHaveLength(1);
  });

  test('a redirect, which would turn POST into GET', async () => {
    const client = await answering((request, response) => {
      if (request.url === '/v1/leases') response.writeHead(302, { location: '/elsewhere' }).end();
      else body(200, 'application/json', lease)(request, response);
    });
    const outcome = await client.acquire({ environment: 'uat' }, { idempotencyKey: 'k' });
    expect(outcome).toMatchObject({ ok: false, reason: 'redirected to /elsewhere; use that address' });
    expect(seen).toHaveLength(1);
  });

  test('a server that takes too long', async () => {
    const client = await answering(() => {});
    const outcome = await client.lease('ls_1', { timeoutMs: 100.5 });
    expect(!outcome.ok && failureWords(outcome)).toBe('no answer in time');
  });

  test('a connection that is refused, with its reason in words', async () => {
    const client = await answering(() => {});
    await new Promise((resolve) => server?.close(resolve));
    const outcome = await client.health();
    expect(!outcome.ok && failureWords(outcome)).toBe('connection refused');
  });

  test('a request that its caller gave up, which is not tried again', async () => {
    const client = await answering(() => {});
    const giveUp = new AbortController();
    const asked = client.lease('ls_1', { signal: giveUp.signal });
    giveUp.abort();
    const outcome = await asked;
    expect(outcome).toMatchObject({ ok: false, kind: 'unreachable', aborted: true });
    expect(!outcome.ok && isTransient(outcome)).toBe(false);
  });
});

describe('the event stream', () => {
  const event = (id: number, name: string) => `id: ${id}\nevent: ${name}\ndata: {"seq":${id}}\n\n`;

  test('goes on from the last event after a break, and tells of both', async () => {
    const client = await answering((_, response) => {
      const first = seen.length === 1;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`: hello\n\n${first ? event(7, 'lease.granted') : event(8, 'lease.released')}`, () => {
        if (first) response.socket?.destroy();
      });
    });
    const items: string[] = [];
    const stop = new AbortController();
    for await (const item of client.stream({ since: 6, rows: ['leases'], retryMs: 10, signal: stop.signal })) {
      items.push(item.kind === 'event' ? `${item.name} ${item.id}` : item.kind);
      if (item.kind === 'event' && item.id === 8) stop.abort();
    }
    expect(items).toEqual(['open', 'lease.granted 7', 'away', 'open', 'lease.released 8']);
    expect(seen.map(({ url }) => url)).toEqual([
      '/v1/events/stream?since=6&rows=leases',
      '/v1/events/stream?since=7&rows=leases',
    ]);
  });

  test('ends when the server refuses', async () => {
    const client = await answering(
      body(401, 'application/problem+json', '{"code":"key_unknown","status":401,"detail":"No."}'),
    );
    const kinds: string[] = [];
    for await (const item of client.stream({ retryMs: 10 })) kinds.push(item.kind);
    expect(kinds).toEqual(['refused']);
  });

  test('survives events that are cut anywhere, and all three line ends', async () => {
    const wire = Buffer.from('id: 1\r\nevent: ä\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid: 2\ndata: x\n\n');
    const client = await answering((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      void (async () => {
        for (const byte of wire) {
          response.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
    });
    const stop = new AbortController();
    const items: unknown[] = [];
    for await (const item of client.stream({ signal: stop.signal })) {
      if (item.kind === 'event') items.push(item);
      if (items.length === 2) stop.abort();
    }
    expect(items).toEqual([
      { kind: 'event', name: 'ä', id: 1, data: { a: 1 } },
      { kind: 'event', name: 'message', id: 2, data: 'x' },
    ]);
  });
});
