// The events that belong to one question: read page by page from the newest back, and what has happened since they were read.
//
// Must always hold: an event is there once; what happens meanwhile waits until the person asks for it, so that nothing moves
// under their eyes; after a break of the stream nothing is missing, or everything is read anew.

import type { Client } from '../../../src/client/client.ts';
import type { Failure, Outcome } from '../../../src/client/outcome.ts';
import type { HistoryEvent, Page } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { api } from '../api.ts';
import { Cell } from '../cell.ts';
import { listen, noteList } from '../live/feed.ts';
import { fits, type Question, queryOf } from './query.ts';

const pageSize = 200;
/** More than these are not kept until somebody wants to see them; they are read anew then. */
const freshAtMost = 1_000;
/** Pages of a reader who may see little of it can be empty without being the last. */
const emptyPagesAtMost = 20;

export interface Known {
  readonly items: readonly HistoryEvent[];
  /** Where the next older page begins; null: there is none. */
  readonly next: string | null;
  readonly isReady: boolean;
  readonly isLoading: boolean;
  readonly failure: Failure | null;
  /** How many have happened since; `isMany`: at least so many. */
  readonly fresh: number;
  readonly isMany: boolean;
}

const nothing: Known = {
  ...{ items: [], next: null, isReady: false, isLoading: false, failure: null, fresh: 0, isMany: false },
};

export class Past {
  readonly known = new Cell<Known>(nothing);
  readonly #question: Question;
  readonly #byId = new Map<string, HistoryEvent>();
  #fresh: HistoryEvent[] = [];
  /** Nothing up to here is missing among those known, fresh or older. */
  #newest = 0;
  #load = 0;

  constructor(question: Question) {
    this.#question = question;
  }

  /** Reads the newest, and listens; returns what ends it. */
  start(): () => void {
    const stops = [
      listen({
        event: (event) => this.#take(event),
        reload: (forget) => void (forget ? this.load() : this.#catchUp()),
      }),
      person.watch((now) => {
        if (now === null) this.#set(nothing);
        else void this.load();
      }),
    ];
    void this.load();
    return () => {
      this.#load++;
      for (const stop of stops) stop();
    };
  }

  get(id: string): HistoryEvent | null {
    return this.#byId.get(id) ?? null;
  }

  /** The newest page, and nothing else. */
  async load(): Promise<void> {
    const load = ++this.#load;
    this.#fresh = [];
    this.#set({ isLoading: true, failure: null, fresh: 0, isMany: false });
    const answer = await this.#page(api(), null);
    if (load !== this.#load) return;
    if (!answer.ok) return this.#set({ isLoading: false, failure: answer });
    const { items, next, asOf } = answer.value;
    if (!noteList(asOf)) return this.load();
    this.#newest = Math.max(asOf.seq, items[0]?.seq ?? 0);
    this.#byId.clear();
    for (const event of items) this.#byId.set(String(event.seq), event);
    this.#fresh = this.#fresh.filter(({ seq }) => seq > this.#newest);
    this.#set({ items, next, isReady: true, isLoading: false, fresh: this.#fresh.length });
  }

  /** The page before those that are known. */
  async older(): Promise<void> {
    const { next, isLoading } = this.known.value;
    if (next === null || isLoading) return;
    const load = this.#load;
    this.#set({ isLoading: true, failure: null });
    const answer = await this.#page(api(), next);
    if (load !== this.#load) return;
    if (!answer.ok) return this.#set({ isLoading: false, failure: answer });
    const { items } = this.known.value;
    const come = answer.value.items.filter(({ seq }) => !this.#byId.has(String(seq)));
    for (const event of come) this.#byId.set(String(event.seq), event);
    this.#set({ items: [...items, ...come], next: answer.value.next, isLoading: false });
  }

  /** Those that have happened since, above the others. */
  showFresh(): void {
    if (this.known.value.isMany) return void this.load();
    const come = this.#fresh.toSorted((a, b) => b.seq - a.seq);
    this.#fresh = [];
    for (const event of come) this.#byId.set(String(event.seq), event);
    this.#set({ items: [...come, ...this.known.value.items], fresh: 0 });
  }

  /** All of them, for a file; null: it was given up. */
  async all(most: number, tell: (count: number) => void, signal: AbortSignal): Promise<Outcome<HistoryEvent[]> | null> {
    const items: HistoryEvent[] = [];
    let cursor: string | null = null;
    for (;;) {
      const answer: Outcome<Page<HistoryEvent>> = await this.#page(api(), cursor, 500);
      if (signal.aborted) return null;
      if (!answer.ok) return answer;
      items.push(...answer.value.items);
      cursor = answer.value.next;
      tell(Math.min(items.length, most));
      if (cursor === null || items.length >= most) return { ...answer, value: items.slice(0, most) };
    }
  }

  async #page(client: Client, cursor: string | null, limit = pageSize): Promise<Outcome<Page<HistoryEvent>>> {
    let from = cursor;
    for (let empty = 0; ; empty++) {
      const answer = await client.events({ ...queryOf(this.#question), limit, ...(from !== null && { cursor: from }) });
      if (!answer.ok || answer.value.items.length > 0 || answer.value.next === null) return answer;
      if (empty >= emptyPagesAtMost) return answer;
      from = answer.value.next;
    }
  }

  #take(event: HistoryEvent): void {
    if (event.seq <= this.#newest || !fits(event, this.#question)) return;
    this.#newest = event.seq;
    if (this.#fresh.length < freshAtMost) this.#fresh.push(event);
    this.#set({ fresh: this.#fresh.length, isMany: this.#fresh.length >= freshAtMost });
  }

  /** What the stream may have left out. */
  async #catchUp(): Promise<void> {
    const load = this.#load;
    if (!this.known.value.isReady) return;
    const query = { ...queryOf(this.#question), since: this.#newest, order: 'asc' as const, limit: 500 };
    const answer = await api().events(query);
    if (load !== this.#load) return;
    if (!answer.ok) return this.#set({ failure: answer });
    for (const event of answer.value.items) this.#take(event);
    if (answer.value.next !== null) this.#set({ isMany: true });
  }

  #set(change: Partial<Known>): void {
    this.known.set({ ...this.known.value, ...change });
  }
}
