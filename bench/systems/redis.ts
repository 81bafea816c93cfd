// redis with every write fsynced before it is answered, as a lock: SET NX and DEL; as a queue: BLPOP of one token.
// The rewrite of its log is off, so that a pass that happens to hold one is not compared with one that does not.

import { spawnSync } from 'node:child_process';
import { RespConnection, respCommand } from '../wire/resp.ts';
import type { Client, Done, Endpoint, System } from './system.ts';

export const redis: System = {
  name: 'redis',
  title: 'redis always',
  install: 'apt-get install redis-server',
  enqueueMs: 0,
  maxWaiters: 10_000,
  leavesOnClose: true,

  version() {
    const shown = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
    return shown.status === 0 ? (/v=(\S+)/.exec(shown.stdout)?.[1] ?? 'unknown') : null;
  },

  launch(endpoint, directory) {
    const settings = {
      port: String(endpoint.port),
      bind: '127.0.0.1',
      dir: directory,
      appendonly: 'yes',
      appendfsync: 'always',
      'auto-aof-rewrite-percentage': '0',
      save: '',
      maxclients: '12000',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    return { command: 'redis-server', args, env: {} };
  },

  async ready(endpoint) {
    return (await ask(endpoint, respCommand('PING'))) === '+PONG\r\n';
  },

  async connect(endpoint, name) {
    return new RedisClient(await RespConnection.open(endpoint.port), name);
  },

  async prepareQueue(endpoint, name) {
    await ask(endpoint, respCommand('RPUSH', name, 'turn'));
  },

  // Of all names together: a queue is measured alone.
  waiting: blockedClients,
  listening: blockedClients,
};

async function blockedClients(endpoint: Endpoint): Promise<number> {
  const info = await ask(endpoint, respCommand('INFO', 'clients'));
  return Number(/blocked_clients:(\d+)/.exec(info)?.[1] ?? -1);
}

class RedisClient implements Client {
  readonly #connection: RespConnection;
  readonly #acquire: string;
  readonly #release: string;
  readonly #wait: string;
  readonly #pass: string;

  constructor(connection: RespConnection, name: string) {
    this.#connection = connection;
    this.#acquire = respCommand('SET', name, 'token', 'NX');
    this.#release = respCommand('DEL', name);
    this.#wait = respCommand('BLPOP', name, '0');
    this.#pass = respCommand('RPUSH', name, 'turn');
  }

  acquire(done: Done): void {
    this.#expect(this.#acquire, '+', done);
  }

  release(done: Done): void {
    this.#expect(this.#release, ':', done);
  }

  wait(done: Done): void {
    this.#expect(this.#wait, '*', done);
  }

  pass(done: Done): void {
    this.#expect(this.#pass, ':', done);
  }

  // A stream is what it has that is durable and tells everybody.
  listen(name: string, done: Done): void {
    this.#expect(respCommand('XREAD', 'BLOCK', '0', 'STREAMS', `${name}-stream`, '$'), '*', done);
  }

  tell(name: string, done: Done): void {
    this.#expect(respCommand('XADD', `${name}-stream`, '*', 'set', '1'), '$', done);
  }

  close(): void {
    this.#connection.close();
  }

  #expect(command: string, kind: string, done: Done): void {
    this.#connection.send(command, (failure, reply) => {
      if (failure === null && reply.charAt(0) === kind) done(null);
      else done(failure ?? `redis answered ${reply.trim()}`);
    });
  }
}

async function ask(endpoint: Endpoint, command: string): Promise<string> {
  const connection = await RespConnection.open(endpoint.port);
  try {
    return await new Promise<string>((resolve, reject) => {
      connection.send(command, (failure, reply) => (failure === null ? resolve(reply) : reject(new Error(failure))));
    });
  } finally {
    connection.close();
  }
}
