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
  const pages = leavesOf(path, table);
  const bytes = readFileSync(path);
  for (const page of pages.filter((each) => which(each, pages))) pageIn(bytes, page).fill(0xa5);
  writeFileSync(path, bytes);
}

/** Puts the first and the last leaf of a table in each other's place: each is in order, the table is not. */
export function swapLeaves(path: string, table: string): void {
  const pages = leavesOf(path, table);
  const bytes = readFileSync(path);
  const [first, last] = [pages[0], pages.at(-1)].map((page) => pageIn(bytes, page as number)) as [Buffer, Buffer];
  const kept = Buffer.from(first);
  last.copy(first);
  kept.copy(last);
  writeFileSync(path, bytes);
}

function leavesOf(path: string, table: string): number[] {
  const found = sql(path, `SELECT pageno FROM dbstat WHERE name = '${table}' AND pagetype = 'leaf' ORDER BY path`);
  return found.map(({ pageno }) => Number(pageno));
}

const pageIn = (bytes: Buffer, page: number): Buffer => bytes.subarray((page - 1) * 4096, page * 4096);
