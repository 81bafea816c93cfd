// The two sides of a copy from store to store: where it comes from, and where it goes. Rows and data cross as the JSON text that
// they are kept as, so nothing is lost on the way. What always holds, for every kind of store and every space that is copied:
//   - no server can use either store from when it is opened here until it is closed;
//   - both give what they hold in parts, each of a bounded number of rows;
//   - what was written into a new store is there for others once `keep` has resolved, all spaces of it; before that, nothing of it
//     is, whatever happens.

export interface CopiedMeta {
  readonly seq: number;
  readonly tick: number;
  readonly epoch: number;
  readonly secret: string;
}

export interface CopiedRow {
  readonly kind: string;
  readonly id: string;
  readonly seq: number;
  /** JSON. */
  readonly body: string;
}

export interface CopiedEvent {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly subject: string;
  readonly actor: string;
  /** JSON. */
  readonly data: string;
}

export interface Held {
  /** In no order that means anything. */
  rows(): AsyncIterable<readonly CopiedRow[]>;
  /** In the order of their seq. */
  events(): AsyncIterable<readonly CopiedEvent[]>;
}

export interface OldStore {
  /** For people, without a password. */
  readonly name: string;
  /** Those to be copied, `main` first. */
  readonly spaces: readonly string[];
  /** Those that `main` lists and that are kept in other stores. */
  readonly elsewhere: readonly string[];
  /** One after the other. */
  open(space: string): Promise<OldSpace>;
  close(): Promise<void>;
}

export interface OldSpace extends Held {
  readonly meta: CopiedMeta;
  readonly rowCount: number;
  readonly eventCount: number;
  close(): void;
}

export interface NewStore {
  readonly name: string;
  /** One after the other. */
  open(space: string): Promise<NewSpace>;
  /** Once all have ended. */
  keep(): Promise<void>;
  /** Without `keep` before it, the place is as it was. */
  close(): Promise<void>;
}

export interface NewSpace extends Held {
  /** The highest epoch that its place has had; null when it had none. */
  readonly epoch: number | null;
  /** First of all. */
  begin(meta: CopiedMeta): Promise<void>;
  putRows(rows: readonly CopiedRow[]): Promise<void>;
  /** In the order of their seq. */
  putEvents(events: readonly CopiedEvent[]): Promise<void>;
  /** It was read back and is right: it counts once the store is kept. */
  end(): Promise<void>;
  close(): void;
}

/** A row with a signal's payload has up to 72 KiB. */
export const ROWS_AT_ONCE = 500;
export const EVENTS_AT_ONCE = 2_000;
