// Opening a store's file: what is looked at before anything is written, and how it is written from then on. What always
// holds: a file that is not ours, or that a later version has written, is refused as it was found.
//
// Not all of a large file is checked at the start, because that takes longer than a restart may: the current rows are read
// whole anyway (SQLite checks each page's form, and each row must be JSON); up to a size they are also checked as a tree.
// Damage in the history shows when that part of it is read, and does not hold up leases.

import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION } from '../schema/sqlite.ts';
import { damaged, StoreError } from '../store-error.ts';
import type { StoreFiles } from './files.ts';
import { type Meta, readMeta } from './meta.ts';
import { storeErrorOf } from './problems.ts';

/** For somebody in a sqlite3 shell who writes; then the store has failed. */
const OTHER_WRITERS_MS = 5_000;
const CACHE_KIB = 16_384;
/** The log (`-wal`) is cut to this once it was longer: a backup or a reader has kept it from being written back. */
const WAL_BYTES = 64 << 20;
/** Checking 256 MiB takes less than a quarter of a second when they are in memory. */
const CHECKED_BYTES = 256 << 20;

/** Whether there is a store at a path; its meta when there is. Writes nothing. Refuses what cannot be used. */
export function inspect(file: string, shown: string): Meta | null {
  if (!existsSync(file)) return null;
  if (!statSync(file).isFile())
    throw new StoreError('store_not_ours', `${shown} is not a file. Give another path with --store.`);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: OTHER_WRITERS_MS });
    return isBlank(database) ? null : readMetaOfOurs(database, shown);
  } catch (error) {
    throw storeErrorOf(error, shown);
  } finally {
    database?.close();
  }
}

/** Opens the file for the one who writes it, and brings it to this version's schema. The caller has the lock, and has inspected it. */
export function openForWriting(files: StoreFiles, maxPages: number | null): DatabaseSync {
  const database = new DatabaseSync(files.database, { timeout: OTHER_WRITERS_MS });
  try {
    if (pragma(database, 'journal_mode = WAL') !== 'wal') {
      throw new StoreError(
        'store_failed',
        `${files.shown} is on a file system without shared memory. Use a local disk.`,
      );
    }
    // Checkpoints are made by the writer, when nobody waits for it.
    database.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${WAL_BYTES};
      PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY`);
    if (maxPages !== null) database.exec(`PRAGMA max_page_count = ${maxPages}`);
    checkRows(database, files.shown);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** For readers beside the writer. */
export function openForReading(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true, timeout: OTHER_WRITERS_MS });
}

/** Brings a blank or older database to this version's schema. `first` runs in the same transaction. */
export function migrate(database: DatabaseSync, first: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  for (const migration of MIGRATIONS.slice(Number(pragma(database, 'user_version')))) database.exec(migration);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
  first();
  database.exec('COMMIT');
}

export function pragma(database: DatabaseSync, text: string): unknown {
  const row = database.prepare(`PRAGMA ${text}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

function isBlank(database: DatabaseSync): boolean {
  const [tables] = Object.values(database.prepare('SELECT count(*) FROM sqlite_schema').get() ?? {});
  return tables === 0 && pragma(database, 'application_id') === 0 && pragma(database, 'user_version') === 0;
}

function readMetaOfOurs(database: DatabaseSync, shown: string): Meta {
  if (pragma(database, 'application_id') !== APPLICATION_ID) {
    throw new StoreError(
      'store_not_ours',
      `${shown} is the database of another program. Give another path with --store.`,
    );
  }
  const version = Number(pragma(database, 'user_version'));
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      'store_newer',
      `${shown} was written by a later Signalbox (store version ${version}, this one knows ${SCHEMA_VERSION}). Run that one, or put back a backup from before.`,
    );
  }
  return readMeta(database, shown);
}

function checkRows(database: DatabaseSync, shown: string): void {
  const bytes = Number(pragma(database, 'page_count')) * Number(pragma(database, 'page_size'));
  if (bytes > CHECKED_BYTES) return;
  for (const table of ['meta', 'item']) {
    const isThere = database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table) !== undefined;
    const found = isThere ? pragma(database, `quick_check(${table})`) : 'ok';
    if (found !== 'ok') throw damaged(shown, String(found));
  }
}
