// One file, one server. The lock is SQLite's own on a small database beside the store, `<store>.lock`: a write transaction
// that stays open for as long as the server runs. It ends with the process, however that ends, and others can read meanwhile
// who holds it. The store itself stays free for readers: the sqlite3 shell, a backup.
// What always holds: whoever has a StoreLock is the only one, and the lock names it. The lock also keeps the highest epoch
// that this place has had, for when the store is lost or damaged and a backup takes its place.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store-error.ts';
import { createOwned, type StoreFiles } from './files.ts';
import { isBusy, storeErrorOf } from './problems.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: number;
}

/** How long to wait for others who are only looking who holds it. */
const READERS_MS = 5_000;

export class StoreLock {
  readonly #database: DatabaseSync;
  /** The highest epoch that this place has had; null when it had none. */
  readonly epoch: number | null;

  private constructor(database: DatabaseSync, epoch: number | null) {
    this.#database = database;
    this.epoch = epoch;
  }

  /** Refuses with `store_in_use` when somebody has it. `epoch`: of the store that is there now. */
  static take(files: StoreFiles, epoch: number | null): StoreLock {
    createOwned(files.lock, files.shown);
    const database = new DatabaseSync(files.lock);
    try {
      begin(database, files);
      const highest = note(database, epoch);
      database.exec(`PRAGMA busy_timeout = ${READERS_MS}; COMMIT`);
      // Between the two transactions another server may have come.
      begin(database, files);
      if (read(database, 'id') !== highest.id) throw inUse(database, files);
      return new StoreLock(database, highest.epoch);
    } catch (error) {
      database.close();
      throw storeErrorOf(error, files.lock);
    }
  }

  release(): void {
    this.#database.close();
  }
}

function begin(database: DatabaseSync, files: StoreFiles): void {
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE');
  } catch (error) {
    throw isBusy(error) ? inUse(database, files) : error;
  }
}

/** Writes down who we are. An id tells us from another server with the same process id, in another container. */
function note(database: DatabaseSync, storeEpoch: number | null): { id: string; epoch: number | null } {
  database.exec('CREATE TABLE IF NOT EXISTS holder (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID');
  const put = database.prepare('INSERT OR REPLACE INTO holder (key, value) VALUES (?, ?)');
  const id = randomUUID();
  put.run('id', id);
  put.run('pid', process.pid);
  put.run('host', hostname());
  put.run('since', Date.now());
  const known = read(database, 'epoch') as number | null;
  if (storeEpoch === null && known === null) return { id, epoch: null };
  const epoch = Math.max(storeEpoch ?? 0, known ?? 0);
  put.run('epoch', epoch);
  return { id, epoch };
}

function inUse(database: DatabaseSync, { shown }: StoreFiles): StoreError {
  const holder = holderOf(database);
  const who = holder === null ? '' : ` (process ${holder.pid}${elsewhere(holder)}, since ${clockTime(holder.since)})`;
  return new StoreError(
    'store_in_use',
    `${shown} is open in another Signalbox${who}. One file, one server: stop that one, or give this one another --store.`,
  );
}

/** Null while the holder is just writing itself down. */
function holderOf(database: DatabaseSync): Holder | null {
  try {
    const [pid, host, since] = [read(database, 'pid'), read(database, 'host'), read(database, 'since')];
    return pid === null ? null : { pid: pid as number, host: host as string, since: since as number };
  } catch {
    return null;
  }
}

function read(database: DatabaseSync, key: string): unknown {
  return database.prepare('SELECT value FROM holder WHERE key = ?').get(key)?.value ?? null;
}

const elsewhere = ({ host }: Holder): string => (host === hostname() ? '' : ` on ${host}`);

/** `09:12` for today, else with the day. */
function clockTime(at: number): string {
  const date = new Date(at);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}
