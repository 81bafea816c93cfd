// A Redis, and servers and workers that meet in it, each test in a namespace of its own.

import { onTestFinished } from 'vitest';
import type { ServerSettings } from '../../src/config.ts';
import { type Env, type Started, start as startCommand } from '../cli/process.ts';
import { eventually } from '../eventually.ts';
import { start, type TestServer } from '../http/server.ts';
import { type Redis, startRedis } from '../servers/redis.ts';
import { type Ruby, rubyOn } from './ruby.ts';
import { machines, type SlowMachines } from './slow-machines.ts';

let scenes = 0;

export interface Scene {
  readonly redis: Redis;
  readonly namespace: string;
  readonly ruby: Ruby;
  readonly machines: SlowMachines;
  /** A server in this process; `isWorker`: it takes jobs too. */
  readonly server: (isWorker: boolean, more?: Partial<ServerSettings>) => Promise<TestServer>;
  /** `signalbox worker` beside it. */
  readonly worker: (server: TestServer, env?: Env) => Started;
  /** What Redis answers to a line about a key of ours, written `%s`. */
  readonly ask: (line: string) => Promise<string>;
  /** A build of some machines, as the API takes it. */
  readonly build: (server: TestServer, id: string, count?: number) => Promise<void>;
  readonly becomes: (server: TestServer, id: string, state: string) => Promise<void>;
}

/** `shared`: a Redis that other tests use too. */
export async function scene(shared: Redis | null = null, sleepSeconds = 0): Promise<Scene> {
  const redis = shared ?? (await startRedis());
  if (shared === null) onTestFinished(() => redis.stop());
  const namespace = `test-${++scenes}`;
  const url = `redis://127.0.0.1:${redis.port}/0`;
  const made = machines(sleepSeconds);
  return {
    ...{ redis, namespace, machines: made, ruby: rubyOn(url, namespace) },
    server: (isWorker, more = {}) =>
      start({
        ...{ redis: { url, namespace: `${namespace}:` }, worker: isWorker },
        driver: { kind: 'command', program: made.program },
        ...more,
      }),
    worker: (server, env = {}) =>
      startCommand('signalbox', ['worker', '--driver', `command:${made.program}`, '--redis-namespace', namespace], {
        ...{ SIGNALBOX_URL: server.url, REDIS_URL: url },
        ...env,
      }),
    ask: async (line) => (await redis.command(line.replaceAll('%s', `${namespace}:`))).replace(/\+OK\r\n$/, '').trim(),
    build: async ({ call }, id, count = 2) => {
      const body = { id, site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count };
      const { status, text } = await call('POST', '/v1/instance-builds', { body });
      if (status !== 202) throw new Error(`${status}: ${text}`);
    },
    becomes: ({ call }, id, state) =>
      eventually(async () => {
        const { json } = await call('GET', `/v1/instance-builds/${id}`);
        if (json.state !== state) throw new Error(`build ${id} is ${json.state ?? 'not there'}, not ${state}`);
      }),
  };
}
