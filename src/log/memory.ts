// A log that forgets everything at the end: for `memory:`, and for tests. What always holds beyond the contract: its history
// is bounded, the oldest events go first.

import { randomBytes } from 'node:crypto';
import type { Change, EventRecord } from '../core/rows.ts';
import type { Contents, Draft, EventQuery, Learned, LearnOutcome, Log, TurnOutcome } from './log.ts';
import { StoreError } from './store-error.ts';

/** About 100 MB of events. */
const eventsKept = 200_000;

export class MemoryLog implements Log {
  readonly name = 'memory:';
  readonly full = false;
  readonly #secret = randomBytes(32).toString('hex');
  readonly #eventsKept: number;
  /** Current rows by kind and id. A row that changes moves to the end, so they stand in the order of their seq. */
  readonly #rows = new Map<string, Change>();
  #events: EventRecord[] = [];
  #seq = 0;
  #tick = 0;
  #inTurn = false;
  #closed = false;

  constructor(options: { eventsKept?: number } = {}) {
    this.#eventsKept = options.eventsKept ?? eventsKept;
  }

  async load(): Promise<Contents> {
    this.#mustBeOpen();
    return {
      seq: this.#seq,
      tick: this.#tick,
      epoch: 0,
      secret: this.#secret,
      isNew: true,
      rows: [...this.#rows.values()],
    };
  }

  async turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    this.#mustBeOpen();
    if (this.#inTurn) throw new Error('a turn is under way already');
    if (have !== this.#seq) throw new Error(`the log is at ${this.#seq}, the replica at ${have}`);
    this.#inTurn = true;
    try {
      const draft = decide([], null);
      if (draft === null || draft.changes.length + draft.events.length === 0) return { outcome: 'empty' };
      if (draft.prev !== this.#seq) throw new Error(`the log is at ${this.#seq}, the turn begins at ${draft.prev}`);
      this.#keep(draft);
      // Never in the same moment: whoever relies on that would not work with a log on disk.
      await Promise.resolve();
      return { outcome: 'durable' };
    } finally {
      this.#inTurn = false;
    }
  }

  async learn(): Promise<LearnOutcome> {
    this.#mustBeOpen();
    return { outcome: 'learned', turns: [] };
  }

  async beat(tick: number): Promise<void> {
    this.#mustBeOpen();
    this.#tick = Math.max(this.#tick, tick);
  }

  async events(query: EventQuery): Promise<EventRecord[]> {
    this.#mustBeOpen();
    const found: EventRecord[] = [];
    const { length } = this.#events;
    for (let i = 0; i < length && found.length < query.limit; i++) {
      const event = this.#events[query.order === 'asc' ? i : length - 1 - i] as EventRecord;
      if (matches(query, event)) found.push(event);
    }
    return found;
  }

  async oldestEvent(): Promise<number | null> {
    this.#mustBeOpen();
    return this.#events[0]?.seq ?? null;
  }

  async prune(beforeAt: number, limit: number): Promise<number> {
    this.#mustBeOpen();
    const before = this.#events.length;
    let left = limit;
    this.#events = this.#events.filter((event) => event.at >= beforeAt || left-- <= 0);
    return before - this.#events.length;
  }

  subscribe(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #keep(draft: Draft): void {
    for (const change of draft.changes) {
      const key = `${change.kind} ${change.id}`;
      this.#rows.delete(key);
      if (change.row !== null) this.#rows.set(key, change);
    }
    for (const event of draft.events) this.#events.push(event);
    // A tenth more than is kept, so that the array is not moved at every turn.
    if (this.#events.length > this.#eventsKept * 1.1) this.#events = this.#events.slice(-this.#eventsKept);
    this.#seq = draft.seq;
    this.#tick = Math.max(this.#tick, draft.tick);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreError('store_failed', 'memory: is closed.');
  }
}

function matches(query: EventQuery, event: EventRecord): boolean {
  const { afterSeq, beforeSeq, since, until, subject, kind, actor, lease } = query;
  return (
    (afterSeq === undefined || event.seq > afterSeq) &&
    (beforeSeq === undefined || event.seq < beforeSeq) &&
    (since === undefined || event.at >= since) &&
    (until === undefined || event.at < until) &&
    (subject === undefined || event.subject === subject) &&
    (kind === undefined || (kind.endsWith('.') ? event.kind.startsWith(kind) : event.kind === kind)) &&
    (actor === undefined || event.actor === actor) &&
    (lease === undefined || event.data.lease === lease)
  );
}
