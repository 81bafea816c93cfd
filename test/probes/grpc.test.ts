// The probe of gRPC, at real servers (grpc-js, which shares no code with it) and at everything else that may sit at their port.

import { createServer, type ServerHttp2Stream } from 'node:http2';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { probe } from '../../src/probes/grpc.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { type Grpc, startGrpc } from '../servers/grpc.ts';
import { ask, held, more } from './asking.ts';
import { standsStrangers } from './strangers.ts';

const certificate = makeCertificate();
const longName = 'a.very.long.name.'.repeat(20);
const widest = '\u00e4'.repeat(900);
let server: Grpc;
let secured: Grpc;
let healthless: Grpc;

beforeAll(async () => {
  server = await startGrpc({
    statuses: { '': 'SERVING', well: 'SERVING', [longName]: 'SERVING', ill: 'NOT_SERVING', odd: 'UNKNOWN' },
  });
  secured = await startGrpc({ tls: certificate });
  healthless = await startGrpc({ health: false });
});
afterAll(() => Promise.all([server.stop(), secured.stop(), healthless.stop()]));

test.each([
  ['', 'up', 'SERVING'],
  ['/well', 'up', 'SERVING'],
  [`/${longName}`, 'up', 'SERVING'],
  ['/ill', 'unready', 'NOT_SERVING'],
  ['/odd', 'unready', 'UNKNOWN'],
  ['/nobody', 'unready', 'service "nobody" is not known there'],
])('service "%s" is %s: %s', async (path, state, detail) => {
  expect(await ask(probe, `grpc:127.0.0.1:${server.port}${path}`)).toEqual({ state, detail });
});

test('a service is ready when it says so', async () => {
  server.set('late', 'NOT_SERVING');
  expect((await ask(probe, `grpc:127.0.0.1:${server.port}/late`)).state).toBe('unready');
  server.set('late', 'SERVING');
  expect((await ask(probe, `grpc:127.0.0.1:${server.port}/late`)).state).toBe('up');
});

test('the longest name arrives whole', async () => {
  const finding = await ask(probe, `grpc:127.0.0.1:${server.port}`, { target: { resource: widest } });
  expect(finding).toEqual({ state: 'unready', detail: `service "${widest}" is not known there` });
});

test('a server without a health service will never say that it serves', async () => {
  const finding = await ask(probe, `grpc:127.0.0.1:${healthless.port}`);
  const detail = 'the server has no health service (grpc.health.v1.Health)';
  expect(finding).toEqual({ state: 'misconfigured', detail });
});

test('fifty tries leave nothing', async () => {
  await ask(probe, `grpc:127.0.0.1:${server.port}/nobody`);
  const before = held();
  for (let i = 0; i < 50; i++) await ask(probe, `grpc:127.0.0.1:${server.port}/nobody`);
  await expect.poll(() => more(before)).toEqual([]);
});

test('no proxy of the environment is asked', async () => {
  for (const name of ['grpc_proxy', 'http_proxy', 'https_proxy']) vi.stubEnv(name, 'http://127.0.0.1:9');
  try {
    expect((await ask(probe, `grpc:127.0.0.1:${server.port}`)).state).toBe('up');
  } finally {
    vi.unstubAllEnvs();
  }
});

describe('TLS', () => {
  test('with a certificate that nobody vouches for fails, unless one does not look', async () => {
    const finding = await ask(probe, `grpcs:127.0.0.1:${secured.port}`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is signed by itself' });
    expect((await ask(probe, `grpcs:127.0.0.1:${secured.port}`, { insecure: true })).state).toBe('up');
  });

  test('looks for the name that was asked for in the certificate', async () => {
    const theirs = getCACertificates('default');
    setDefaultCACertificates([...theirs, certificate.cert]);
    try {
      expect((await ask(probe, `grpcs:localhost:${secured.port}`)).state).toBe('up');
      const finding = await ask(probe, `grpcs:api.example:${secured.port}`);
      expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is for another name' });
    } finally {
      setDefaultCACertificates(theirs);
    }
  });

  test('where none is spoken fails', async () => {
    const finding = await ask(probe, `grpcs:127.0.0.1:${server.port}`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'this port does not speak TLS' });
  });
});

/** A server that speaks HTTP/2 and answers the one call as it is told. */
async function answering(answer: (stream: ServerHttp2Stream) => void) {
  const http2 = createServer();
  http2.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  await new Promise<void>((resolve) => http2.listen(0, '127.0.0.1', resolve));
  try {
    return await ask(probe, `grpc:127.0.0.1:${(http2.address() as { port: number }).port}/x`);
  } finally {
    http2.close();
  }
}

/** Trailers alone, as a gRPC server answers a call that fails. */
const withStatus = (status: number) => (stream: ServerHttp2Stream) =>
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status }, { endStream: true });
const withBody = (body: Buffer) => (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 0 }));
  stream.end(body);
};
const withHttp = (status: number) => (stream: ServerHttp2Stream) =>
  stream.respond({ ':status': status }, { endStream: true });
const notAllowed = 'the server does not let everybody ask for its health';
const notHealth = 'the answer is not one of a health service';

test.each([
  ['status 14', withStatus(14), 'unready', 'gRPC status 14'],
  ['status 7', withStatus(7), 'misconfigured', notAllowed],
  ['status 16', withStatus(16), 'misconfigured', notAllowed],
  ['HTTP 404', withHttp(404), 'misconfigured', 'no gRPC is spoken there (HTTP 404)'],
  ['HTTP 403', withHttp(403), 'misconfigured', `${notAllowed} (HTTP 403)`],
  ['HTTP 503', withHttp(503), 'unready', 'HTTP 503 without a gRPC status'],
  ['no frame', withBody(Buffer.from('hello')), 'unready', notHealth],
  ['half a frame', withBody(Buffer.from([0, 0, 0, 0, 2, 8])), 'unready', notHealth],
  ['a compressed frame', withBody(Buffer.from([1, 0, 0, 0, 2, 8, 1])), 'unready', notHealth],
  ['an empty message', withBody(Buffer.from([0, 0, 0, 0, 0])), 'unready', 'UNKNOWN'],
  ['status 3 of a watch', withBody(Buffer.from([0, 0, 0, 0, 2, 8, 3])), 'unready', 'service "x" is not known there'],
  ['a broken stream', (stream: ServerHttp2Stream) => stream.close(8), 'unready', 'broke off the call'],
])('an answer with %s', async (_what, answer, state, detail) => {
  expect(await answering(answer)).toEqual({ state, detail });
});

standsStrangers(probe, (port) => `grpc:127.0.0.1:${port}/x`);
