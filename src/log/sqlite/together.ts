// Several files that appear together. What always holds: none of them is in its place before all are made, the last takes its
// place last and in a single step, and what a process that was killed in between has left can be told from files of others: it
// is the same file under two names.

import { existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { syncFolderOf } from './files.ts';

export interface MadeFile {
  /** Where it was made, in the folder of its place. */
  readonly made: string;
  readonly place: string;
}

/** All or none, of whole files that are on the disk already; the last one says that all are there. */
export function appear(files: readonly MadeFile[]): void {
  const last = files.at(-1) as MadeFile;
  const others = files.slice(0, -1);
  const placed: string[] = [];
  try {
    for (const { made, place } of others) {
      placeUnder(made, place);
      placed.push(place);
    }
    if (placed.length > 0) syncFolderOf(last.place);
    renameSync(last.made, last.place);
  } catch (error) {
    for (const place of placed) rmSync(place, { force: true });
    throw error;
  }
  for (const { made } of others) rmSync(made, { force: true });
  syncFolderOf(last.place);
}

/** Removes what a process has left that was killed before the last file was in its place. */
export function clearHalf(files: readonly MadeFile[]): void {
  const last = files.at(-1) as MadeFile;
  if (existsSync(last.place) || !existsSync(last.made)) return;
  for (const { made, place } of files) if (isSameFile(made, place)) rmSync(place);
}

function placeUnder(made: string, place: string): void {
  try {
    linkSync(made, place);
  } catch (error) {
    // Not every file system can have two names for a file.
    if (existsSync(place)) throw error;
    renameSync(made, place);
  }
}

function isSameFile(one: string, other: string): boolean {
  if (!existsSync(one) || !existsSync(other)) return false;
  const [a, b] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
  return a.ino === b.ino && a.dev === b.dev;
}
