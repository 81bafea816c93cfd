// examples/with-lease.sh does what the page says of it: one at a time, in order, renewed, and stopped when the lease is lost.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from './pages.ts';

let folder: string;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-script-'));
  server = spawn(join(root, 'bin/signalbox'), ['serve', '--json', '--port', '0', '--host', '127.0.0.1'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', API_KEY: 'a-key', SIGNALBOX_STORE: 'memory:', SIGNALBOX_LOG_LEVEL: 'silent' },
  });
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  url = (JSON.parse(line.toString()) as { url: string }).url;
});
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function withLease(environment: string, command: string): { child: ChildProcess; ended: Promise<unknown[]> } {
  const child = spawn(join(root, 'examples/with-lease.sh'), [environment, 'sh', '-c', command], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      SIGNALBOX_URL: url,
      SIGNALBOX_KEY: 'a-key',
      SIGNALBOX_TTL: '4',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { child, ended: once(child, 'exit') };
}

/** What is looked at of answers. */
interface Answer {
  readonly held?: readonly { readonly id: string }[];
  readonly free?: number;
  readonly waiting?: number;
  readonly items?: readonly { readonly kind: string }[];
}

async function ask(path: string, method = 'GET', body?: unknown): Promise<Answer> {
  const headers = { authorization: 'Bearer a-key', 'content-type': 'application/json' };
  const reply = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await reply.json()) as Answer;
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come to that');
}

const holderOf = (environment: string) =>
  eventually(async () => (await ask(`/v1/environments/${environment}`)).held?.[0]);

test('two take turns; each exits as its command does, and gives back', async () => {
  const first = withLease('uat', 'echo in >> log; sleep 1; echo out >> log; exit 7');
  const second = withLease('uat', 'echo in >> log; echo out >> log');
  expect((await first.ended)[0]).toBe(7);
  expect((await second.ended)[0]).toBe(0);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('in\nout\nin\nout\n');
  expect((await ask('/v1/environments/uat')).free).toBe(1);
});

test('it renews for longer than its ttl', { timeout: 60_000 }, async () => {
  const run = withLease('long', 'sleep 6');
  expect((await run.ended)[0]).toBe(0);
  const kinds = (await ask('/v1/events?subject=long')).items?.map(({ kind }) => kind);
  expect(kinds).toEqual(['environment.created', 'lease.granted', 'lease.released']);
});

test('when the lease is taken away the command and what it started are stopped, and it exits 76', async () => {
  const run = withLease('taken', 'sleep 1000 & echo $! > pid; wait');
  const { id } = await holderOf('taken');
  await ask(`/v1/leases/${id}/revoke`, 'POST', { reason: 'needed' });
  expect((await run.ended)[0]).toBe(76);
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  expect(() => process.kill(pid, 0)).toThrow();
  expect((await ask('/v1/environments/taken')).free).toBe(1);
});

test('stopped while it waits, it leaves the queue', async () => {
  const holder = withLease('busy', 'sleep 4');
  await holderOf('busy');
  const waiter = withLease('busy', 'echo never >> log2');
  await eventually(async () => ((await ask('/v1/environments/busy')).waiting === 1 ? true : undefined));
  waiter.child.kill('SIGTERM');
  expect((await holder.ended)[0]).toBe(0);
  expect((await waiter.ended)[0]).toBe(143);
  expect((await ask('/v1/environments/busy')).waiting).toBe(0);
});
