// The real command line as a process of its own: `bin/signalbox …` with an environment in which nothing of this machine or of
// the CI that runs the tests is left.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export const root = join(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the text has come; rejects when the process ends without it. */
  readonly says: (text: string | RegExp) => Promise<void>;
}

export type Env = Readonly<Record<string, string>>;

/** An empty folder that is gone after the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'signalbox-cli-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

export function start(
  program: 'signalbox' | 'call-me-client',
  args: readonly string[],
  env: Env = {},
  cwd?: string,
): Started {
  return startFile(join(root, 'bin', program), args, env, cwd);
}

export function startFile(file: string, args: readonly string[], env: Env, cwd?: string): Started {
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', TZ: 'UTC', ...env },
    ...(cwd !== undefined && { cwd }),
  });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  const told = () => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    told();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    told();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
      told();
    });
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const has = (text: string | RegExp) =>
    typeof text === 'string' ? (stdout + stderr).includes(text) : text.test(stdout + stderr);
  const says = (text: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        const isGone = child.exitCode !== null || child.signalCode !== null;
        if (!has(text) && !isGone) return;
        listeners.delete(look);
        if (has(text)) resolve();
        else reject(new Error(`it ended without saying ${text}:\n${stdout}\n${stderr}`));
      };
      listeners.add(look);
      look();
    });
  return { child, ended, stdout: () => stdout, stderr: () => stderr, says };
}

/** Runs to the end. */
export function signalbox(args: readonly string[], env: Env = {}, input = ''): Promise<Ended> {
  const started = start('signalbox', args, env);
  started.child.stdin.on('error', () => {});
  started.child.stdin.end(input);
  return started.ended;
}

/** The lines of an answer, without the empty one at the end. */
export function lines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
