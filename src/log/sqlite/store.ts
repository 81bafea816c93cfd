// A store as its one server has it: locked, checked, at this version's schema, with its ballast. What always holds: its epoch
// is above every epoch that its place or a copy of it has had before, so that no fence comes twice.

import type { DatabaseSync } from 'node:sqlite';
import { Ballast } from './ballast.ts';
import { inspect, migrate, openForWriting } from './database.ts';
import { createOwned, filesOf, type StoreFiles, syncFolderOf } from './files.ts';
import { StoreLock } from './lock.ts';
import type { StoreOptions } from './messages.ts';
import { epochAfter, newMeta, readMeta, writeMeta } from './meta.ts';
import { isFull, storeErrorOf } from './problems.ts';

export interface Store {
  readonly files: StoreFiles;
  readonly lock: StoreLock;
  readonly database: DatabaseSync;
  readonly ballast: Ballast;
  readonly isNew: boolean;
}

export function openStore(options: StoreOptions): Store {
  const files = filesOf(options.path);
  const ballast = new Ballast(files.ballast, options.ballastBytes);
  const found = withBallast(ballast, () => inspect(files.database, files.shown));
  const lock = withBallast(ballast, () => StoreLock.take(files, found?.epoch ?? null));
  try {
    if (createOwned(files.database, files.shown)) syncFolderOf(files.database);
    const database = withBallast(ballast, () => openUpToDate(files, options, lock.epoch));
    return { files, lock, database, ballast, isNew: found === null };
  } catch (error) {
    lock.release();
    throw storeErrorOf(error, files.shown);
  }
}

function openUpToDate(files: StoreFiles, { maxPages }: StoreOptions, placeEpoch: number | null): DatabaseSync {
  const isNew = inspect(files.database, files.shown) === null;
  const database = openForWriting(files, maxPages);
  try {
    migrate(database, () => {
      // A store that was removed, and a backup that was copied here by hand, must not repeat the fences of this place.
      if (isNew) return writeMeta(database, newMeta(epochAfter(placeEpoch)));
      const meta = readMeta(database, files.shown);
      if (meta.copiedAt !== null)
        writeMeta(database, { ...meta, epoch: epochAfter(meta.epoch, placeEpoch), copiedAt: null });
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** On a full disk a server must still start, for renewals and releases; SQLite wants room even to look. */
function withBallast<T>(ballast: Ballast, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isFull(error) || !ballast.release()) throw error;
    return open();
  }
}
