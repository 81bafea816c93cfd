// The contract of a log: where the changes of a space are kept. What always holds, for every log (test/log/conformance.ts):
//   - a turn is kept whole or not at all, and is durable when `turn` resolves with `durable`;
//   - turns form one line: each begins at the seq where the last one ended, there is never a fork;
//   - after a crash at any point, `load` shows exactly the durable turns (a turn whose answer was lost may be among them);
//   - nobody else writes what this log believes it owns, unless it says so by `learned` (several servers on one database);
//   - what it has handed over as learned counts as known: the next `have` is the seq of the last turn that was learned or kept.

import type { Change, EventRecord } from '../core/rows.ts';

/** What a replica starts from. */
export interface Contents {
  /** Seq of the last durable change or event; 0 in a new store. */
  readonly seq: number;
  /** Log time of the last durable turn or beat, milliseconds; 0 in a new store. */
  readonly tick: number;
  /** Rises when a log is restored or copied, so that a fence never comes twice. */
  readonly epoch: number;
  /** 32 random bytes, hex, made with the store: what lease secrets are derived from. Never shown. */
  readonly secret: string;
  readonly isNew: boolean;
  /** Current rows as changes, in the order of their seq. */
  readonly rows: readonly Change[];
}

/** Changes and events decided in one turn; `prev` is the seq before the first of them, `seq` that of the last. */
export interface Draft {
  /** A new id for each turn, so that its fate can be looked up. */
  readonly id: string;
  readonly prev: number;
  readonly seq: number;
  readonly tick: number;
  readonly at: number;
  readonly changes: readonly Change[];
  readonly events: readonly EventRecord[];
}

/** A turn that another server has taken. */
export interface Learned {
  readonly prev: number;
  readonly seq: number;
  readonly tick: number;
  readonly at: number;
  readonly changes: readonly Change[];
  /** As far as they are still kept. */
  readonly events: readonly EventRecord[];
}

/** The store cannot be reached. The log goes on trying by itself, and calls its subscribers back when it is there again. */
export interface Away {
  readonly outcome: 'away';
  readonly message: string;
}

/**
 * What this server knows cannot be brought up to date: it is behind by more than is kept, its last turn is not in the store (a
 * database that has lost its tail), or the epoch has risen. Only `load` helps; nothing was begun, and whatever was shown
 * since the last turn that is still there must not be believed.
 */
export interface Reload {
  readonly outcome: 'reload';
  readonly why: string;
}

export type TurnOutcome =
  /** Kept; it survives a crash from here on. */
  | { readonly outcome: 'durable' }
  /** Nothing was decided, so nothing was kept. */
  | { readonly outcome: 'empty' }
  /** No room: nothing of it was kept, the log goes on (L14). */
  | { readonly outcome: 'full'; readonly message: string }
  /** Decided, and known for certain not to be kept, for a reason that may pass: undo it and try again. */
  | { readonly outcome: 'lost'; readonly message: string }
  /** Nothing was begun: `decide` was not called. */
  | Away
  | Reload;

export type LearnOutcome = { readonly outcome: 'learned'; readonly turns: readonly Learned[] } | Away | Reload;

/** Thrown where there is no outcome for it: the store cannot be reached just now. */
export class StoreAway extends Error {}

export interface EventQuery {
  /** Only events with a greater seq / a smaller seq. */
  readonly afterSeq?: number;
  readonly beforeSeq?: number;
  /** Wall time, milliseconds: from (inclusive) / to (exclusive). */
  readonly since?: number;
  readonly until?: number;
  readonly subject?: string;
  /** Exact kind, or a prefix that ends with `.` (`lease.`). */
  readonly kind?: string;
  readonly actor?: string;
  /** Only events whose data names this lease. */
  readonly lease?: string;
  readonly order: 'asc' | 'desc';
  /** 1 to 1000. */
  readonly limit: number;
}

export interface Log {
  /** For people: `sqlite:./signalbox.db`, `memory:`, `postgres://db:5432/signalbox`. Never with a password. */
  readonly name: string;

  /** Whether the disk is full: only what keeps or gives back goes through now, on the ballast if there is any (L14). */
  readonly full: boolean;

  /** Reads everything: before the first turn, and again when the log says `reload`. The next `have` is its seq. */
  load(): Promise<Contents>;

  /**
   * Takes one turn: hands over what others have appended since `have` (always empty in a log with one server), lets `decide`
   * say what to append, and appends it. `decide` is called once, or not at all where the outcome says so, and must not wait;
   * null or an empty draft appends nothing. `clock` is the wall time of the store, null where it has none of its own.
   * Turns are taken one after the other; a second call while one is under way is a bug and throws.
   * Resolves when the fate of the turn is known, which may take as long as the store is away.
   * Throws when the log is broken (I/O error, closed): the caller must then undo the turn and believe nothing newer than `have`
   * until it has loaded again.
   */
  turn(have: number, decide: (learned: readonly Learned[], clock: number | null) => Draft | null): Promise<TurnOutcome>;

  /** Reads what others have appended since `have`, without taking a turn; perhaps not all of it at once. Never while a turn is under way. */
  learn(have: number): Promise<LearnOutcome>;

  /** Keeps the log time of a moment at which nothing was decided. */
  beat(tick: number): Promise<void>;

  /** History, from durable turns only. */
  events(query: EventQuery): Promise<EventRecord[]>;

  /** Seq of the oldest event that is still kept, null when there is none. */
  oldestEvent(): Promise<number | null>;

  /** Drops events before a wall time, at most `limit` of them; says how many went. */
  prune(beforeAt: number, limit: number): Promise<number>;

  /** Calls back when another server may have appended, while the store is away, and when it is there again. Returns how to stop. */
  subscribe(listener: () => void): () => void;

  /** Ends cleanly; later calls throw. */
  close(): Promise<void>;
}
