// The history in blocks of seqs, so that it can be searched without an index on events. An index on (subject, seq) costs 6 µs
// a lease cycle when many environments are busy: each event dirties a page of its own. Instead, `event_subject` says in which
// blocks a subject occurs, one row however often it does, and `event_block` between which times the events of a block lie.
// What always holds: an event's block is in `event_block`, and its subject in `event_subject` with that block; only the
// newest block has no times yet. Rows for events that are gone may be left over; they cost a look.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Batch } from './batch.ts';
import { EVENT_COLUMNS, EVENT_SUBJECT, type EventValues } from './messages.ts';

export const EVENTS_PER_BLOCK = 4096;

export const blockOf = (seq: number): number => Math.floor(seq / EVENTS_PER_BLOCK);
export const firstSeqOf = (block: number): number => block * EVENTS_PER_BLOCK;
export const lastSeqOf = (block: number): number => firstSeqOf(block + 1) - 1;

/** The writing side. All of it runs within the transaction of whoever calls. */
export class EventBlocks {
  readonly #events: Batch;
  readonly #newest: StatementSync;
  readonly #open: StatementSync;
  readonly #complete: StatementSync;
  readonly #name: StatementSync;
  readonly #dueBlocks: StatementSync;
  readonly #drop: StatementSync;
  readonly #isEmpty: StatementSync;
  readonly #dropNames: StatementSync;
  readonly #dropBlock: StatementSync;
  /** The newest block; null until it is looked up. */
  #block: number | null = null;
  /** Subjects that are known to stand with it. */
  readonly #subjects = new Set<string>();

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => database.prepare(sql);
    this.#events = new Batch(
      database,
      'INSERT INTO event (space, seq, at, kind, subject, actor, data) VALUES',
      `('main', ?, ?, ?, ?, ?, ?)`,
    );
    this.#newest = prepare(`SELECT max(block) AS block FROM event_block WHERE space = 'main'`);
    this.#open = prepare(`INSERT INTO event_block (space, block) VALUES ('main', ?)`);
    this.#complete = prepare(
      `UPDATE event_block SET (oldest_at, newest_at) =
         (SELECT min(at), max(at) FROM event WHERE space = 'main' AND seq BETWEEN ? AND ?)
       WHERE space = 'main' AND block = ?`,
    );
    this.#name = prepare(`INSERT OR IGNORE INTO event_subject (space, subject, block) VALUES ('main', ?, ?)`);
    this.#dueBlocks = prepare(
      `SELECT block FROM event_block WHERE space = 'main' AND (oldest_at < ? OR oldest_at IS NULL) ORDER BY block`,
    );
    this.#drop = prepare(
      `DELETE FROM event WHERE space = 'main' AND seq IN (
         SELECT seq FROM event WHERE space = 'main' AND seq BETWEEN ? AND ? AND at < ? ORDER BY seq LIMIT ?)`,
    );
    this.#isEmpty = prepare(
      `SELECT NOT EXISTS (SELECT 1 FROM event WHERE space = 'main' AND seq BETWEEN ? AND ?) AS is_empty`,
    );
    this.#dropNames = prepare(`DELETE FROM event_subject WHERE space = 'main' AND block = ?`);
    this.#dropBlock = prepare(`DELETE FROM event_block WHERE space = 'main' AND block = ?`);
  }

  /** `events` in the order of their seq, newer than all that are there. */
  append(events: EventValues): void {
    this.#events.add(events);
    this.#events.flush();
    for (let i = 0; i < events.length; i += EVENT_COLUMNS) {
      this.#note(blockOf(events[i] as number), events[i + EVENT_SUBJECT] as string);
    }
  }

  /** Drops the oldest events before a wall time, at most `limit`; says how many. */
  prune(beforeAt: number, limit: number): number {
    let left = limit;
    const newest = this.#newestBlock();
    for (const { block } of this.#dueBlocks.all(beforeAt) as { block: number }[]) {
      if (left === 0) break;
      const range = [firstSeqOf(block), lastSeqOf(block)] as const;
      left -= Number(this.#drop.run(...range, beforeAt, left).changes);
      // The newest block stays: events are still to come into it.
      if (block !== newest && this.#isEmpty.get(...range)?.is_empty === 1) {
        this.#dropNames.run(block);
        this.#dropBlock.run(block);
      }
    }
    return limit - left;
  }

  /** To be called when the transaction was taken back: what is remembered here may not be in the store. */
  forget(): void {
    this.#events.forget();
    this.#block = null;
    this.#subjects.clear();
  }

  #note(block: number, subject: string): void {
    const newest = this.#newestBlock();
    if (block > newest) {
      if (newest >= 0) this.#complete.run(firstSeqOf(newest), lastSeqOf(newest), newest);
      this.#open.run(block);
      this.#block = block;
      this.#subjects.clear();
    }
    if (this.#subjects.has(subject)) return;
    this.#subjects.add(subject);
    this.#name.run(subject, block);
  }

  #newestBlock(): number {
    this.#block ??= (this.#newest.get() as { block: number | null }).block ?? -1;
    return this.#block;
  }
}
