// What every probe that speaks a protocol must stand, whoever sits at the port: one suite for all of them.

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Probe } from '../../src/probes/probe.ts';
import { freePort } from '../servers/daemon.ts';
import { babbles, hangsUp, type Peer, silent, startPeer } from '../servers/peers.ts';
import { ask, held, more } from './asking.ts';

export interface Stranger {
  readonly what: string;
  readonly says: string | Buffer;
}

const everywhere: readonly Stranger[] = [
  { what: 'HTTP', says: 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n' },
  { what: 'SSH', says: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' },
  { what: 'zeros', says: Buffer.alloc(64) },
  { what: 'ones', says: Buffer.alloc(64, 0xff) },
  { what: 'line ends', says: '\r\n\r\n\r\n' },
];
const short = { connectTimeoutMs: 300 };

/** `at` writes a target with a user and this password, where the protocol has them. */
export function standsStrangers(
  probe: Probe,
  at: (port: number, password: string) => string,
  others: readonly Stranger[] = [],
): void {
  const password = 'a-secret-word';
  let peer: Peer | null = null;
  const meet = async (how: (socket: Socket) => void) => {
    peer = await startPeer(how);
    return peer;
  };
  const nothingIsLeftAt = (peer: Peer) => expect.poll(() => peer.open(), { timeout: 5_000 }).toBe(0);

  afterEach(async () => {
    await peer?.stop();
    peer = null;
  });

  test('a port where nobody listens is down', async () => {
    const finding = await ask(probe, at(await freePort(), password));
    expect(finding).toEqual({ state: 'down', detail: 'connection refused' });
  });

  test('a peer that accepts and never answers is not ready, and is left', async () => {
    const { port, seen } = await meet(silent);
    const before = held();
    const finding = await ask(probe, at(port, password), short);
    expect(finding).toEqual({ state: 'unready', detail: 'no answer within 0.3 s' });
    expect(seen()).toBe(1);
    await nothingIsLeftAt(peer as unknown as Peer);
    await expect.poll(() => more(before), { timeout: 5_000 }).toEqual([]);
  });

  test('the same with TLS', async () => {
    const { port, seen } = await meet(silent);
    const finding = await ask(probe, at(port, password), { ...short, target: { tls: true } });
    expect(finding).toEqual({ state: 'unready', detail: 'no answer within 0.3 s' });
    expect(seen()).toBe(1);
    await nothingIsLeftAt(peer as unknown as Peer);
  });

  test.each([false, true])('a peer that closes at once is not ready (TLS: %s), and is asked once', async (tls) => {
    const { port, seen } = await meet(hangsUp);
    const finding = await ask(probe, at(port, password), { target: { tls } });
    expect(finding).toEqual({ state: 'unready', detail: 'closed the connection at once' });
    expect(seen()).toBe(1);
    await nothingIsLeftAt(peer as unknown as Peer);
  });

  test('a try that is over before it begins connects to nobody', async () => {
    const { port, seen } = await meet(silent);
    await ask(probe, at(port, password), { signal: AbortSignal.abort() });
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen()).toBe(0);
  });

  test('a try that is called off lets go of the peer', async () => {
    const calledOff = new AbortController();
    const { port } = await meet((socket) => {
      silent(socket);
      calledOff.abort();
    });
    const finding = await ask(probe, at(port, password), { signal: calledOff.signal });
    expect(finding.state).toMatch(/unready|down/);
    await nothingIsLeftAt(peer as unknown as Peer);
  });

  test.each([...everywhere, ...others])('$what instead of an answer: no finding of readiness, and no noise', async ({
    says,
  }) => {
    const stderr = vi.spyOn(process.stderr, 'write');
    const console = vi.spyOn(globalThis.console, 'error');
    try {
      const { port } = await meet(babbles(says));
      const finding = await ask(probe, at(port, password), short);
      expect(['unready', 'misconfigured']).toContain(finding.state);
      await nothingIsLeftAt(peer as unknown as Peer);
      expect(stderr).not.toHaveBeenCalled();
      expect(console).not.toHaveBeenCalled();
    } finally {
      stderr.mockRestore();
      console.mockRestore();
    }
  });

  test('TLS with somebody who answers in something else is never ready', async () => {
    const { port } = await meet(babbles('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const finding = await ask(probe, at(port, password), { ...short, target: { tls: true } });
    expect(['unready', 'misconfigured']).toContain(finding.state);
    await nothingIsLeftAt(peer as unknown as Peer);
  });

  test('random bytes are never an answer', async () => {
    const { port } = await meet((socket) => babbles(randomBytes(200))(socket));
    for (let i = 0; i < 20; i++) {
      const finding = await ask(probe, at(port, password), { connectTimeoutMs: 50 });
      expect(['unready', 'misconfigured']).toContain(finding.state);
    }
    await nothingIsLeftAt(peer as unknown as Peer);
  });

  test('whoever sends without end is cut off, and not kept in memory', async () => {
    let sent = 0;
    const { port } = await meet((socket) => {
      socket.resume();
      const chunk = Buffer.alloc(64 * 1024, '+');
      const onwards = () => {
        while (!socket.destroyed && sent < 1_000_000_000 && socket.write(chunk)) sent += chunk.length;
      };
      socket.on('drain', onwards);
      onwards();
    });
    const finding = await ask(probe, at(port, password));
    expect(finding.state).toBe('unready');
    expect(finding.detail).not.toMatch(/^no answer/);
    await nothingIsLeftAt(peer as unknown as Peer);
    expect(sent).toBeLessThan(100_000_000);
  });

  test('whoever repeats what it hears learns nothing to tell: no detail has the password', async () => {
    const { port } = await meet((socket) => {
      socket.on('data', (chunk) => socket.write(Buffer.concat([Buffer.from('-ERR '), chunk, Buffer.from('\r\n')])));
      socket.write(`-ERR ${password}\r\n`);
    });
    const finding = await ask(probe, at(port, password), short);
    expect(finding.state).not.toBe('up');
    expect(finding.detail).not.toContain(password);
  });
}
