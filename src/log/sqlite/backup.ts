// Backups: copies of a store's files, made while its server runs or not, and put back in their place. A store has a file for each
// space, and so has a backup: monday.db, and monday.team-a.db beside it. What always holds:
//   - each file of a backup is whole and of one moment; they appear together, or none of them is there;
//   - while a store is put back, the old file of a space stays until the new one takes its place in a single step;
//   - what is put back has a higher epoch than all that this place has had, so that no fence comes twice;
//   - a file of one space is not put in the place of another.

import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { mainSpace } from '../../core/space-name.ts';
import { damaged, StoreError } from '../store-error.ts';
import { inspect, migrate, openForReading, pragma } from './database.ts';
import { createOwned, fileOfSpace, filesOf, type StoreFiles, syncFile, syncFolderOf } from './files.ts';
import { StoreLock } from './lock.ts';
import { epochAfter, type Meta, readMeta, writeMeta } from './meta.ts';
import { isBusy, storeErrorOf } from './problems.ts';
import { spacesListedIn } from './spaces.ts';
import { appear, clearHalf, type MadeFile } from './together.ts';

/** How long to wait for a sqlite3 shell that has the old store open. */
const OTHERS_MS = 1_000;

export interface BackedUp {
  /** `main` first. */
  readonly spaces: readonly { readonly space: string; readonly store: string; readonly backup: string }[];
  /** Spaces that `main` lists and that are in no file beside it. */
  readonly elsewhere: readonly string[];
}

export interface Restored {
  /** `main` first. */
  readonly spaces: readonly (BackedUp['spaces'][number] & { readonly epoch: number })[];
  /** Spaces that the backup lists and does not hold: what is in their place was left as it is. */
  readonly missing: readonly string[];
}

/**
 * Copies a store into new files, or one space of it (`only`) into the one that is named. For any process: it only reads, beside
 * the server, whose log (`-wal`) grows meanwhile. Blocks the thread: minutes for a store of many gigabytes.
 */
export function backupStore(path: string, to: string, only: string | null = null): BackedUp {
  const first = { space: only ?? mainSpace, store: fileOfSpace(path, only ?? mainSpace), backup: to };
  const spaces = [first];
  const elsewhere: string[] = [];
  const made: MadeFile[] = [];
  try {
    made.push(copied(first));
    // Those of the copy: what was made since is in no copy of it.
    const listed = only === null ? spacesListedIn(made[0]?.made as string, to) : [];
    clearHalf([...listed.map((space) => partialOf(fileOfSpace(to, space))), ...made]);
    for (const space of listed) {
      const next = { space, store: fileOfSpace(path, space), backup: fileOfSpace(to, space) };
      if (!holdsStore(next.store)) {
        elsewhere.push(space);
        continue;
      }
      spaces.push(next);
      made.unshift(copied(next));
    }
    appear(made);
    return { spaces, elsewhere };
  } finally {
    for (const { made: partial } of made) rmSync(partial, { force: true });
  }
}

function copied({ space, store, backup }: BackedUp['spaces'][number]): MadeFile {
  const source = filesOf(store);
  inspectStore(source);
  const partial = partialOf(backup);
  if (existsSync(partial.place))
    throw new StoreError('store_not_writable', `${backup} exists already. Give a name that is free.`);
  copyWhole(source, partial.made, backup, (copy) => {
    writeMeta(copy, { ...readMeta(copy, backup), copiedAt: Date.now() });
    copy.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('copied_space', ?)`).run(space);
  });
  return partial;
}

function partialOf(backup: string): MadeFile {
  const { database } = filesOf(backup);
  return { made: `${database}.partial`, place: database };
}

function holdsStore(store: string): boolean {
  const { database, shown } = filesOf(store);
  return inspect(database, shown) !== null;
}

/**
 * Puts a backup in the place of a store, or where none is yet; or a single file of it in that of one space (`only`). Refuses with
 * `store_in_use` while a server has any of them. What was there is kept as `<file>.replaced`.
 */
export function restoreStore(backup: string, path: string, only: string | null = null): Restored {
  const missing: string[] = [];
  const first = new Restoring(only ?? mainSpace, backup, fileOfSpace(path, only ?? mainSpace));
  const all = [first];
  try {
    for (const space of only === null ? spacesListedIn(first.source.database, backup) : []) {
      const file = fileOfSpace(backup, space);
      if (existsSync(filesOf(file).database)) all.push(new Restoring(space, file, fileOfSpace(path, space)));
      else missing.push(space);
    }
    for (const each of all) each.prepare();
    for (const each of all) each.makeWay();
    // `main` last: what it lists is there then.
    for (const each of all.toReversed()) each.takePlace();
    return {
      spaces: all.map(({ space, shown, source, epoch }) => ({ space, store: shown, backup: source.shown, epoch })),
      missing,
    };
  } finally {
    for (const each of all) each.release();
  }
}

/** One file on its way into its place; its server is locked out until it is released. */
class Restoring {
  readonly space: string;
  readonly shown: string;
  readonly epoch: number;
  readonly source: StoreFiles;
  readonly #files: StoreFiles;
  readonly #lock: StoreLock;

  constructor(space: string, backup: string, store: string) {
    this.space = space;
    this.shown = store;
    this.source = filesOf(backup);
    this.#files = filesOf(store);
    if (this.source.database === this.#files.database)
      throw new StoreError(
        'store_in_use',
        `${backup} is the store itself. Give the file that signalbox store backup made.`,
      );
    const copied = inspectStore(this.source);
    mustBeOf(space, this.source, copied);
    this.#lock = StoreLock.take(this.#files, epochThere(this.#files));
    this.epoch = epochAfter(copied.epoch, this.#lock.epoch);
  }

  /** Makes the new file beside its place. */
  prepare(): void {
    checkWhole(this.source);
    const { epoch, shown } = this;
    copyWhole(this.source, this.#files.restoring, shown, (copy) => {
      migrate(copy, () => {
        writeMeta(copy, { ...readMeta(copy, shown), epoch, copiedAt: null });
        copy.exec(`DELETE FROM meta WHERE key = 'copied_space'`);
      });
    });
  }

  /** Whatever may still be refused. */
  makeWay(): void {
    this.#translating(() => {
      if (existsSync(this.#files.database)) takeInLog(this.#files);
    });
  }

  takePlace(): void {
    this.#translating(() => {
      setAside(this.#files);
      renameSync(this.#files.restoring, this.#files.database);
      syncFolderOf(this.#files.database);
    });
  }

  release(): void {
    rmSync(this.#files.restoring, { force: true });
    this.#lock.release();
  }

  #translating(act: () => void): void {
    try {
      act();
    } catch (error) {
      throw storeErrorOf(error, this.shown);
    }
  }
}

/** A file that no backup made, or that was served since, may be of any space. */
function mustBeOf(space: string, { database, shown }: StoreFiles, { copiedAt }: Meta): void {
  if (copiedAt === null) return;
  const reading = openForReading(database);
  try {
    const found = reading.prepare(`SELECT value FROM meta WHERE key = 'copied_space'`).get()?.value ?? space;
    if (found === space) return;
    throw new StoreError(
      'store_not_ours',
      `${shown} is a backup of the space ${found}, not of ${space}. Give --space ${found}, or another file.`,
    );
  } finally {
    reading.close();
  }
}

function inspectStore({ database, shown }: StoreFiles): Meta {
  const meta = inspect(database, shown);
  if (meta === null) throw new StoreError('store_not_ours', `there is no Signalbox store at ${shown}.`);
  return meta;
}

/** Null when nothing is there, or it is too damaged to tell. Refuses to replace what is not ours. */
function epochThere({ database, shown }: StoreFiles): number | null {
  try {
    return inspect(database, shown)?.epoch ?? null;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'store_corrupt') return null;
    if (error instanceof StoreError && error.code === 'store_not_ours') {
      throw new StoreError(
        'store_not_ours',
        `${shown} is not a Signalbox store, or too damaged to tell. Move it away first.`,
      );
    }
    throw error;
  }
}

/** `finish` changes the copy before anybody can see it. */
function copyWhole(source: StoreFiles, to: string, shown: string, finish: (copy: DatabaseSync) => void): void {
  rmSync(to, { force: true });
  createOwned(to, shown);
  let reading: DatabaseSync | undefined;
  let copy: DatabaseSync | undefined;
  try {
    reading = openForReading(source.database);
    reading.prepare('VACUUM INTO ?').run(to);
    copy = new DatabaseSync(to);
    finish(copy);
    copy.close();
    syncFile(to);
  } catch (error) {
    if (copy?.isOpen) copy.close();
    rmSync(to, { force: true });
    throw storeErrorOf(error, copy === undefined ? source.shown : shown);
  } finally {
    reading?.close();
  }
}

function checkWhole({ database, shown }: StoreFiles): void {
  const reading = openForReading(database);
  try {
    const found = pragma(reading, 'quick_check(1)');
    if (found !== 'ok') throw damaged(shown, String(found));
  } catch (error) {
    throw storeErrorOf(error, shown);
  } finally {
    reading.close();
  }
}

/**
 * Keeps what is there under another name, without taking it from its place. No log (`-wal`) may stay beside the new store: it
 * would be taken for the new store's.
 */
function setAside(files: StoreFiles): void {
  for (const end of ['', '-wal', '-shm']) rmSync(files.replaced + end, { force: true });
  if (existsSync(files.database)) keepAs(files.database, files.replaced);
  // Of a store that is damaged, or of which only this is left.
  if (existsSync(`${files.database}-wal`)) renameSync(`${files.database}-wal`, `${files.replaced}-wal`);
  rmSync(`${files.database}-shm`, { force: true });
}

function keepAs(file: string, name: string): void {
  try {
    linkSync(file, name);
  } catch {
    // Not every file system can have two names for a file.
    copyFileSync(file, name);
  }
}

/** Writes what is in a store's log into the store itself, if it is not too damaged for that. */
function takeInLog(files: StoreFiles): void {
  try {
    const old = new DatabaseSync(files.database, { timeout: OTHERS_MS });
    try {
      if (pragma(old, 'journal_mode = DELETE') !== 'delete') throw openElsewhere(files);
    } finally {
      old.close();
    }
  } catch (error) {
    if (isBusy(error)) throw openElsewhere(files);
    const told = storeErrorOf(error, files.shown);
    if (told.code !== 'store_corrupt') throw told;
  }
}

function openElsewhere({ shown }: StoreFiles): StoreError {
  return new StoreError('store_in_use', `${shown} is open in another program. Close it (a sqlite3 shell?).`);
}
