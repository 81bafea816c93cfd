// A statement that is run for many rows: sixteen at a time, which saves a fifth of the time of running it for each. What
// always holds: rows are written in the order in which they were added.

import type { DatabaseSync, StatementSync } from 'node:sqlite';

export type Value = string | number | null;

const ROWS_AT_ONCE = 16;

export class Batch {
  readonly #columns: number;
  readonly #many: StatementSync;
  readonly #one: StatementSync;
  #values: Value[] = [];

  /** `values`: the row's part of the statement, as in `('main', ?, ?)`; it stands where `head` ends and `tail` begins. */
  constructor(database: DatabaseSync, head: string, values: string, tail = '') {
    this.#columns = values.split('?').length - 1;
    this.#one = database.prepare(`${head} ${values} ${tail}`);
    this.#many = database.prepare(`${head} ${Array(ROWS_AT_ONCE).fill(values).join(', ')} ${tail}`);
  }

  /** Takes the values of any number of rows, one after the other. */
  add(values: readonly Value[]): void {
    for (const value of values) {
      this.#values.push(value);
      if (this.#values.length === this.#columns * ROWS_AT_ONCE) {
        this.#many.run(...this.#values);
        this.#values = [];
      }
    }
  }

  /** Writes what has been added and not written yet. */
  flush(): void {
    for (let i = 0; i < this.#values.length; i += this.#columns) {
      this.#one.run(...this.#values.slice(i, i + this.#columns));
    }
    this.#values = [];
  }

  /** Forgets what has been added and not written yet. */
  forget(): void {
    this.#values = [];
  }
}
