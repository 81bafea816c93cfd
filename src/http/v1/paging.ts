// Pages of a list. A cursor names the last row of the page before; where that row has gone meanwhile the list goes on at the
// place where it stood. Every list says of which moment it is, so that the event stream can be opened from there.

import { Problem } from '../problem.ts';
import { time, type View } from '../shapes.ts';

export interface PageOptions<T> {
  readonly limit: number;
  readonly cursor: string | undefined;
  /** What tells the rows of this list apart. */
  readonly key: (row: T) => string;
}

export interface Page<S> {
  readonly items: S[];
  readonly next: string | null;
  readonly asOf: { readonly seq: number; readonly at: string };
}

export function page<T, S>(
  rows: readonly T[],
  { limit, cursor, key }: PageOptions<T>,
  { state, moment }: View,
  shape: (row: T) => S,
): Page<S> {
  const start = cursor === undefined ? 0 : startOf(rows, cursor, key);
  const shown = rows.slice(start, start + limit);
  const last = shown.at(-1);
  const next =
    last === undefined || start + limit >= rows.length ? null : encode({ key: key(last), index: start + limit });
  return { items: shown.map(shape), next, asOf: { seq: state.seq, at: time(moment.at) } };
}

function startOf<T>(rows: readonly T[], cursor: string, key: (row: T) => string): number {
  const { key: last, index } = decode(cursor);
  const at = rows.findIndex((row) => key(row) === last);
  return at < 0 ? Math.max(0, index - 1) : at + 1;
}

export function encode(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decode(cursor: string): { key: string; index: number } {
  try {
    const { key, index } = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (typeof key === 'string' && Number.isInteger(index)) return { key, index };
  } catch {
    // Falls through: whatever it was, we did not make it.
  }
  throw new Problem('invalid_cursor', 'Use `next` of the page before as the cursor, unchanged.', { field: 'cursor' });
}
