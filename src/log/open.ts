// From what a person writes (`--store sqlite:./signalbox.db`) to an open store. Nothing else knows which kinds there are.

import { existsSync } from 'node:fs';
import { MemoryLog } from './memory.ts';
import type { PostgresOptions } from './postgres.ts';
import { fileOfSpace } from './sqlite/files.ts';
import { openSqliteLog } from './sqlite.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

/** Opens a store, and makes it when there is none. Refuses with a StoreError. */
export async function openStore(url: string, options: PostgresOptions = {}): Promise<Store> {
  if (url === 'memory:') return memory();
  const path = sqlitePath(url);
  if (path !== null) return filesAt(path);
  if (/^postgres(ql)?:/.test(url)) {
    // Only then: the driver is not for free.
    const { openPostgresStore } = await import('./postgres.ts');
    return openPostgresStore(url, options);
  }
  throw new StoreError(
    'store_unsupported',
    'the store is none that Signalbox knows. Give sqlite:PATH (--store sqlite:./signalbox.db), postgres://HOST/DATABASE or memory:.',
  );
}

/** The file of `sqlite:PATH` or `sqlite://PATH`; null when it is no such address. */
export function sqlitePath(url: string): string | null {
  return /^sqlite:(?:\/\/)?(.+)$/.exec(url)?.[1] ?? null;
}

/** Forgets each space with its log. */
function memory(): Store {
  return {
    ...{ name: 'memory:', isShared: false, forgets: true, has: async () => true },
    ...{ open: async () => new MemoryLog(), close: async () => undefined },
  };
}

/** A file for each space. */
function filesAt(path: string): Store {
  return {
    name: `sqlite:${path}`,
    isShared: false,
    forgets: false,
    has: async (space) => existsSync(fileOfSpace(path, space)),
    open: (space) => openSqliteLog(fileOfSpace(path, space)),
    close: async () => undefined,
  };
}
