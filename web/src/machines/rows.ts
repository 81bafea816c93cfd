// The rows that this screen shows, and when each of them was heard: some of their times are counted from then.

import { useCell } from '../cell.ts';
import { serverNow } from '../clock.ts';
import type { Rows } from '../live/rows.ts';
import { builds, environments, images, instances, jobs, pools } from '../live/tables.ts';

const heard = new WeakMap<object, number>();
const all: readonly Rows<object>[] = [builds, instances, jobs, pools, images] as never;
let isWanted = false;

export function wantMachines(): void {
  for (const table of [...all, environments]) table.want();
  if (isWanted) return;
  isWanted = true;
  for (const table of [jobs, pools]) {
    table.version.watch(() => {
      for (const row of table.all()) heardAt(row);
    });
  }
}

/** By the server's clock, in ms. */
export function heardAt(row: object): number {
  const at = heard.get(row) ?? serverNow();
  heard.set(row, at);
  return at;
}

/** The moment that was so many seconds away when the row was heard. */
export function momentOf(row: object, seconds: number): string {
  return new Date(heardAt(row) + seconds * 1000).toISOString();
}

/** All rows of a table, and a repaint with each change of one. */
export function useRows<Row>(table: Rows<Row>): Row[] {
  useCell(table.version);
  return [...table.all()];
}

/** Whether something works on machines here: then there is always a look at the driver to be done. */
export function hasDriver(): boolean {
  return [...jobs.all()].some(({ kind }) => kind === 'reconcile');
}
