// The contract of a log: where the changes of a space are kept. What always holds, for every log (test/log/conformance.ts):
//   - a turn is kept whole or not at all, and is durable when `turn` resolves with `durable`;
//   - turns form one line: each begins at the seq where the last one ended, there is never a fork;
//   - after a crash at any point, `load` shows exactly the durable turns (a turn whose answer was lost may be among them);
//   - nobody else writes what this log believes it owns, unless it says so by `learned` (several servers on one database).

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

export type TurnOutcome =
  /** Kept; it survives a crash from here on. */
  | { readonly outcome: 'durable' }
  /** Nothing was decided, so nothing was kept. */
  | { readonly outcome: 'empty' }
  /** No room: nothing of it was kept, the log goes on (L14). */
  | { readonly outcome: 'full'; readonly message: string };

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
  /** For people: `sqlite:./signalbox.db`, `memory:`. */
  readonly name: string;

  /** Whether the disk is full: only what keeps or gives back goes through now, on the ballast (L14). */
  readonly full: boolean;

  /** Reads everything once, before the first turn. */
  load(): Promise<Contents>;

  /**
   * Takes one turn: hands over what others have appended since `have` (always empty in a log with one server), lets `decide`
   * say what to append, and appends it. `decide` is called exactly once and must not wait; null or an empty draft appends nothing.
   * Turns are taken one after the other; a second call while one is under way is a bug and throws.
   * Throws when the log is broken (I/O error, closed): the caller must then undo the turn and believe nothing newer than `have`
   * until it has loaded again.
   */
  turn(have: number, decide: (learned: readonly Change[]) => Draft | null): Promise<TurnOutcome>;

  /** Keeps the log time of a moment at which nothing was decided. */
  beat(tick: number): Promise<void>;

  /** History, from durable turns only. */
  events(query: EventQuery): Promise<EventRecord[]>;

  /** Seq of the oldest event that is still kept, null when there is none. */
  oldestEvent(): Promise<number | null>;

  /** Drops events before a wall time, at most `limit` of them; says how many went. */
  prune(beforeAt: number, limit: number): Promise<number>;

  /** Calls back when another server appended. Returns how to stop. */
  subscribe(listener: () => void): () => void;

  /** Ends cleanly; later calls throw. */
  close(): Promise<void>;
}
