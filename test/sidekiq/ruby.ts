// The real Sidekiq, Debian's: as a client, as a worker process, and as what looks into Redis.

import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { folder } from '../cli/process.ts';

export interface Ruby {
  /** Runs a script with Sidekiq's API at hand; what it answers is the value of its last line, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
  readonly run: (script: string) => Promise<any>;
  /** A worker process that takes from these queues, with these classes. */
  readonly work: (queues: readonly string[], classes: string) => Promise<{ output: () => string }>;
}

/** `namespace`: without its colon; empty: none. */
export function rubyOn(url: string, namespace: string): Ruby {
  const at = `{ url: '${url}'${namespace === '' ? '' : `, namespace: '${namespace}'`} }`;
  const setUp = [
    "require 'json'",
    "require 'sidekiq'",
    "require 'sidekiq/api'",
    'Sidekiq.logger.level = 2',
    `Sidekiq.configure_client { |config| config.redis = ${at} }`,
    `Sidekiq.configure_server { |config| config.redis = ${at} }`,
  ].join('\n');
  // Warnings are of its own dependencies.
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', RUBYOPT: '-W0', LC_ALL: 'C.UTF-8' };
  return {
    run: async (script) => {
      const whole = `${setUp}\nanswer = begin\n${script}\nend\nputs JSON.generate([answer])`;
      const { stdout } = await promisify(execFile)('ruby', ['-e', whole], { env });
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')[0];
    },
    work: async (queues, classes) => {
      const file = join(folder(), 'jobs.rb');
      writeFileSync(file, `${setUp}\n${classes}\n`);
      const flags = ['-r', file, '-c', '2', '-t', '1', ...queues.flatMap((queue) => ['-q', queue])];
      const child = spawn('sidekiq', flags, { env, cwd: folder() });
      onTestFinished(() => void child.kill('SIGKILL'));
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      return { output: () => output };
    },
  };
}
