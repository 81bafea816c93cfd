// A PostgreSQL cluster of the bench's own, as it is set up by default: fsync on, synchronous_commit on. What always holds: it
// listens on the loopback address only, and its folder goes with it. PostgreSQL refuses to run as root, so it is nobody then.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { end, removeDirectory, startServer, temporaryDirectory } from '../children.ts';
import type { ClusterPlace } from '../load/job.ts';
import { freePort } from '../server.ts';

const NOBODY = 65534;
const READY_LIMIT_MS = 20_000;
const OWNER = 'postgres';
/** Owns the databases, and is nobody special otherwise: as people set it up. */
const ROLE = 'signalbox';
/** Beside what initdb writes. Connections: seven servers with twelve each, at most. */
const SETTINGS = { listen_addresses: '127.0.0.1', max_connections: '150' };

export class Cluster {
  readonly version: string;
  readonly #port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(version: string, port: number, folder: string, process: ChildProcess) {
    this.version = version;
    this.#port = port;
    this.#folder = folder;
    this.#process = process;
  }

  /** Null: PostgreSQL is not installed. `more`: settings that are not the default. */
  static async start(within: string, more: Readonly<Record<string, string>> = {}): Promise<Cluster | null> {
    const programs = programFolder();
    if (programs === null) return null;
    const folder = temporaryDirectory(within, 'postgres');
    const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
    if (as !== undefined) chownSync(folder, as.uid, as.gid);
    const env = { PATH: process.env.PATH ?? '', HOME: folder, LC_ALL: 'C.UTF-8' };
    const data = join(folder, 'data');
    const initdb = ['-D', data, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    execFileSync(join(programs, 'initdb'), initdb, { cwd: folder, stdio: 'pipe', env, ...as });
    const port = await freePort();
    const settings = Object.entries({ ...SETTINGS, ...more }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', data, '-p', `${port}`, '-k', folder, ...settings];
    const launch = { command: join(programs, 'postgres'), args, env, as, endBy: 'SIGQUIT' } as const;
    const child = startServer({ ...launch, args: [...args] }, folder, join(folder, 'postgres.log'));
    const version = execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' });
    const cluster = new Cluster(/\d[\d.]*/.exec(version)?.[0] ?? '', port, folder, child);
    await cluster.#untilReady();
    await cluster.query(`CREATE ROLE ${ROLE} LOGIN`);
    return cluster;
  }

  get place(): ClusterPlace {
    return { pid: this.#process.pid ?? 0, url: this.#url(OWNER, 'postgres') };
  }

  /** A new empty database; its address for `--store`. */
  async newDatabase(name: string): Promise<string> {
    await this.query(`CREATE DATABASE ${name} OWNER ${ROLE}`);
    return this.#url(ROLE, name);
  }

  /** As its owner. */
  async query(sql: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.#url(OWNER, database), ssl: false });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Whether notifications go out in a database; it makes no difference to anything else. */
  async letNotify(database: string, may: boolean): Promise<void> {
    const change = may ? 'GRANT EXECUTE ON FUNCTION pg_notify TO' : 'REVOKE EXECUTE ON FUNCTION pg_notify FROM';
    await this.query(`${change} PUBLIC`, database);
  }

  stop(): void {
    end(this.#process);
    removeDirectory(this.#folder);
  }

  #url(user: string, database: string): string {
    return `postgres://${user}:none@127.0.0.1:${this.#port}/${database}?sslmode=disable`;
  }

  async #untilReady(): Promise<void> {
    const until = performance.now() + READY_LIMIT_MS;
    for (;;) {
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        const gone = this.#process.exitCode !== null;
        if (gone || performance.now() > until) throw new Error(`PostgreSQL did not start: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

/** Debian keeps the programs of each version apart. */
function programFolder(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map(Number) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(debian, String(version), 'bin'));
  const all = [...folders, ...(process.env.PATH ?? '').split(':')];
  return all.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}
