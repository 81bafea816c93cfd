// etcd by its lock API over the JSON gateway, which is how a pipeline without a Go client reaches it. A client makes its
// lease (etcd's word for a session) once, when it connects: the cycle is lock and unlock.

import { spawnSync } from 'node:child_process';
import { firstString, HttpConnection, httpRequest } from '../wire/http.ts';
import type { Client, Done, Endpoint, System } from './system.ts';

const SESSION_SECONDS = 1_800;

export const etcd: System = {
  name: 'etcd',
  title: 'etcd',
  install: 'apt-get install etcd-server',
  // A watch of a key that has just changed is looked at every 100 ms only.
  enqueueMs: 120,
  // Each lock call sorts all keys of the queue: 10,000 took more than a minute, with calls given up on the way.
  maxWaiters: 1_000,
  // After many waiters have hung up, etcd 3.4 lets nobody in for a while, on any name.
  leavesOnClose: false,

  version() {
    const shown = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
    return shown.status === 0 ? (/Version: (\S+)/.exec(shown.stdout)?.[1] ?? 'unknown') : null;
  },

  launch(endpoint, directory, sparePort) {
    const clients = `http://127.0.0.1:${endpoint.port}`;
    const peers = `http://127.0.0.1:${sparePort}`;
    const settings = {
      'data-dir': directory,
      'listen-client-urls': clients,
      'advertise-client-urls': clients,
      'listen-peer-urls': peers,
      'initial-advertise-peer-urls': peers,
      'initial-cluster': `default=${peers}`,
      logger: 'zap',
      'log-level': 'error',
    };
    return { command: 'etcd', args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`), env: {} };
  },

  async ready(endpoint) {
    const reply = await fetch(`http://127.0.0.1:${endpoint.port}/health`);
    return reply.ok && firstString(await reply.text(), 'health') === 'true';
  },

  async connect(endpoint, name) {
    const connection = await HttpConnection.open(endpoint.port);
    const session = await new Promise<string>((resolve, reject) => {
      connection.send(post('/v3/lease/grant', { TTL: SESSION_SECONDS }), (failure, status, body) => {
        const id = firstString(body, 'ID');
        if (failure === null && id !== null) resolve(id);
        else reject(new Error(failure ?? `etcd answered ${status} to a lease grant: ${body.slice(0, 200)}`));
      });
    });
    return new EtcdClient(connection, name, session);
  },

  async prepareQueue() {},

  // Its watches are streams of chunks over the JSON gateway, which the client here does not read.
  listening: null,

  async waiting(endpoint, name) {
    const body = await ask(endpoint, '/v3/kv/range', { ...keysOf(name), count_only: true });
    return Math.max(0, Number(firstString(body, 'count') ?? 0) - 1);
  },
};

class EtcdClient implements Client {
  readonly #connection: HttpConnection;
  readonly #lock: string;
  #key = '';

  constructor(connection: HttpConnection, name: string, session: string) {
    this.#connection = connection;
    this.#lock = post('/v3/lock/lock', { name: base64(name), lease: session });
  }

  acquire(done: Done): void {
    this.#connection.send(this.#lock, (failure, status, body) => {
      const key = failure === null && status === 200 ? firstString(body, 'key') : null;
      if (key === null) return done(failure ?? `etcd answered ${status} to lock: ${body.slice(0, 200)}`);
      this.#key = key;
      done(null);
    });
  }

  release(done: Done): void {
    this.#connection.send(post('/v3/lock/unlock', { key: this.#key }), (failure, status, body) => {
      if (failure === null && status === 200) done(null);
      else done(failure ?? `etcd answered ${status} to unlock: ${body.slice(0, 200)}`);
    });
  }

  wait(done: Done): void {
    this.acquire(done);
  }

  pass(done: Done): void {
    this.release(done);
  }

  listen(_name: string, done: Done): void {
    done('not measured');
  }

  tell(_name: string, done: Done): void {
    done('not measured');
  }

  close(): void {
    this.#connection.close();
  }
}

/** One key per waiter and one for the holder, all under the name. */
function keysOf(name: string): { key: string; range_end: string } {
  return { key: base64(`${name}/`), range_end: base64(`${name}0`) };
}

async function ask(endpoint: Endpoint, path: string, body: object): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${endpoint.port}${path}`, { method: 'POST', body: JSON.stringify(body) });
  return reply.text();
}

function post(path: string, body: object): string {
  return httpRequest('POST', path, {}, JSON.stringify(body));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
