// A PostgreSQL cluster of a test's own, with any settings, and standbys of it: `startCluster()`. What always holds: it listens on
// this machine only, ends with the test process, and its folder goes with it. PostgreSQL refuses to run as root, so it is nobody
// then.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export type Settings = Readonly<Record<string, string>>;

export interface Cluster {
  readonly port: number;
  readonly folder: string;
  /** The address of a database, for `--store`. */
  url(database: string, port?: number): string;
  /** Rows of the last of the statements, over a connection of its own. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** A new empty database, by name. */
  newDatabase(): Promise<string>;
  /** Process ids of the sessions of Signalbox in a database. */
  sessions(database: string): Promise<number[]>;
  /** A standby that streams from it. */
  startStandby(settings?: Settings): Promise<Cluster>;
  /** kill -9 of the whole cluster. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const nobody = 65534;
const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
const programs = programFolder();
const user = 'postgres';
const usual: Settings = {
  ...{ fsync: 'off', shared_buffers: '16MB', listen_addresses: '127.0.0.1', max_connections: '60' },
  ...{ superuser_reserved_connections: '0', wal_level: 'replica', max_wal_senders: '4', autovacuum_naptime: '5s' },
};

export async function startCluster(settings: Settings = {}): Promise<Cluster> {
  const folder = newFolder();
  run(folder, 'initdb', '-D', join(folder, 'data'), '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync');
  return begun(folder, settings);
}

async function begun(folder: string, settings: Settings): Promise<Cluster> {
  const port = await freePort();
  let child = await started(folder, port, settings);
  const clean = () => {
    child.kill('SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', clean);
  let databases = 0;
  const query: Cluster['query'] = async (sql, database = 'postgres') => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, database, password: 'none', ssl: false });
    await client.connect();
    try {
      const answer = await client.query(sql);
      return (Array.isArray(answer) ? answer.at(-1) : answer).rows;
    } finally {
      await client.end();
    }
  };
  return {
    ...{ port, folder, query },
    url: (database, at = port) => `postgres://${user}@127.0.0.1:${at}/${database}?sslmode=disable`,
    newDatabase: async () => {
      databases++;
      await query(`CREATE DATABASE test_${databases}`);
      return `test_${databases}`;
    },
    sessions: async (database) => {
      const rows = await query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'signalbox' AND datname = '${database}'`,
      );
      return rows.map(({ pid }) => Number(pid));
    },
    startStandby: (more = {}) => {
      const copy = newFolder();
      run(
        copy,
        'pg_basebackup',
        '-D',
        join(copy, 'data'),
        '-h',
        '127.0.0.1',
        '-p',
        `${port}`,
        '-U',
        user,
        '-R',
        '-c',
        'fast',
      );
      return begun(copy, more);
    },
    kill: async () => {
      const gone = once(child, 'exit');
      // Its children go with it, at once.
      child.kill('SIGQUIT');
      await gone;
    },
    start: async () => {
      child = await started(folder, port, settings);
    },
    stop: async () => {
      process.off('exit', clean);
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGQUIT');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function started(folder: string, port: number, settings: Settings): Promise<ChildProcess> {
  const given = Object.entries({ ...usual, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(
    join(programs, 'postgres'),
    ['-D', join(folder, 'data'), '-p', `${port}`, '-k', folder, ...given],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: environment(folder), ...identity },
  );
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (output.length < 100_000) output += chunk.toString();
      if (/ready to accept (?:read-only )?connections/.test(output)) resolve();
    });
    child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${output}`)));
  });
  return child;
}

function run(folder: string, program: string, ...args: string[]): void {
  execFileSync(join(programs, program), args, { cwd: folder, stdio: 'pipe', env: environment(folder), ...identity });
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-pg-'));
  if (identity.uid !== undefined) chownSync(folder, nobody, nobody);
  return folder;
}

/** Nothing of whoever runs the tests. */
function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C.UTF-8' };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Debian keeps the programs of each version apart. */
function programFolder(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map(Number) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(debian, String(version), 'bin'));
  const found = [...folders, ...(process.env.PATH ?? '').split(':')].find((folder) =>
    existsSync(join(folder, 'initdb')),
  );
  if (found === undefined) throw new Error('PostgreSQL is not installed (Debian: apt-get install postgresql)');
  return found;
}
