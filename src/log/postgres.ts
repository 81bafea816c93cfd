// A store in one PostgreSQL database, for any number of equal servers and of spaces. What always holds beyond the contract:
//   - turns are never optimistic: they wait for one another at a lock of the database, first come, first served;
//   - what cannot be reached just now is no failure: it is tried again until the store is closed;
//   - the spaces share the connections: one that listens and asks short questions, and a few each for turns and for what may take
//     long, made as they are needed.

import type { EventRecord } from '../core/rows.ts';
import type { Contents, Draft, EventQuery, Learned, LearnOutcome, Log, TurnOutcome } from './log.ts';
import { type PostgresDefaults, postgresAddress } from './postgres/address.ts';
import { awayOf, isDiskFull, refusalOf, troubleOf } from './postgres/faults.ts';
import { oldestEvent, pruneEvents, pruneTurns, readEvents } from './postgres/history.ts';
import { asked, Line } from './postgres/line.ts';
import { Lines } from './postgres/lines.ts';
import { loadSpace } from './postgres/loading.ts';
import { migrate } from './postgres/migrations.ts';
import { openPrimary } from './postgres/primary.ts';
import type { Session, SessionSettings } from './postgres/session.ts';
import { keepTick, makeSpace, raiseEpochs, raiseIfGoneBack, readSpaceMeta } from './postgres/space.ts';
import { TurnTaker } from './postgres/turn-taker.ts';
import { Wakes } from './postgres/wakes.ts';
import type { Store } from './store.ts';
import { StoreError } from './store-error.ts';

export interface PostgresOptions {
  /** Take a database that may lose what it has confirmed (synchronous_commit below `on`). Default no. */
  readonly allowAckedLoss?: boolean;
  /** Parts that the address leaves out. */
  readonly defaults?: PostgresDefaults;
  /** How long a round trip of a turn may take before the connection is taken for dead. Default 10 s. */
  readonly answerMs?: number;
  /** How many turns, and for how long, are kept for other servers to learn from; both hold. Default 10,000 and 10 minutes. */
  readonly turnsKept?: TurnsKept;
}

interface TurnsKept {
  readonly turns: number;
  readonly ms: number;
}

const ANSWER_MS = 10_000;
const TURNS_KEPT = { turns: 10_000, ms: 10 * 60 * 1_000 };
/** One of so many turns of a server is followed by dropping old ones. */
const PRUNED_EVERY = 1_000;
const PRUNED_AT_ONCE = 2_000;
/** Turns of different spaces that one server takes at the same time. */
const TURN_CONNECTIONS = 8;
const LONG_CONNECTIONS = 3;

/** A turn is short, and a server that was stopped in one must not hold the others up. */
const turnSettings = { idleInTransactionMs: 250, lockMs: 5_000, statementMs: 10_000, byKeyOnly: true };
const longSettings = {
  ...{ idleInTransactionMs: 60_000, lockMs: 5_000, statementMs: 60_000, byKeyOnly: false },
  answerMs: 60_000,
};

/** Opens the store, and makes its tables when there are none. Refuses with a StoreError. */
export async function openPostgresStore(url: string, options: PostgresOptions = {}): Promise<Store> {
  const address = postgresAddress(url, options.defaults);
  const { allowAckedLoss = false, answerMs = ANSWER_MS, turnsKept = TURNS_KEPT } = options;
  const open: Opener = (settings) => openPrimary(address, settings, { allowAckedLoss });
  let session: Session | null = null;
  try {
    session = await open(longSettings);
    await migrate(session, address.shown);
    await raiseEpochs(session);
    return new PostgresStore({ name: address.shown, open, answerMs, turnsKept });
  } catch (error) {
    throw refusalOf(error, address);
  } finally {
    await session?.end();
  }
}

type Opener = (settings: SessionSettings) => Promise<Session>;

interface Found {
  readonly name: string;
  readonly open: Opener;
  readonly turnsKept: TurnsKept;
  readonly answerMs: number;
}

/** What the logs of a store share. */
interface Connections {
  readonly turns: Lines;
  /** For short questions, one behind the other. */
  readonly side: Line;
  /** For what may take long. */
  readonly long: Lines;
  readonly wakes: Wakes;
}

class PostgresStore implements Store {
  readonly name: string;
  readonly isShared = true;
  readonly forgets = false;
  readonly #turnsKept: TurnsKept;
  readonly #connections: Connections;

  constructor({ name, open, turnsKept, answerMs }: Found) {
    this.name = name;
    this.#turnsKept = turnsKept;
    const line = (settings: SessionSettings) => new Line(() => opened(open, settings, name));
    const side = line({ ...turnSettings, answerMs });
    const wakes = new Wakes(side);
    const turns = new Lines(TURN_CONNECTIONS, () => {
      const made = line({ ...turnSettings, answerMs });
      made.onUp = (_, again) => {
        if (again) wakes.wakeAll();
      };
      return made;
    });
    this.#connections = { turns, side, long: new Lines(LONG_CONNECTIONS, () => line(longSettings)), wakes };
  }

  async has(space: string): Promise<boolean> {
    return this.#ask(async (session) => (await readSpaceMeta(session, space)) !== null);
  }

  async open(space: string): Promise<Log> {
    const isNew = await this.#ask((session) => makeSpace(session, space));
    return new PostgresLog(this.name, space, isNew, this.#turnsKept, this.#connections);
  }

  async close(): Promise<void> {
    const { turns, side, long, wakes } = this.#connections;
    const reason = new StoreError('store_failed', `${this.name} is closed.`);
    wakes.stop();
    await Promise.all([turns, side, long].map((each) => each.close(reason)));
  }

  async #ask<T>(question: (session: Session) => Promise<T>): Promise<T> {
    return this.#connections.long
      .use((line) => asked(line, question))
      .catch((error) => {
        throw troubleOf(error, this.name);
      });
  }
}

class PostgresLog implements Log {
  readonly name: string;
  readonly #space: string;
  readonly #isNew: boolean;
  readonly #turnsKept: TurnsKept;
  readonly #connections: Connections;
  readonly #taker: TurnTaker;
  readonly #listeners = new Set<() => void>();
  #unwatch: (() => void) | null = null;
  #turnsTaken = 0;
  #closed: StoreError | null = null;

  constructor(name: string, space: string, isNew: boolean, turnsKept: TurnsKept, connections: Connections) {
    this.name = name;
    this.#space = space;
    this.#isNew = isNew;
    this.#turnsKept = turnsKept;
    this.#connections = connections;
    const { turns, side } = connections;
    this.#taker = new TurnTaker({ shown: name, space, turns, side, onKept: (seq) => this.#kept(seq) });
  }

  get full(): boolean {
    return this.#taker.full;
  }

  async load(): Promise<Contents> {
    const { position: known, epoch } = this.#taker;
    const { contents, position } = await this.#ask(async (session) => {
      if (known.id !== null) await raiseIfGoneBack(session, this.#space, known, epoch);
      return loadSpace(session, this.#space, this.name);
    });
    this.#taker.startFrom(position, contents.epoch);
    return { ...contents, isNew: this.#isNew };
  }

  turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    return this.#taker.turn(have, decide);
  }

  learn(have: number): Promise<LearnOutcome> {
    return this.#taker.learn(have);
  }

  async beat(tick: number): Promise<void> {
    await this.#ask((session) =>
      keepTick(session, this.#space, tick).catch((error) => {
        // Without room the time since the last turn does not count after a restart: leases then have longer, which is safe.
        if (!isDiskFull(error)) throw error;
      }),
    );
  }

  events(query: EventQuery): Promise<EventRecord[]> {
    return this.#ask((session) => readEvents(session, this.#space, query));
  }

  oldestEvent(): Promise<number | null> {
    return this.#ask((session) => oldestEvent(session, this.#space));
  }

  prune(beforeAt: number, limit: number): Promise<number> {
    return this.#ask((session) => pruneEvents(session, this.#space, beforeAt, limit));
  }

  subscribe(listener: () => void): () => void {
    // A function of its own each time, so that the same listener may come twice.
    const own = () => listener();
    this.#listeners.add(own);
    this.#unwatch ??= this.#connections.wakes.watch(this.#space, {
      known: () => this.#taker.seq,
      wake: () => {
        for (const each of [...this.#listeners]) each();
      },
    });
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#stopWatching();
    };
  }

  async close(): Promise<void> {
    if (this.#closed !== null) return;
    this.#closed = new StoreError('store_failed', `${this.name} is closed.`);
    this.#taker.close(this.#closed);
    this.#stopWatching();
  }

  #stopWatching(): void {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  async #ask<T>(question: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    try {
      return await this.#connections.long.use((line) => asked(line, question));
    } catch (error) {
      throw this.#closed ?? troubleOf(error, this.name);
    }
  }

  #kept(seq: number): void {
    this.#connections.wakes.announce(this.#space, seq);
    this.#turnsTaken++;
    if (this.#turnsTaken % PRUNED_EVERY === 0) void this.#pruneTurns();
  }

  async #pruneTurns(): Promise<void> {
    try {
      const prune = (session: Session) => pruneTurns(session, this.#space, this.#turnsKept, PRUNED_AT_ONCE);
      while ((await this.#ask(prune)) === PRUNED_AT_ONCE);
    } catch {
      // The next one who does it finds more.
    }
  }
}

/** A session that may be used: on a new timeline the epochs have risen. */
async function opened(open: Opener, settings: SessionSettings, shown: string): Promise<Session> {
  let session: Session | null = null;
  try {
    session = await open(settings);
    await raiseEpochs(session);
    return session;
  } catch (error) {
    session?.drop();
    throw awayOf(error, shown);
  }
}
