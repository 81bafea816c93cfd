// Equal servers on one database of a cluster, and their spaces.

import { answered } from '../load/clients.ts';
import type { Place, ServerPlace } from '../load/job.ts';
import { Server } from '../server.ts';
import { authorization, connectTo, signalboxOn } from '../systems/signalbox.ts';
import type { Cluster } from './cluster.ts';

const OPEN_LIMIT_MS = 180_000;

export class Fleet {
  readonly database: string;
  readonly #url: string;
  readonly #directory: string;
  readonly #key: string;
  servers: Server[] = [];

  private constructor(database: string, url: string, directory: string, key: string) {
    this.database = database;
    this.#url = url;
    this.#directory = directory;
    this.#key = key;
  }

  /** On a new database, with no server yet. */
  static async on(cluster: Cluster, database: string, directory: string, key: string): Promise<Fleet> {
    return new Fleet(database, await cluster.newDatabase(database), directory, key);
  }

  /** Starts more servers; resolves, once all spaces are open at each, with how long the slowest took. */
  async start(count: number): Promise<number> {
    const startedAt = performance.now();
    const system = signalboxOn(this.#url);
    const starting = Array.from({ length: count }, async () => {
      const server = await Server.start(system, this.#directory, this.#key, OPEN_LIMIT_MS);
      this.servers.push(server);
      await this.#allOpen(server);
    });
    await Promise.all(starting);
    return performance.now() - startedAt;
  }

  /** Makes spaces `team-1` and so on; resolves once they are open everywhere, with how long each took to make. */
  async makeSpaces(count: number): Promise<number> {
    const startedAt = performance.now();
    for (let i = 1; i <= count; i++) {
      const reply = await this.#ask(this.servers[0] as Server, 'PUT', `/v1/spaces/team-${i}`);
      if (reply.status !== 201) throw new Error(`a space was answered ${reply.status}: ${await reply.text()}`);
    }
    const millis = (performance.now() - startedAt) / count;
    await Promise.all(this.servers.map((server) => this.#allOpen(server)));
    return millis;
  }

  /** Each server in turn, and with it each space. */
  places(spaces: number, servers = this.servers.length): Place[] {
    return Array.from({ length: Math.max(spaces, servers) * servers }, (_, i) => ({
      port: this.servers[i % servers]?.endpoint.port ?? 0,
      space: spaces === 0 ? 'main' : `team-${(Math.floor(i / servers) % spaces) + 1}`,
    }));
  }

  /** One cycle of one client. */
  async cycle(space: string, environment: string): Promise<void> {
    const [{ endpoint }] = this.servers as [Server];
    const client = await connectTo(endpoint, space, environment);
    try {
      await answered((done) => client.acquire(done));
      await answered((done) => client.release(done));
    } finally {
      client.close();
    }
  }

  get serverPlaces(): ServerPlace[] {
    return this.servers.map(({ endpoint, pids }) => ({ port: endpoint.port, pids }));
  }

  stop(): void {
    for (const server of this.servers.splice(0)) server.stop();
  }

  async #allOpen(server: Server): Promise<void> {
    const until = performance.now() + OPEN_LIMIT_MS;
    for (;;) {
      const reply = await this.#ask(server, 'GET', '/readyz');
      if (reply.ok && ((await reply.json()) as { spaces: boolean }).spaces) return;
      if (performance.now() > until) throw new Error('not all spaces were open in time');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #ask(server: Server, method: string, path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${server.endpoint.port}${path}`, {
      method,
      headers: { ...authorization(this.#key), ...(method === 'PUT' ? { 'content-type': 'application/json' } : {}) },
      ...(method === 'PUT' ? { body: '{}' } : {}),
    });
  }
}
