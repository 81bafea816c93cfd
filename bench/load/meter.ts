// What servers on one PostgreSQL, and it, have used so far: CPU, bytes of its write-ahead log, turns of each server.

import pg from 'pg';
import { cpuMicros, cpuMicrosOfTree, machineBusyMicros } from '../proc.ts';
import { authorization } from '../systems/signalbox.ts';
import type { ClusterPlace, ServerPlace } from './job.ts';

/** All in µs. */
export interface Used {
  at: number;
  server: number;
  postgres: number;
  load: number;
  machine: number;
}

export class Meter {
  readonly #servers: readonly ServerPlace[];
  readonly #cluster: ClusterPlace | null;
  readonly #key: string;
  readonly #client: pg.Client | null;

  private constructor(servers: readonly ServerPlace[], cluster: ClusterPlace | null, key: string) {
    this.#servers = servers;
    this.#cluster = cluster;
    this.#key = key;
    this.#client = cluster === null ? null : new pg.Client({ connectionString: cluster.url, ssl: false });
  }

  static async open(servers: readonly ServerPlace[], cluster: ClusterPlace | null, key: string): Promise<Meter> {
    const meter = new Meter(servers, cluster, key);
    await meter.#client?.connect();
    return meter;
  }

  used(): Used {
    const own = process.cpuUsage();
    return {
      at: performance.now() * 1000,
      server: cpuMicros(this.#servers.flatMap(({ pids }) => pids)),
      postgres: this.#cluster === null ? 0 : cpuMicrosOfTree(this.#cluster.pid),
      load: own.user + own.system,
      machine: machineBusyMicros(),
    };
  }

  /** Bytes of the write-ahead log since there is one. */
  async walBytes(): Promise<number> {
    const [row] = await this.rows(`SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`);
    return Number(row?.bytes ?? 0);
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return this.#client === null ? [] : (await this.#client.query(sql)).rows;
  }

  /** Of each server, in all spaces. */
  turns(): Promise<number[]> {
    return Promise.all(
      this.#servers.map(async ({ port }) => {
        const reply = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: authorization(this.#key) });
        const found = (await reply.text()).matchAll(/^signalbox_turns_total\{space="[^"]*"\} (\d+)$/gm);
        return [...found].reduce((sum, [, turns]) => sum + Number(turns), 0);
      }),
    );
  }

  async close(): Promise<void> {
    await this.#client?.end();
  }
}
