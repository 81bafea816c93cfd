// Machines through two servers on one PostgreSQL, with one driver: what one of them has begun the other ends, a pool is kept by
// both and built once, and there is one look at the driver.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CommandDriver } from '../../src/provision/command.ts';
import { eventually } from '../eventually.ts';
import { type Many, type Server, startMany } from './servers.ts';

const example = join(import.meta.dirname, '../../examples/machines/processes.sh');
const never = new AbortController().signal;
const spec = { site: 'org', env: 'staging', queue: 'docker', instanceType: 'small' };
const folder = mkdtempSync(join(tmpdir(), 'signalbox-many-machines-'));
const program = join(folder, 'driver.sh');
const driver = new CommandDriver(program, 20_000);
let many: Many;

beforeAll(async () => {
  // Slow, so that whoever makes them is killed in the midst of it.
  const slow = '[ "$1" != create ] || sleep 0.5';
  writeFileSync(program, `#!/bin/sh\nset -e\n${slow}\nMACHINES=${folder}/machines exec ${example} "$@"\n`);
  chmodSync(program, 0o755);
  many = await startMany(2, { flags: ['--driver', `command:${program}`] });
});
afterAll(async () => {
  await many?.stop();
  for (const { cloudId } of await driver.list(never)) await driver.delete(cloudId, never);
  rmSync(folder, { recursive: true });
});

interface Job {
  readonly kind: string;
  readonly worker: string | null;
}

const jobs = async (server: Server): Promise<Job[]> => (await server.call('GET', '/v1/jobs')).json.items;

test('a build whose server is killed is ended by the other, with as many machines as were asked for', {
  timeout: 120_000,
}, async () => {
  const [a, b] = many.servers as [Server, Server];
  const body = { id: 'shared', ...spec, count: 6 };
  expect(await a.call('POST', '/v1/instance-builds', { body })).toMatchObject({ status: 202 });
  // One after the other is killed, so the one that works on it is.
  const stepsTaken = async (): Promise<number> => {
    const { items } = (await a.call('GET', '/v1/events?subject=shared&kind=build.step')).json;
    return items.length;
  };
  await eventually(async () => expect(await stepsTaken()).toBeGreaterThan(0));
  await b.kill();
  await b.start();
  await a.kill();
  // By a connection that was kept open to what was killed it may be asked for once in vain.
  await eventually(async () =>
    expect((await b.call('GET', '/v1/instance-builds/shared')).json.state).not.toBe('started'),
  );
  // The claim of a worker that is gone lasts for 15 s.
  await eventually(
    async () =>
      expect((await b.call('GET', '/v1/instance-builds/shared?wait=10')).json).toMatchObject({ state: 'started' }),
    60_000,
  );
  await a.start();
  const listed = await eventually(() => a.call('GET', '/v1/instances'));
  const known = listed.json.items as { id: string; cloudId: string }[];
  const there = await driver.list(never);
  expect(there).toHaveLength(6);
  expect(there.map(({ cloudId }) => cloudId).sort()).toEqual(known.map(({ cloudId }) => cloudId).sort());
  await a.call('DELETE', '/v1/instance-builds/shared');
  await eventually(async () => expect(await driver.list(never)).toEqual([]), 60_000);
});

test('a pool is kept by both servers and built once; there is one look at the driver', {
  timeout: 120_000,
}, async () => {
  const [a, b] = many.servers as [Server, Server];
  const pool = { labels: { pool: 'docker' }, max: 5, min: 2, readyWhen: 'started', build: spec };
  expect(await a.call('PUT', '/v1/pools/docker', { body: pool })).toMatchObject({ status: 201 });
  await eventually(async () =>
    expect((await b.call('GET', '/v1/pools')).json.items[0].machines).toMatchObject({ there: 2, free: 2 }),
  );
  const wants = [{ labels: { pool: 'docker' }, count: 1 }];
  const leases = await Promise.all(
    [a, b, a, b].map((server) => server.call('POST', '/v1/leases?wait=20', { body: { wants } })),
  );
  expect(leases.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  const held = leases.map(({ json }) => json.granted[0].environment);
  expect(new Set(held).size).toBe(4);
  expect(await driver.list(never)).toHaveLength(4);
  expect((await jobs(a)).filter(({ kind }) => kind === 'reconcile')).toHaveLength(1);
  await b.call('DELETE', '/v1/pools/docker');
  for (const { json } of leases) await a.call('DELETE', `/v1/leases/${json.id}`);
  await eventually(async () => expect(await driver.list(never)).toEqual([]), 60_000);
});
