// The rows of one kind, as a list has brought them and the stream keeps them true. A screen watches all of them, or one.
//
// Must always hold: a row is never replaced by an older one, and one that is gone does not come back from a list that was made
// before; watchers are told once per frame, and whoever watches one row is told of that row alone.

import { useEffect, useState } from 'preact/hooks';
import type { Client } from '../../../src/client/client.ts';
import type { Failure, Outcome } from '../../../src/client/outcome.ts';
import type { StreamedKind } from '../../../src/client/stream.ts';
import type { Page, Paging } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { api } from '../api.ts';
import { Cell } from '../cell.ts';
import { nextFrame } from '../frame.ts';
import { listen, noteList } from './feed.ts';

const pageSize = 500;

export type Loading =
  | { readonly state: 'idle' }
  /** `some`: the first page is there already. */
  | { readonly state: 'loading'; readonly some: boolean }
  | { readonly state: 'ready' }
  | { readonly state: 'failed'; readonly failure: Failure };

interface Kept<Row> {
  /** null: it is gone. */
  readonly row: Row | null;
  readonly seq: number;
}

export interface RowsOf<Row> {
  readonly kind: StreamedKind;
  readonly idOf: (row: Row) => string;
  readonly page: (client: Client, paging: Paging) => Promise<Outcome<Page<Row>>>;
}

export class Rows<Row> {
  readonly loading = new Cell<Loading>({ state: 'idle' });
  /** Changes with the rows, once per frame. */
  readonly version = new Cell(0);
  readonly #of: RowsOf<Row>;
  readonly #kept = new Map<string, Kept<Row>>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #changed = new Set<string>();
  /** Counts the loads, so that one which was overtaken does not go on. */
  #load = 0;

  constructor(of: RowsOf<Row>) {
    this.#of = of;
  }

  /** Loads them when they are first wanted, and keeps them true from then on. */
  want(): void {
    if (this.loading.value.state !== 'idle') return;
    listen({
      row: ({ kind, id, seq, row }) => {
        if (kind === this.#of.kind) this.#put(id, row as Row | null, seq);
      },
      known: ({ kind, seq, ids }) => {
        if (kind === this.#of.kind) this.#keep(new Set(ids), seq);
      },
      reload: (forget) => {
        if (forget) this.#forget();
        void this.load();
      },
    });
    person.watch((now) => {
      if (now === null) this.#forget();
      else void this.load();
    });
    void this.load();
  }

  async load(): Promise<void> {
    const load = ++this.#load;
    const seen = new Set<string>();
    let first: number | null = null;
    let cursor: string | null = null;
    this.loading.set({ state: 'loading', some: this.#kept.size > 0 });
    do {
      const answer: Outcome<Page<Row>> = await this.#of.page(api(), { limit: pageSize, ...(cursor && { cursor }) });
      if (load !== this.#load) return;
      if (!answer.ok) return this.loading.set({ state: 'failed', failure: answer });
      const { items, next, asOf } = answer.value;
      if (!noteList(asOf)) return this.load();
      first ??= asOf.seq;
      for (const row of items) {
        seen.add(this.#of.idOf(row));
        this.#put(this.#of.idOf(row), row, asOf.seq);
      }
      this.loading.set({ state: 'loading', some: true });
      cursor = next;
    } while (cursor !== null);
    this.#keep(seen, first);
    this.loading.set({ state: 'ready' });
  }

  get(id: string): Row | null {
    return this.#kept.get(id)?.row ?? null;
  }

  *all(): Generator<Row> {
    for (const { row } of this.#kept.values()) if (row !== null) yield row;
  }

  watch(id: string, watcher: () => void): () => void {
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0) this.#watchers.delete(id);
    };
  }

  #put(id: string, row: Row | null, seq: number): void {
    const known = this.#kept.get(id);
    if (known !== undefined && known.seq > seq) return;
    this.#kept.set(id, { row, seq });
    this.#changed.add(id);
    nextFrame(this.#tell);
  }

  /** Those that are not among them are gone, unless they have come since. */
  #keep(ids: ReadonlySet<string>, at: number): void {
    for (const [id, { seq, row }] of this.#kept) if (row !== null && seq <= at && !ids.has(id)) this.#put(id, null, at);
  }

  #forget(): void {
    for (const id of this.#kept.keys()) this.#changed.add(id);
    this.#kept.clear();
    nextFrame(this.#tell);
  }

  readonly #tell = (): void => {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const id of changed) for (const watcher of [...(this.#watchers.get(id) ?? [])]) watcher();
    this.version.set(this.version.value + 1);
  };
}

/** What a table needs of rows: those of a list, or any that can be watched one by one. */
export type RowSource<Row> = Pick<Rows<Row>, 'get' | 'watch'>;

/** One row, and a repaint when it changes; null: it is gone, or not there yet. */
export function useRow<Row>(rows: RowSource<Row>, id: string): Row | null {
  const [, repaint] = useState(0);
  const row = rows.get(id);
  useEffect(() => {
    const again = () => repaint((count) => count + 1);
    const stop = rows.watch(id, again);
    if (rows.get(id) !== row) again();
    return stop;
  }, [rows, id]);
  return row;
}
