// A real `signalbox serve` on a store in memory or in a file, for the tests that take nothing for granted.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Client } from '../../src/client/client.ts';
import { bin, folder, type Started, start, until } from './harness.ts';

export class RealServer {
  readonly url: string;
  readonly client: Client;
  readonly #port: number;
  readonly #store: string;
  readonly #env: Record<string, string>;
  #process: Started | null = null;

  private constructor(port: number, store: string, env: Record<string, string>) {
    this.#port = port;
    this.#store = store;
    this.#env = env;
    this.url = `http://127.0.0.1:${port}`;
    this.client = new Client({ url: this.url, key: env.API_KEY ?? null });
  }

  static async start(store: 'memory' | 'sqlite' = 'memory', env: Record<string, string> = {}): Promise<RealServer> {
    const place = store === 'memory' ? 'memory:' : `sqlite:${folder()}/signalbox.db`;
    const server = new RealServer(await freePort(), place, env);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const args = ['serve', '--port', String(this.#port), '--host', '127.0.0.1', '--store', this.#store];
    const started = start(bin, args, { env: this.#env });
    this.#process = started;
    for (let up = false; !up; ) {
      if (started.hasEnded) throw new Error(`the server did not start:\n${started.stdout}${started.stderr}`);
      up = (await this.client.health({ timeoutMs: 1000 })).ok;
      if (!up) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#process?.signal(signal);
    await this.#process?.ended;
  }

  /** Whether somebody holds it. */
  async holder(environment: string): Promise<string | null> {
    const held = await this.client.leases({ environment, state: 'held' });
    if (!held.ok) throw new Error('the server does not answer');
    return held.value.items[0]?.id ?? null;
  }

  async untilFree(environment: string): Promise<void> {
    let free = false;
    const looking = setInterval(() => {
      void this.holder(environment).then(
        (holder) => {
          free = holder === null;
        },
        () => {},
      );
    }, 50);
    await until(() => free, `${environment} to be free`).finally(() => clearInterval(looking));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
