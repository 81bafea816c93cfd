// What `run` is for: whatever happens to the lease, the server or the wrapper, the command is dead before anyone else is let in.
// Order is compared, by the command's own heart, not durations. The server is a fake one, whose faults can be switched on.

import { readdirSync } from 'node:fs';
import { describe, test } from 'vitest';
import { processRow } from '../../src/cli/run/processes.ts';
import { FakeServer } from './fake-server.ts';
import { folder, heartbeat, isAlive, lastBeat, pause, read, start, startRun, until } from './harness.ts';

async function withServer(use: (server: FakeServer) => Promise<void>): Promise<void> {
  const server = await new FakeServer().start();
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

/** A command whose heart beats into a file and which ignores all that can be ignored; and the next one in the queue. */
async function heldAndWanted(server: FakeServer, env: Record<string, string> = {}) {
  const dir = folder();
  const heart = `${dir}/heart`;
  const holder = startRun(
    server.url,
    ['uat', '--ttl', '10s', '--result', `${dir}/result`, '--', 'sh', '-c', heartbeat(heart)],
    env,
  );
  await until(() => read(heart) !== '', 'the first beat', holder);
  const next = startRun(server.url, ['uat', '--', 'sh', '-c', `date +%s%N > ${dir}/next`]);
  await next.says(/in line/);
  const childPid = Number(read(`${heart}.pid`));
  return {
    holder,
    next,
    childPid,
    heart,
    nextStartedAt: () => Number(read(`${dir}/next`)) / 1e6,
    result: () => JSON.parse(read(`${dir}/result`)),
  };
}

/** The watchdogs that this process has started. */
function watchdogsOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && processRow(Number(name))?.parent === pid)
    .map(Number)
    .filter((child) => read(`/proc/${child}/cmdline`).includes('signalbox-watchdog'));
}

describe.concurrent('the command is dead before anyone else is let in', () => {
  test('when the lease is taken away', ({ expect }) =>
    withServer(async (server) => {
      const { holder, next, heart, nextStartedAt, result } = await heldAndWanted(server);
      server.revoke('ls_fake1', 'carla', 'prod incident, need uat now');
      expect(await holder.code()).toBe(76);
      expect(holder.stderr).toMatch(/uat was taken away after \d+s by carla: "prod incident, need uat now"/);
      expect(holder.stderr).toMatch(
        /stopping sh \(TERM\) … did not stop within 2s \(KILL\) … stopped with \d+s to spare/,
      );
      expect(await next.code()).toBe(0);
      expect(lastBeat(heart)).toBeLessThan(nextStartedAt());
      expect(result()).toMatchObject({ outcome: 'lost', exitCode: 76, code: 'revoked' });
    }));

  test('when it is taken away long before the next renewal, which nobody waits for', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--', 'sh', '-c', 'echo up; exec sleep 60']);
      await run.says(/^up$/m);
      server.revoke('ls_fake1', 'carla', 'now');
      expect(await run.code()).toBe(76);
      expect(run.stderr).toMatch(/stopping sh \(TERM\) … stopped in \d+s, before anyone else was let in/);
      expect(server.seen.filter(({ path }) => path.endsWith('/renew'))).toHaveLength(1);
      expect(server.asked[0]?.state).toBe('released');
    }));

  test('when renewals are not answered', ({ expect }) =>
    withServer(async (server) => {
      const { holder, next, heart, nextStartedAt, result } = await heldAndWanted(server, { GITHUB_ACTIONS: 'true' });
      server.fault('POST', 'ls_fake1/renew', 'hang', 1000);
      expect(await holder.code()).toBe(76);
      expect(holder.stderr).toMatch(
        /renewal failed \(no answer in time\), trying again\. sh is stopped in \d+s unless a renewal succeeds/,
      );
      expect(holder.stderr).toMatch(/^::error title=Signalbox lost uat::uat could not be renewed for/m);
      expect(await next.code()).toBe(0);
      expect(lastBeat(heart)).toBeLessThan(nextStartedAt());
      expect(result()).toMatchObject({ outcome: 'lost', code: 'unrenewed' });
    }));

  test.for<['html_200' | 'proxy_502' | 'busy_503' | 'unauthenticated']>([
    ['html_200'],
    ['proxy_502'],
    ['busy_503'],
    ['unauthenticated'],
  ])('when renewals are answered by anything but an acknowledgement: %s', ([fault], { expect }) =>
    withServer(async (server) => {
      const { holder, next, heart, nextStartedAt } = await heldAndWanted(server);
      server.fault('POST', 'ls_fake1/renew', fault, 1000);
      expect(await holder.code()).toBe(76);
      expect(await next.code()).toBe(0);
      expect(lastBeat(heart)).toBeLessThan(nextStartedAt());
    }));

  test('when the wrapper is stopped (SIGSTOP); and when it goes on, it says so and exits 76', ({ expect }) =>
    withServer(async (server) => {
      const { holder, next, childPid, heart, nextStartedAt, result } = await heldAndWanted(server);
      holder.signal('SIGSTOP');
      expect(await next.code()).toBe(0);
      expect(isAlive(childPid)).toBe(false);
      expect(lastBeat(heart)).toBeLessThan(nextStartedAt());
      holder.signal('SIGCONT');
      expect(await holder.code()).toBe(76);
      expect(holder.stderr).toMatch(/this machine slept, or this process was stopped/);
      expect(result()).toMatchObject({ outcome: 'lost', code: 'asleep' });
    }));

  test('when the wrapper is killed (SIGKILL)', ({ expect }) =>
    withServer(async (server) => {
      const { holder, next, childPid, heart, nextStartedAt } = await heldAndWanted(server);
      const [watchdog = 0] = watchdogsOf(holder.pid);
      holder.signal('SIGKILL');
      await holder.ended;
      expect(isAlive(childPid)).toBe(true);
      expect(await next.code()).toBe(0);
      expect(isAlive(childPid)).toBe(false);
      expect(lastBeat(heart)).toBeLessThan(nextStartedAt());
      await until(() => !isAlive(watchdog), 'the end of the watchdog');
    }));

  test('when the wrapper is killed together with all that has a variable of the job, as runners do', ({ expect }) =>
    withServer(async (server) => {
      const { holder, childPid } = await heldAndWanted(server, { JENKINS_SERVER_COOKIE: 'c1' });
      const [watchdog = 0] = watchdogsOf(holder.pid);
      expect(read(`/proc/${holder.pid}/environ`)).toContain('JENKINS_SERVER_COOKIE');
      expect(read(`/proc/${watchdog}/environ`)).not.toContain('JENKINS_SERVER_COOKIE');
      process.kill(childPid, 'SIGKILL');
      await holder.ended;
    }));
});

describe.concurrent('the command goes on', () => {
  test('through an outage of the server that is shorter than the ttl', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--ttl', '20s', '--', 'sh', '-c', 'echo up; sleep 14; echo done']);
      await run.says(/^up$/m);
      await server.stop();
      await run.says(/renewal failed \(connection refused\)/);
      await server.start();
      expect(await run.code()).toBe(0);
      expect(run.stderr).toMatch(/renewed again after \d+s/);
      expect(run.stdout).toBe('up\ndone\n');
      expect(server.asked.map(({ state }) => state)).toEqual(['released']);
    }));

  test('for longer than its ttl, while it is renewed', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--ttl', '10s', '--', 'sleep', '14']);
      expect(await run.code()).toBe(0);
      expect(run.stderr).toMatch(/uat released after \d+s/);
    }));

  test('and its own code counts when it ended while the wrapper was stopped, before the lease was lost', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--ttl', '10s', '--', 'sh', '-c', 'echo up; sleep 2; exit 5']);
      await run.says(/^up$/m);
      run.signal('SIGSTOP');
      await until(() => server.asked[0]?.state === 'expired', 'the end of the lease');
      run.signal('SIGCONT');
      expect(await run.code()).toBe(5);
      expect(run.stderr).toMatch(/uat had ended already/);
    }));
});

describe.concurrent('the watchdog', () => {
  const script = new URL('../../src/cli/run/watchdog.sh', import.meta.url).pathname;

  function watch(line: string, seconds = '0.3', shell = 'sh') {
    const watchdog = start('sh', ['-c', `printf '${line}' | ${shell} ${script} ${seconds} ${seconds.split('.')[0]}`]);
    return watchdog.ended;
  }

  function sleeper() {
    const child = start('sleep', ['300'], { detached: true });
    return { child, begun: processRow(child.pid)?.start ?? '' };
  }

  test.for<[string]>([['dash'], ['bash'], ['bash --posix']])('kills the group at the deadline (%s)', async ([shell], {
    expect,
  }) => {
    const { child, begun } = sleeper();
    await watch(`${child.pid} ${begun} 1\\n`, '0.3', shell);
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('reaches what made a group or a session of its own', async ({ expect }) => {
    const file = `${folder()}/pids`;
    const nested = `timeout 300 sleep 300 & echo $! >> ${file}; setsid -w sleep 301 & echo $! >> ${file}; wait`;
    const child = start('bash', ['-c', nested], { detached: true });
    await until(() => read(file).split('\n').length === 3, 'the children');
    await pause(100);
    await watch(`${child.pid} ${processRow(child.pid)?.start} 1\\n`);
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
    for (const pid of read(file).trim().split('\n')) await until(() => !isAlive(Number(pid)), `the end of ${pid}`);
  });

  test('does not kill a process that has the number by now', async ({ expect }) => {
    const { child } = sleeper();
    await watch(`${child.pid} 12345 1\\n`);
    await pause(300);
    expect(isAlive(child.pid)).toBe(true);
    child.signal('SIGKILL');
  });

  test('ends at once when the wrapper died before it started a command', async ({ expect }) => {
    expect(await watch('', '300')).toMatchObject({ code: 0 });
  });

  test('is armed once, anew at each renewal, and gone when the run is over', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--ttl', '10s', '--', 'sh', '-c', 'echo up; sleep 6']);
      await run.says(/^up$/m);
      await until(() => watchdogsOf(run.pid).length === 1, 'the watchdog');
      const [first = 0] = watchdogsOf(run.pid);
      const { group, session } = processRow(first) ?? {};
      expect([group, session]).toEqual([first, first]);
      await until(() => !isAlive(first), 'the next watchdog');
      const [second = 0] = watchdogsOf(run.pid);
      expect(second).not.toBe(0);
      expect(await run.code()).toBe(0);
      await until(() => !isAlive(second), 'the end of the watchdog');
    }));

  test('does not wait for its deadline when the run is over', ({ expect }) =>
    withServer(async (server) => {
      const run = startRun(server.url, ['uat', '--ttl', '10m', '--', 'sh', '-c', 'echo up; sleep 1']);
      await run.says(/^up$/m);
      const [watchdog = 0] = watchdogsOf(run.pid);
      expect(isAlive(watchdog)).toBe(true);
      expect(await run.code()).toBe(0);
      await until(() => !isAlive(watchdog), 'the end of the watchdog');
    }));
});
