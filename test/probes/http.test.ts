// An HTTP server, as it is found by asking it; with real servers, certificates and broken answers.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { probe } from '../../src/probes/http.ts';
import { statusFault, statusFits } from '../../src/probes/status.ts';
import { type Certificate, certificate } from './certificates.ts';
import { askOnce, bound, freePort, listen, silentPort, until } from './targets.ts';

interface Served {
  readonly port: number;
  readonly seen: IncomingMessage[];
  /** Connections so far, and those that are open. */
  connections: number;
  open: number;
}

async function served(server: Server, host: string): Promise<Served> {
  const it: Served = { port: 0, seen: [], connections: 0, open: 0 };
  server.on('request', (request) => it.seen.push(request));
  server.on('connection', (socket) => {
    it.connections += 1;
    it.open += 1;
    socket.on('close', () => {
      it.open -= 1;
    });
  });
  await bound(server, host, 0);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return Object.assign(it, { port: (server.address() as AddressInfo).port });
}

const serve = (answer: RequestListener, host = '127.0.0.1') => served(createServer(answer), host);
const status = (code: number, headers = {}) => serve((_request, response) => response.writeHead(code, headers).end());

describe('http', () => {
  test.each(['127.0.0.1', '::1', '127.0.0.2'])('is asked at %s under the name that was meant', async (address) => {
    const server = await serve((_request, response) => response.end('hello'), address);
    const found = await askOnce(probe, `http://App.example:${server.port}/healthz?token=hunter2`, { address });
    expect(found).toEqual({ state: 'up', detail: '200 OK' });
    const [request] = server.seen;
    expect(request?.url).toBe('/healthz?token=hunter2');
    expect(request?.headers).toMatchObject({ host: `app.example:${server.port}`, connection: 'close' });
    expect(request?.headers.authorization).toBeUndefined();
    await until(() => server.open === 0);
  });

  test('the header Host leaves out the port that goes without saying, and keeps brackets', async () => {
    const server = await serve((_request, response) => response.end());
    await askOnce(probe, 'http://app.example/', { address: '127.0.0.1', port: server.port, host: 'app.example' });
    await askOnce(probe, `http://[::1]:${server.port}/`, { address: '127.0.0.1' });
    expect(server.seen[0]?.headers.host).toBe(`app.example:${server.port}`);
    expect(server.seen[1]?.headers.host).toBe(`[::1]:${server.port}`);
  });

  test('user and password go as basic authentication, and into no detail', async () => {
    const server = await serve((_request, response) => response.writeHead(401).end());
    const found = await askOnce(probe, `http://mar%3Atin:hunter2@127.0.0.1:${server.port}/`);
    expect(found).toEqual({ state: 'unready', detail: '401 Unauthorized' });
    const [, sent = ''] = server.seen[0]?.headers.authorization?.split(' ') ?? [];
    expect(Buffer.from(sent, 'base64').toString()).toBe('mar:tin:hunter2');
  });

  test.each([
    [200, '2xx', 'up', '200 OK'],
    [204, '2xx', 'up', '204 No Content'],
    [503, '2xx', 'unready', '503 Service Unavailable'],
    [404, '2xx', 'unready', '404 Not Found'],
    [404, '200,404', 'up', '404 Not Found'],
    [401, '200-499', 'up', '401 Unauthorized'],
    [299, '200', 'unready', '299'],
  ])('%d is held against %s: %s', async (code, wanted, state, detail) => {
    const { port } = await status(code);
    expect(await askOnce(probe, `http://127.0.0.1:${port}/`, { status: wanted })).toEqual({ state, detail });
  });

  test('redirects are not followed', async () => {
    const there = await status(200);
    const server = await status(302, { location: `http://127.0.0.1:${there.port}/?token=hunter2` });
    const found = await askOnce(probe, `http://127.0.0.1:${server.port}/`);
    expect(found).toEqual({ state: 'unready', detail: '302 Found (redirects are not followed)' });
    expect(there.connections).toBe(0);
    expect(await askOnce(probe, `http://127.0.0.1:${server.port}/`, { status: '3xx' })).toMatchObject({ state: 'up' });
  });

  test('a body is looked at only when it must contain something', async () => {
    const server = await serve((_request, response) => void response.writeHead(200).write('never ends'));
    expect(await askOnce(probe, `http://127.0.0.1:${server.port}/`)).toMatchObject({ state: 'up' });
    await until(() => server.open === 0);
  });

  test('a text is found across the pieces of a body', async () => {
    const { port } = await serve(async (_request, response) => {
      for (const piece of ['all is re', 'a', 'dy ✓ and more']) {
        response.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      response.end();
    });
    const ask = (contains: string) => askOnce(probe, `http://127.0.0.1:${port}/`, { contains });
    expect(await ask('ready ✓')).toEqual({ state: 'up', detail: '200 OK' });
    expect(await ask('hunter2')).toEqual({
      state: 'unready',
      detail: '200 OK, but the body does not contain the text',
    });
  });

  test('no more than 1 MiB of a body is read', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const flooding = await serve((_request, response) => {
      const go = () => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', go);
      };
      go();
    });
    const text = (contains: string, port: number) => askOnce(probe, `http://127.0.0.1:${port}/`, { contains });
    expect(await text('y', flooding.port)).toMatchObject({ state: 'unready', detail: expect.stringContaining('MiB') });
    await until(() => flooding.open === 0);
    const late = await serve((_request, response) =>
      response.end(Buffer.concat([Buffer.alloc(1024 * 1024, 'x'), Buffer.from('y')])),
    );
    expect(await text('y', late.port)).toMatchObject({ state: 'unready' });
    const last = await serve((_request, response) => response.end(`${'x'.repeat(1024 * 1024 - 1)}y`));
    expect(await text('y', last.port)).toMatchObject({ state: 'up' });
  });

  test('a body that is cut off is no answer', async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('half');
      setImmediate(() => response.destroy());
    });
    expect(await askOnce(probe, `http://127.0.0.1:${port}/`, { contains: 'whole' })).toEqual({
      state: 'unready',
      detail: 'the answer was cut off',
    });
  });
});

describe('what is no answer', () => {
  test('nobody listens: down', async () => {
    expect(await askOnce(probe, `http://127.0.0.1:${await freePort()}/`)).toEqual({
      state: 'down',
      detail: 'connection refused',
    });
  });

  test('nobody answers the connection: down', async () => {
    const found = await askOnce(probe, `http://127.0.0.1:${await silentPort()}/`, { connectTimeoutMs: 300 });
    expect(found).toEqual({ state: 'down', detail: 'no answer within 0.3 s' });
  });

  test('accepted and never answered: unready, and the connection is closed', async () => {
    const server = await listen();
    const found = await askOnce(probe, `http://127.0.0.1:${server.port}/`, { connectTimeoutMs: 200 });
    expect(found).toEqual({ state: 'unready', detail: 'no answer within 0.2 s' });
    await until(() => server.open.size === 0);
  });

  test('accepted and closed at once: unready', async () => {
    const closing = await listen((socket) => socket.end());
    const found = { state: 'unready', detail: 'the connection was closed without an answer' };
    expect(await askOnce(probe, `http://127.0.0.1:${closing.port}/`)).toEqual(found);
    const resetting = await listen((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await askOnce(probe, `http://127.0.0.1:${resetting.port}/`)).toEqual(found);
  });

  test.each([
    'SSH-2.0-OpenSSH_9.2 hunter2\r\n',
    '\0\x01\x02',
    'HTTP/1.1 hunter2\r\n\r\n',
    'HTTP/1.1 200 OK\r\n : \0\r\n\r\n',
  ])('%j is no HTTP', async (garbage) => {
    const { port } = await listen((socket) => void socket.end(garbage));
    const found = await askOnce(probe, `http://127.0.0.1:${port}/`);
    expect(found.state).toBe('unready');
    expect(found.detail).not.toContain('hunter2');
  });

  test('headers without end are not read without end', async () => {
    const server = await listen((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const go = () => {
        while (!socket.destroyed && socket.write('x'.repeat(65_536)));
        socket.once('drain', go);
      };
      go();
    });
    expect(await askOnce(probe, `http://127.0.0.1:${server.port}/`)).toMatchObject({ state: 'unready' });
    await until(() => server.open.size === 0);
  });
});

describe('https', () => {
  let current: Certificate;
  let expired: Certificate;
  beforeAll(() => {
    current = certificate('20200101', '20990101');
    expired = certificate('20200101', '20210101');
  });

  const secure = (answer: RequestListener = (_request, response) => response.end(), own = current) =>
    served(createTlsServer({ ...own }, answer), '127.0.0.1');
  const trust = (own: Certificate) => {
    const before = getCACertificates();
    setDefaultCACertificates([...before, own.cert]);
    onTestFinished(() => setDefaultCACertificates(before));
  };
  const local = { address: '127.0.0.1' };

  test('a certificate that nobody vouches for fails the wait, unless it is not looked at', async () => {
    const { port, seen } = await secure();
    const found = await askOnce(probe, `https://app.example:${port}/`, local);
    expect(found).toEqual({ state: 'misconfigured', detail: 'the certificate is signed by itself' });
    expect(seen).toHaveLength(0);
    const insecure = { ...local, insecure: true };
    expect(await askOnce(probe, `https://app.example:${port}/`, insecure)).toEqual({ state: 'up', detail: '200 OK' });
  });

  test('a certificate that is trusted and for this name is taken; for another name or past its end it fails the wait', async () => {
    trust(current);
    trust(expired);
    const ask = async (name: string, own: Certificate) =>
      askOnce(probe, `https://${name}:${(await secure(undefined, own)).port}/`, local);
    expect(await ask('app.example', current)).toEqual({ state: 'up', detail: '200 OK' });
    const failed = (detail: string) => ({ state: 'misconfigured', detail });
    expect(await ask('other.example', current)).toEqual(failed('the certificate is for another name'));
    expect(await ask('127.0.0.1', current)).toEqual(failed('the certificate is for another name'));
    expect(await ask('app.example', expired)).toEqual(failed('the certificate has expired'));
  });

  test('the name that was asked for is told in the handshake, an address is not', async () => {
    const names: unknown[] = [];
    const { port } = await secure((request, response) => {
      names.push((request.socket as unknown as { servername: unknown }).servername);
      response.end();
    });
    await askOnce(probe, `https://app.example.:${port}/`, { ...local, insecure: true });
    await askOnce(probe, `https://127.0.0.1:${port}/`, { ...local, insecure: true });
    expect(names).toEqual(['app.example', false]);
  });

  test('TLS spoken to a port without it, and the other way round, say so', async () => {
    const plain = await serve((_request, response) => response.end());
    expect(await askOnce(probe, `https://127.0.0.1:${plain.port}/`)).toEqual({
      state: 'misconfigured',
      detail: 'this port does not speak TLS',
    });
    const tls = await secure();
    // Node's own server closes; most others send an alert first.
    expect(await askOnce(probe, `http://127.0.0.1:${tls.port}/`)).toEqual({
      state: 'unready',
      detail: 'the connection was closed without an answer',
    });
    const alert = await listen((socket) => void socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70])));
    expect(await askOnce(probe, `http://127.0.0.1:${alert.port}/`)).toEqual({
      state: 'misconfigured',
      detail: 'this port speaks TLS: ask with https://',
    });
  });

  test('a handshake that never comes is unready', async () => {
    const server = await listen();
    const found = await askOnce(probe, `https://127.0.0.1:${server.port}/`, { connectTimeoutMs: 200 });
    expect(found).toEqual({ state: 'unready', detail: 'no answer within 0.2 s' });
    await until(() => server.open.size === 0);
  });
});

describe('status', () => {
  test.each(['200', '200-299', '2xx', '2XX', '200, 204', '200,3xx,400-404'])('%s can be asked for', (text) => {
    expect(statusFault(text)).toBeNull();
  });

  test.each([
    '',
    '20',
    '2000',
    '600',
    '299-200',
    '2x',
    'ok',
    '200,',
    '099',
    '200-',
    '-200',
    '2xx-3xx',
    '200,'.repeat(60),
  ])('%j cannot', (text) => {
    expect(statusFault(text)).not.toBeNull();
    expect(statusFits(text, 200)).toBe(false);
  });

  test('ranges hold at their ends', () => {
    expect([199, 200, 299, 300].map((code) => statusFits('200-299', code))).toEqual([false, true, true, false]);
    expect([199, 200, 299, 300].map((code) => statusFits('2xx', code))).toEqual([false, true, true, false]);
    expect([200, 204, 205].map((code) => statusFits('200, 204', code))).toEqual([true, true, false]);
  });
});
