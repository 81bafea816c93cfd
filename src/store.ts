// Copies of a store, for the command line: a backup beside a running server, its way back, and a copy into a store of another
// kind; of all spaces, or of one. Which log a setting means is known here and in main.ts, and nowhere else.

import { StartRefusal } from './config.ts';
import { type StoreSetting, spaceName } from './config-values.ts';
import { type Copied, type CopyProgress, copyStore } from './log/copy.ts';
import { type BackedUp, backupStore, type Restored, restoreStore } from './log/sqlite/backup.ts';
import { StoreError } from './log/store-error.ts';

export type { BackedUp, Copied, CopyProgress, Restored };

/** Writes a copy into new files. Throws StartRefusal with one line that says what to do. */
export function backUp(store: StoreSetting, file: string, space: string | null): BackedUp {
  return refusing(() => backupStore(pathOf(store), file, checked(space)));
}

/** Puts a copy in the place of a store that no server has open; what was there is kept beside it. */
export function putBack(file: string, store: StoreSetting, space: string | null): Restored {
  return refusing(() => restoreStore(file, pathOf(store), checked(space)));
}

export interface CopyRequest {
  /** null: all that are there. */
  readonly space: string | null;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** Copies a store that no server has open into a new one. Throws StartRefusal; then there is no new one. */
export async function copyInto(from: StoreSetting, to: StoreSetting, request: CopyRequest): Promise<Copied> {
  const settings = [from, to].find(({ kind }) => kind === 'postgres');
  const defaults = settings?.kind === 'postgres' ? settings.defaults : {};
  const space = checked(request.space);
  try {
    return await copyStore(addressOf(from), addressOf(to), { ...request, space, defaults });
  } catch (error) {
    throw error instanceof StoreError ? new StartRefusal(error.code, error.message) : error;
  }
}

function checked(space: string | null): string | null {
  const name = space === null ? null : spaceName(space);
  if (name === null || name.ok) return space;
  throw new StartRefusal('bad_setting', `--space: ${JSON.stringify(space)} is not right: ${name.expected}`);
}

function addressOf(store: StoreSetting): string {
  if (store.kind === 'postgres') return store.url;
  return store.kind === 'sqlite' ? `sqlite:${store.path}` : 'memory:';
}

function pathOf(store: StoreSetting): string {
  if (store.kind === 'sqlite') return store.path;
  throw new StartRefusal(
    'store_unsupported',
    store.kind === 'memory'
      ? 'a store in memory cannot be copied. Give --store sqlite:PATH.'
      : 'a store on PostgreSQL is backed up by its own tools: pg_dump, or a base backup. signalbox store copy makes a file of it.',
  );
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof StoreError) throw new StartRefusal(error.code, error.message);
    throw error;
  }
}
