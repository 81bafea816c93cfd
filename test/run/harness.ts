// Starts real `signalbox run` processes and looks at them from outside: what they say, what they leave, how they end.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { processRow } from '../../src/cli/run/processes.ts';

const root = join(import.meta.dirname, '../..');
export const bin = join(root, 'bin/signalbox');
export const main = join(root, 'src/cli/main.ts');

/** Nothing of the CI that these tests may themselves run in. */
export function cleanEnv(more: Record<string, string> = {}): Record<string, string> {
  const { PATH = '/usr/bin:/bin', HOME = '/tmp' } = process.env;
  return { PATH, HOME, XDG_CONFIG_HOME: '/nonexistent', LANG: 'C.UTF-8', ...more };
}

export function folder(): string {
  return mkdtempSync(join(tmpdir(), 'signalbox-run-'));
}

/** Those that still run. A test that fails must not leave them to the machine; their children have watchdogs. */
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const process of running) process.kill('SIGKILL');
});

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  hasEnded = false;

  constructor(process: ChildProcess) {
    this.process = process;
    running.add(process);
    process.stdout?.on('data', (text) => {
      this.stdout += text;
    });
    process.stderr?.on('data', (text) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      process.on('exit', (code, signal) => {
        this.hasEnded = true;
        running.delete(process);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Waits until it has said this, on either stream. */
  says(pattern: RegExp): Promise<void> {
    return until(() => pattern.test(this.stdout + this.stderr), `${pattern} in:\n${this.stdout}${this.stderr}`, this);
  }

  /** Exit code, after all that it wrote has arrived. */
  async code(): Promise<number | null> {
    const { code } = await this.ended;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return code;
  }
}

export function start(
  file: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; detached?: boolean } = {},
): Started {
  return new Started(
    spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnv(options.env),
      ...(options.cwd && { cwd: options.cwd }),
      detached: options.detached ?? false,
    }),
  );
}

/** `signalbox run ARGS` against this server. */
export function startRun(url: string, args: readonly string[], env: Record<string, string> = {}): Started {
  return start(bin, ['run', ...args], { env: { SIGNALBOX_URL: url, ...env } });
}

/** Generous: these tests say what happens and in which order, not how fast. */
const patienceMs = 30_000;

export async function until(met: () => boolean, what = 'it', of?: Started): Promise<void> {
  const endAt = performance.now() + patienceMs;
  while (!met()) {
    if (performance.now() > endAt) throw new Error(`did not come: ${what}${of ? `\n${of.stdout}${of.stderr}` : ''}`);
    await pause(25);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function isAlive(pid: number): boolean {
  const row = processRow(pid);
  return row !== null && row.state !== 'Z' && row.state !== 'X';
}

/** A shell command that writes the time in nanoseconds to a file until it is killed; it ignores what can be ignored. */
export function heartbeat(file: string): string {
  return `trap '' HUP INT TERM; echo $$ > ${file}.pid; while :; do date +%s%N > ${file}.new && mv ${file}.new ${file}; sleep 0.05; done`;
}

/** When the heart last beat, in milliseconds since 1970. */
export function lastBeat(file: string): number {
  return Number(read(file)) / 1e6;
}
