// Starts the command and tells when it ended. Without a terminal it gets a session of its own; on a terminal a process group that
// has the terminal (docs/run.md, "The child").
//
// Must always hold: the watchdog knows the child's group before this function returns to the event loop, on a terminal before the
// command is even started; and the child's group is never ours, so that killing it does not kill us.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { processRow, type RunProcesses } from './processes.ts';
import { jobShell, leaderShell } from './terminal-shells.ts';
import type { Target } from './watchdog.ts';

export interface ChildEnd {
  /** The exit code, or 128 + n. */
  readonly code: number;
  /** The signal that ended it, where it is known to be one. */
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly processes: RunProcesses;
  readonly ended: Promise<ChildEnd>;
  /** A Ctrl-C on the terminal reaches the child without us. */
  readonly hasTerminal: boolean;
}

export type Started =
  | { readonly kind: 'started'; readonly child: Child }
  | { readonly kind: 'failed'; readonly exitCode: 126 | 127; readonly why: string };

export interface ToStart {
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** false: it must not read from the terminal, whose keys are for somebody else. */
  readonly keepStdin: boolean;
  readonly guard: (target: Target) => void;
  /** A Ctrl-C was typed on the terminal (the child has got it already). */
  readonly onKeyboardInterrupt: () => void;
  /** A Ctrl-Z was typed, and undone. */
  readonly onPaused: () => void;
}

export function startInSession(toStart: ToStart): Promise<Started> {
  const [file, ...args] = toStart.command;
  const stdin = toStart.keepStdin ? 'inherit' : 'ignore';
  const child = spawn(file, args, { stdio: [stdin, 'inherit', 'inherit'], detached: true, env: toStart.env });
  const { pid } = child;
  if (pid === undefined) return notStarted(child);
  const processes = { group: pid, ownSession: true };
  toStart.guard({ ...processes, start: processRow(pid)?.start ?? null });
  const ended = once(child, 'exit').then(([code, signal]) => childEnd(code, signal));
  return Promise.resolve({ kind: 'started', child: { processes, ended, hasTerminal: false } });
}

/**
 * On a terminal that is ours at the moment. `shell`: bash where there is one, because a plain sh drops variables from the
 * environment whose names are not those of shell variables. null: this shell cannot do it here; nothing was started.
 */
export async function startOnTerminal(toStart: ToStart, shell: string): Promise<Started | null> {
  const posix = shell.endsWith('bash') ? ['--posix'] : [];
  const args = [...posix, '-m', '-c', jobShell, shell, leaderShell, shell, ...toStart.command];
  const jobs = spawn(shell, args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe'], env: toStart.env });
  if (jobs.pid === undefined) return notStarted(jobs);
  const exited = once(jobs, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const go = jobs.stdio[4] as NodeJS.WritableStream;
  go.on('error', () => {});
  let group: number | null = null;
  let exitCode: number | null = null;
  let saidReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    saidReady = resolve;
  });
  const messages = readMessages(jobs.stdio[3] as NodeJS.ReadableStream, (word, value) => {
    if (word === 'group') group = value;
    if (word === 'ready') saidReady();
    if (word === 'int') toStart.onKeyboardInterrupt();
    if (word === 'paused') toStart.onPaused();
    if (word === 'exit') exitCode = value;
  });
  await Promise.race([ready, exited]);
  // Without job control the "leader" leads nothing: it is in our own group.
  if (group === null || !leadsGroup(group)) {
    go.end();
    await exited;
    return null;
  }
  const processes = { group, ownSession: false };
  toStart.guard({ ...processes, start: processRow(group)?.start ?? null });
  go.end('go\n');
  const ended = exited.then(async ([code, signal]) => {
    await messages;
    return exitCode === null ? childEnd(code, signal) : { code: exitCode, signal: null };
  });
  return { kind: 'started', child: { processes, ended, hasTerminal: true } };
}

function leadsGroup(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when nobody can write messages any more. */
async function readMessages(stream: NodeJS.ReadableStream, take: (word: string, value: number | null) => void) {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [word = '', value] = line.split(' ');
      take(word, value === undefined ? null : Number(value));
    }
  });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.on('close', resolve));
}

async function notStarted(child: ChildProcess): Promise<Started> {
  const [error] = (await once(child, 'error', { signal: AbortSignal.timeout(5000) })) as [NodeJS.ErrnoException];
  if (error.code === 'ENOENT') {
    return { kind: 'failed', exitCode: 127, why: 'it, or the interpreter in its first line, was not found' };
  }
  return { kind: 'failed', exitCode: 126, why: error.code === 'EACCES' ? 'it may not be executed' : error.message };
}

function childEnd(code: number | null, signal: NodeJS.Signals | null): ChildEnd {
  if (signal === null) return { code: code ?? 0, signal: null };
  return { code: 128 + constants.signals[signal], signal };
}
