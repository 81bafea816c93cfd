// Copies of a store, for the command line: a backup beside a running server, and its way back. Which log a setting means is
// known here and in main.ts, and nowhere else.

import { StartRefusal, type StoreSetting } from './config.ts';
import { backupStore, restoreStore } from './log/sqlite/backup.ts';
import { StoreError } from './log/store-error.ts';

/** Writes a copy into a new file. Throws StartRefusal with one line that says what to do. */
export function backUp(store: StoreSetting, file: string): void {
  refusing(() => backupStore(pathOf(store), file));
}

/** Puts a copy in the place of a store that no server has open; what was there is kept beside it. Returns its new epoch. */
export function putBack(file: string, store: StoreSetting): { readonly epoch: number } {
  return refusing(() => restoreStore(file, pathOf(store)));
}

function pathOf(store: StoreSetting): string {
  if (store.kind === 'sqlite') return store.path;
  throw new StartRefusal('store_unsupported', 'a store in memory cannot be copied. Give --store sqlite:PATH.');
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof StoreError) throw new StartRefusal(error.code, error.message);
    throw error;
  }
}
