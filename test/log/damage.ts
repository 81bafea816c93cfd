// What goes wrong with files: behind the back of a store that nobody has open.

import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export function sql(path: string, text: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(text).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

/** Overwrites pages of a table's leaves. */
export function damage(path: string, table: string, which: (page: number, all: readonly number[]) => boolean): void {
  const found = sql(path, `SELECT pageno FROM dbstat WHERE name = '${table}' AND pagetype = 'leaf' ORDER BY path`);
  const pages = found.map(({ pageno }) => Number(pageno));
  const bytes = readFileSync(path);
  for (const page of pages.filter((each) => which(each, pages))) bytes.fill(0xa5, (page - 1) * 4096, page * 4096);
  writeFileSync(path, bytes);
}
