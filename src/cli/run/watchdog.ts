// A separate small process that kills the child's processes at the deadline even when this one is stopped or dead: SIGSTOP and
// SIGKILL of a wrapper alone leave its child running. A shell and a sleep, because it is started anew at each renewal and must
// outlive everything here; see watchdog.sh for what it does.
//
// Must always hold: from the start of the child until nothing of it is left, one is armed for the current deadline. The new one
// is armed before the old one is disarmed; if it cannot be started, the old one stays, and the child ends early but safely.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { RunProcesses } from './processes.ts';

export interface Target extends RunProcesses {
  /** Start time of the group's leader as /proc shows it; null where there is none. */
  readonly start: string | null;
}

let script: string | null = null;

export class Watchdog {
  #armed: ChildProcess | null = null;
  #target: Target | null = null;

  /** Before the child is started: whether a watchdog can be had at all. It learns what to guard by `guard`. */
  arm(inMs: number): boolean {
    const next = start(inMs);
    if (next === null) return false;
    if (this.#target !== null) tell(next, this.#target);
    const old = this.#armed;
    this.#armed = next;
    if (old !== null) kill(old);
    return true;
  }

  /** In the same turn of the event loop in which the child was started. */
  guard(target: Target): void {
    this.#target = target;
    if (this.#armed !== null) tell(this.#armed, target);
  }

  disarm(): void {
    if (this.#armed !== null) kill(this.#armed);
    this.#armed = null;
  }
}

function start(inMs: number): ChildProcess | null {
  // By value, not by name: the file may be replaced by an update while it runs. Without its comments, for the list of processes.
  script ??= readFileSync(new URL('./watchdog.sh', import.meta.url), 'utf8').replace(/^\s*(#.*)?\n/gm, '');
  const seconds = Math.max(inMs, 0) / 1000;
  const child = spawn(
    '/bin/sh',
    ['-c', script, 'signalbox-watchdog', seconds.toFixed(3), String(Math.floor(seconds))],
    {
      // A session of its own, nobody's output held open, no directory held. And not the job's environment: runners that clean up by
      // a variable of the job (Jenkins, GitHub) would end the watchdog together with what it guards, or before.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    },
  );
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  child.unref();
  return child.pid === undefined ? null : child;
}

function tell(watchdog: ChildProcess, target: Target): void {
  watchdog.stdin?.end(`${target.group} ${target.start ?? '-'} ${target.ownSession ? 1 : 0}\n`);
}

/** The shell and its sleep, which are a group of their own. Its number cannot be another's: it is ours to reap. */
function kill(watchdog: ChildProcess): void {
  if (watchdog.pid === undefined || watchdog.exitCode !== null || watchdog.signalCode !== null) return;
  try {
    process.kill(-watchdog.pid, 'SIGKILL');
  } catch {
    // Gone in this moment.
  }
}
