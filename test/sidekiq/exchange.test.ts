// Jobs between ours and the real Sidekiq, both ways: what one pushes the other does, and each shows what the other has.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin } from '../http/server.ts';
import { type Redis, startRedis } from '../servers/redis.ts';
import { scene } from './scene.ts';

let redis: Redis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const fields = "{ 'site' => 'org', 'env' => 'staging', 'instance_type' => 'small', 'count' => 2, 'queue' => 'docker' }";

/** What Sidekiq counts. */
const stats = `stats = Sidekiq::Stats.new
  { processed: stats.processed, failed: stats.failed, enqueued: stats.enqueued, retry: stats.retry_size,
    scheduled: stats.scheduled_size, dead: stats.dead_size, processes: stats.processes_size, queues: stats.queues }`;

test('a build that is asked for here reaches a real Sidekiq, with its document as the argument', async () => {
  const { server, build, ruby } = await scene(redis);
  const ours = await server(false);
  const { output } = await ruby.work(
    ['instance-builds', 'instance-terminations'],
    `class InstanceBuild
       include Sidekiq::Worker
       def perform(build)
         STDERR.puts "PERFORMED #{jid} #{JSON.generate(build)}"
       end
     end`,
  );
  await build(ours, 'bd_1', 3);
  const [, jid, text = ''] = await eventually(() => {
    const found = /PERFORMED (\w+) (.*)/.exec(output());
    if (found === null) throw new Error(`not performed: ${output()}`);
    return found;
  });
  expect(jid).toMatch(/^[0-9a-f]{24}$/);
  const { json } = await ours.call('GET', '/v1/jobs');
  expect(JSON.parse(text)).toEqual({
    ...{ id: 'bd_1', site: 'org', env: 'staging', queue: 'docker', role: 'worker', instance_type: 'small', count: 3 },
    ...{ slack_channel: '', space: 'main', job: json.items[0].id },
  });
});

test('a queue that nobody takes from is shown by Sidekiq as its own', async () => {
  const { server, build, ruby } = await scene(redis);
  const ours = await server(false);
  await build(ours, 'bd_1');
  const shown = await eventually(async () => {
    const jobs = await ruby.run(`Sidekiq::Queue.new('instance-builds').map { |job|
      [job.klass, job.jid, job.args.first['id'], job.queue, job['retry'], job.created_at.to_f, job.enqueued_at.to_f] }`);
    expect(jobs).toHaveLength(1);
    return jobs[0];
  });
  const now = Date.now() / 1000;
  expect(shown).toEqual([
    'InstanceBuild',
    expect.stringMatching(/^[0-9a-f]{24}$/),
    'bd_1',
    'instance-builds',
    true,
    ...[expect.any(Number), expect.any(Number)],
  ]);
  for (const time of shown.slice(5)) expect(Math.abs(time - now)).toBeLessThan(600);
  expect(await ruby.run('Sidekiq::Queue.all.map(&:name)')).toEqual(['instance-builds']);
});

test('what Ruby pushes is built here, once, however often it is pushed', async () => {
  const { server, becomes, machines, ruby } = await scene(redis);
  const ours = await server(true);
  const jid = await ruby.run(
    `Sidekiq::Client.push('class' => 'InstanceBuild', 'queue' => 'instance-builds', 'args' => [${fields}])`,
  );
  await becomes(ours, jid, 'started');
  await ruby.run(
    `Sidekiq::Client.push('class' => 'X', 'queue' => 'instance-builds', 'jid' => '${jid}', 'args' => [${fields}])`,
  );
  await ruby.run(
    `Sidekiq::Client.push('class' => 'X', 'queue' => 'instance-builds', 'args' => [{ 'id' => '${jid}' }.merge(${fields})])`,
  );
  await eventually(async () => expect(await ruby.run(stats)).toMatchObject({ processed: 4, failed: 0, enqueued: 0 }));
  expect(await machines.there()).toHaveLength(2);
  expect((await ours.call('GET', '/v1/instance-builds')).json.items).toHaveLength(1);
});

test('what Ruby pushes is built by a worker beside the server too, in the space that it names', async () => {
  const { server, worker, machines, ruby } = await scene(redis);
  const ours = await server(false, { adminKeys: [admin] });
  await ours.call('PUT', '/v1/spaces/team-a', { key: admin.key, body: {} });
  const started = worker(ours, { SIGNALBOX_KEY: admin.key });
  await started.says(/takes jobs of main from http.* by way of Redis/);
  const push = (space: string, id: string) =>
    ruby.run(`Sidekiq::Client.push('class' => 'InstanceBuild', 'queue' => 'instance-builds', 'args' => [
      { 'space' => '${space}', 'id' => '${id}' }.merge(${fields})])`);
  await push('team-a', 'bd_a');
  await push('nowhere', 'bd_b');
  await push('main', 'bd_c');
  await started.says('build bd_a is done');
  await started.says('build bd_c is done');
  const inTeam = { key: admin.key, headers: { 'signalbox-space': 'team-a' } };
  const { json } = await ours.call('GET', '/v1/instances', inTeam);
  expect(json.items).toHaveLength(2);
  expect((await ours.call('GET', '/v1/instance-builds/bd_a', { key: admin.key })).status).toBe(404);
  for (const id of [json.items[0].cloudId, json.items[0].cloudId, 'i-none'])
    await ruby.run(`Sidekiq::Client.push('class' => 'T', 'queue' => 'instance-terminations', 'args' => [
      { 'space' => 'team-a', 'instance_id' => '${id}' }])`);
  await eventually(async () => expect(await machines.there()).toHaveLength(3));
  // What is not there is dead, and so is what names no space that there is; what is gone already is neither.
  await eventually(async () =>
    expect(await ruby.run(`Sidekiq::DeadSet.new.map { |job| job['error_message'] }.sort`)).toEqual([
      expect.stringContaining('There is no machine i-none'),
      expect.stringContaining('no space'),
    ]),
  );
  await eventually(async () => expect(await ruby.run(stats)).toMatchObject({ enqueued: 0, retry: 0, scheduled: 0 }));
});

test('what the original pushes has no class, and its ends no args', async () => {
  const { server, becomes, machines, ask } = await scene(redis);
  const ours = await server(true);
  const text = JSON.stringify({
    jid: 'a1',
    args: [{ id: 'bd_old', site: 'org', env: 'e', queue: 'q', instance_type: 's' }],
  });
  await ask(`LPUSH %squeue:instance-builds '${text}'`);
  await becomes(ours, 'bd_old', 'started');
  const { json } = await ours.call('GET', '/v1/instances');
  const end = JSON.stringify({ instance_id: json.items[0].cloudId, slack_channel: 'general' });
  await ask(`LPUSH %squeue:instance-terminations '${end}'`);
  await eventually(async () => expect(await machines.there()).toEqual([]));
  // Again it is gone already, and no fault.
  await ask(`LPUSH %squeue:instance-terminations '${end}'`);
  await eventually(async () => expect(await ask('GET %sstat:processed')).toContain('5'));
  expect(await ask('ZCARD %sdead')).toBe(':0');
});

test('what cannot be is dead, with the reason; Sidekiq shows it', async () => {
  const { server, ruby, ask } = await scene(redis);
  await server(true);
  await ruby.run(
    `Sidekiq::Client.push('class' => 'InstanceBuild', 'queue' => 'instance-builds', 'args' => [{ 'site' => 'org' }])`,
  );
  await ruby.run(
    `Sidekiq::Client.push('class' => 'T', 'queue' => 'instance-terminations', 'args' => [{ 'instance_id' => 'i-none' }])`,
  );
  await ruby.run(
    `Sidekiq::Client.push('class' => 'B', 'queue' => 'instance-builds', 'args' => [{ 'space' => 'nowhere' }.merge(${fields})])`,
  );
  await ask(`LPUSH %squeue:instance-builds nonsense`);
  const dead = await eventually(async () => {
    const found = await ruby.run(
      `Sidekiq::DeadSet.new.map { |job| [job.klass, job['error_class'], job['error_message'], job.queue, job.at.to_f > 1e9] }`,
    );
    expect(found).toHaveLength(4);
    return found;
  });
  expect(dead).toEqual(
    expect.arrayContaining([
      ['InstanceBuild', 'Refused', expect.stringContaining('empty "env" param'), 'instance-builds', true],
      ['T', 'Refused', expect.stringContaining('There is no machine i-none'), 'instance-terminations', true],
      ['B', 'NoSuchSpace', 'There is no space nowhere.', 'instance-builds', true],
      ['InstanceBuild', 'InvalidJob', expect.stringContaining('no JSON object'), 'instance-builds', true],
    ]),
  );
  expect(await ruby.run(stats)).toMatchObject({ processed: 4, failed: 4, dead: 4 });
});

test('a failed try is in the retry set as Sidekiq has it, and what is tried too often is dead', async () => {
  const { server, build, becomes, machines, ruby } = await scene(redis);
  machines.failWith(75);
  const ours = await server(true);
  await build(ours, 'bd_1', 1);
  const [first] = await eventually(async () => {
    const found = await ruby.run(`Sidekiq::RetrySet.new.map { |job| job.item.merge('score' => job.score) }`);
    expect(found).toHaveLength(1);
    return found;
  });
  expect(first).toMatchObject({
    ...{ class: 'InstanceBuild', queue: 'instance-builds', error_class: expect.any(String), retry: true },
    ...{ error_message: expect.stringContaining('no such image'), failed_at: expect.any(Number) },
  });
  expect(first.retry_count).toBeGreaterThanOrEqual(0);
  expect(first.score).toBeGreaterThan(first.failed_at);
  expect(first).not.toHaveProperty('enqueued_at');
  // For good.
  machines.failWith(1);
  await becomes(ours, 'bd_1', 'failed');
  await eventually(async () =>
    expect(await ruby.run(`Sidekiq::DeadSet.new.map { |job| [job.args.first['id'], job['error_message']] }`)).toEqual([
      ['bd_1', expect.stringContaining('no such image')],
    ]),
  );
  expect(await ruby.run(stats)).toMatchObject({ retry: 0, enqueued: 0 });
});

test('what Ruby has in its retry set or has scheduled is done here when it is due', async () => {
  const { server, becomes, ruby } = await scene(redis);
  const push = (set: string, id: string) => `Sidekiq.redis { |r| r.zadd('${set}', Time.now.to_f - 1, JSON.generate(
    'class' => 'InstanceBuild', 'queue' => 'instance-builds', 'jid' => '${id}', 'retry' => true, 'created_at' => Time.now.to_f,
    'retry_count' => 0, 'error_class' => 'RuntimeError', 'error_message' => 'x', 'failed_at' => Time.now.to_f, 'args' => [${fields}])) }`;
  await ruby.run(push('retry', 'r1'));
  await ruby.run(push('schedule', 's1'));
  await ruby.run(
    `Sidekiq::Client.push('class' => 'InstanceBuild', 'queue' => 'instance-builds', 'jid' => 'later', 'args' => [${fields}], 'at' => Time.now.to_f + 1000)`,
  );
  const ours = await server(true);
  await becomes(ours, 'r1', 'started');
  await becomes(ours, 's1', 'started');
  expect(await ruby.run('Sidekiq::ScheduledSet.new.map(&:jid)')).toEqual(['later']);
  expect(await ruby.run('Sidekiq::RetrySet.new.size')).toBe(0);
});

test('our process and what it is at are shown by Sidekiq, and it is gone when it stops', async () => {
  const { server, build, ruby } = await scene(redis, 3);
  const ours = await server(true);
  await build(ours, 'bd_1', 1);
  const [shown] = await eventually(async () => {
    const found = await ruby.run(`Sidekiq::WorkSet.new.map { |id, thread, work|
      [id, thread, work['queue'], work['payload']['args'].first['id'], work['run_at'].class.name] }`);
    expect(found).toHaveLength(1);
    return found;
  });
  expect(shown).toEqual([
    expect.stringMatching(/^.+:\d+:[0-9a-f]{12}$/),
    expect.any(String),
    'instance-builds',
    'bd_1',
    'Integer',
  ]);
  const [process] = await ruby.run(`Sidekiq::ProcessSet.new.map { |each|
    [each.identity, each['hostname'], each['pid'], each['concurrency'], each.queues.sort, each['busy'], each.stopping?, each['beat'] > 1e9] }`);
  expect(process.slice(2)).toEqual([
    globalThis.process.pid,
    8,
    ['instance-builds', 'instance-terminations'],
    1,
    false,
    true,
  ]);
  await ours.stop();
  expect(await ruby.run('Sidekiq::ProcessSet.new.size')).toBe(0);
  // What it had taken is back where it came from.
  expect(await ruby.run(`Sidekiq::Queue.new('instance-builds').size`)).toBe(1);
});

test("Sidekiq's web page shows ours", async () => {
  const { server, build, becomes, ruby } = await scene(redis);
  const ours = await server(true);
  await build(ours, 'bd_shown', 1);
  await becomes(ours, 'bd_shown', 'started');
  await ruby.run(
    `Sidekiq::Client.push('class' => 'InstanceBuild', 'queue' => 'instance-builds', 'args' => [{ 'site' => 'org' }])`,
  );
  await eventually(async () => expect(await ruby.run('Sidekiq::DeadSet.new.size')).toBe(1));
  const pages = await ruby.run(`
    require 'sidekiq/web'
    require 'rack'
    ['/', '/busy', '/queues', '/queues/instance-builds', '/retries', '/scheduled', '/morgue'].map { |path|
      env = Rack::MockRequest.env_for(path)
      env['rack.session'] = { csrf: 'x' * 32 }
      status, _headers, body = Sidekiq::Web.new.call(env)
      text = +''
      body.each { |part| text << part }
      [path, status, text] }`);
  const page = (wanted: string): string => pages.find(([path]: [string]) => path === wanted)?.[2] ?? '';
  expect(pages.map(([path, status]: [string, number]) => `${path} ${status}`)).toEqual(
    ['/', '/busy', '/queues', '/queues/instance-builds', '/retries', '/scheduled', '/morgue'].map(
      (path) => `${path} 200`,
    ),
  );
  expect(page('/busy')).toContain('signalbox');
  expect(page('/queues')).toContain('instance-builds');
  expect(page('/morgue')).toContain('empty &quot;env&quot; param');
});
