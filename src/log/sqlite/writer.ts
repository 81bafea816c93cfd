// The one who writes a store. What always holds:
//   - what one call writes is one transaction, on the disk when the call returns, or nothing of it is kept;
//   - nobody else writes meanwhile: the next transaction begins as soon as the last one has ended, so a sqlite3 shell can
//     look but gets `database is locked` when it wants to change what the server believes to know;
//   - when there is no room, the ballast is given up; from then on what is small goes through (L14).

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { EventBlocks } from './blocks.ts';
import { Items } from './items.ts';
import type { EventValues, ItemValues, RowsPart, StoreState } from './messages.ts';
import { readMeta } from './meta.ts';
import { isBusy, isFull } from './problems.ts';
import type { Store } from './store.ts';

/** Pages of 4 KiB in SQLite's log after which they are written back: takes 4 ms, which a turn that comes just then waits. */
const CHECKPOINT_PAGES = 1_000;

export class Writer {
  readonly #store: Store;
  readonly #database: DatabaseSync;
  readonly #items: Items;
  readonly #blocks: EventBlocks;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #setTick: StatementSync;
  readonly #setSeqAndTick: StatementSync;
  readonly #walPages: StatementSync;
  readonly #checkpoint: StatementSync;
  #begun = false;
  #full: boolean;
  #tick: number;
  /** How long the log may grow before the next checkpoint is tried. */
  #checkpointAt = CHECKPOINT_PAGES;
  /** What went wrong where nobody was waiting; told to whoever comes next. */
  #failure: unknown = null;

  constructor(store: Store) {
    const database = store.database;
    this.#store = store;
    this.#database = database;
    this.#items = new Items(database);
    this.#blocks = new EventBlocks(database);
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#setTick = database.prepare(`UPDATE meta SET value = ? WHERE key = 'tick'`);
    this.#setSeqAndTick = database.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('seq', ?), ('tick', ?)`);
    this.#walPages = database.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#tick = this.state().tick;
    this.#full = !store.ballast.take();
  }

  state(): StoreState {
    const { seq, tick, epoch, secret } = readMeta(this.#database, this.#store.files.shown);
    return { seq, tick, epoch, secret, full: this.#full };
  }

  rows(after: number): RowsPart {
    return this.#items.read(after);
  }

  /** False: no room. */
  turn(seq: number, tick: number, items: ItemValues, events: EventValues): boolean {
    return this.#keep(() => {
      this.#items.write(items);
      this.#blocks.append(events);
      this.#setSeqAndTick.run(seq, Math.max(tick, this.#tick));
      this.#tick = Math.max(tick, this.#tick);
    });
  }

  beat(tick: number): boolean {
    return this.#keep(() => {
      this.#setTick.run(Math.max(tick, this.#tick));
      this.#tick = Math.max(tick, this.#tick);
    });
  }

  /** How many events went; null: no room. */
  prune(beforeAt: number, limit: number): number | null {
    let dropped = 0;
    const kept = this.#keep(() => {
      dropped = this.#blocks.prune(beforeAt, limit);
    });
    return kept ? dropped : null;
  }

  /** Whether the ballast is there again. */
  takeBallast(): boolean {
    try {
      this.#full = !this.#store.ballast.take();
    } catch {
      // It could be written once, so this is no reason to stop; the next try may succeed.
    }
    return !this.#full;
  }

  /** To be called after each call above, once its result is on its way. */
  afterwards(): void {
    if (this.#failure !== null || !this.#database.isOpen) return;
    try {
      if (!this.#begun) this.#checkpointWhenLong();
      this.#beginUnlessBegun();
    } catch (error) {
      // A checkpoint without room is tried again, a shell that writes just now is waited for by the next transaction.
      if (!isFull(error) && !isBusy(error)) this.#failure = error;
    }
  }

  close(): void {
    this.#rollback();
    this.#database.close();
    this.#store.lock.release();
  }

  #keep(write: () => void): boolean {
    if (this.#failure !== null) throw this.#failure;
    try {
      if (this.#transaction(write)) return true;
      const hadBallast = this.#giveUpBallast();
      // The first to find the disk full is told so: it may be what asks for more. After that, only what really has no room.
      return !hadBallast && this.#transaction(write);
    } catch (error) {
      // What became of it is unknown; whoever opens the store next finds out.
      this.#failure = error;
      throw error;
    }
  }

  /** False: no room, and nothing of it was kept. */
  #transaction(write: () => void): boolean {
    try {
      this.#beginUnlessBegun();
      write();
      this.#commit.run();
      this.#begun = false;
      return true;
    } catch (error) {
      this.#rollback();
      if (isFull(error)) return false;
      throw error;
    }
  }

  /** Makes room, if there is any to be made. Says whether there was ballast to give up. */
  #giveUpBallast(): boolean {
    this.#full = true;
    const hadBallast = this.#store.ballast.release();
    try {
      // Once it is written back, the log begins anew in the room that it already has.
      this.#checkpoint.get();
      // Takes the place in the log that the failed transaction may have begun to fill.
      this.#setTick.run(this.#tick);
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    return hadBallast;
  }

  #beginUnlessBegun(): void {
    if (this.#begun) return;
    this.#begin.run();
    this.#begun = true;
  }

  #rollback(): void {
    this.#begun = false;
    this.#items.forget();
    this.#blocks.forget();
    // Some errors have already taken it back.
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  #checkpointWhenLong(): void {
    const pages = pagesInLog(this.#walPages);
    if (pages < this.#checkpointAt - CHECKPOINT_PAGES) this.#checkpointAt = CHECKPOINT_PAGES;
    if (pages < this.#checkpointAt) return;
    // While a reader needs the old pages the log cannot begin anew; then only each further thousand is worth a try.
    this.#checkpointAt = pages + CHECKPOINT_PAGES;
    this.#checkpoint.get();
  }
}

function pagesInLog(statement: StatementSync): number {
  return Number(statement.get()?.log ?? 0);
}
