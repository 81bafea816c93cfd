// Why a store cannot be opened, or can no longer be used: a stable code, and one line that says what to do.
// Whoever starts the server prints `signalbox: <message> [<code>]` and nothing else, so a message names the file, ends with
// a full stop, and never shows what is in the store.

export type StoreErrorCode =
  /** Another server holds it. */
  | 'store_in_use'
  | 'store_not_writable'
  /** It is ours, and damaged. */
  | 'store_corrupt'
  /** A later version has written it. */
  | 'store_newer'
  /** Something else: no database, or the database of another program. */
  | 'store_not_ours'
  | 'store_full'
  /** Anything else: input and output errors, a log that was closed. What became of the last turn is unknown. */
  | 'store_failed'
  /** It is a database elsewhere, and cannot be reached. */
  | 'store_away'
  /** It is a database elsewhere, and does not let us in. */
  | 'store_refused'
  /** No such kind of store, or none that can be relied on. */
  | 'store_unsupported';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** For a store that is ours and cannot be trusted. `what` is wrong with it may be SQLite's own words, of several lines. */
export function damaged(shown: string, what: string, cause?: unknown): StoreError {
  const found = what.replace(/\s+/g, ' ').slice(0, 200);
  const message = `${shown} is damaged: ${found}. Put a backup in its place with signalbox store restore.`;
  return new StoreError('store_corrupt', message, { cause });
}
