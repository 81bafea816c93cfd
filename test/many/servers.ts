// Several servers on one PostgreSQL, as people start them: `startMany(3)`. Each is a process of its own that can be stopped,
// killed, halted and started again on the same port.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { EventRecord } from '../../src/core/rows.ts';
import { type TestServer, testServer } from '../http/server.ts';
import { type Cluster, type Settings, startCluster } from '../log/postgres-cluster.ts';

const program = join(import.meta.dirname, '../../bin/signalbox');
const startsWithinMs = 30_000;

/** None outlives the tests. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Server extends TestServer {
  readonly pid: number;
  /** What it has written so far. */
  output(): string;
  /** Starts it, and resolves once it can decide. */
  start(): Promise<void>;
  /** As a power cut: no handler runs. */
  kill(): Promise<void>;
  /** As people stop it; its exit code. */
  end(): Promise<number | null>;
  signal(name: NodeJS.Signals): void;
}

export interface Many {
  readonly cluster: Cluster;
  readonly database: string;
  readonly servers: readonly Server[];
  /** Another one each time it is asked, round and round. */
  next(): Server;
  stop(): Promise<void>;
}

export interface ManyOptions {
  readonly flags?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly settings?: Settings;
}

/** A cluster with a new database, and servers on it that are all ready. */
export async function startMany(count: number, { settings, ...options }: ManyOptions = {}): Promise<Many> {
  const cluster = await startCluster(settings);
  const database = await cluster.newDatabase();
  const servers = await startServers(count, cluster.url(database), options);
  let asked = 0;
  return {
    ...{ cluster, database, servers },
    next: () => servers[asked++ % count] as Server,
    stop: async () => {
      await Promise.all(servers.map((server) => server.kill()));
      await cluster.stop();
    },
  };
}

/** Servers on a store that is there already. */
export async function startServers(
  count: number,
  store: string,
  options: Omit<ManyOptions, 'settings'> = {},
): Promise<Server[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) servers.push(await newServer(store, options));
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}

/** A server that is not started yet. */
export async function newServer(
  store: string,
  { flags = [], variables = {} }: Omit<ManyOptions, 'settings'> = {},
): Promise<Server> {
  const port = await ownPort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  let output = '';
  const isGone = (): boolean => child === null || child.exitCode !== null || child.signalCode !== null;
  const gone = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === null || isGone()) return child?.exitCode ?? null;
    const exit = once(child, 'exit');
    child.kill(signal);
    // What is halted does not hear.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await exit;
    return child.exitCode;
  };
  return {
    ...testServer(url, async () => void (await gone('SIGKILL'))),
    get pid() {
      return child?.pid ?? 0;
    },
    output: () => output,
    start: async () => {
      const args = ['serve', '--port', String(port), '--host', '127.0.0.1', '--log-level', 'warn', ...flags];
      const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', SIGNALBOX_STORE: store, ...variables };
      child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
      running.add(child);
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const until = performance.now() + startsWithinMs;
      while (!(await isReady(url))) {
        if (isGone() || performance.now() > until) throw new Error(`the server did not start: ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      // Who answered may be somebody else at that port.
      if (isGone()) throw new Error(`the server did not start: ${output}`);
    },
    kill: async () => void (await gone('SIGKILL')),
    end: () => gone('SIGTERM'),
    signal: (name) => void child?.kill(name),
  };
}

let nextPort = 10_000 + ((process.pid * 61) % 20_000);

/**
 * A port that stays free while its server is down. Not one that the system chooses: it would give it to whoever asks next, on this
 * side or as the port of an outgoing connection.
 */
async function ownPort(): Promise<number> {
  for (;;) {
    nextPort = nextPort >= 32_000 ? 10_000 : nextPort + 1;
    // Several may be looking for one at the same time.
    const port = nextPort;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    (reply) => reply.ok,
    () => false,
  );
}

/** All that it tells; `kind`: only these, as `lease.`. */
export async function historyOf(server: TestServer, kind?: string): Promise<EventRecord[]> {
  const found: EventRecord[] = [];
  for (;;) {
    const since = found.at(-1)?.seq ?? 0;
    const { json } = await server.call('GET', `/v1/events?limit=500&since=${since}${kind ? `&kind=${kind}` : ''}`);
    if (json.items.length === 0) return found;
    found.push(...json.items);
  }
}
