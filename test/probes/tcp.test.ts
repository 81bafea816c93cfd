// A port, as it is found by connecting to it.

import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectFinding, isOwnEcho, noAnswer } from '../../src/probes/connection.ts';
import { probe } from '../../src/probes/tcp.ts';
import { askOnce, freePort, listen, silentPort, until } from './targets.ts';

describe('tcp', () => {
  test.each(['127.0.0.1', '::1', '127.0.0.2'])('a server at %s is up, and is not kept busy', async (address) => {
    const server = await listen(undefined, address);
    const found = await askOnce(probe, `tcp:db:${server.port}`, { address, connectTimeoutMs: 600_000 });
    expect(found).toEqual({ state: 'up', detail: 'connected' });
    await until(() => server.sockets.length === 1 && server.open.size === 0);
  });

  test('a server that closes at once is up', async () => {
    const { port } = await listen((socket) => socket.end());
    expect(await askOnce(probe, `tcp:127.0.0.1:${port}`)).toMatchObject({ state: 'up' });
  });

  test('a port at which nobody listens is down', async () => {
    expect(await askOnce(probe, `tcp:127.0.0.1:${await freePort()}`)).toEqual({
      state: 'down',
      detail: 'connection refused',
    });
  });

  test('the address that was checked is connected to, not the name', async () => {
    const server = await listen(undefined, '127.0.0.2');
    const found = await askOnce(probe, `tcp:127.0.0.1:${server.port}`, { address: '127.0.0.2' });
    expect(found.state).toBe('up');
    expect(server.sockets).toHaveLength(1);
  });

  test('nobody answers: down once the time is over, with the time', async () => {
    const found = await askOnce(probe, `tcp:127.0.0.1:${await silentPort()}`, { connectTimeoutMs: 300 });
    expect(found).toEqual({ state: 'down', detail: 'no answer within 0.3 s' });
  });

  test('a signal that has aborted already ends it', async () => {
    const { port } = await listen();
    expect((await askOnce(probe, `tcp:127.0.0.1:${port}`, {}, AbortSignal.abort())).state).toBe('down');
  });

  test('a socket that has reached itself is known', async () => {
    const port = await freePort();
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.1', localPort: port });
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    expect(isOwnEcho(socket)).toBe(true);
    const { port: real } = await listen();
    const other = connect({ host: '127.0.0.1', port: real });
    onTestFinished(() => void other.destroy());
    await new Promise((resolve) => other.once('connect', resolve));
    expect(isOwnEcho(other)).toBe(false);
  });
});

test.each([
  ['ECONNREFUSED', 'down', 'connection refused'],
  ['ECONNRESET', 'down', 'connection reset'],
  ['EHOSTUNREACH', 'down', 'host unreachable'],
  ['ENETUNREACH', 'down', 'network unreachable'],
  ['EMFILE', 'unready', 'cannot connect (EMFILE)'],
  ['no code: hunter2', 'unready', 'cannot connect (unknown)'],
])('%s while connecting is %s', (code, state, detail) => {
  expect(connectFinding(Object.assign(new Error('hunter2'), { code }))).toEqual({ state, detail });
});

test('the time is written as people would', () => {
  expect([2_000, 1_500, 250, 60_000].map(noAnswer)).toEqual([
    ...['no answer within 2 s', 'no answer within 1.5 s', 'no answer within 0.25 s', 'no answer within 60 s'],
  ]);
});
