// Machines as people get them: real servers with real drivers, whose machines are processes on this one.

import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { ask, driverThat, gated, open, poolOf, withMachines } from './machines.ts';
import { lines, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';
import { emptyList, pageOf, recordingServer } from './recording-server.ts';
import { onTerminal, plain } from './terminal.ts';

describe('build create', () => {
  test('with --wait tells each step and ends when all machines run', async () => {
    const { server, there } = await withMachines();
    const { code, stdout, stderr } = await server.signalbox([...ask, '--count', '2', '--id', 'one', '--wait', '5m']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\n' });
    expect(there()).toHaveLength(2);
    const told = lines(stderr);
    expect(told.slice(0, 2)).toEqual([
      'signalbox: build one is asked for: 2 × t3 for org/staging, queue main, role worker',
      'signalbox: waiting for build one (at most 5m)',
    ]);
    expect(told.slice(2).join('\n')).toMatch(
      /^signalbox: launch 1\/2: p-\d+.*\nsignalbox: launch 2\/2: p-\d+.*\nsignalbox: 2 machines run (at once|after \d+s): p-\d+ 127\.0\.0\.1 · p-\d+ 127\.0\.0\.1$/,
    );
    const listed = lines((await server.signalbox(['instance', 'list'])).stdout).map((line) => line.split('\t'));
    expect(listed.map(([, state, cloudId, build]) => ({ state, cloudId, build }))).toEqual(
      listed.map(([, , cloudId]) => ({ state: 'running', cloudId, build: 'one' })),
    );
    expect(listed.map(([, , cloudId]) => cloudId).toSorted()).toEqual(there().toSorted());
    // Nothing is left to be done but to look at the driver now and then.
    const jobs = lines((await server.signalbox(['job', 'list'])).stdout).map((line) => line.split('\t'));
    expect(jobs.map(([, kind, subject, , tries]) => ({ kind, subject, tries }))).toEqual([
      { kind: 'reconcile', subject: '', tries: '0' },
    ]);
  });

  test('without --wait prints an id of its own at once, and the build goes on', async () => {
    const { server, place, there } = await withMachines(driverThat(gated));
    const { code, stdout, stderr } = await server.signalbox([...ask, '--role', 'runner', '--image', 'ami-1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^bd_\w+\n$/);
    const id = stdout.trim();
    expect(stderr).toContain(`signalbox: to see how far it is: signalbox build show ${id}\n`);
    expect(there()).toEqual([]);
    open(place);
    await eventually(async () => {
      const { stdout: shown } = await server.signalbox(['build', 'show', id]);
      expect(shown).toMatch(new RegExp(`^build\t${id}\tstarted\t1\t1\tt3\torg\tstaging\tmain\trunner\t`));
      expect(shown).toMatch(/\nstep\tlaunch 1\/1\t\S+Z\t\S+Z\tcloudId=p-\d+\n/);
      expect(shown).toMatch(new RegExp(`\ninstance\tin_\\w+\trunning\tp-\\d+\t${id}\t`));
    });
    expect(there()).toHaveLength(1);
  });

  test('twice with the same id makes one, and says where it is not what is asked for now', async () => {
    const { server, there } = await withMachines();
    const both = await Promise.all([
      server.signalbox([...ask, '--id', 'one', '--wait']),
      server.signalbox([...ask, '--id', 'one', '--wait']),
    ]);
    expect(both.map(({ code, stdout }) => ({ code, stdout }))).toEqual(both.map(() => ({ code: 0, stdout: 'one\n' })));
    const third = await server.signalbox([...ask, '--id', 'one', '--count', '3', '--wait']);
    expect(third.code).toBe(0);
    expect(lines(third.stderr).slice(0, 2)).toEqual([
      'signalbox: build one was asked for before: 1 × t3 for org/staging, queue main, role worker',
      'signalbox: that is not what is asked for now; for another build give another --id',
    ]);
    expect(there()).toHaveLength(1);
    expect(lines((await server.signalbox(['build', 'list'])).stdout)).toHaveLength(1);
  });

  test('asks again with the same id when the connection broke before the answer', async () => {
    const { server, there } = await withMachines();
    const between = await losingFirstAnswer(server.url);
    const { code, stdout, stderr } = await signalbox([...ask, '--wait'], { SIGNALBOX_URL: between.url });
    expect({ code, asks: between.asks() }).toEqual({ code: 0, asks: 2 });
    expect(stderr).toContain(`signalbox: build ${stdout.trim()} is asked for: `);
    expect(there()).toHaveLength(1);
    expect(lines((await server.signalbox(['build', 'list'])).stdout)).toHaveLength(1);
  });

  test('says which id to ask with again when no server answers', async () => {
    const { code, stdout, stderr } = await signalbox([...ask, '--id', 'mine', '--server-wait', '0s'], {
      SIGNALBOX_URL: 'http://127.0.0.1:1',
    });
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain(
      'signalbox:   It may have been asked for all the same. Again with --id mine is the same build.\n',
    );
  });

  test('-q prints the id and nothing else', async () => {
    const { server } = await withMachines();
    const ended = await server.signalbox([...ask, '--id', 'one', '--wait', '-q']);
    expect(ended).toMatchObject({ code: 0, stdout: 'one\n', stderr: '' });
  });

  test('--json is the build; with --wait one line each time it has got further', async () => {
    const { server } = await withMachines();
    const asked = await server.signalbox([...ask, '--id', 'one', '--json']);
    expect(JSON.parse(asked.stdout)).toMatchObject({ id: 'one', instanceType: 't3', count: 1 });
    const waited = await server.signalbox([...ask, '--id', 'two', '--wait', '--json']);
    expect({ code: waited.code, stderr: waited.stderr }).toEqual({ code: 0, stderr: '' });
    const told = lines(waited.stdout).map((line) => JSON.parse(line));
    expect(told.map(({ id }) => id)).toEqual(told.map(() => 'two'));
    expect(new Set(lines(waited.stdout)).size).toBe(told.length);
    expect(told.at(-1)).toEqual(await server.send('GET', '/v1/instance-builds/two'));
    expect(told.at(-1).state).toBe('started');
    for (const [args, path] of [
      [['build', 'list'], '/v1/instance-builds'],
      [['instance', 'list'], '/v1/instances'],
    ] as const) {
      const { items } = JSON.parse((await server.signalbox([...args, '--json'])).stdout);
      expect(items).toEqual((await server.send('GET', path)).items);
    }
  });

  test.each([
    [['--site', 'org', '--count', '2'], 'which machines? Missing: --env, --queue, --type. [usage]'],
    [[...ask.slice(2), '--count', '0'], '--count: "0" is not a whole number from 1 to 100. [usage]'],
    [[...ask.slice(2), '--wait', 'soon'], '--wait: "soon" is not a duration. [usage]'],
  ])('%j is wrong usage, and nobody is asked', async (args, what) => {
    const { code, stdout, stderr } = await signalbox(['build', 'create', ...args]);
    expect({ code, stdout, what: lines(stderr)[0] }).toEqual({ code: 64, stdout: '', what: `signalbox: ${what}` });
  });
});

describe('a build that does not come', () => {
  test('fails with the step, the reason, the tries, and what to do', async () => {
    const { server } = await withMachines(driverThat('echo "there is no type t3" >&2; exit 1'));
    const { code, stdout, stderr } = await server.signalbox([...ask, '--id', 'one', '--wait']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'one\n' });
    expect(lines(stderr).slice(-2)).toEqual([
      'signalbox: build one failed at "launch 1/1" after 1 try: create: there is no type t3 [build_failed]',
      'signalbox:   To end whatever there is of it: signalbox build cancel one',
    ]);
    const quiet = await server.signalbox([...ask, '--id', 'one', '--wait', '-q']);
    expect({ code: quiet.code, lines: lines(quiet.stderr) }).toEqual({ code: 1, lines: lines(stderr).slice(-2) });
    const json = await server.signalbox([...ask, '--id', 'one', '--wait', '--json']);
    expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ state: 'failed', failure: { step: 'launch 1/1', tries: 1 } });
    expect((await server.signalbox(['build', 'list'])).stdout).toContain(
      'failed at "launch 1/1" after 1 try: create: there is no type t3',
    );
    const jobs = lines((await server.signalbox(['job', 'list'])).stdout).map((line) => line.split('\t'));
    expect(jobs.find(([, kind]) => kind === 'build')?.slice(2, 5)).toEqual(['one', 'dead', '1']);
  });

  test('names the machines that run all the same; cancelling ends them', async () => {
    const second = 'for file in "$MACHINES"/p-*; do if [ -e "$file" ]; then echo "no room" >&2; exit 1; fi; done';
    const { server, there } = await withMachines(driverThat(second));
    const { code, stderr } = await server.signalbox([...ask, '--count', '2', '--id', 'one', '--wait']);
    const [machine = 'none'] = there();
    expect(code).toBe(1);
    expect(lines(stderr).slice(-2)).toEqual([
      'signalbox: build one failed at "launch 2/2" after 1 try: create: no room [build_failed]',
      `signalbox:   1 of 2 machines runs: ${machine} 127.0.0.1. Keep it, or: signalbox build cancel one`,
    ]);
    const cancelled = await server.signalbox(['build', 'cancel', 'one', '--reason', 'no use']);
    expect({ code: cancelled.code, first: lines(cancelled.stderr)[0] }).toEqual({
      code: 0,
      first: 'signalbox: build one is cancelled; its machines are being ended',
    });
    await eventually(async () => {
      expect(there()).toEqual([]);
      expect((await server.signalbox(['build', 'cancel', 'one'])).stderr).toBe(
        'signalbox: build one is cancelled; its machines are gone\n',
      );
    });
  });

  test('is tried again, and says so', async () => {
    const busy = 'if [ ! -e "$MACHINES/open" ]; then echo "the cloud is busy" >&2; exit 75; fi';
    const { server, place } = await withMachines(driverThat(busy));
    const waiting = start('signalbox', [...ask, '--id', 'one', '--wait'], server.env);
    await waiting.says(/launch 1\/1 failed \(\d (try|tries)\): create: the cloud is busy; trying again\n/);
    const jobs = lines((await server.signalbox(['job', 'list'])).stdout).map((line) => line.split('\t'));
    expect(jobs.find(([, kind]) => kind === 'build')?.[2]).toBe('one');
    open(place);
    expect((await waiting.ended).code).toBe(0);
  });

  test('is cancelled by somebody else, who says why', async () => {
    const { server, place } = await withMachines(driverThat(gated));
    const waiting = start('signalbox', [...ask, '--id', 'one', '--wait'], server.env);
    await waiting.says('waiting for build one');
    await server.signalbox(['build', 'cancel', 'one', '--reason', 'wrong branch']);
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /\nsignalbox: build one was cancelled by \S+: "wrong branch" \[build_cancelled\]\nsignalbox: {3}Its machines are .+\. To look: signalbox build show one\n$/,
    );
    open(place);
  });

  test('in time ends with 75 and goes on', async () => {
    const { server, place } = await withMachines(driverThat(gated));
    const { code, stdout, stderr } = await server.signalbox([...ask, '--id', 'one', '--wait', '300ms']);
    expect({ code, stdout }).toEqual({ code: 75, stdout: 'one\n' });
    expect(lines(stderr).slice(-2).join('\n')).toMatch(
      /^signalbox: timed out after \d+s: build one is (pending|building), 0 of 1 machine there \[wait_timed_out\]\nsignalbox: {3}It goes on\. To look: signalbox build show one\. To end it: signalbox build cancel one$/,
    );
    open(place);
    expect((await server.signalbox([...ask, '--id', 'one', '--wait'])).code).toBe(0);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('goes on after %s to who waits', async (signal, exit) => {
    const { server, place } = await withMachines(driverThat(gated));
    const waiting = start('signalbox', [...ask, '--id', 'one', '--wait'], server.env);
    await waiting.says('waiting for build one');
    waiting.child.kill(signal);
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: exit, stdout: 'one\n' });
    expect(lines(stderr).slice(-2).join('\n')).toMatch(
      /^signalbox: stopped waiting for build one after \d+s\. \[stopped\]\nsignalbox: {3}It goes on\. To look: signalbox build show one\. To end it: signalbox build cancel one$/,
    );
    open(place);
    expect((await server.signalbox([...ask, '--id', 'one', '--wait'])).code).toBe(0);
  });
});

describe('instance terminate', () => {
  test('ends the machine, by the id at the cloud, and leaves the others', async () => {
    const { server, there } = await withMachines();
    await server.signalbox([...ask, '--count', '2', '--id', 'one', '--wait']);
    const [gone = '', stays] = there();
    const ended = await server.signalbox(['instance', 'terminate', gone, '--reason', 'disk full']);
    expect(ended).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `signalbox: machine ${gone} 127.0.0.1 is being ended\n`,
    });
    await eventually(async () => {
      expect(there()).toEqual([stays]);
      expect(lines((await server.signalbox(['instance', 'list'])).stdout)).toHaveLength(1);
    });
  });
});

describe('instance ready', () => {
  test('of all machines of a build finishes it', async () => {
    const { server, there } = await withMachines();
    await server.signalbox([...ask, '--id', 'one', '--count', '2', '--wait']);
    const [first = '', second = ''] = there();
    const said = await server.signalbox(['instance', 'ready', first]);
    expect(said).toMatchObject({ code: 0, stdout: '', stderr: `signalbox: machine ${first} 127.0.0.1 is ready\n` });
    expect((await server.send('GET', '/v1/instance-builds/one')).state).toBe('started');
    const { stdout } = await server.signalbox(['instance', 'ready', second, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ cloudId: second, state: 'ready' });
    expect((await server.send('GET', '/v1/instance-builds/one')).state).toBe('finished');
  });

  test('changes nothing of one that is being ended, and says so', async () => {
    const { server, place, there } = await withMachines(driverThat(gated, 'delete'));
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const [machine = ''] = there();
    await server.signalbox(['instance', 'terminate', machine]);
    const { code, stderr } = await server.signalbox(['instance', 'ready', machine]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `signalbox: machine ${machine} 127.0.0.1 is ending; that it is ready changes nothing\n`,
    });
    open(place);
    await eventually(() => expect(there()).toEqual([]));
  });
});

describe('lists say', () => {
  test('which pool and environment machines and builds are of', async () => {
    const { server } = await withMachines();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--min', '1']);
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    await eventually(async () => {
      const machines = lines((await server.signalbox(['instance', 'list'])).stdout).map((line) => line.split('\t'));
      const shown = machines.map((machine) => [machine[3] === 'one', machine[7], machine[8]?.replace(/-\w+$/, '-')]);
      expect(shown.toSorted()).toEqual([
        [false, 'docker', 'docker-'],
        [true, '', ''],
      ]);
    });
    const [, ...rows] = lines(plain(await onTerminal(server, 'instance list', 200)));
    expect(rows.map((row) => row.split(/ {2,}/)[3]?.replace(/-\w+$/, '-')).toSorted()).toEqual(['docker-', '–']);
    const builds = lines((await server.signalbox(['build', 'list'])).stdout).map((line) => line.split('\t'));
    expect(builds.map((build) => [build[0] === 'one', build[9] === 'pool docker', build[12]]).toSorted()).toEqual([
      [false, true, 'docker'],
      [true, false, ''],
    ]);
  });

  test('what the last look at the driver has found', async () => {
    const { server } = await withMachines();
    await eventually(async () => {
      const jobs = lines((await server.signalbox(['job', 'list'])).stdout).map((line) => line.split('\t'));
      const [, kind, , , tries, , , , error, toDo, at = '', found] = jobs[0] ?? [];
      expect({ kind, tries, error, toDo, found }).toEqual({
        ...{
          kind: 'reconcile',
          tries: '0',
          error: '',
          toDo: 'look at the driver',
          found: 'it has no machines, as known',
        },
      });
      expect(new Date(at).toISOString()).toBe(at);
    });
  });

  test('what was set right, and who is to be told of what', async () => {
    const at = '2026-11-21T12:00:00.000Z';
    const job = { tries: 3, worker: null, error: 'gone', dueInSeconds: 4, report: null, notice: null, createdAt: at };
    const report = { at, listed: 2, adopted: ['i-1'], ending: ['i-2', 'i-3'], gone: ['i-4'], removed: ['sg-1'] };
    const notice = { sink: 'slack', event: 'build.failed' };
    const items = [
      { ...job, id: 'jb_1', kind: 'reconcile', subject: '', state: 'waiting', report },
      { ...job, id: 'nt_1', kind: 'notify', subject: 'one', state: 'dead', dueInSeconds: 0, notice },
    ];
    const server = await recordingServer({ ...emptyList, body: pageOf(items) });
    const { stdout } = await signalbox(['job', 'list'], { SIGNALBOX_URL: server.url });
    const shown = lines(plain(await onTerminal({ env: { SIGNALBOX_URL: server.url } }, 'job list', 200)));
    expect(shown.map((line) => line.trimEnd().split(/ {2,}/))).toEqual([
      ['', 'JOB', 'TO DO', 'OF', 'STATE', 'FAILED', 'DUE', 'LAST TRY'],
      [
        ...['◌', 'jb_1', 'look at the driver', '–', 'waiting', '3', 'in 4s'],
        'gone; looked 0s ago: it has 2 machines; adopted: i-1; being ended: i-2, i-3; gone: i-4; removed: sg-1',
      ],
      ['▲', 'nt_1', 'tell slack of build.failed', 'one', 'given up', '3', '–', 'gone'],
    ]);
    expect(lines(stdout).map((line) => line.split('\t'))).toEqual([
      [
        ...['jb_1', 'reconcile', '', 'waiting', '3', '', '4', at, 'gone', 'look at the driver', at],
        'it has 2 machines; adopted: i-1; being ended: i-2, i-3; gone: i-4; removed: sg-1',
      ],
      ['nt_1', 'notify', 'one', 'dead', '3', '', '0', at, 'gone', 'tell slack of build.failed', '', ''],
    ]);
  });
});

describe('what cannot be done says what to do', () => {
  test.each([
    [['build', 'show', 'nix'], 'build_unknown', 'signalbox build list'],
    [['build', 'cancel', 'nix'], 'build_unknown', 'signalbox build list'],
    [['build', 'logs', 'nix'], 'build_unknown', 'signalbox build list'],
    [['instance', 'terminate', 'nix'], 'instance_unknown', 'signalbox instance list'],
    [['instance', 'ready', 'nix'], 'instance_unknown', 'signalbox instance list'],
    [['pool', 'show', 'nix'], 'pool_unknown', 'signalbox pool list'],
    [['pool', 'set', 'nix', '--max', '2'], 'pool_unknown', 'signalbox pool list'],
    [['pool', 'delete', 'nix'], 'pool_unknown', 'signalbox pool list'],
    [['image', 'forget', 'nix'], 'image_unknown', 'signalbox image list'],
  ])('%j', async (args, problem, next) => {
    const { server } = await withMachines();
    const { code, stderr } = await server.signalbox(args);
    expect({ code, named: stderr.includes('nix'), coded: lines(stderr)[0]?.endsWith(`[${problem}]`) }).toEqual({
      ...{ code: 64, named: true, coded: true },
    });
    expect(stderr.split(next)).toHaveLength(2);
    expect(JSON.parse((await server.signalbox([...args, '--json'])).stdout)).toMatchObject({ code: problem });
  });

  test('a server without a driver', async () => {
    const server = await serve();
    const { code, stdout, stderr } = await server.signalbox([...ask, '--wait']);
    expect({ code, stdout, lines: lines(stderr) }).toEqual({
      code: 78,
      stdout: '',
      lines: [
        'signalbox: This server has no driver (--driver command:PATH or ec2), so nobody would make machines. [no_driver]',
        `signalbox:   URL from SIGNALBOX_URL: ${server.url}. Whoever runs it gives it a driver: signalbox serve --driver …`,
      ],
    });
    expect(await server.signalbox(['build', 'list'])).toMatchObject({
      ...{ code: 0, stdout: '', stderr: 'signalbox: there are no builds. The first: signalbox build create\n' },
    });
  });

  test.each([
    ['too_many_builds', ask, 'To end one: signalbox instance terminate ID'],
    ['too_many_pools', ['pool', 'create', 'docker', ...poolOf], 'To delete one: signalbox pool delete NAME'],
    ['too_many_images', ['image', 'set', 'ami-1', '--role', 'worker'], 'To forget one: signalbox image forget ID'],
  ])('%s', async (problem, args, next) => {
    const full = await recordingServer(({ method }) =>
      method === 'GET'
        ? emptyList
        : {
            ...{ status: 429, type: 'application/problem+json' },
            body: JSON.stringify({ code: problem, status: 429, detail: 'There are too many.' }),
          },
    );
    const { code, stderr } = await signalbox(args, { SIGNALBOX_URL: full.url });
    expect(code).toBe(75);
    expect(stderr).toContain(next);
    expect(full.seen.filter(({ method }) => method !== 'GET')).toHaveLength(1);
  });
});

test('names of builds, machines, pools and images complete', async () => {
  const { server } = await withMachines();
  await server.signalbox([...ask, '--id', 'one', '--wait']);
  await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
  await server.signalbox(['image', 'set', 'ami-1', '--name', 'other']);
  const patient = { SIGNALBOX_COMPLETION_TIMEOUT: '20s' };
  expect((await server.signalbox(['completion', 'builds'], patient)).stdout).toBe('one\n');
  expect((await server.signalbox(['completion', 'instances'], patient)).stdout).toMatch(/^in_\w+\n$/);
  expect((await server.signalbox(['completion', 'pools'], patient)).stdout).toBe('docker\n');
  expect((await server.signalbox(['completion', 'images'], patient)).stdout).toBe('ami-1\n');
  const { stdout: script } = await signalbox(['completion', 'bash']);
  expect(script).toMatch(/"pool set"\) .*; ask=pools ;;/);
  expect(script).toMatch(/"image forget"\) .*; ask=images ;;/);
});

/** Stands before a server: the first ask for a build is heard there, and its answer is lost on the way. */
async function losingFirstAnswer(url: string): Promise<{ url: string; asks: () => number }> {
  let asks = 0;
  const between = createServer((asked, answer) => {
    const isFirst = asked.method === 'POST' && ++asks === 1;
    const { method, headers } = asked;
    const sent = forward(url + asked.url, { method, headers }, (heard) => {
      if (isFirst) answer.destroy();
      else heard.pipe(answer.writeHead(heard.statusCode ?? 0, heard.headers));
      heard.resume();
    });
    sent.on('error', () => answer.destroy());
    asked.pipe(sent);
  });
  between.listen(0, '127.0.0.1');
  await new Promise((resolve) => between.once('listening', resolve));
  onTestFinished(() => {
    between.close();
    between.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(between.address() as AddressInfo).port}`, asks: () => asks };
}
