// What the harness must know about a system in order to measure it. One file per system beside this one.
//
// A system is used in two processes: main.ts starts its server, the load generator (load.ts) connects clients to it.
// A client here is one connection with at most one request outstanding, bound to one name (an environment, a lock, a
// key). Replies come by callback and not by promise: at 40,000 cycles a second the promises would be what is measured.

/** `signalbox-postgres` is measured by itself, with rows of its own: postgres/. */
export type SystemName = 'signalbox' | 'signalbox-memory' | 'redis' | 'etcd' | 'signalbox-postgres';

/** Where a started server listens, on the loopback address only. */
export interface Endpoint {
  port: number;
  /** The admin key of this run; systems without keys ignore it. */
  key: string;
}

export interface Launch {
  command: string;
  args: string[];
  env: Record<string, string>;
  /** Whom it runs as, where not as whoever runs the bench. */
  as?: { uid: number; gid: number };
  /** The signal by which it and its children end at once and leave nothing behind; else all are killed. */
  endBy?: NodeJS.Signals;
}

/** Called once per request: with null when it was answered as expected, else with what was wrong. */
export type Done = (failure: string | null) => void;

export interface Client {
  /** Take the name, which is free. Answered when it is durably taken. */
  acquire(done: Done): void;
  /** Give it back. Answered when that is durable. */
  release(done: Done): void;
  /** Queue for the name; answered when it is this client's turn. */
  wait(done: Done): void;
  /** Give the name on to whoever waits next. */
  pass(done: Done): void;
  /** Wait until somebody tells this name. */
  listen(name: string, done: Done): void;
  /** Tell a name to everybody who listens; answered when it is durable. */
  tell(name: string, done: Done): void;
  close(): void;
}

export interface System {
  name: SystemName;
  title: string;
  /** What to type when it is missing. */
  install: string;
  /** The installed version, or null when it is not installed. */
  version(): string | null;
  launch(endpoint: Endpoint, directory: string, sparePort: number): Launch;
  ready(endpoint: Endpoint): Promise<boolean>;
  connect(endpoint: Endpoint, name: string): Promise<Client>;
  /** What must be there before the first client can `wait` for a name and get it at once. */
  prepareQueue(endpoint: Endpoint, name: string): Promise<void>;
  /** How many clients are queued for the name, as the server itself tells. */
  waiting(endpoint: Endpoint, name: string): Promise<number>;
  /** How many clients listen for a name to be told, of all names together; null: it has nothing of the kind that is measured. */
  listening: ((endpoint: Endpoint) => Promise<number>) | null;
  /**
   * How long after it has asked a waiter is really in the queue, in ms. With one waiter, who is the next in line each
   * time, the pause before a hand-off is at least this long.
   */
  enqueueMs: number;
  /** More waiters on one name than these it does not bear; such rows are left out, with a line that says so. */
  maxWaiters: number;
  /** Does a waiter that hangs up leave the queue, with no trace? Otherwise the harness lets each have its turn. */
  leavesOnClose: boolean;
}
