// Workers beside the server: they do what is to be done wherever it lies, and dying, they leave nothing undone or done twice.

import { expect, onTestFinished, test } from 'vitest';
import { Absence, RemoteDesk } from '../../src/cli/worker/remote-desk.ts';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { type TestServer, testServer } from '../http/server.ts';
import { machines } from '../sidekiq/slow-machines.ts';
import { type Env, type Started, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';

const never = new AbortController().signal;
const body = { id: 'bd_1', site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count: 6 };
const admin = 'the-admin-key-of-the-tests';

function worker(url: string, program: string, env: Env = {}): Started {
  return start('signalbox', ['worker', '--driver', `command:${program}`], { SIGNALBOX_URL: url, ...env });
}

async function becomes({ call }: Pick<TestServer, 'call'>, id: string, state: string) {
  return eventually(async () => {
    const { json } = await call('GET', `/v1/instance-builds/${id}`);
    expect(json.state).toBe(state);
    return json;
  });
}

test('a server without a driver refuses builds, and takes them where it leaves the work to workers', async () => {
  const alone = await serve();
  expect(await alone.send('POST', '/v1/instance-builds', body)).toMatchObject({ code: 'no_driver' });
  const { program, driver } = machines(0);
  const server = await serve(['--no-worker', '--driver', `command:${program}`]);
  expect(await server.send('POST', '/v1/instance-builds', body)).toMatchObject({ state: 'pending' });
  const started = worker(server.url, program);
  await started.says(/Signalbox .* worker wk_\w+ · takes jobs of main from http:.* · driver command/);
  await started.says(/build bd_1 is done \(\d+\.\d s\)/);
  expect(await server.send('GET', '/v1/instance-builds/bd_1')).toMatchObject({ state: 'started' });
  expect(await driver.list(never)).toHaveLength(6);
  await server.send('DELETE', '/v1/instance-builds/bd_1');
  await eventually(async () => expect(await driver.list(never)).toEqual([]));
  started.child.kill('SIGTERM');
  expect((await started.ended).code).toBe(0);
});

test('a worker that is told to stop finishes what it can', async () => {
  const { program } = machines(0.2);
  const server = await serve(['--no-worker']);
  await server.send('POST', '/v1/instance-builds', { ...body, count: 2 });
  const started = worker(server.url, program);
  await eventually(async () => expect((await server.send('GET', '/v1/instance-builds/bd_1')).state).toBe('building'));
  started.child.kill('SIGTERM');
  expect(await started.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('build bd_1 is done') });
});

test('a worker that was there first waits for its server, and goes on when it comes back', async () => {
  const { program, driver } = machines();
  const server = await ServerProcess.create(['--no-worker']);
  onTestFinished(() => server.remove());
  const started = worker(server.url, program);
  await started.says(/cannot reach the server: connection refused/);
  await server.start();
  const { call } = testServer(server.url, () => server.kill());
  await started.says(/the server is back/);
  await call('POST', '/v1/instance-builds', { body });
  await eventually(async () => expect((await driver.list(never)).length).toBeGreaterThan(1));
  await server.kill();
  // What it is doing now it says when there is somebody to hear it.
  await started.says(/the server is back[\s\S]*cannot reach the server/);
  await server.start();
  const build = await becomes({ call }, 'bd_1', 'started');
  expect(await driver.list(never)).toHaveLength(6);
  expect(build.instances).toHaveLength(6);
});

test('what was told and not answered is said again in the name of the same claim, and a lost job is a refusal', async () => {
  const told: unknown[] = [];
  const away = { ok: false, kind: 'unreachable', reason: 'connection lost', aborted: false, retryAfterMs: 0 } as const;
  const problem = { status: 409, code: 'job_lost', detail: 'It has passed to another worker.' };
  const lost = { ok: false, kind: 'problem', status: 409, problem, retryAfterMs: null } as const;
  const said: string[] = [];
  const desk = new RemoteDesk({
    client: {
      claimJob: async () => away,
      tellJob: async (job, body) => {
        told.push([job, body]);
        return told.length < 4 ? away : lost;
      },
    },
    signal: never,
    absence: new Absence((line) => said.push(line)),
  });
  expect(await desk.claim('wk_1', 1000)).toBeNull();
  const outcome = await desk.tell({ job: 'jb_1', number: 7 }, { do: 'end_build' });
  expect(outcome).toEqual({ ok: false, code: 'job_lost', message: problem.detail });
  expect(told).toEqual(Array(4).fill(['jb_1', { number: 7, command: { do: 'end_build' } }]));
  expect(said).toEqual(['cannot reach the server: connection lost. It is tried again.']);
});

test('what it needs is said: a driver, and a key that may build and terminate', async () => {
  const server = await serve([], { API_KEY: admin });
  const without = await signalbox(['worker'], server.env);
  expect(without).toMatchObject({ code: 78, stderr: expect.stringContaining('a worker needs a driver') });
  const { key } = await server.send('POST', '/v1/keys', { name: 'builder', scopes: ['build', 'read'] });
  const weak = await signalbox(['worker', '--driver', 'command:true'], { ...server.env, SIGNALBOX_KEY: key });
  expect(weak).toMatchObject({ code: 77, stderr: expect.stringContaining('it needs build, terminate') });
});

test('kill -9 of workers while machines are made: there are as many as were asked for, and each is known', {
  timeout: 180_000,
}, async () => {
  const { program, driver } = machines();
  const server = await ServerProcess.create(['--no-worker']);
  onTestFinished(() => server.remove());
  await server.start();
  const { call } = testServer(server.url, () => server.kill());
  const ids = ['bd_1', 'bd_2', 'bd_3'];
  for (const id of ids)
    expect(await call('POST', '/v1/instance-builds', { body: { ...body, id, count: 4 } })).toMatchObject({
      status: 202,
    });
  const workers = [worker(server.url, program), worker(server.url, program)];
  for (let kills = 0; kills < 4; kills++) {
    await workers[1]?.says(/takes jobs/);
    await new Promise((resolve) => setTimeout(resolve, 300 + 150 * kills));
    workers.shift()?.child.kill('SIGKILL');
    workers.push(worker(server.url, program));
    expect((await driver.list(never)).length).toBeLessThanOrEqual(12);
  }
  const known: string[] = [];
  for (const id of ids) {
    // What a killed worker had claimed lapses first.
    const { instances } = await becomes({ call }, id, 'started').catch(() => becomes({ call }, id, 'started'));
    known.push(...instances.map((each: { id: string; cloudId: string }) => `${each.id} ${each.cloudId}`));
  }
  const there = (await driver.list(never)).map(({ instance, cloudId }) => `${instance.split('/')[1]} ${cloudId}`);
  expect(there.sort()).toEqual(known.sort());
  expect(there).toHaveLength(12);
  expect((await call('GET', '/v1/jobs')).json.items.map(({ kind }: { kind: string }) => kind)).toEqual(['reconcile']);
});
