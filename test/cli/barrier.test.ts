// `signalbox barrier`: parties that are processes of their own meet, or all learn why not.

import { describe, expect, test } from 'vitest';
import { mortalServer, until } from './meeting.ts';
import { type Env, lines, type Started, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';

const nowhere = { SIGNALBOX_URL: 'http://127.0.0.1:2' };

function arrive(env: Env, party: string, ...more: string[]): Started {
  return start('signalbox', ['barrier', 'shards', '--parties', '5', '--as', party, ...more], env);
}

/** Until so many have arrived. */
function untilArrived(url: string, count: number, name = 'shards'): Promise<void> {
  return until(async () => {
    const reply = await fetch(`${url}/v1/barriers/${name}`);
    const { arrivals = [] } = (await reply.json()) as { arrivals?: unknown[] };
    return arrivals.length >= count;
  });
}

describe('five parties', () => {
  test('go on together when the last one has come, and not before', async () => {
    const server = await serve();
    const early = [1, 2, 4, 5].map((n) => arrive(server.env, `shard-${n}`));
    await untilArrived(server.url, 4);
    expect(early.every(({ child }) => child.exitCode === null)).toBe(true);
    // Who is missing is told to whoever looks.
    expect(
      lines((await server.signalbox(['barrier', 'list'])).stdout)[0]
        ?.split('\t')
        .slice(0, 6),
    ).toEqual([...['shards', '', 'waiting', '4', '5', 'shard-3']]);
    expect((await server.signalbox(['barrier', 'show', 'shards'])).stderr).toContain('waits: 4 of 5 · missing shard-3');
    const last = await arrive(server.env, 'shard-3').ended;
    const all = [last, ...(await Promise.all(early.map(({ ended }) => ended)))];
    for (const { code, stdout, stderr } of all) {
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(lines(stderr).at(-1)).toMatch(/^signalbox: barrier:shards is open (at once|after \d+s): all 5 have come$/);
    }
    // A retry of one of them gets the same outcome.
    expect((await arrive(server.env, 'shard-1').ended).code).toBe(0);
  });

  test('all end with 75 when one does not come in time, and are told which', { timeout: 30_000 }, async () => {
    const server = await serve();
    const ended = await Promise.all([1, 2, 4, 5].map((n) => arrive(server.env, `shard-${n}`, '--timeout', '6s').ended));
    for (const { code, stdout, stderr } of ended) {
      expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
      expect(stderr).toMatch(/barrier:shards broke .*: not everybody came within 6s \[barrier_broken\]/);
      expect(stderr).toContain('4 of 5 · missing shard-3');
    }
  });

  test('all end with 1 when one has failed, with its reason made harmless', async () => {
    const server = await serve();
    const early = arrive(server.env, 'shard-1');
    await untilArrived(server.url, 1);
    const failed = await arrive(server.env, 'shard-2', '--fail', 'tests \u001b[31mfailed\n::error::x').ended;
    expect(failed).toMatchObject({
      ...{ code: 0, stderr: expect.stringContaining('barrier:shards is broken for all: shard-2 failed: tests failed') },
    });
    for (const { code, stderr } of [await early.ended, await arrive(server.env, 'shard-3').ended]) {
      expect(code).toBe(1);
      expect(stderr).toContain('shard-2 failed: tests failed ⏎ ::error::x; 1 of 5 had arrived [barrier_broken]');
      expect(stderr).not.toContain('\u001b');
    }
  });

  test('are let down by --cancel, and may meet anew after --forget', async () => {
    const server = await serve();
    const early = arrive(server.env, 'shard-1');
    await untilArrived(server.url, 1);
    const cancel = await server.signalbox(['barrier', 'shards', '--cancel', '--reason', 'wrong branch']);
    expect(cancel).toMatchObject({ code: 0, stdout: '' });
    expect(await early.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('"wrong branch"') });
    expect(await server.signalbox(['barrier', 'shards', '--forget'])).toMatchObject({ code: 0 });
    expect((await server.signalbox(['barrier', 'list'])).stdout).toBe('');
  });

  test('is a matter of the server that may be killed: one arrival each, answered once', {
    timeout: 60_000,
  }, async () => {
    const { server, env } = await mortalServer();
    const early = [1, 2, 3, 4].map((n) => arrive(env, `shard-${n}`));
    await untilArrived(server.url, 4);
    await server.kill();
    await Promise.all(early.map((each) => each.says('the arrival stays')));
    await server.start();
    await Promise.all(early.map((each) => each.says('connected again')));
    const last = await arrive(env, 'shard-5').ended;
    for (const { code, stderr } of [last, ...(await Promise.all(early.map(({ ended }) => ended)))]) {
      expect(code).toBe(0);
      expect(stderr.match(/is open/g)).toHaveLength(1);
    }
  });
});

test('a store in memory that was restarted is told of the barrier again', { timeout: 60_000 }, async () => {
  const first = await serve();
  const { port } = new URL(first.url);
  const early = arrive(first.env, 'shard-1', '--parties', '2');
  await untilArrived(first.url, 1);
  first.process.child.kill('SIGKILL');
  await first.process.ended;
  await early.says('trying again');
  const second = await serve(['--port', port]);
  await untilArrived(second.url, 1);
  expect((await arrive(second.env, 'shard-2', '--parties', '2').ended).code).toBe(0);
  expect((await early.ended).code).toBe(0);
});

test('who failed is told apart from who is missing; what is left of six hours is six hours', async () => {
  const server = await serve();
  const named = ['barrier', 'deploy', '--parties', 'api,web,db', '--as'];
  const early = start('signalbox', [...named, 'api'], server.env);
  await early.says('1 of 3 · missing web, db, breaks in 6h00m');
  await server.signalbox([...named, 'web', '--fail', 'no']);
  expect((await early.ended).stderr).toContain('web failed: no; 1 of 3 had arrived, missing db [barrier_broken]');
  const row = lines((await server.signalbox(['barrier', 'list'])).stdout)[0]?.split('\t') ?? [];
  expect([row[5], ...row.slice(8)]).toEqual(['db', 'failed', 'no', 'web']);
  const { stderr } = await server.signalbox(['barrier', 'show', 'deploy']);
  expect(stderr).toContain('is broken: web failed: no; 1 of 3 had arrived, missing db');
});

test('each run of a CI meets by itself, and a run that is repeated too', async () => {
  const server = await serve();
  const github = (run: string, attempt: string) => ({
    ...{ GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: run, GITHUB_RUN_ATTEMPT: attempt },
  });
  const runs: Env[] = [github('7', '1'), github('7', '2'), { GITLAB_CI: 'true', CI_PIPELINE_ID: '9' }, {}];
  for (const run of runs) await server.signalbox(['barrier', 'one', '--parties', '1', '--as', 'a'], run);
  const { items } = await server.send('GET', '/v1/barriers');
  expect(items.map(({ generation }: { generation: string }) => generation)).toEqual(['', '7-1', '7-2', '9']);
});

test('a party that is stopped has come all the same', async () => {
  const server = await serve();
  const early = arrive(server.env, 'shard-1');
  await early.says('waiting for');
  early.child.kill('SIGINT');
  expect(await early.ended).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('shard-1 has arrived and counts'),
  });
});

test('with --json is the barrier as it changes, at last as it ended', async () => {
  const server = await serve();
  const early = arrive(server.env, 'shard-1', '--parties', '2', '--json');
  await early.says('"state":"waiting"');
  await arrive(server.env, 'shard-2', '--parties', '2').ended;
  const { code, stdout, stderr } = await early.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(lines(stdout).map((line) => JSON.parse(line).state)).toEqual(['waiting', 'open']);
});

describe('who does not belong is told so, with 64', () => {
  test('another name, one too many, other parties, a barrier that nobody declared', async () => {
    const server = await serve();
    await server.send('PUT', '/v1/barriers/named', { parties: ['api', 'web'] });
    await server.send('PUT', '/v1/barriers/full', { parties: 1 });
    await server.send('POST', '/v1/barriers/full/arrivals', { party: 'a' });
    const said = async (...args: string[]) => {
      const { code, stderr } = await server.signalbox(['barrier', ...args]);
      expect(code).toBe(64);
      return stderr;
    };
    expect(await said('named', '--parties', 'api,web', '--as', 'wep')).toMatch(/Did you mean web\? \[party_unknown\]/);
    expect(await said('full', '--parties', '1', '--as', 'b')).toContain('[too_many_parties]');
    const differs = await said('full', '--parties', '2', '--as', 'b');
    expect(differs).toContain('[barrier_differs]');
    expect(differs).toContain('How it is: signalbox barrier show full\n');
    expect(differs.match(/another/g)).toHaveLength(1);
    const run = await said('full', '--generation', 'run 7', '--as', 'b');
    expect(run).toContain('There is no barrier "full" of generation "run 7". [barrier_unknown]');
    expect(await said('show', 'unheard')).toMatch(/There is no barrier "unheard"\. \[barrier_unknown\]/);
  });

  test.each([
    [['barrier'], 'which barrier? [usage]'],
    [['barrier', 'a', '--parties', '2'], '--as: who are you? Each party has a name of its own, like shard-3. [usage]'],
    [['barrier', 'a', '--parties', '0', '--as', 'x'], '--parties: "0" is not a whole number from 1 to 1000. [usage]'],
    [
      ['barrier', 'a', '--parties', '2', '--as', 'x', '--timeout', '0s'],
      '--timeout: 0s is less than a second. [usage]',
    ],
    [['barrier', 'a', '--parties', 'x,,y', '--as', 'x'], '--parties: a name between two commas is empty. [usage]'],
    [
      ['barrier', 'a', '--as', 'x', '--timeout', '1m'],
      '--timeout is of the declaration: give --parties with it. [usage]',
    ],
    [['barrier', 'a', '--as', 'x', '--fail', ''], '--fail: say why; it is shown to all parties. [usage]'],
    [['barrier', 'a', '--cancel', '--as', 'x'], '--as is for arriving, not for --cancel and --forget. [usage]'],
    [['barrier', 'a', '--as', 'x', '--reason', 'y'], /^--reason is for --cancel and --forget/],
    [['barrier', 'a', '--partys', '2'], /has no option --partys\. Did you mean --parties\?/],
  ])('%j', async (args, first) => {
    const { code, stdout, stderr } = await signalbox(args, nowhere);
    const said = lines(stderr)[0]?.replace(/^signalbox: /, '');
    if (typeof first === 'string') expect(said).toBe(first);
    else expect(said).toMatch(first);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});
