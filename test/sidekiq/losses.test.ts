// What may be lost on the way: Redis, what it holds, workers, the server. Each build is made all the same, and once.

import { expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { testServer } from '../http/server.ts';
import { scene } from './scene.ts';

test('while Redis is away builds are accepted, and delivered when it is there', async () => {
  const { redis, server, build, becomes, machines, ask } = await scene();
  const ours = await server(true);
  await build(ours, 'bd_1', 1);
  await becomes(ours, 'bd_1', 'started');
  await redis.halt();
  await build(ours, 'bd_2');
  expect((await ours.call('GET', '/v1/instance-builds/bd_2')).json.state).toBe('pending');
  await redis.restart();
  await becomes(ours, 'bd_2', 'started');
  expect(await machines.there()).toHaveLength(3);
  expect(await ask('LLEN %squeue:instance-builds')).toBe(':0');
});

test('a Redis that was not there at the start is waited for', async () => {
  const { redis, server, build, becomes } = await scene();
  await redis.halt();
  const ours = await server(true);
  await build(ours, 'bd_1', 1);
  await redis.restart();
  await becomes(ours, 'bd_1', 'started');
});

test('a Redis that was flushed gets all jobs that are not over again, each once and as the same', async () => {
  const { server, build, ask, ruby } = await scene();
  const ours = await server(false);
  const waiting = () =>
    ruby.run(`Sidekiq::Queue.new('instance-builds').map { |job| [job.args.first['id'], job.jid] }.sort`);
  await build(ours, 'bd_1');
  await build(ours, 'bd_2');
  const before = await eventually(async () => {
    const found = await waiting();
    expect(found).toHaveLength(2);
    return found;
  });
  await ask('FLUSHALL');
  await eventually(async () => expect(await waiting()).toEqual(before));
  // One that was started again, and still holds some of them, gets the others.
  await ask('RPOP %squeue:instance-builds');
  await ask('SET %ssignalbox:marker:main another-run');
  await eventually(async () => expect(await waiting()).toEqual(before));
  await eventually(async () => expect(await ask('GET %ssignalbox:marker:main')).not.toContain('another-run'));
  expect(await waiting()).toEqual(before);
});

test('an entry whose job is over, or that the log does not know, is dropped', async () => {
  const { server, build, becomes, machines, ask } = await scene();
  const ours = await server(true);
  await build(ours, 'bd_1', 1);
  const { json } = await ours.call('GET', '/v1/jobs');
  const job = json.items.find(({ kind }: { kind: string }) => kind === 'build')?.id ?? 'jb_over';
  await becomes(ours, 'bd_1', 'started');
  for (const id of [job, 'jb_never']) {
    const entry = { class: 'InstanceBuild', jid: id, args: [{ id: 'bd_1', space: 'main', job: id }] };
    await ask(`LPUSH %squeue:instance-builds '${JSON.stringify(entry)}'`);
  }
  await eventually(async () => expect(await ask('GET %sstat:processed')).toContain('3'));
  for (const set of ['dead', 'retry', 'schedule']) expect(await ask(`ZCARD %s${set}`)).toBe(':0');
  expect(machines.asked()).toBe(1);
});

test('kill -9 of the worker that has taken a job: another one does it', { timeout: 120_000 }, async () => {
  const { server, worker, build, becomes, machines, ruby } = await scene(null, 1);
  const ours = await server(false);
  await build(ours, 'bd_1');
  const first = worker(ours);
  await eventually(() => expect(machines.asked()).toBe(1));
  first.child.kill('SIGKILL');
  await first.ended;
  expect(await ruby.run(`Sidekiq::Queue.new('instance-builds').size`)).toBe(0);
  const second = worker(ours);
  await becomes(ours, 'bd_1', 'started').catch(() => becomes(ours, 'bd_1', 'started'));
  await second.says('build bd_1 is done');
  expect(await machines.there()).toHaveLength(2);
  second.child.kill('SIGTERM');
  expect((await second.ended).code).toBe(0);
  expect(await ruby.run('Sidekiq::ProcessSet.new.size')).toBe(0);
});

test('kill -9 of workers, of the server and of all that Redis holds, in the middle: as many machines as were asked for', {
  timeout: 240_000,
}, async () => {
  const { redis, namespace, machines, worker, ask, ruby } = await scene(null, 0.2);
  const url = `redis://127.0.0.1:${redis.port}/0`;
  const process = await ServerProcess.create(['--no-worker', '--redis-namespace', namespace], { REDIS_URL: url });
  onTestFinished(() => process.remove());
  await process.start();
  const ours = testServer(process.url, () => process.kill());
  const { call } = ours;
  const ids = ['bd_1', 'bd_2', 'bd_3', 'bd_4'];
  const body = { site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count: 3 };
  for (const id of ids) await call('POST', '/v1/instance-builds', { body: { ...body, id } });
  const workers = [worker(ours), worker(ours)];
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let kills = 0; kills < 3; kills++) {
    await workers[1]?.says(/takes jobs/);
    await wait(900 + 300 * kills);
    workers.shift()?.child.kill('SIGKILL');
    workers.push(worker(ours));
    if (kills === 1) await ask('FLUSHALL');
    if (kills === 2) {
      await process.kill();
      await process.start();
    }
    expect((await machines.there()).length).toBeLessThanOrEqual(12);
  }
  const known: string[] = [];
  for (const id of ids) {
    const made = () =>
      eventually(async () => {
        const { json } = await call('GET', `/v1/instance-builds/${id}`);
        expect(json.state).toBe('started');
        return json.instances;
      });
    // What was taken by one that was killed comes back after some seconds.
    for (const each of await made().catch(made)) known.push(each.id);
  }
  expect(await machines.there()).toEqual(known.sort());
  expect(known).toHaveLength(12);
  await eventually(async () =>
    expect((await call('GET', '/v1/jobs')).json.items.map(({ kind }: { kind: string }) => kind)).toEqual(['reconcile']),
  );
  await eventually(async () => {
    const left = `[Sidekiq::Queue.new('instance-builds'), Sidekiq::RetrySet.new, Sidekiq::ScheduledSet.new, Sidekiq::DeadSet.new].map(&:size)`;
    expect(await ruby.run(left)).toEqual([0, 0, 0, 0]);
  });
});
