// A real server that is killed again and again while it builds: never more machines than were asked for, and none that it does not
// know. The driver is a process of its own each time, and goes on when the server dies.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CommandDriver } from '../../src/provision/command.ts';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { testServer } from '../http/server.ts';

const example = join(import.meta.dirname, '../../examples/machines/processes.sh');
const never = new AbortController().signal;

test('kill -9 while machines are made: there are as many as were asked for, and each is known', {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-machines-'));
  const program = join(folder, 'driver.sh');
  // Slow before and after, so that most kills come while it is asked.
  const slow = '[ "$1" != create ] || sleep 0.1';
  writeFileSync(program, `#!/bin/sh\nset -e\n${slow}\nMACHINES=${folder}/machines ${example} "$@"\n${slow}\n`);
  chmodSync(program, 0o755);
  const driver = new CommandDriver(program, 20_000);
  const process = await ServerProcess.create(['--driver', `command:${program}`]);
  onTestFinished(async () => {
    await process.remove();
    for (const { cloudId } of await driver.list(never)) await driver.delete(cloudId, never);
    rmSync(folder, { recursive: true });
  });
  const { call } = testServer(process.url, () => process.kill());
  await process.start();
  const body = { id: 'bd_1', site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count: 6 };
  expect(await call('POST', '/v1/instance-builds', { body })).toMatchObject({
    status: 202,
    json: { state: 'pending' },
  });
  for (let kills = 0; kills < 8; kills++) {
    await new Promise((resolve) => setTimeout(resolve, 60 + 40 * kills));
    await process.kill();
    await process.start();
    expect((await driver.list(never)).length).toBeLessThanOrEqual(6);
  }
  const { json } = await eventually(async () => {
    const reply = await call('GET', '/v1/instance-builds/bd_1?wait=10');
    expect(reply.json.state).toBe('started');
    return reply;
  });
  expect(await call('POST', '/v1/instance-builds', { body })).toMatchObject({ status: 200, json: { id: 'bd_1' } });
  const known = json.instances.map(({ id, cloudId }: { id: string; cloudId: string }) => `${id} ${cloudId}`);
  const there = (await driver.list(never)).map(({ instance, cloudId }) => `${instance.split('/')[1]} ${cloudId}`);
  expect(there.sort()).toEqual(known.sort());
  expect(there).toHaveLength(6);

  expect(await call('DELETE', '/v1/instance-builds/bd_1')).toMatchObject({ status: 202 });
  await process.kill();
  await process.start();
  await eventually(async () => expect((await call('GET', '/v1/instance-builds/bd_1')).json.state).toBe('cancelled'));
  expect(await driver.list(never)).toEqual([]);
  expect((await call('GET', '/v1/instances')).json.items).toEqual([]);
  const { items } = (await call('GET', '/v1/jobs')).json;
  expect(items.filter(({ kind }: { kind: string }) => kind !== 'reconcile')).toEqual([]);
});
