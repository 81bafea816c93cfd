// Every process that the bench starts is started here, and ended by its pid: at the end, on a failure, on Ctrl-C.
// Their temporary directories go with them.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, processTree } from './proc.ts';
import type { Launch } from './systems/system.ts';

/** For one that is asked to end at once. */
const END_LIMIT_MS = 5_000;

const children = new Set<ChildProcess>();
/** Those that clean up behind themselves when they are asked to end at once, and tell their own children. */
const gentle = new WeakMap<ChildProcess, NodeJS.Signals>();
const directories = new Set<string>();

export function temporaryDirectory(within: string, name: string): string {
  mkdirSync(within, { recursive: true });
  const directory = mkdtempSync(join(within, `signalbox-bench-${name}-`));
  directories.add(directory);
  return directory;
}

/** What the process writes goes to `logFile`. */
export function startServer(launch: Launch, cwd: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  const child = spawn(launch.command, launch.args, {
    cwd,
    env: { ...cleanEnvironment(), ...launch.env },
    stdio: ['ignore', log, log],
    ...launch.as,
  });
  closeSync(log);
  if (launch.endBy !== undefined) gentle.set(child, launch.endBy);
  return remember(child);
}

export function startFork(file: string): ChildProcess {
  return remember(fork(file, [], { env: cleanEnvironment() }));
}

/** Ends the process and all that it started, at once: nothing that a server of a bench keeps is needed again. */
export function end(child: ChildProcess): void {
  if (!children.delete(child) || child.pid === undefined) return;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const signal = gentle.get(child);
  if (signal !== undefined) {
    child.kill(signal);
    waitUntilEnded(child.pid);
    return;
  }
  for (const pid of processTree(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}

/** What it has in its directory is its own until then. Not by an event: this also happens while this process itself ends. */
function waitUntilEnded(pid: number): void {
  const until = performance.now() + END_LIMIT_MS;
  while (isRunning(pid) && performance.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}

export function removeDirectory(directory: string): void {
  directories.delete(directory);
  // A killed server may be about to write its last file.
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

export function endAll(): void {
  for (const child of [...children]) end(child);
  for (const directory of [...directories]) removeDirectory(directory);
}

/** A signal ends all children, then this process with the code that a shell shows for it. */
export function endAllOnSignals(): void {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      endAll();
      process.exit(code);
    });
  }
  process.on('exit', endAll);
}

function remember(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.on('error', () => children.delete(child));
  return child;
}

/** The systems are measured as they are by themselves, whatever the shell of whoever runs the bench has set. */
function cleanEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME };
}
