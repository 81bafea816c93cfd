// Where spaces are kept: a file and those beside it, a database, or memory. What always holds: spaces share nothing but the
// connections to the place where they are, and each has a log of its own.

import type { Log } from './log.ts';

export interface Store {
  /** For people, never with a password. */
  readonly name: string;
  /** Whether other servers may have it too. */
  readonly isShared: boolean;
  /** Whether nothing of it is there after a restart. */
  readonly forgets: boolean;
  /** Whether it holds a space already. Throws as `open` does. */
  has(space: string): Promise<boolean>;
  /**
   * Opens a space, and makes it if there is none; at most one log of each at a time. Throws StoreAway where the store cannot be
   * reached just now, and a StoreError for what passes only when somebody mends it.
   */
  open(space: string): Promise<Log>;
  /** Ends cleanly, once the logs are closed. */
  close(): Promise<void>;
}
