// The current rows of a store: written row by row, read all at once at the start.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Batch } from './batch.ts';
import { ITEM_COLUMNS, type ItemValues, type RowsPart } from './messages.ts';

/** Of the rows that are read at once: enough to be quick, and little enough to keep beside the rows themselves. */
const ROWS_PER_PART = 1_000;

export class Items {
  readonly #put: Batch;
  readonly #delete: StatementSync;
  readonly #read: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = new Batch(
      database,
      'INSERT INTO item (space, kind, id, seq, body) VALUES',
      `('main', ?, ?, ?, ?)`,
      'ON CONFLICT DO UPDATE SET seq = excluded.seq, body = excluded.body',
    );
    this.#delete = database.prepare(`DELETE FROM item WHERE space = 'main' AND kind = ? AND id = ?`);
    // SQLite pastes the text together: a third less time than handing over column after column of row after row. Without
    // NOT INDEXED it would sort all rows for each part.
    this.#read = database.prepare(
      `SELECT max(place) AS last, '[' || group_concat(
         '{"kind":' || json_quote(kind) || ',"id":' || json_quote(id) || ',"seq":' || seq || ',"row":' || body || '}') || ']' AS text
       FROM (SELECT rowid AS place, kind, id, seq, body FROM item NOT INDEXED
         WHERE rowid > ? AND space = 'main' ORDER BY rowid LIMIT ${ROWS_PER_PART})`,
    );
  }

  /** In the order given: a later row of the same item wins. */
  write(items: ItemValues): void {
    for (let i = 0; i < items.length; i += ITEM_COLUMNS) {
      const row = items.slice(i, i + ITEM_COLUMNS);
      const [kind, id, , body] = row as [string, string, number, string | null];
      if (body !== null) {
        this.#put.add(row);
      } else {
        this.#put.flush();
        this.#delete.run(kind, id);
      }
    }
    this.#put.flush();
  }

  /** Rows behind a place, in no order that means anything. */
  read(after: number): RowsPart {
    const { last, text } = this.#read.get(after) as { last: number | null; text: string | null };
    return { text: text ?? '[]', next: last };
  }

  /** To be called when the transaction was taken back. */
  forget(): void {
    this.#put.forget();
  }
}
