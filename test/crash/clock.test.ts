// A real server whose wall clock jumps an hour either way: no lease ends sooner or later for it (L13).

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServerProcess } from './server-process.ts';

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find(existsSync);
const folder = mkdtempSync(join(tmpdir(), 'signalbox-clock-'));
const offset = join(folder, 'offset');
let server: ServerProcess;

interface LeaseJson {
  readonly id: string;
  readonly state: string;
  readonly expiresInSeconds: number;
}

async function ask(method: string, path: string, body?: unknown): Promise<LeaseJson> {
  const reply = await fetch(server.url + path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return (await reply.json()) as LeaseJson;
}

async function wallClock(): Promise<number> {
  return Date.parse(
    ((await (await fetch(`${server.url}/v1/environments`)).json()) as { asOf: { at: string } }).asOf.at,
  );
}

beforeAll(async () => {
  if (library === undefined)
    throw new Error('libfaketime is missing: npm test installs it, or apt-get install libfaketime');
  writeFileSync(offset, '+0');
  server = await ServerProcess.create([], {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: offset,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_RESET: '1',
  });
  await server.start();
});
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

it('neither ends a lease nor prolongs one when the wall clock jumps an hour', { timeout: 60_000 }, async () => {
  const long = await ask('POST', '/v1/leases', { environment: 'long', ttlSeconds: 1800 });
  const short = await ask('POST', '/v1/leases', { environment: 'short', ttlSeconds: 3 });
  const before = await wallClock();
  for (const jump of ['+1h', '-1h', '+1h']) {
    writeFileSync(offset, jump);
    const now = await ask('GET', `/v1/leases/${long.id}`);
    expect(now.state, jump).toBe('held');
    expect(now.expiresInSeconds, jump).toBeGreaterThan(1700);
    expect((await ask('POST', `/v1/leases/${long.id}/renew`)).expiresInSeconds).toBeGreaterThan(1790);
  }
  // The jump was real, else all of this would show nothing.
  expect((await wallClock()) - before).toBeGreaterThan(50 * 60 * 1000);

  writeFileSync(offset, '-1h');
  for (let tries = 0; tries < 300 && (await ask('GET', `/v1/leases/${short.id}`)).state === 'held'; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect((await ask('GET', `/v1/leases/${short.id}`)).state).toBe('expired');

  await server.kill();
  writeFileSync(offset, '+1h');
  await server.start();
  const after = await ask('GET', `/v1/leases/${long.id}`);
  expect(after.state).toBe('held');
  expect(after.expiresInSeconds).toBeGreaterThan(1700);
});
