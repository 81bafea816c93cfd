// A program that tests start for themselves: in a folder of its own, on a free port, and as somebody without rights, because
// database servers refuse to run as root. What always holds: it ends with the test process, and its folder goes with it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** `nobody` of Debian and most others. */
const nobody = 65534;
const isRoot = process.getuid?.() === 0;
/** What the program runs as; nothing where the tests themselves have no rights. */
const identity = isRoot ? { uid: nobody, gid: nobody } : {};

export interface Daemon {
  readonly port: number;
  /** What it has written, for a failed test. */
  readonly output: () => string;
  /** Ends it without asking; nobody listens at its port until it is started again. */
  halt(): Promise<void>;
  /** Ends it, and starts it on the same port and what it has kept. */
  restart(): Promise<void>;
  /** Ends it, and removes its folder. */
  stop(): Promise<void>;
}

export interface Plan {
  readonly name: string;
  /** Makes what it needs in its folder. */
  readonly prepare?: (folder: string) => Promise<void>;
  readonly command: (folder: string, port: number) => readonly [string, ...string[]];
  /** What it writes once it takes connections. */
  readonly ready: RegExp;
}

export async function startDaemon({ name, prepare, command, ready }: Plan): Promise<Daemon> {
  const folder = mkdtempSync(join(tmpdir(), `signalbox-${name}-`));
  if (isRoot) chownSync(folder, nobody, nobody);
  await prepare?.(folder);
  // Another test may take the port that was free a moment ago.
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const again = () => start(command(folder, port), folder, ready);
    const run = await again();
    if (run.isReady) return running(run, again, folder, port);
    if (tries === 3) throw new Error(`${name} did not start: ${run.output()}`);
  }
}

function running(first: Run, again: () => Promise<Run>, folder: string, port: number): Daemon {
  let run = first;
  return {
    port,
    output: () => run.output(),
    halt: () => end(run.child),
    restart: async () => {
      await end(run.child);
      run = await again();
      if (!run.isReady) throw new Error(`it did not start again: ${run.output()}`);
    },
    stop: async () => {
      await end(run.child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Gives a file to the program alone, as it insists on for keys. */
export function handOver(file: string): void {
  chmodSync(file, 0o600);
  if (isRoot) chownSync(file, nobody, nobody);
}

/** Runs a program that sets something up, as the same user, and resolves to what it has printed. */
export async function runOnce(folder: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: folder, ...identity, env: environment(folder) });
  return stdout;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Nothing of whoever runs the tests, so that a PGDATA or a ~/.my.cnf of theirs has no part in it. */
function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: folder, TMPDIR: folder, LC_ALL: 'C.UTF-8' };
}

interface Run {
  readonly child: ChildProcess;
  readonly isReady: boolean;
  readonly output: () => string;
}

async function start(command: readonly [string, ...string[]], folder: string, ready: RegExp): Promise<Run> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    ...{ cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: environment(folder) },
    ...identity,
  });
  const clear = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', clear);
  child.once('exit', () => process.off('exit', clear));
  let output = '';
  const isReady = await new Promise<boolean>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (ready.test(output)) resolve(true);
      });
    child.once('error', (error) => {
      output += error.message;
      resolve(false);
    });
    child.once('exit', () => resolve(false));
  });
  return { child, isReady, output: () => output };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  // PostgreSQL must be told to stop its children; the others end with their process.
  child.kill('SIGQUIT');
  const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await gone;
  clearTimeout(timer);
}
