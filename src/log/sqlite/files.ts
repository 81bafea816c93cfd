// A store's files. Beside `signalbox.db` lie SQLite's own `-wal` and `-shm`, and ours: `.lock` (who serves it), `.ballast` (room
// to give up when the disk is full), and during a restore `.restoring`, after it `.replaced`. All of them are for the owner
// alone (0600), because a store holds the hashes of keys and the secret that lease secrets are derived from.

import { closeSync, existsSync, fsyncSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { mainSpace } from '../../core/space-name.ts';
import { StoreError } from '../store-error.ts';

export interface StoreFiles {
  /** As the person wrote it, for messages. */
  readonly shown: string;
  readonly database: string;
  readonly lock: string;
  readonly ballast: string;
  readonly restoring: string;
  readonly replaced: string;
}

export const OWNER_ONLY = 0o600;

/** Follows links, so that two names of one store share their lock. */
export function filesOf(path: string): StoreFiles {
  const folder = folderOf(path);
  const direct = join(folder, basename(path));
  const database = existsSync(direct) ? realpathSync(direct) : direct;
  return {
    shown: path,
    database,
    lock: `${database}.lock`,
    ballast: `${database}.ballast`,
    restoring: `${database}.restoring`,
    replaced: `${database}.replaced`,
  };
}

/** Where a space is kept: `main` in the file that was named, `team-a` in signalbox.team-a.db beside signalbox.db. */
export function fileOfSpace(path: string, space: string): string {
  if (space === mainSpace) return path;
  const [, stem = path, ending = ''] = /^(.*[^/])(\.[^./]+)$/.exec(path) ?? [];
  return `${stem}.${space}${ending}`;
}

function folderOf(path: string): string {
  const folder = dirname(resolve(path));
  try {
    if (statSync(folder).isDirectory()) return realpathSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new StoreError('store_not_writable', `${path}: there is no directory ${folder}. Make it first.`, { cause });
    }
  }
  throw new StoreError(
    'store_not_writable',
    `${path}: ${folder} is not a directory that can be used. Give another path.`,
  );
}

/** Makes an empty file for the owner alone unless it exists. Says whether it did. */
export function createOwned(file: string, shown: string): boolean {
  try {
    closeSync(openSync(file, 'wx', OWNER_ONLY));
    return true;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOSPC') throw new StoreError('store_full', `${shown}: the disk is full. Make room.`, { cause });
    throw new StoreError(
      'store_not_writable',
      `${shown}: ${file} cannot be made (${message}). Give a path that this user may write.`,
      { cause },
    );
  }
}

/** Makes what was created, renamed or removed in the directory of a file survive a power cut. */
export function syncFolderOf(file: string): void {
  syncFile(dirname(file));
}

export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
