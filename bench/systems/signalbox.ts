// Signalbox itself, with everything on: an API key on every request, history, metrics. Twice: with its SQLite file, and
// with its state in memory only, which is the baseline that tells what durability costs.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstString, HttpConnection, httpRequest } from '../wire/http.ts';
import type { Client, Done, Endpoint, System, SystemName } from './system.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const PROGRAM = join(ROOT, 'bin/signalbox');

/** Its default, 10,000, is one short of a holder and 10,000 waiters. */
const MAX_CONNECTIONS = 12_000;
/** Each measurement has names of its own. */
const MAX_ENVIRONMENTS = 1_000_000;

export const signalbox = withStore('signalbox', 'signalbox', (directory) => `sqlite:${join(directory, 'bench.db')}`);
export const signalboxMemory = withStore('signalbox-memory', 'no storage', () => 'memory:');

/** On a PostgreSQL that is there already. */
export function signalboxOn(url: string): System {
  return withStore('signalbox-postgres', 'signalbox', () => url);
}

/** A client of one space of it. */
export async function connectTo(endpoint: Endpoint, space: string, environment: string): Promise<Client> {
  return new SignalboxClient(await HttpConnection.open(endpoint.port), endpoint.key, environment, space);
}

function withStore(name: SystemName, title: string, store: (directory: string) => string): System {
  return {
    name,
    title,
    install: 'npm ci (in the checkout that has bin/signalbox)',
    enqueueMs: 0,
    maxWaiters: 10_000, // Its own bound per environment.
    leavesOnClose: false, // It keeps the place in the queue for the grace.

    version() {
      if (!existsSync(PROGRAM)) return null;
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
      return version;
    },

    launch(endpoint, directory) {
      const settings = {
        host: '127.0.0.1',
        port: String(endpoint.port),
        store: store(directory),
        'max-connections': String(MAX_CONNECTIONS),
        'max-environments': String(MAX_ENVIRONMENTS),
      };
      const args = ['serve', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])];
      const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`;
      return { command: PROGRAM, args, env: { API_KEY: endpoint.key, PATH } };
    },

    async ready(endpoint) {
      return (await fetch(`http://127.0.0.1:${endpoint.port}/readyz`)).ok;
    },

    async connect(endpoint, environment) {
      return new SignalboxClient(await HttpConnection.open(endpoint.port), endpoint.key, environment);
    },

    async prepareQueue() {},

    async listening(endpoint) {
      const reply = await fetch(`http://127.0.0.1:${endpoint.port}/metrics`, { headers: authorization(endpoint.key) });
      return Number(/^signalbox_waits\{space="main"\} (\d+)$/m.exec(await reply.text())?.[1] ?? -1);
    },

    async waiting(endpoint, environment) {
      const reply = await fetch(`http://127.0.0.1:${endpoint.port}/v1/environments/${environment}`, {
        headers: authorization(endpoint.key),
      });
      if (!reply.ok) throw new Error(`signalbox answered ${reply.status} to a look at ${environment}`);
      return ((await reply.json()) as { waiting: number }).waiting;
    },
  };
}

class SignalboxClient implements Client {
  readonly #connection: HttpConnection;
  readonly #acquire: string;
  readonly #wait: string;
  readonly #deleteHead = 'DELETE /v1/leases/';
  readonly #deleteTail: string;
  readonly #authorization: Record<string, string>;
  #lease = '';

  constructor(connection: HttpConnection, key: string, environment: string, space: string | null = null) {
    this.#connection = connection;
    this.#authorization = authorization(key, space);
    const body = JSON.stringify({ environment, ttlSeconds: 60 });
    this.#acquire = httpRequest('POST', '/v1/leases', this.#authorization, body);
    this.#wait = httpRequest('POST', '/v1/leases?wait=60', this.#authorization, body);
    this.#deleteTail = httpRequest('DELETE', '', this.#authorization).slice('DELETE '.length);
  }

  acquire(done: Done): void {
    this.#ask(this.#acquire, done);
  }

  release(done: Done): void {
    this.#connection.send(this.#deleteHead + this.#lease + this.#deleteTail, (failure, status, body) => {
      if (failure === null && status === 200) done(null);
      else done(failure ?? `signalbox answered ${status} to a release: ${body.slice(0, 200)}`);
    });
  }

  wait(done: Done): void {
    this.#ask(this.#wait, done);
  }

  pass(done: Done): void {
    this.release(done);
  }

  listen(name: string, done: Done): void {
    this.#signal('GET', `${name}?wait=60`, done);
  }

  tell(name: string, done: Done): void {
    this.#signal('PUT', name, done);
  }

  close(): void {
    this.#connection.close();
  }

  #signal(method: string, rest: string, done: Done): void {
    const request = httpRequest(method, `/v1/signals/${rest}`, this.#authorization);
    this.#connection.send(request, (failure, status, body) => {
      if (failure === null && (status === 200 || status === 201)) done(null);
      else done(failure ?? `signalbox answered ${status} to ${method}: ${body.slice(0, 200)}`);
    });
  }

  #ask(request: string, done: Done): void {
    this.#connection.send(request, (failure, status, body) => {
      const lease = failure === null && status === 201 ? firstString(body, 'id') : null;
      if (lease === null) return done(failure ?? `signalbox answered ${status} to a request: ${body.slice(0, 200)}`);
      this.#lease = lease;
      done(null);
    });
  }
}

export function authorization(key: string, space: string | null = null): Record<string, string> {
  return { authorization: `Bearer ${key}`, ...(space === null ? {} : { 'signalbox-space': space }) };
}
