// A whole run against a server whose faults can be switched on: exit codes, signals, what is left behind, what scripts are told.

import { afterAll, beforeAll, describe, test } from 'vitest';
import { FakeServer } from './fake-server.ts';
import { bin, folder, isAlive, main, read, start, startRun, until } from './harness.ts';

let server: FakeServer;
let count = 0;
/** Each test has an environment of its own, so that all can run at once. */
const fresh = () => `uat-${++count}`;

beforeAll(async () => {
  server = await new FakeServer().start();
});
afterAll(() => server.stop());

function leaseOf(environment: string) {
  return server.asked.find(({ wants }) =>
    wants.some((want) => 'environment' in want && want.environment === environment),
  );
}

describe.concurrent('the command', () => {
  test('finds out what it holds, and has stdout for itself', async ({ expect }) => {
    const environment = fresh();
    const db = fresh();
    const show = 'echo "$SIGNALBOX_LEASE|$SIGNALBOX_FENCE|$SIGNALBOX_ENVIRONMENT|$SIGNALBOX_ENVIRONMENTS"';
    const run = startRun(server.url, [environment, db, '--', 'sh', '-c', show]);
    expect(await run.code()).toBe(0);
    const lease = leaseOf(environment);
    expect(run.stdout).toBe(`${lease?.id}|${lease?.fence}|${environment} ${db}|["${environment}","${db}"]\n`);
    expect(lease?.state).toBe('released');
  });

  test('keeps variables whose names are not those of shell variables', async ({ expect }) => {
    // Without bin/signalbox: a plain sh drops such variables before run could hand them on.
    const args = [main, 'run', fresh(), '--', 'env'];
    const run = start(process.execPath, args, {
      env: { SIGNALBOX_URL: server.url, 'INPUT_DRY-RUN': 'yes', 'my.var': '1' },
    });
    expect(await run.code()).toBe(0);
    expect(run.stdout).toMatch(/^INPUT_DRY-RUN=yes$/m);
    expect(run.stdout).toMatch(/^my\.var=1$/m);
  });

  test('starts only after a renewal was acknowledged', async ({ expect }) => {
    const environment = fresh();
    const run = startRun(server.url, [environment, '--', 'true']);
    expect(await run.code()).toBe(0);
    const lease = leaseOf(environment);
    const renewals = server.seen.filter(({ path }) => path === `/v1/leases/${lease?.id}/renew`);
    expect(renewals).toHaveLength(1);
    expect(renewals[0]?.secret).toBe(lease?.secret);
  });
});

describe.concurrent('run exits with', () => {
  test.for<[string, number, string[], RegExp]>([
    ['the command’s own code', 3, ['sh', '-c', 'exit 3'], /sh exited 3$/m],
    ['128 + n when a signal ended the command', 137, ['sh', '-c', 'kill -9 $$'], /ended by SIGKILL, exit 137$/m],
    ['a 75 of the command that --result tells from ours', 75, ['sh', '-c', 'exit 75'], /sh exited 75$/m],
    ['126 when it cannot be executed', 126, ['/etc/passwd'], /cannot execute .*\[cannot_execute\]/],
    ['127 when it does not exist', 127, ['no-such-command'], /command not found: no-such-command/],
  ])('%s', async ([, code, command, said], { expect }) => {
    const environment = fresh();
    const run = startRun(server.url, [environment, '--', ...command]);
    expect(await run.code()).toBe(code);
    expect(run.stderr).toMatch(said);
    if (code === 126 || code === 127) expect(leaseOf(environment)).toBeUndefined();
  });

  test('127 when the interpreter does not exist, and releases', async ({ expect }) => {
    const { writeFileSync } = await import('node:fs');
    const script = `${folder()}/deploy.sh`;
    writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
    const environment = fresh();
    const run = startRun(server.url, [environment, '--', script]);
    expect(await run.code()).toBe(127);
    expect(run.stderr).toMatch(/was not started: it, or the interpreter in its first line, was not found/);
    expect(leaseOf(environment)?.state).toBe('released');
  });

  test.for<[string, string[]]>([
    ['without --', ['uat', 'true']],
    ['with a ttl that is too short', ['uat', '--ttl', '5s', '--', 'true']],
    ['with a flag that there is not', ['uat', '--tll', '2m', '--', 'true']],
    ['with --json, which has no place to go', ['uat', '--json', '--', 'true']],
  ])('64 %s', async ([, args], { expect }) => {
    expect(await startRun(server.url, args).code()).toBe(64);
  });

  test('75 when it is held and must not be queued for', async ({ expect }) => {
    const environment = fresh();
    server.occupy(environment);
    const run = startRun(server.url, [environment, '--no-wait', '--', 'true']);
    expect(await run.code()).toBe(75);
    expect(run.stderr).toMatch(/\[environment_busy\][\s\S]*Nothing was run\./);
  });

  test('69 when there is no server, after the time for it', async ({ expect }) => {
    const gone = await new FakeServer().start();
    await gone.stop();
    const run = startRun(gone.url, [fresh(), '--server-wait', '500ms', '--', 'true']);
    expect(await run.code()).toBe(69);
    expect(run.stderr).toMatch(/cannot reach .*: connection refused\. \[unreachable\][\s\S]*Nothing was run\./);
  });

  test('77 when the key is refused', async ({ expect }) => {
    const own = await new FakeServer().start();
    own.fault('POST', '/v1/leases', 'unauthenticated');
    const run = startRun(own.url, ['uat', '--', 'true']);
    expect(await run.code()).toBe(77);
    await own.stop();
  });
});

describe.concurrent('stopped while queued', () => {
  test.for<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('by %s: leaves the queue and exits %i', async ([signal, code], { expect }) => {
    const environment = fresh();
    server.occupy(environment);
    const run = startRun(server.url, [environment, '--', 'true'], { GITHUB_ACTIONS: 'true' });
    await run.says(/in line/);
    run.signal(signal);
    expect(await run.code()).toBe(code);
    expect(leaseOf(environment)?.state).toBe('cancelled');
    expect(run.stderr).toMatch(/::group::[\s\S]*::endgroup::\nsignalbox: left the queue/);
  });

  test('by the death of the shell that started it, in CI', async () => {
    const environment = fresh();
    server.occupy(environment);
    const script = `echo a; ${bin} run ${environment} -- true; echo b`;
    const shell = start('bash', ['-ec', script], { env: { CI: 'true', SIGNALBOX_URL: server.url } });
    await shell.says(/in line/);
    shell.signal('SIGTERM');
    await until(() => leaseOf(environment)?.state === 'cancelled', 'leaving the queue', shell);
  });
});

describe.concurrent('a signal while the command runs', () => {
  test('TERM is passed on, and the answer of the command counts', async ({ expect }) => {
    const environment = fresh();
    const run = startRun(server.url, [
      environment,
      '--',
      'sh',
      '-c',
      'trap "echo cleaned; exit 7" TERM; echo up; sleep 60 & wait',
    ]);
    await run.says(/^up$/m);
    run.signal('SIGTERM');
    expect(await run.code()).toBe(7);
    expect(run.stdout).toBe('up\ncleaned\n');
    expect(leaseOf(environment)?.state).toBe('released');
  });

  test('HUP is passed on as TERM', async ({ expect }) => {
    const run = startRun(server.url, [fresh(), '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await run.says(/^up$/m);
    run.signal('SIGHUP');
    expect(await run.code()).toBe(143);
  });

  test('a command that does not answer is killed, and the code is that of the signal', async ({ expect }) => {
    const environment = fresh();
    const command = ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'];
    const run = startRun(server.url, [environment, '--kill-after', '1s', '--', ...command]);
    await run.says(/^up$/m);
    run.signal('SIGTERM');
    expect(await run.code()).toBe(143);
    expect(leaseOf(environment)?.state).toBe('released');
  });

  test('INT without a terminal is passed on, TERM follows', async ({ expect }) => {
    const command = [
      'bash',
      '-c',
      'trap "echo int" INT; trap "echo term; exit 9" TERM; echo up; while :; do sleep 0.1; done',
    ];
    const run = startRun(server.url, [fresh(), '--', ...command]);
    await run.says(/^up$/m);
    run.signal('SIGINT');
    expect(await run.code()).toBe(9);
    expect(run.stdout).toBe('up\nint\nterm\n');
  });

  test('the death of the shell that started it, in CI: the command has ended and the environment is free', async ({
    expect,
  }) => {
    const environment = fresh();
    const pidFile = `${folder()}/pid`;
    const script = `echo a; ${bin} run ${environment} -- sh -c 'echo $$ > ${pidFile}; exec sleep 300'; echo b`;
    const shell = start('bash', ['-ec', script], { env: { CI: 'true', SIGNALBOX_URL: server.url } });
    await until(() => read(pidFile) !== '', 'the command', shell);
    shell.signal('SIGTERM');
    await until(() => leaseOf(environment)?.state === 'released', 'the release', shell);
    expect(isAlive(Number(read(pidFile)))).toBe(false);
    expect(shell.stdout).toBe('a\n');
    expect(shell.stderr).toMatch(/the process that started this is gone: TERM passed on/);
  });

  test('--keep-running goes on after that death, and so does a run outside of CI', async () => {
    for (const [flag, env] of [
      ['--keep-running', { CI: 'true' }],
      ['--reason x', {}],
    ] as const) {
      const environment = fresh();
      const done = `${folder()}/done`;
      const script = `echo a; ${bin} run ${environment} ${flag} -- sh -c 'echo up; sleep 3; echo yes > ${done}'; echo b`;
      const shell = start('bash', ['-ec', script], { env: { SIGNALBOX_URL: server.url, ...env } });
      await shell.says(/^up$/m);
      shell.signal('SIGKILL');
      await until(() => read(done) !== '', 'the end of the command', shell);
      await until(() => leaseOf(environment)?.state === 'released', 'the release', shell);
    }
  });
});

describe.concurrent('what the command leaves behind', () => {
  const leaving = (file: string) =>
    `(timeout 300 sleep 300 & echo $! >> ${file}); sleep 301 & echo $! >> ${file}; exit 4`;
  const pids = (file: string) => read(file).trim().split('\n').map(Number);

  test('is stopped before the release, also what made a group of its own', async ({ expect }) => {
    const environment = fresh();
    const file = `${folder()}/pids`;
    const run = startRun(server.url, [environment, '--', 'bash', '-c', leaving(file)]);
    expect(await run.code()).toBe(4);
    expect(pids(file)).toHaveLength(2);
    for (const pid of pids(file)) expect(isAlive(pid)).toBe(false);
    expect(run.stderr).toMatch(/processes that bash left running were stopped \(--leave keeps them\)/);
    expect(leaseOf(environment)?.state).toBe('released');
  });

  test('is killed when it does not stop', async ({ expect }) => {
    const file = `${folder()}/pids`;
    const stubborn = `sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo $! > ${file}; sleep 0.3`;
    const run = startRun(server.url, [fresh(), '--kill-after', '1s', '--', 'bash', '-c', stubborn]);
    expect(await run.code()).toBe(0);
    expect(isAlive(Number(read(file)))).toBe(false);
  });

  test('lives on with --leave', async ({ expect }) => {
    const file = `${folder()}/pids`;
    const run = startRun(server.url, [fresh(), '--leave', '--', 'bash', '-c', leaving(file)]);
    expect(await run.code()).toBe(4);
    for (const pid of pids(file)) {
      expect(isAlive(pid)).toBe(true);
    }
    // timeout has made a group of its own for itself and its sleep.
    process.kill(-(pids(file)[0] ?? 0), 'SIGKILL');
    process.kill(pids(file)[1] ?? 0, 'SIGKILL');
  });

  test('gets a second to end by itself', async ({ expect }) => {
    const file = `${folder()}/log`;
    const run = startRun(server.url, [
      fresh(),
      '--',
      'bash',
      '-c',
      `exec > >(sleep 0.4; cat > ${file}); echo all of it`,
    ]);
    expect(await run.code()).toBe(0);
    expect(read(file)).toBe('all of it\n');
    expect(run.stderr).not.toMatch(/left running/);
  });
});

describe.concurrent('scripts are told', () => {
  test('by --result what the exit code stands for, and by --events what happened', async ({ expect }) => {
    const environment = fresh();
    const other = server.occupy(environment);
    const dir = folder();
    const args = [
      environment,
      '--result',
      `${dir}/result.json`,
      '--events',
      `${dir}/events.jsonl`,
      '--',
      'sh',
      '-c',
      'exit 75',
    ];
    const run = startRun(server.url, args);
    await run.says(/in line/);
    server.release(other);
    expect(await run.code()).toBe(75);
    const lease = leaseOf(environment);
    expect(JSON.parse(read(`${dir}/result.json`))).toMatchObject({
      outcome: 'ran',
      exitCode: 75,
      commandExitCode: 75,
      lease: lease?.id,
      fence: lease?.fence,
      environments: [environment],
      waitedSeconds: expect.any(Number),
      heldSeconds: expect.any(Number),
    });
    const lines = read(`${dir}/events.jsonl`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event }) => event)).toEqual(['queued', 'renewed', 'granted', 'released']);
  });

  test('of what came to nothing too', async ({ expect }) => {
    const environment = fresh();
    server.occupy(environment);
    const file = `${folder()}/result.json`;
    await startRun(server.url, [environment, '--no-wait', '--', 'true'], { SIGNALBOX_RESULT: file }).code();
    expect(JSON.parse(read(file))).toMatchObject({
      outcome: 'not_granted',
      exitCode: 75,
      commandExitCode: null,
      code: 'environment_busy',
    });
    await startRun(server.url, [environment, '--result', file, '--', 'no-such-command']).code();
    expect(JSON.parse(read(file))).toMatchObject({ outcome: 'not_started', exitCode: 127 });
  });

  test('people by GitHub’s job summary', async ({ expect }) => {
    const environment = fresh();
    const file = `${folder()}/summary.md`;
    const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file };
    await startRun(server.url, [environment, '--', 'true'], env).code();
    await startRun(server.url, [environment, '--', 'false'], env).code();
    expect(read(file).match(/### Signalbox/g)).toHaveLength(1);
    expect(read(file)).toMatch(/\| \d+s \| – \| \d+s \| \d+ \| released \|\n.*\| released, exit 1 \|\n$/);
  });

  test('that an environment was made by this run, with the nearest name', async ({ expect }) => {
    const environment = fresh();
    server.unknown.set(environment, 'uat');
    const run = startRun(server.url, [environment, '--', 'true']);
    expect(await run.code()).toBe(0);
    expect(run.stderr).toMatch(new RegExp(`"${environment}" did not exist and was made now \\(nearest: uat\\)`));
  });
});

describe.concurrent('a quiet run', () => {
  test('says nothing when all is well, and one line when it is not', async ({ expect }) => {
    const well = startRun(server.url, [fresh(), '-q', '--', 'true']);
    expect(await well.code()).toBe(0);
    expect(well.stderr).toBe('');
    const ill = startRun(server.url, [fresh(), '-q', '--', 'false']);
    expect(await ill.code()).toBe(1);
    expect(ill.stderr).toMatch(/^signalbox: .* · false exited 1\n$/);
  });

  test('whose talk nobody reads any more goes on', async () => {
    const environment = fresh();
    const script = `${bin} run ${environment} -- sh -c 'sleep 1; exit 0' 2>&1 | head -c 0`;
    await start('bash', ['-c', script], { env: { SIGNALBOX_URL: server.url } }).ended;
    // Not given up with its readers: only whoever still runs can release it.
    await until(() => leaseOf(environment)?.state === 'released', 'the release');
  });
});
