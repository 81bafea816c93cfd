// On a terminal: the command has it, Ctrl-C and Ctrl-Z do what a person expects, and it comes back afterwards. The terminal is a
// real one, made by util-linux `script`; keys are written to it.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';
import { locate } from '../../src/cli/run/locate.ts';
import { processRow } from '../../src/cli/run/processes.ts';
import { FakeServer } from './fake-server.ts';
import { bin, cleanEnv, folder, heartbeat, isAlive, lastBeat, read, Started, startRun, until } from './harness.ts';

const ctrlC = '\u0003';
const ctrlZ = '\u001a';

class Terminal extends Started {
  type(keys: string): void {
    this.process.stdin?.write(keys);
  }
}

/** A shell script on a terminal of its own; `$RUN` is `signalbox run`. */
function onTerminal(url: string, script: string, env: Record<string, string> = {}): Terminal {
  const child = spawn('/usr/bin/script', ['-qefc', `stty cols 200; ${script}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: cleanEnv({ SIGNALBOX_URL: url, RUN: `${bin} run`, TERM: 'xterm', SHELL: '/bin/sh', ...env }),
  });
  return new Terminal(child);
}

async function withServer(use: (server: FakeServer) => Promise<void>): Promise<void> {
  const server = await new FakeServer().start();
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

/** A PATH without bash, as small images have. */
function pathWithoutBash(): string {
  const dir = folder();
  mkdirSync(join(dir, 'bin'));
  for (const name of ['sh', 'env', 'sleep', 'ps', 'cat', 'date', 'mv', 'stty', 'dirname', 'readlink']) {
    const found = locate(name, (process.env.PATH ?? '').split(delimiter).concat('/usr/bin', '/bin').join(delimiter));
    if (found.kind === 'found') symlinkSync(found.path, join(dir, 'bin', name));
  }
  return join(dir, 'bin');
}

const shells: [name: string, env: Record<string, string>][] = [
  ['bash', {}],
  ['sh', { PATH: pathWithoutBash() }],
];

describe.concurrent.each(shells)('on a terminal, by way of %s', (_, env) => {
  test('the command has the terminal in a process group of its own, and can ask for a password', ({ expect }) =>
    withServer(async (server) => {
      const command = `sh -c 'ps -o pgid=,tpgid= -p $$; printf "Pass""word: "; stty -echo; read p </dev/tty; stty echo; echo got $p'`;
      const run = onTerminal(server.url, `$RUN uat -- ${command}; echo code $?; read again; echo again $again`, env);
      await run.says(/Password: /);
      run.type('hunter2\n');
      // The terminal came back: a reader in the background would have been stopped.
      await run.says(/code 0/);
      run.type('yes\n');
      expect(await run.code()).toBe(0);
      expect(run.stdout).toMatch(/got hunter2[\s\S]*code 0[\s\S]*again yes/);
      const [, group, foreground] = /^\s*(\d+)\s+(\d+)\s*$/m.exec(run.stdout) ?? [];
      expect(group).toBe(foreground);
    }));

  test('one Ctrl-C is the command’s own affair', ({ expect }) =>
    withServer(async (server) => {
      const command = `sh -c 'trap "echo cleaning; sleep 3; exit 4" INT; echo u""p; while :; do sleep 0.1; done'`;
      const run = onTerminal(server.url, `$RUN uat -- ${command}; echo code $?`, env);
      await run.says(/^up\r$/m);
      run.type(ctrlC);
      await run.says(/code 4/);
      expect(run.stdout).not.toMatch(/TERM passed on/);
      expect(server.asked[0]?.state).toBe('released');
    }));

  test('the second Ctrl-C sends TERM, the third KILL', ({ expect }) =>
    withServer(async (server) => {
      const command = `sh -c 'trap "echo i""nt" INT; trap "echo t""erm" TERM; echo u""p; while :; do sleep 0.1; done'`;
      const run = onTerminal(server.url, `$RUN uat -- ${command}; echo code $?`, env);
      await run.says(/^up\r$/m);
      run.type(ctrlC);
      await run.says(/^(\^C)?int\r$/m);
      run.type(ctrlC);
      await run.says(/^term\r$/m);
      run.type(ctrlC);
      await run.says(/code 130/);
      expect(server.asked[0]?.state).toBe('released');
    }));

  test('Ctrl-Z does not suspend it, because others wait', ({ expect }) =>
    withServer(async (server) => {
      const run = onTerminal(server.url, `$RUN uat -- sh -c 'echo u""p; sleep 2; echo do""ne'; echo code $?`, env);
      await run.says(/^up\r$/m);
      run.type(ctrlZ);
      await run.says(/code 0/);
      expect(run.stdout).toMatch(/not suspended: others wait for this lease[\s\S]*done/);
    }));

  test('its exit code and the signal that ended it arrive', ({ expect }) =>
    withServer(async (server) => {
      const run = onTerminal(
        server.url,
        `$RUN uat -- sh -c 'exit 7'; echo code $?; $RUN uat -- sh -c 'kill -9 $$'; echo code $?`,
        env,
      );
      await run.says(/code 7[\s\S]*code 137/);
      expect(await run.code()).toBe(0);
    }));

  test('the command gets its signals as if there were nothing between', ({ expect }) =>
    withServer(async (server) => {
      const run = onTerminal(server.url, `$RUN uat -- cat /proc/self/status; echo code $?`, env);
      await run.says(/code 0/);
      const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(run.stdout)?.[1]}`);
      const bits = [1n, 2n, 3n, 13n, 15n].map((signal) => 1n << (signal - 1n));
      for (const bit of bits) expect([mask('SigIgn') & bit, mask('SigBlk') & bit]).toEqual([0n, 0n]);
    }));

  test('TERM to run stops the command, which may take its time, and the terminal comes back', ({ expect }) =>
    withServer(async (server) => {
      const command = `sh -c 'trap "sleep 1; echo clean""ed; exit 3" TERM; echo u""p; while :; do sleep 0.1; done'`;
      const run = onTerminal(server.url, `$RUN uat -- ${command}; echo code $?; read again; echo again $again`, env);
      await run.says(/^up\r$/m);
      for (const pid of wrappers(run.pid)) process.kill(pid, 'SIGTERM');
      await run.says(/cleaned[\s\S]*code 3/);
      run.type('yes\n');
      await run.says(/again yes/);
      expect(await run.code()).toBe(0);
    }));

  test('a run in the background does not take the terminal', ({ expect }) =>
    withServer(async (server) => {
      const script = `/bin/bash -ic '$RUN uat -- sh -c "ps -o sid=,pid= -p \\$\\$; cat; sleep 1" & read x; echo read $x; wait; echo all'`;
      const run = onTerminal(server.url, script, env);
      await run.says(/uat is yours/);
      run.type('me\n');
      await run.says(/read me[\s\S]*all/);
      const [, session, pid] = /^\s*(\d+)\s+(\d+)\s*$/m.exec(run.stdout) ?? [];
      expect(session).toBe(pid);
      expect(run.stdout).not.toMatch(/Stopped/);
    }));

  test('the command dies before anyone else is let in when the wrapper is killed', ({ expect }) =>
    withServer(async (server) => {
      const dir = folder();
      const heart = `${dir}/heart`;
      const beat = heartbeat(heart).replaceAll('$$', '\\$\\$');
      const holder = onTerminal(server.url, `$RUN uat --ttl 10s -- sh -c "${beat.replaceAll('$(', '\\$(')}"`, env);
      await until(() => read(heart) !== '', 'the first beat', holder);
      const next = startRun(server.url, ['uat', '--', 'sh', '-c', `date +%s%N > ${dir}/next`]);
      await next.says(/in line/);
      for (const pid of wrappers(holder.pid)) process.kill(pid, 'SIGKILL');
      expect(await next.code()).toBe(0);
      expect(isAlive(Number(read(`${heart}.pid`)))).toBe(false);
      expect(lastBeat(heart)).toBeLessThan(Number(read(`${dir}/next`)) / 1e6);
    }));
});

describe.concurrent('on a terminal', () => {
  test('the waiting is one line, and Ctrl-C leaves the queue', ({ expect }) =>
    withServer(async (server) => {
      server.occupy('uat');
      const run = onTerminal(server.url, 'trap : INT; $RUN uat -- true; echo code $?');
      await run.says(/uat · next · held \d+s by shop deploy #1841 \(anna\) · about 9m · Ctrl-C leaves the queue/);
      run.type(ctrlC);
      await run.says(/left the queue of uat after \d+s\. Nothing was run\.\r\ncode 130/);
      expect(server.asked[0]?.state).toBe('cancelled');
    }));

  test('in CI the command has a session of its own even there', ({ expect }) =>
    withServer(async (server) => {
      const run = onTerminal(server.url, `$RUN uat -- sh -c 'ps -o sid=,pid= -p $$'; echo code $?`, { CI: 'true' });
      await run.says(/code 0/);
      const [, session, pid] = /^\s*(\d+)\s+(\d+)\s*$/m.exec(run.stdout) ?? [];
      expect(session).toBe(pid);
    }));
});

/** The Node processes of `signalbox run` below this one. */
function wrappers(pid: number): number[] {
  const rows = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processRow(Number(name)) ?? []) : []));
  const below = new Set([pid]);
  for (let before = 0; before !== below.size; ) {
    before = below.size;
    for (const row of rows) if (below.has(row.parent)) below.add(row.pid);
  }
  return [...below].filter((each) => read(`/proc/${each}/cmdline`).includes('src/cli/main.ts'));
}
