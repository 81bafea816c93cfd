// The sides of a copy in SQLite, a file for each space. What is copied stays as it is, locked against servers; what is made is
// written beside its places, and all of it takes them at the end, so that whatever happens before leaves the places empty.

import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { mainSpace } from '../../core/space-name.ts';
import { EventBlocks } from '../sqlite/blocks.ts';
import { inspect, migrate, openForReading } from '../sqlite/database.ts';
import { createOwned, fileOfSpace, filesOf, type StoreFiles, syncFile } from '../sqlite/files.ts';
import { Items } from '../sqlite/items.ts';
import { StoreLock } from '../sqlite/lock.ts';
import { newMeta, readMeta, writeMeta } from '../sqlite/meta.ts';
import { storeErrorOf } from '../sqlite/problems.ts';
import { spacesListedIn } from '../sqlite/spaces.ts';
import { appear, clearHalf, type MadeFile } from '../sqlite/together.ts';
import { StoreError } from '../store-error.ts';
import {
  type CopiedEvent,
  type CopiedMeta,
  type CopiedRow,
  EVENTS_AT_ONCE,
  type NewSpace,
  type NewStore,
  type OldSpace,
  type OldStore,
  ROWS_AT_ONCE,
} from './sides.ts';

/** The store at a path, or one space of it. Refuses with a StoreError, also while a server has it. */
export function openOldSqlite(path: string, only: string | null): OldStore {
  const old = new OldSqlite(path);
  try {
    const first = old.take(only ?? mainSpace);
    if (first === null) throw notThere(path, only);
    if (only === null) for (const space of spacesListedIn(first.database, first.shown)) old.takeListed(space);
    return old;
  } catch (error) {
    old.release();
    throw storeErrorOf(error, path);
  }
}

function notThere(path: string, only: string | null): StoreError {
  const what = only === null || only === mainSpace ? 'Signalbox store' : `space ${only}`;
  return new StoreError('store_not_ours', `there is no ${what} at ${fileOfSpace(path, only ?? mainSpace)}.`);
}

class OldSqlite implements OldStore {
  readonly name: string;
  readonly spaces: string[] = [];
  readonly elsewhere: string[] = [];
  readonly #locks: StoreLock[] = [];

  constructor(path: string) {
    this.name = path;
  }

  /** Locks a space. Null: it is not there. */
  take(space: string): StoreFiles | null {
    const files = filesOf(fileOfSpace(this.name, space));
    const found = inspect(files.database, files.shown);
    if (found === null) return null;
    this.#locks.push(StoreLock.take(files, found.epoch));
    this.spaces.push(space);
    return files;
  }

  takeListed(space: string): void {
    if (this.take(space) === null) this.elsewhere.push(space);
  }

  async open(space: string): Promise<OldSpace> {
    const { database, shown } = filesOf(fileOfSpace(this.name, space));
    let opened: DatabaseSync | undefined;
    try {
      const reading = openForReading(database);
      opened = reading;
      const count = (table: string) =>
        Number(reading.prepare(`SELECT count(*) AS n FROM ${table} WHERE space = 'main'`).get()?.n);
      return {
        ...{ meta: readMeta(reading, shown), rowCount: count('item'), eventCount: count('event') },
        rows: () => translated(rowsIn(reading), shown),
        events: () => translated(eventsIn(reading), shown),
        close: () => reading.close(),
      };
    } catch (error) {
      opened?.close();
      throw storeErrorOf(error, shown);
    }
  }

  async close(): Promise<void> {
    this.release();
  }

  release(): void {
    for (const lock of this.#locks) lock.release();
  }
}

/** Refuses with a StoreError where there is anything. `spaces`: `main` first. */
export function openNewSqlite(path: string, spaces: readonly string[]): NewStore {
  const made = new NewSqlite(path);
  try {
    // The last one that takes its place says that all are there.
    const places = spaces.map((space) => filesOf(fileOfSpace(path, space))).reverse();
    const last = places.at(-1) as StoreFiles;
    mustBeFree(last);
    made.take(last, spaces[0] as string);
    clearHalf(places.map(madeFile));
    for (const [i, space] of spaces.entries()) {
      const files = filesOf(fileOfSpace(path, space));
      mustBeFree(files);
      if (i > 0) made.take(files, space);
      mustBeFree(files);
      // Of a copy that was killed.
      rmSync(files.restoring, { force: true });
    }
    return made;
  } catch (error) {
    made.release();
    throw storeErrorOf(error, path);
  }
}

function mustBeFree({ database, shown }: StoreFiles): void {
  for (const file of [database, `${database}-wal`]) {
    if (existsSync(file))
      throw new StoreError('store_not_writable', `${shown} is not new: there is ${file}. Give a name that is free.`);
  }
}

function madeFile({ restoring, database }: StoreFiles): MadeFile {
  return { made: restoring, place: database };
}

interface Taken {
  readonly files: StoreFiles;
  readonly lock: StoreLock;
}

class NewSqlite implements NewStore {
  readonly name: string;
  readonly #taken = new Map<string, Taken>();

  constructor(path: string) {
    this.name = path;
  }

  take(files: StoreFiles, space: string): void {
    this.#taken.set(space, { files, lock: StoreLock.take(files, null) });
  }

  async open(space: string): Promise<NewSpace> {
    const { files, lock } = this.#taken.get(space) as Taken;
    createOwned(files.restoring, files.shown);
    return new NewFile(files, lock.epoch);
  }

  async keep(): Promise<void> {
    const places = Array.from(this.#taken.values(), ({ files }) => files).reverse();
    try {
      for (const { restoring } of places) syncFile(restoring);
      for (const files of places) mustBeFree(files);
      appear(places.map(madeFile));
    } catch (error) {
      throw storeErrorOf(error, this.name);
    }
  }

  async close(): Promise<void> {
    for (const { files } of this.#taken.values()) rmSync(files.restoring, { force: true });
    this.release();
  }

  release(): void {
    for (const { lock } of this.#taken.values()) lock.release();
  }
}

class NewFile implements NewSpace {
  readonly epoch: number | null;
  readonly #shown: string;
  readonly #database: DatabaseSync;
  #items: Items | null = null;
  #blocks: EventBlocks | null = null;

  constructor({ shown, restoring }: StoreFiles, epoch: number | null) {
    this.epoch = epoch;
    this.#shown = shown;
    this.#database = new DatabaseSync(restoring);
  }

  async begin(meta: CopiedMeta): Promise<void> {
    // Nobody sees it before it is whole, and half of one is thrown away: nothing to take back, nor to wait for the disk.
    this.#translating(() => {
      this.#database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
      migrate(this.#database, () => writeMeta(this.#database, { ...newMeta(meta.epoch), ...meta }));
      this.#items = new Items(this.#database);
      this.#blocks = new EventBlocks(this.#database);
      this.#database.exec('BEGIN');
    });
  }

  async putRows(rows: readonly CopiedRow[]): Promise<void> {
    this.#translating(() => this.#items?.write(rows.flatMap(({ kind, id, seq, body }) => [kind, id, seq, body])));
  }

  async putEvents(events: readonly CopiedEvent[]): Promise<void> {
    const values = events.flatMap(({ seq, at, kind, subject, actor, data }) => [seq, at, kind, subject, actor, data]);
    this.#translating(() => this.#blocks?.append(values));
  }

  rows() {
    return translated(rowsIn(this.#database), this.#shown);
  }

  events() {
    return translated(eventsIn(this.#database), this.#shown);
  }

  async end(): Promise<void> {
    this.#translating(() => this.#database.exec('COMMIT'));
  }

  close(): void {
    this.#database.close();
  }

  #translating(act: () => void): void {
    try {
      act();
    } catch (error) {
      throw storeErrorOf(error, this.#shown);
    }
  }
}

async function* translated<T>(parts: Iterable<T>, shown: string): AsyncGenerator<T> {
  try {
    yield* parts;
  } catch (error) {
    throw storeErrorOf(error, shown);
  }
}

function* rowsIn(database: DatabaseSync): Generator<CopiedRow[]> {
  const read = database.prepare(
    `SELECT rowid AS place, kind, id, seq, body FROM item NOT INDEXED
       WHERE rowid > ? AND space = 'main' ORDER BY rowid LIMIT ${ROWS_AT_ONCE}`,
  );
  for (let after = 0; ; ) {
    const part = read.all(after) as unknown as (CopiedRow & { place: number })[];
    if (part.length === 0) return;
    yield part;
    after = part.at(-1)?.place ?? after;
  }
}

function* eventsIn(database: DatabaseSync): Generator<CopiedEvent[]> {
  const read = database.prepare(
    `SELECT seq, at, kind, subject, actor, data FROM event WHERE space = 'main' AND seq > ? ORDER BY seq LIMIT ${EVENTS_AT_ONCE}`,
  );
  for (let after = -1; ; ) {
    const part = read.all(after) as unknown as CopiedEvent[];
    if (part.length === 0) return;
    yield part;
    after = part.at(-1)?.seq ?? after;
  }
}
