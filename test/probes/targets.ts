// Targets, options and small servers for the tests of probes.

import { spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ProbeTarget, parseTarget } from '../../src/core/meet/target.ts';
import { defaultOptions } from '../../src/probes/kinds.ts';
import type { Endpoint, Finding, Probe, ProbeOptions } from '../../src/probes/probe.ts';

export function target(text: string): ProbeTarget {
  const read = parseTarget(text);
  if (!read.ok || read.value.kind !== 'probe') throw new Error(`${text} is no target of a probe`);
  return read.value.probe;
}

/** Asks once, at the address given, as the prober would. */
export async function askOnce(
  probe: Probe,
  text: string,
  more: Partial<ProbeOptions> & Partial<Endpoint> = {},
  signal?: AbortSignal,
): Promise<Finding> {
  const asked = target(text);
  const { address = asked.host ?? '', port = asked.port ?? 0, host = asked.host ?? '', ...options } = more;
  const all = { ...defaultOptions(asked.kind), ...options };
  return probe(asked, { address, port, host }, all, signal ?? AbortSignal.timeout(all.connectTimeoutMs));
}

export interface Listening {
  readonly port: number;
  /** All connections so far, and those that are open. */
  readonly sockets: Socket[];
  readonly open: Set<Socket>;
  readonly server: Server;
}

/** A server that does what `serve` does with a connection, and closes with the test. */
export async function listen(
  serve: (socket: Socket) => void = () => undefined,
  host = '127.0.0.1',
  port = 0,
): Promise<Listening> {
  const sockets: Socket[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.push(socket);
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    serve(socket);
    // Unread, it would not be seen to end.
    socket.resume();
  });
  await bound(server, host, port);
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets, open, server };
}

export function bound(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

/** A port at which nobody listens. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await bound(server, host, 0);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until it holds; the test's own time limit is the limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/**
 * A port of 127.0.0.1 that never answers: its process has stopped taking connections, and its queue is full, so the kernel lets
 * every further SYN fall. There is no address that is silent on every machine.
 */
export async function silentPort(): Promise<number> {
  const code = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('fs').writeSync(1, s.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const port = Number(await new Promise((resolve) => child.stdout.once('data', resolve)));
  while (await takes(port));
  return port;
}

/** Whether the port still takes a connection, which stays open. */
function takes(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 300);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
