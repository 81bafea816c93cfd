// From what a person writes (`--store sqlite:./signalbox.db`) to an open log. Nothing else knows which logs there are.

import type { Log } from './log.ts';
import { MemoryLog } from './memory.ts';
import { openSqliteLog } from './sqlite.ts';
import { StoreError } from './store-error.ts';

/** Opens a store, and makes it when there is none. Refuses with a StoreError. */
export async function openLog(url: string): Promise<Log> {
  if (url === 'memory:') return new MemoryLog();
  const path = sqlitePath(url);
  if (path !== null) return openSqliteLog(path);
  if (/^postgres(ql)?:/.test(url)) {
    // Not shown as written: such an address may hold a password.
    throw new StoreError(
      'store_unsupported',
      'a store on PostgreSQL comes in a later version. Use --store sqlite:./signalbox.db until then.',
    );
  }
  throw new StoreError(
    'store_unsupported',
    'the store is none that Signalbox knows. Give sqlite:PATH (--store sqlite:./signalbox.db) or memory:.',
  );
}

/** The file of `sqlite:PATH` or `sqlite://PATH`; null when it is no such address. */
export function sqlitePath(url: string): string | null {
  return /^sqlite:(?:\/\/)?(.+)$/.exec(url)?.[1] ?? null;
}
