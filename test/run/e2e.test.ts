// `run` against the real server: nobody is let in while the command of somebody else still lives, whatever dies or stops.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { bin, folder, heartbeat, isAlive, lastBeat, read, start, startRun, until } from './harness.ts';
import { RealServer } from './real-server.ts';

let server: RealServer;
let count = 0;
const fresh = () => `e2e-${++count}`;

beforeAll(async () => {
  server = await RealServer.start();
});
afterAll(() => server.stop('SIGKILL'));

/** A command that ignores all that can be ignored, and the next one in the queue. */
async function heldAndWanted(environment: string, url = server.url, ttl = '10s') {
  const dir = folder();
  const heart = `${dir}/heart`;
  const result = `${dir}/result`;
  const holder = startRun(url, [environment, '--ttl', ttl, '--result', result, '--', 'sh', '-c', heartbeat(heart)]);
  await until(() => read(heart) !== '', 'the first beat', holder);
  const next = startRun(url, [environment, '--', 'sh', '-c', `date +%s%N > ${dir}/next`]);
  await next.says(/in line/);
  return {
    holder,
    next,
    childPid: Number(read(`${heart}.pid`)),
    lastBeat: () => lastBeat(heart),
    nextStartedAt: () => Number(read(`${dir}/next`)) / 1e6,
    result: () => JSON.parse(read(result)),
  };
}

describe.concurrent('nobody is let in while the command still lives', () => {
  test('though its wrapper was stopped for longer than the ttl; continued, it exits 76', async ({ expect }) => {
    const { holder, next, childPid, ...seen } = await heldAndWanted(fresh());
    holder.signal('SIGSTOP');
    expect(await next.code()).toBe(0);
    expect(isAlive(childPid)).toBe(false);
    expect(seen.lastBeat()).toBeLessThan(seen.nextStartedAt());
    holder.signal('SIGCONT');
    expect(await holder.code()).toBe(76);
    expect(seen.result()).toMatchObject({ outcome: 'lost', exitCode: 76 });
  });

  test('though its wrapper was killed', async ({ expect }) => {
    const { holder, next, childPid, ...seen } = await heldAndWanted(fresh());
    holder.signal('SIGKILL');
    expect(await next.code()).toBe(0);
    expect(isAlive(childPid)).toBe(false);
    expect(seen.lastBeat()).toBeLessThan(seen.nextStartedAt());
  });

  test('though the lease was taken away', async ({ expect }) => {
    const environment = fresh();
    const { holder, next, childPid, ...seen } = await heldAndWanted(environment);
    const lease = await server.holder(environment);
    const revoked = await server.client.revoke(lease ?? '', { reason: 'prod incident, need uat now' });
    expect(revoked.ok).toBe(true);
    expect(await holder.code()).toBe(76);
    expect(holder.stderr).toMatch(/was taken away after .* by .*: "prod incident, need uat now"/);
    expect(await next.code()).toBe(0);
    expect(isAlive(childPid)).toBe(false);
    expect(seen.lastBeat()).toBeLessThan(seen.nextStartedAt());
  });

  test('though the server was stopped for longer than the ttl and came back', async ({ expect }) => {
    const own = await RealServer.start('sqlite');
    const { holder, next, childPid, ...seen } = await heldAndWanted('uat', own.url);
    await own.stop('SIGKILL');
    expect(await holder.code()).toBe(76);
    expect(isAlive(childPid)).toBe(false);
    await own.start();
    expect(await next.code()).toBe(0);
    expect(next.stderr).toMatch(/connected again after/);
    expect(seen.lastBeat()).toBeLessThan(seen.nextStartedAt());
    await own.stop();
  });
});

describe.concurrent('a cancelled job', () => {
  test('whose shell was ended by TERM has no command any more, and the environment is free', async ({ expect }) => {
    const environment = fresh();
    const dir = folder();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(
      `${dir}/deploy.sh`,
      `#!/bin/sh\necho $$ > ${dir}/pid\nsleep 300 &\necho $! > ${dir}/grandchild\nwait\n`,
      { mode: 0o755 },
    );
    const script = `echo a; ${bin} run ${environment} -- ./deploy.sh; echo b`;
    const shell = start('bash', ['-ec', script], { env: { CI: 'true', SIGNALBOX_URL: server.url }, cwd: dir });
    await until(() => read(`${dir}/grandchild`) !== '', 'deploy.sh', shell);
    shell.signal('SIGTERM');
    await shell.ended;
    await until(() => !isAlive(Number(read(`${dir}/pid`))), 'the end of deploy.sh');
    await until(() => !isAlive(Number(read(`${dir}/grandchild`))), 'the end of its child');
    await server.untilFree(environment);
    expect(shell.stdout).toBe('a\n');
  });
});

describe.concurrent('a restart of the server', () => {
  test('costs neither the holder its lease nor the others their places', async ({ expect }) => {
    const own = await RealServer.start('sqlite');
    const order = `${folder()}/order`;
    const says = (name: string) => ['sh', '-c', `echo ${name} >> ${order}`];
    const holder = startRun(own.url, [
      'uat',
      '--ttl',
      '20s',
      '--',
      'sh',
      '-c',
      `echo up; sleep 6; echo first >> ${order}`,
    ]);
    await holder.says(/^up$/m);
    const second = startRun(own.url, ['uat', '--', ...says('second')]);
    await second.says(/next in line/);
    const third = startRun(own.url, ['uat', '--', ...says('third')]);
    await third.says(/2nd in line/);
    await own.stop();
    await own.start();
    await own.stop('SIGKILL');
    await own.start();
    expect(await Promise.all([holder.code(), second.code(), third.code()])).toEqual([0, 0, 0]);
    expect(read(order)).toBe('first\nsecond\nthird\n');
    await own.stop();
  });
});

describe.concurrent('run exits with', () => {
  test('75 when it was not granted in time', async ({ expect }) => {
    const environment = fresh();
    const holder = startRun(server.url, [environment, '--', 'sh', '-c', 'echo up; sleep 4']);
    await holder.says(/^up$/m);
    const run = startRun(server.url, [environment, '--wait', '1s', '--', 'true']);
    expect(await run.code()).toBe(75);
    expect(run.stderr).toMatch(/was not granted within 1s \(--wait\)\. \[not_granted\]/);
    expect(await holder.code()).toBe(0);
  });

  test('64 when it can never be granted', async ({ expect }) => {
    const environment = fresh();
    const twice = startRun(server.url, [environment, environment, '--', 'true']);
    expect(await twice.code()).toBe(64);
    expect(twice.stderr).toMatch(/\[duplicate_want\]/);
  });

  test('77 without a key, and 0 with one', async ({ expect }) => {
    const key = `sbx_ci_${randomUUID().replaceAll('-', '')}`;
    const own = await RealServer.start('memory', { API_KEY: key });
    const without = startRun(own.url, ['uat', '--', 'true']);
    expect(await without.code()).toBe(77);
    const withKey = startRun(own.url, ['uat', '--', 'true'], { SIGNALBOX_KEY: key });
    expect(await withKey.code()).toBe(0);
    await own.stop();
  });

  test('76 when it was held for as long as is allowed', async ({ expect }) => {
    const environment = fresh();
    const run = startRun(server.url, [environment, '--ttl', '10s', '--max-hold', '12s', '--', 'sleep', '60']);
    expect(await run.code()).toBe(76);
    expect(run.stderr).toMatch(/may not be held for longer[\s\S]*before anyone else was let in/);
  });
});

describe.concurrent('several environments', () => {
  test('are taken together or not at all, by name and by label', async ({ expect }) => {
    for (const name of ['db-1', 'db-2']) {
      const put = await server.client.putEnvironment(name, { labels: { kind: 'db' } });
      expect(put.ok).toBe(true);
    }
    const environment = fresh();
    const run = startRun(server.url, [
      environment,
      '--label',
      'kind=db:2',
      '--',
      'sh',
      '-c',
      'echo "$SIGNALBOX_ENVIRONMENTS"',
    ]);
    expect(await run.code()).toBe(0);
    expect(JSON.parse(run.stdout).sort()).toEqual(['db-1', 'db-2', environment]);
  });
});
