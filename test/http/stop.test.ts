// A stop by signal, of a server as people start it: whoever waits is told where they stand, and what was granted stays.

import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Started, start } from '../cli/process.ts';
import { eventually } from '../eventually.ts';

interface Served {
  readonly url: string;
  readonly process: Started;
}

async function serve(args: readonly string[]): Promise<Served> {
  const process = start('signalbox', ['serve', '--json', '--port', '0', '--log-level', 'info', ...args]);
  await process.says(/"keysOn":.*\n/);
  const line = process
    .stdout()
    .split('\n')
    .find((each) => each.includes('"keysOn"'));
  const { url } = JSON.parse(line ?? '') as { url: string };
  return { url, process };
}

function store(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-stop-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `sqlite:${join(folder, 'signalbox.db')}`;
}

const json = { 'content-type': 'application/json' };
const ask = (url: string, query: string, key: string): Promise<Response> =>
  fetch(`${url}/v1/leases${query}`, {
    ...{ method: 'POST', headers: { ...json, 'idempotency-key': key } },
    body: JSON.stringify({ environment: 'uat', queueSeconds: null }),
  });

async function waiting(url: string, count: number): Promise<void> {
  await eventually(async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    if (!text.includes(`signalbox_polls{space="main"} ${count}\n`)) throw new Error(`not ${count} on the line`);
  });
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('answers waiters with their lease, Retry-After and Connection: close, and ends with 0', async () => {
    const { url, process } = await serve(['--store', 'memory:']);
    const held = (await (await ask(url, '', 'holder')).json()) as { id: string };
    const asked = [1, 2, 3].map((i) => ask(url, '?wait=60', `waiter-${i}`));
    await waiting(url, 3);
    const queue = (await (await fetch(`${url}/v1/leases?state=waiting`)).json()) as { items: { id: string }[] };
    const polled = fetch(`${url}/v1/leases/${queue.items[0]?.id}?wait=60`);
    const watching = fetch(`${url}/v1/leases/${held.id}?wait=60&after=999999`);
    const stream = await fetch(`${url}/v1/events/stream`);
    await waiting(url, 5);
    process.child.kill(signal);
    for (const reply of await Promise.all(asked)) {
      expect(reply.status).toBe(202);
      expect(await reply.json()).toMatchObject({ state: 'waiting', position: expect.any(Number) });
      expect(reply.headers.get('retry-after')).toBe('1');
      expect(reply.headers.get('connection')).toBe('close');
    }
    for (const reply of await Promise.all([polled, watching])) {
      expect(reply.status).toBe(200);
      expect(reply.headers.get('connection')).toBe('close');
    }
    await stream.text();
    expect(await process.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });
});

test('places, holders and idempotency keys are the same after a stop and a start', async () => {
  const path = store();
  const first = await serve(['--store', path]);
  const holder = (await (await ask(first.url, '', 'holder')).json()) as { id: string; fence: number };
  const places = [];
  for (const key of ['a', 'b']) places.push((await (await ask(first.url, '', key)).json()) as { id: string });
  first.process.child.kill('SIGTERM');
  expect(await first.process.ended).toMatchObject({ code: 0 });
  const { url } = await serve(['--store', path]);
  const again = ask(url, '?wait=60', 'a');
  await waiting(url, 1);
  const queue = (await (await fetch(`${url}/v1/leases?state=waiting`)).json()) as { items: { id: string }[] };
  expect(queue.items.map(({ id }) => id)).toEqual(places.map(({ id }) => id));
  await fetch(`${url}/v1/leases/${holder.id}`, { method: 'DELETE' });
  const granted = await again;
  expect(granted.status).toBe(201);
  const lease = (await granted.json()) as { id: string; fence: number };
  expect(lease.id).toBe(places[0]?.id);
  expect(lease.fence).toBeGreaterThan(holder.fence);
});

test('a client that is slow, idle, or has asked nothing yet is not waited for', async () => {
  const { url, process } = await serve(['--store', 'memory:']);
  const { port, hostname } = new URL(url);
  for (const text of [
    '',
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST /v1/leases HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  ]) {
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(text);
  }
  await eventually(async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    if (!/signalbox_connections [45]\n/.test(text)) throw new Error('not all are connected');
  });
  process.child.kill('SIGTERM');
  expect(await process.ended).toMatchObject({ code: 0, signal: null });
});
