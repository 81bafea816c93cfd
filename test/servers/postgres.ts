// A PostgreSQL cluster for one test file: `startPostgres()`. Its one user is `postgres`, logged in over TCP with a password.

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Certificate } from './certificate.ts';
import { type Daemon, handOver, runOnce, startDaemon } from './daemon.ts';

export interface Postgres extends Daemon {
  readonly user: string;
  readonly password: string;
  url(database: string): string;
  /** Rows of one statement, over a connection of its own. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>;
}

const user = 'postgres';
const password = "it's a secret?&/%";

export async function startPostgres({ tls, maxConnections = 20 }: { tls?: Certificate; maxConnections?: number } = {}) {
  const programs = programFolder();
  const daemon = await startDaemon({
    name: 'postgres',
    prepare: async (folder) => {
      writeFileSync(join(folder, 'password'), password);
      handOver(join(folder, 'password'));
      await runOnce(
        folder,
        join(programs, 'initdb'),
        ...['--pgdata=data', '--encoding=UTF8', '--locale=C', '--no-sync', `--username=${user}`],
        ...['--auth=scram-sha-256', '--pwfile=password'],
      );
      for (const [name, text] of Object.entries(tls ?? {})) {
        writeFileSync(join(folder, name), text);
        handOver(join(folder, name));
      }
    },
    command: (folder, port) => [
      join(programs, 'postgres'),
      ...['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=16MB', '-c', `max_connections=${maxConnections}`],
      ...['-c', 'superuser_reserved_connections=0'],
      ...(tls === undefined ? [] : ['ssl=on', `ssl_key_file=${folder}/key`, `ssl_cert_file=${folder}/cert`]).flatMap(
        (setting) => ['-c', setting],
      ),
    ],
    ready: /database system is ready to accept connections/,
  });
  const url = (database: string) =>
    `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${daemon.port}/${encodeURIComponent(database)}`;
  const query = async (sql: string, database = 'postgres') => {
    const client = new pg.Client({ host: '127.0.0.1', port: daemon.port, user, password, database, ssl: false });
    // A server that is ended under a statement is told to who waits for the statement.
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  return { ...daemon, user, password, url, query } satisfies Postgres;
}

/** Debian keeps the programs of each version apart, and leaves all but a few of them out of the PATH. */
function programFolder(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map(Number) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(debian, String(version), 'bin'));
  const found = [...folders, ...(process.env.PATH ?? '').split(':')].find(
    (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
  );
  if (found === undefined) throw new Error('PostgreSQL is not installed: scripts/prepare-tests.ts does it');
  return found;
}
