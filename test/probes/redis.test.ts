// The probe of Redis, at real servers and at everything else that may sit at their port.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probe } from '../../src/probes/redis.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { startPeer } from '../servers/peers.ts';
import { type Redis, startRedis } from '../servers/redis.ts';
import { ask, held, more } from './asking.ts';
import { standsStrangers } from './strangers.ts';

const certificate = makeCertificate();
const password = 'secret-of-redis';
let open: Redis;
let locked: Redis;
let secured: Redis;

beforeAll(async () => {
  [open, locked, secured] = await Promise.all([
    startRedis(),
    startRedis({ password }),
    startRedis({ tls: certificate }),
  ]);
});
afterAll(() => Promise.all([open.stop(), locked.stop(), secured.stop()]));

const up = { state: 'up', detail: 'ready' };

describe('a server without a password', () => {
  test('is up, and has no client of ours afterwards', async () => {
    expect(await ask(probe, `redis:127.0.0.1:${open.port}`)).toEqual(up);
    const clients = (await open.command('CLIENT LIST')).match(/^id=/gm);
    expect(clients).toHaveLength(1);
  });

  test('is asked for a database that it has, or not', async () => {
    expect(await ask(probe, `redis:127.0.0.1:${open.port}/15`)).toEqual(up);
    const finding = await ask(probe, `redis:127.0.0.1:${open.port}/16`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'there is no database 16' });
  });

  test('is not the one that a password was meant for', async () => {
    const finding = await ask(probe, `redis://:${password}@127.0.0.1:${open.port}`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'a password was given, and the server has none' });
  });

  test('may be asked fifty times, and nothing is left', async () => {
    const before = held();
    for (let i = 0; i < 50; i++) await ask(probe, `redis:127.0.0.1:${open.port}/16`);
    expect(more(before)).toEqual([]);
    await expect.poll(async () => (await open.command('CLIENT LIST')).match(/^id=/gm)?.length).toBe(1);
  });
});

describe('a server with a password', () => {
  test('is up with it', async () => {
    expect(await ask(probe, `redis://:${password}@127.0.0.1:${locked.port}/3`)).toEqual(up);
    expect(await ask(probe, `redis://default:${password}@127.0.0.1:${locked.port}`)).toEqual(up);
  });

  test('says that it wants one', async () => {
    const finding = await ask(probe, `redis:127.0.0.1:${locked.port}`);
    expect(finding.state).toBe('misconfigured');
    expect(finding.detail).toMatch(/^the server asks for a password, and none was given/);
  });

  test.each([':wrong', 'nobody:wrong', 'default'])('refuses %s', async (login) => {
    const finding = await ask(probe, `redis://${login}@127.0.0.1:${locked.port}`);
    const detail = 'the server does not accept this user and password';
    expect(finding).toEqual({ state: 'misconfigured', detail });
  });

  test('lets a user who may do nothing do nothing', async () => {
    await locked.command('ACL SETUSER mute on >mute -@all');
    const finding = await ask(probe, `redis://mute:mute@127.0.0.1:${locked.port}`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'the user may not do this (NOPERM)' });
  });
});

describe('TLS', () => {
  test('with a certificate that nobody vouches for fails, unless one does not look', async () => {
    const finding = await ask(probe, `rediss://127.0.0.1:${secured.port}`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is signed by itself' });
    expect(await ask(probe, `rediss://127.0.0.1:${secured.port}`, { insecure: true })).toEqual(up);
  });

  test('looks for the name that was asked for in the certificate', async () => {
    const theirs = getCACertificates('default');
    setDefaultCACertificates([...theirs, certificate.cert]);
    try {
      expect(await ask(probe, `rediss://localhost:${secured.port}`)).toEqual(up);
      expect(await ask(probe, `rediss://127.0.0.1:${secured.port}`)).toEqual(up);
      const finding = await ask(probe, `rediss://cache.example:${secured.port}`);
      expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is for another name' });
    } finally {
      setDefaultCACertificates(theirs);
    }
  });
});

test.each([
  ['-LOADING Redis is loading the dataset in memory', 'unready', 'the server is loading its data'],
  [
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'unready',
    'the replica has lost its master',
  ],
  ["-ERR unknown command 'PING'", 'unready', 'the server does not answer PING as Redis does (ERR)'],
  ['-ERR max number of clients reached', 'unready', 'the server has too many clients'],
  [
    '-DENIED Redis is running in protected mode',
    'misconfigured',
    'the server takes connections from its own machine alone (protected mode)',
  ],
  ['+OK', 'unready', 'the server does not answer PING as Redis does (no error)'],
  ['$4\r\nPONG', 'unready', 'something answers that is not Redis'],
])('a server that answers %s is %s', async (reply, state, detail) => {
  const peer = await startPeer((socket) => socket.on('data', () => socket.write(`${reply}\r\n`)));
  expect(await ask(probe, `redis:127.0.0.1:${peer.port}`)).toEqual({ state, detail });
  await peer.stop();
});

test('an answer that comes in pieces is one answer', async () => {
  const peer = await startPeer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', async (asked) => {
      const pieces = asked.includes('QUIT') ? [] : ['+', 'PO', 'NG\r', '\n'];
      if (pieces.length === 0) socket.end('+OK\r\n');
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
  });
  expect(await ask(probe, `redis:127.0.0.1:${peer.port}`)).toEqual(up);
  await peer.stop();
});

test('a server that does not close after QUIT is left all the same', async () => {
  let heard = '';
  const peer = await startPeer((socket) =>
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.write('+PONG\r\n');
    }),
  );
  const { signal } = new AbortController();
  expect(await ask(probe, `redis:127.0.0.1:${peer.port}`, { signal })).toEqual(up);
  expect(heard).toMatch(/QUIT\r\n$/);
  await expect.poll(() => peer.open(), { timeout: 5_000 }).toBe(0);
  await peer.stop();
});

test('an old server that repeats a refused AUTH does not make the password known', async () => {
  const peer = await startPeer((socket) =>
    socket.on('data', () => socket.write(`-ERR unknown command 'AUTH', with args beginning with: '${password}'\r\n`)),
  );
  const finding = await ask(probe, `redis://:${password}@127.0.0.1:${peer.port}`);
  expect(finding.state).toBe('unready');
  expect(finding.detail).not.toContain(password);
  await peer.stop();
});

standsStrangers(probe, (port, secret) => `redis://:${secret}@127.0.0.1:${port}/1`);
