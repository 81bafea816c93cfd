// A log in one SQLite file, for one server. All SQL runs in two worker threads, one that writes (sqlite-worker.ts) and one that
// reads the history (sqlite-reader.ts); here rows become text and text becomes rows, and turns wait for their answer.
// What always holds beyond the contract: once anything but a lack of room has gone wrong, nothing is written any more, and
// every call throws the same StoreError.

import type { Change, EventRecord } from '../core/rows.ts';
import type { Contents, Draft, EventQuery, Learned, LearnOutcome, Log, TurnOutcome } from './log.ts';
import { Line } from './sqlite/line.ts';
import type { HistoryAsks, StoreState, WriterAsks } from './sqlite/messages.ts';
import { damaged, StoreError } from './store-error.ts';

export interface SqliteLogOptions {
  /** Room that is set aside for when the disk is full. Default 8 MiB. */
  readonly ballastBytes?: number;
  /** How often to look for room again while the disk is full. Default 5 s. */
  readonly roomCheckMs?: number;
  /** The most pages of 4 KiB that the database may have. Default as many as fit. */
  readonly maxPages?: number;
}

const BALLAST_BYTES = 8 << 20;
const ROOM_CHECK_MS = 5_000;

/** Opens the store at a path, and makes it when there is none. Refuses with a StoreError. */
export async function openSqliteLog(path: string, options: SqliteLogOptions = {}): Promise<Log> {
  const writer = new Line<WriterAsks>(new URL('./sqlite-worker.ts', import.meta.url), path);
  try {
    const ballastBytes = options.ballastBytes ?? BALLAST_BYTES;
    const isNew = await writer.ask('open', { path, ballastBytes, maxPages: options.maxPages ?? null });
    const state = await writer.ask('state', null);
    return new SqliteLog(path, writer, state, isNew, options.roomCheckMs ?? ROOM_CHECK_MS);
  } catch (error) {
    await writer.hangUp();
    throw error;
  }
}

class SqliteLog implements Log {
  readonly name: string;
  readonly #path: string;
  readonly #writer: Line<WriterAsks>;
  readonly #isNew: boolean;
  readonly #roomCheckMs: number;
  /** Started when the history is first asked for. */
  #reader: Promise<Line<HistoryAsks>> | null = null;
  #roomCheck: NodeJS.Timeout | null = null;
  #full = false;
  #seq: number;
  #inTurn = false;
  #closed = false;
  #failure: StoreError | null = null;

  constructor(path: string, writer: Line<WriterAsks>, state: StoreState, isNew: boolean, roomCheckMs: number) {
    this.name = `sqlite:${path}`;
    this.#path = path;
    this.#writer = writer;
    this.#isNew = isNew;
    this.#roomCheckMs = roomCheckMs;
    this.#seq = state.seq;
    if (state.full) this.#becomeFull();
  }

  get full(): boolean {
    return this.#full;
  }

  async load(): Promise<Contents> {
    const { seq, tick, epoch, secret } = await this.#write('state', null);
    const rows: Change[] = [];
    let part = this.#write('rows', 0);
    for (;;) {
      const { text, next } = await part;
      if (next === null) break;
      // The worker reads the next part while this one is parsed.
      part = this.#write('rows', next);
      for (const change of this.#parse<Change[]>(text)) rows.push(change);
    }
    rows.sort((a, b) => a.seq - b.seq);
    if ((rows.at(-1)?.seq ?? 0) > seq) throw damaged(this.#path, 'it holds rows that are newer than its last turn');
    return { seq, tick, epoch, secret, isNew: this.#isNew, rows };
  }

  async turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#inTurn) throw new Error('a turn is under way already');
    if (have !== this.#seq) throw new Error(`the log is at ${this.#seq}, the replica at ${have}`);
    this.#inTurn = true;
    try {
      const draft = decide([], null);
      if (draft === null || draft.changes.length + draft.events.length === 0) return { outcome: 'empty' };
      if (draft.prev !== this.#seq) throw new Error(`the log is at ${this.#seq}, the turn begins at ${draft.prev}`);
      if (!(await this.#write('turn', valuesOf(draft)))) {
        this.#becomeFull();
        return { outcome: 'full', message: `${this.#path} has no room: the disk is full.` };
      }
      this.#seq = draft.seq;
      return { outcome: 'durable' };
    } finally {
      this.#inTurn = false;
    }
  }

  async learn(): Promise<LearnOutcome> {
    if (this.#failure !== null) throw this.#failure;
    return { outcome: 'learned', turns: [] };
  }

  async beat(tick: number): Promise<void> {
    // Without room the time since the last turn does not count after a restart: leases then have longer, which is safe.
    if (!(await this.#write('beat', tick))) this.#becomeFull();
  }

  async events(query: EventQuery): Promise<EventRecord[]> {
    const reader = await this.#openReader();
    return this.#parse(await reader.ask('events', query));
  }

  async oldestEvent(): Promise<number | null> {
    const reader = await this.#openReader();
    return reader.ask('oldest', null);
  }

  async prune(beforeAt: number, limit: number): Promise<number> {
    const dropped = await this.#write('prune', { beforeAt, limit });
    if (dropped === null) this.#becomeFull();
    return dropped ?? 0;
  }

  subscribe(): () => void {
    // Nobody else appends.
    return () => {};
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure ??= new StoreError('store_failed', `${this.#path} is closed.`);
    this.#stopRoomCheck();
    const reader = await this.#reader?.catch(() => null);
    await reader?.ask('close', null).catch(() => null);
    await reader?.hangUp();
    await this.#writer.ask('close', null).catch(() => null);
    await this.#writer.hangUp();
  }

  async #write<K extends keyof WriterAsks>(
    ask: K,
    question: WriterAsks[K]['question'],
  ): Promise<WriterAsks[K]['answer']> {
    if (this.#failure !== null) throw this.#failure;
    try {
      return await this.#writer.ask(ask, question);
    } catch (error) {
      this.#failure ??= error as StoreError;
      throw this.#failure;
    }
  }

  #openReader(): Promise<Line<HistoryAsks>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#reader ??= openReader(this.#path).catch((error) => {
      // The next one who asks tries again.
      this.#reader = null;
      throw error;
    });
    return this.#reader;
  }

  #parse<T>(text: string): T {
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw damaged(this.#path, 'it holds text that is not JSON', cause);
    }
  }

  /** By its own clock: while the disk is full, nobody may have a reason to write. */
  #becomeFull(): void {
    this.#full = true;
    this.#roomCheck ??= setInterval(() => void this.#lookForRoom(), this.#roomCheckMs).unref();
  }

  async #lookForRoom(): Promise<void> {
    const hasRoom = await this.#write('takeBallast', null).catch(() => false);
    if (!hasRoom) return;
    this.#full = false;
    this.#stopRoomCheck();
  }

  #stopRoomCheck(): void {
    if (this.#roomCheck !== null) clearInterval(this.#roomCheck);
    this.#roomCheck = null;
  }
}

async function openReader(path: string): Promise<Line<HistoryAsks>> {
  const reader = new Line<HistoryAsks>(new URL('./sqlite-reader.ts', import.meta.url), path);
  try {
    await reader.ask('open', path);
    return reader;
  } catch (error) {
    await reader.hangUp();
    throw error;
  }
}

/** Flat arrays of plain values (sqlite/messages.ts). */
function valuesOf({ seq, tick, changes, events }: Draft): WriterAsks['turn']['question'] {
  const items: (string | number | null)[] = [];
  for (const { kind, id, seq, row } of changes) items.push(kind, id, seq, row === null ? null : JSON.stringify(row));
  const lines: (string | number)[] = [];
  for (const { seq, at, kind, subject, actor, data } of events)
    lines.push(seq, at, kind, subject, actor, JSON.stringify(data));
  return { seq, tick, items, events: lines };
}
