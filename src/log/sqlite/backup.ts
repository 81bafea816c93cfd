// Backups: a copy of a store, made while its server runs or not, and put back in its place. What always holds:
//   - a backup is whole and of one moment, or not there;
//   - while a store is put back, the old one stays until the new one takes its place in a single step;
//   - what is put back has a higher epoch than all that this place has had, so that no fence comes twice.

import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { damaged, StoreError } from '../store-error.ts';
import { inspect, migrate, openForReading, pragma } from './database.ts';
import { createOwned, filesOf, type StoreFiles, syncFile, syncFolderOf } from './files.ts';
import { StoreLock } from './lock.ts';
import { epochAfter, type Meta, readMeta, writeMeta } from './meta.ts';
import { isBusy, storeErrorOf } from './problems.ts';

/** How long to wait for a sqlite3 shell that has the old store open. */
const OTHERS_MS = 1_000;

/**
 * Copies a store into a new file. For any process: it only reads, beside the server, whose log (`-wal`) grows meanwhile.
 * Blocks the thread: minutes for a store of many gigabytes.
 */
export function backupStore(path: string, to: string): void {
  const source = filesOf(path);
  inspectStore(source);
  const { database: target } = filesOf(to);
  if (existsSync(target)) throw new StoreError('store_not_writable', `${to} exists already. Give a name that is free.`);
  const partial = `${target}.partial`;
  copyWhole(source, partial, to, (copy) => {
    writeMeta(copy, { ...readMeta(copy, to), copiedAt: Date.now() });
  });
  renameSync(partial, target);
  syncFolderOf(target);
}

/**
 * Puts a backup in the place of a store, or where none is yet. Refuses with `store_in_use` while a server has it. What was
 * there is kept as `<store>.replaced`. Returns what the store is now.
 */
export function restoreStore(backup: string, path: string): Meta {
  const source = filesOf(backup);
  const files = filesOf(path);
  if (source.database === files.database) {
    throw new StoreError(
      'store_in_use',
      `${backup} is the store itself. Give the file that signalbox store backup made.`,
    );
  }
  const copied = inspectStore(source);
  const lock = StoreLock.take(files, epochThere(files));
  try {
    checkWhole(source);
    const epoch = epochAfter(copied.epoch, lock.epoch);
    copyWhole(source, files.restoring, path, (copy) => {
      migrate(copy, () => writeMeta(copy, { ...readMeta(copy, path), epoch, copiedAt: null }));
    });
    setAside(files);
    renameSync(files.restoring, files.database);
    syncFolderOf(files.database);
    return { ...copied, epoch, copiedAt: null };
  } catch (error) {
    throw storeErrorOf(error, path);
  } finally {
    rmSync(files.restoring, { force: true });
    lock.release();
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
  if (existsSync(files.database)) {
    takeInLog(files);
    keepAs(files.database, files.replaced);
  }
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
