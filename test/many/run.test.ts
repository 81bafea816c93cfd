// `signalbox run` and the other commands behind a load balancer that knows no stickiness: each request goes to the next server.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bin, folder, isAlive, read, start as startProcess, startRun, until } from '../run/harness.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { type Many, startMany } from './servers.ts';

let many: Many;
let balancer: Balancer;
beforeAll(async () => {
  many = await startMany(3);
  balancer = await startBalancer(() => many.next().url);
});
afterAll(async () => {
  balancer?.stop();
  await many?.stop();
});

test('one command at a time, in the order in which they came', async () => {
  const dir = folder();
  const log = `${dir}/log`;
  const command = (name: string) =>
    `echo begin ${name} >> ${log}; until [ -e ${dir}/go ]; do sleep 0.1; done; echo end ${name} >> ${log}`;
  const runs = [];
  for (const name of ['1', '2', '3', '4', '5', '6']) {
    const run = startRun(balancer.url, ['uat', '--ttl', '10s', '--', 'sh', '-c', command(name)]);
    runs.push(run);
    if (name === '1') await until(() => read(log).includes('begin 1'), 'the first', run);
    else await run.says(/in line/);
  }
  writeFileSync(`${dir}/go`, '');
  for (const run of runs) expect(await run.code()).toBe(0);
  const expected = ['1', '2', '3', '4', '5', '6'].flatMap((name) => [`begin ${name}`, `end ${name}`]);
  expect(read(log).trim().split('\n')).toEqual(expected);
});

test('a lease that is renewed on whichever server lasts for longer than its ttl, and is told of a revocation', async () => {
  const dir = folder();
  const run = startRun(balancer.url, ['long', '--ttl', '10s', '--', 'sh', '-c', `echo $$ > ${dir}/pid; exec sleep 60`]);
  await until(() => read(`${dir}/pid`) !== '', 'the command', run);
  await new Promise((resolve) => setTimeout(resolve, 13_000));
  expect(run.hasEnded).toBe(false);
  const { held } = await many.next().environment('long');
  await many.next().call('POST', `/v1/leases/${held[0]?.id}/revoke`, { body: { reason: 'hotfix' } });
  expect(await run.code()).toBe(76);
  expect(run.stderr).toContain('hotfix');
  expect(isAlive(Number(read(`${dir}/pid`)))).toBe(false);
});

test('the servers may be restarted one after the other: the command goes on, and so does the queue', async () => {
  const dir = folder();
  const holder = startRun(balancer.url, [
    'rolled',
    '--ttl',
    '20s',
    '--',
    'sh',
    '-c',
    `echo > ${dir}/on; while [ ! -e ${dir}/off ]; do sleep 0.1; done`,
  ]);
  await until(() => read(`${dir}/on`) !== '', 'the command', holder);
  const next = startRun(balancer.url, ['rolled', '--', 'true']);
  await next.says(/in line/);
  for (const server of many.servers) {
    expect(await server.end()).toBe(0);
    await server.start();
  }
  expect(holder.hasEnded || next.hasEnded).toBe(false);
  writeFileSync(`${dir}/off`, '');
  expect(await holder.code()).toBe(0);
  expect(await next.code()).toBe(0);
  const status = startProcess(bin, ['status', '--json'], { env: { SIGNALBOX_URL: balancer.url } });
  expect(await status.code()).toBe(0);
});
