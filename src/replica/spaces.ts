// The spaces of a server: `main`, which is open before anything is served, and those that `main` lists, each opened by itself as
// soon as it can be. What always holds:
//   - what happens to one space is nothing to the others: one whose store is away or has failed is opened again by and by, while
//     they go on; only `main` ends the server with it;
//   - a space is served while `main` lists it, and from one store only: the first server that opens it remembers by which secret it
//     is known again, so that a server with another setting serves no empty one in its place.

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { recogniseSpace, servedSpaces } from '../core/space.ts';
import { mainSpace } from '../core/space-name.ts';
import type { State } from '../core/state.ts';
import type { Contents, Log } from '../log/log.ts';
import type { Store } from '../log/store.ts';
import type { Timer } from './clock.ts';
import type { ReplicaOptions } from './options.ts';
import { Polls } from './polls.ts';
import { Replica } from './replica.ts';
import { Waits } from './waits.ts';

/** A space that is open. */
export interface Space {
  readonly name: string;
  readonly replica: Replica;
  /** Who is on the line for a lease of it. */
  readonly polls: Polls;
  /** Who waits for anything else in it. */
  readonly waits: Waits;
  /** By which its store is known again, and what it has made elsewhere. */
  readonly mark: string;
  /** Aborted when it is not served any more. */
  readonly shut: AbortSignal;
}

/** As it is known here alone. */
interface Opened extends Space {
  readonly end: AbortController;
}

interface Place extends Pick<Store, 'isShared' | 'forgets'> {
  readonly log: Log;
}

export interface SpacesOptions extends Omit<ReplicaOptions, 'log' | 'server'> {
  /** Whether its store holds a space already. */
  readonly hasLog: (space: string) => Promise<boolean>;
  /** The log of a space, made where there is none, and what its store is like. */
  readonly openLog: (space: string) => Promise<Place>;
  /** This server among others. */
  readonly server: string;
  /** Conditions that are waited for at the same time in each. */
  readonly maxWaits: number;
  /** Told of each space that cannot be opened for now, or has failed. */
  readonly onTrouble: (space: string, error: Error) => void;
}

const openedAtOnce = 8;
const firstPauseMs = 500;
const longestPauseMs = 15_000;

export class Spaces {
  readonly main: Space;
  readonly #options: SpacesOptions;
  /** Those that are open, `main` first. */
  readonly #open = new Map<string, Opened>();
  /** Names that `main` lists. */
  #listed: ReadonlySet<string> = new Set();
  /** Those that are being opened, or will be again after a pause. */
  readonly #opening = new Map<string, Promise<void>>();
  /** Why those that are not open are not. */
  readonly #troubles = new Map<string, string>();
  /** Those that are tried again after a pause. */
  readonly #pausing = new Map<string, Timer>();
  readonly #openListeners: ((space: Space) => void)[] = [];
  readonly #closeListeners: ((space: Space) => void)[] = [];
  #busy = 0;
  readonly #inLine: (() => void)[] = [];
  #closing = false;

  private constructor(options: SpacesOptions, main: Opened) {
    this.#options = options;
    this.main = main;
    this.#open.set(main.name, main);
    main.replica.onTurn(({ changes, state }) => {
      if (changes.some(({ kind }) => kind === 'space')) this.#list(state);
    });
    main.replica.onReload(() => void this.#lookAgain());
  }

  /** Opens `main`; throws where that cannot be. */
  static async open(options: SpacesOptions): Promise<Spaces> {
    const spaces = new Spaces(options, await openSpace(options, mainSpace));
    await spaces.#lookAgain();
    return spaces;
  }

  get(name: string): Space | undefined {
    return this.#open.get(name);
  }

  /** Whether there is such a space, open or not. */
  has(name: string): boolean {
    return name === mainSpace || this.#listed.has(name);
  }

  /** Those that are open. */
  [Symbol.iterator](): Iterator<Space> {
    return this.#open.values();
  }

  /** Those that are listed and not open, each with the reason as far as it is known. */
  *notOpen(): Generator<readonly [name: string, why: string]> {
    for (const name of this.#listed)
      if (!this.#open.has(name)) yield [name, this.#troubles.get(name) ?? 'it is being opened'];
  }

  get areAllOpen(): boolean {
    return this.#open.size > this.#listed.size;
  }

  /** Calls back for each space that is open, now and later. */
  onOpen(listener: (space: Space) => void): void {
    this.#openListeners.push(listener);
    for (const space of this.#open.values()) listener(space);
  }

  /** Calls back when one is not served any more. */
  onClose(listener: (space: Space) => void): void {
    this.#closeListeners.push(listener);
  }

  /** Resolves once it, or each of those that are listed now, is open, or was found not to be for now. */
  async tried(name?: string): Promise<void> {
    await (name === undefined ? Promise.all(this.#opening.values()) : this.#opening.get(name));
  }

  /** Whoever waits is answered and nobody is kept on the line any more: the server is stopping. */
  stop(): void {
    for (const { polls, waits } of this.#open.values()) {
      polls.stop();
      waits.stop();
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const timer of this.#pausing.values()) this.#options.clock.cancel(timer);
    await this.tried();
    await Promise.all([...this.#open.values()].map(({ replica }) => replica.close()));
  }

  async #lookAgain(): Promise<void> {
    await this.main.replica.look((state) => this.#list(state));
  }

  #list(state: State): void {
    this.#listed = new Set(servedSpaces(state).map(({ id }) => id));
    for (const space of this.#open.values()) if (!this.has(space.name)) void this.#shut(space);
    for (const name of this.#listed) this.#start(name, firstPauseMs);
  }

  #start(name: string, pauseMs: number): void {
    if (this.#closing || this.#open.has(name) || this.#opening.has(name) || !this.has(name)) return;
    // It is tried again when its pause is over.
    if (this.#pausing.has(name)) return;
    const attempt = this.#inTurn(() => this.#attempt(name)).then(
      () => undefined,
      (error: Error) => {
        if (this.#closing || !this.has(name)) return;
        this.#troubles.set(name, error.message);
        this.#options.onTrouble(name, error);
        const again = (): void => {
          this.#pausing.delete(name);
          this.#start(name, Math.min(longestPauseMs, pauseMs * 2));
        };
        this.#pausing.set(name, this.#options.clock.after(pauseMs, again));
      },
    );
    this.#opening.set(
      name,
      attempt.finally(() => this.#opening.delete(name)),
    );
  }

  async #attempt(name: string): Promise<void> {
    if (this.#closing || !this.has(name)) return;
    const mark = await this.main.replica.look(({ spaces }) => spaces.get(name)?.mark ?? null);
    // Nothing is made in the place of one that must be somewhere else.
    if (mark !== null && !(await this.#options.hasLog(name)))
      throw new Error(`The space ${name} is not in the store that this server is set to. Correct --space-stores.`);
    // Looked at before anything is written there.
    const accept = async ({ secret, epoch }: Contents, { forgets }: Place): Promise<void> => {
      // What forgets is another one each time: it can only be told from one that does not.
      if (forgets && mark === null) return;
      const known = await this.main.replica.decide((turn) => recogniseSpace(turn, name, markOf(secret), epoch));
      if (!known.ok) throw new Error(known.message);
    };
    const space = await openSpace(this.#options, name, accept);
    if (this.#closing || !this.has(name)) return space.replica.close();
    this.#open.set(name, space);
    this.#troubles.delete(name);
    space.replica.onBroken((error) => {
      this.#options.onTrouble(name, error);
      void this.#shut(space).then(() => this.#start(name, firstPauseMs));
    });
    for (const listener of this.#openListeners) listener(space);
  }

  async #shut(space: Opened): Promise<void> {
    if (this.#open.get(space.name) !== space) return;
    this.#open.delete(space.name);
    for (const listener of this.#closeListeners) listener(space);
    space.polls.stop();
    space.waits.stop();
    space.end.abort();
    await space.replica.close();
    // It may have been made again meanwhile.
    this.#start(space.name, firstPauseMs);
  }

  /** Some at a time: a thousand at once would hold up whoever is served already. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    if (this.#busy >= openedAtOnce) await new Promise<void>((resolve) => this.#inLine.push(resolve));
    this.#busy++;
    try {
      await act();
    } finally {
      this.#busy--;
      this.#inLine.shift()?.();
    }
  }
}

async function openSpace(
  { openLog, server, maxWaits, ...given }: SpacesOptions,
  name: string,
  accept: (contents: Contents, place: Place) => Promise<void> = async () => undefined,
): Promise<Opened> {
  // Whoever runs the server may make keys of every space.
  const settings = name === mainSpace ? given.settings : { ...given.settings, hasAdminElsewhere: true };
  const options = { ...given, settings };
  const place = await openLog(name);
  const { log, isShared } = place;
  try {
    const replica = await Replica.open({
      ...{ ...options, log, accept: (contents) => accept(contents, place) },
      ...(isShared ? { server } : {}),
    });
    const end = new AbortController();
    // Each open stream listens; their number has a bound of its own.
    setMaxListeners(0, end.signal);
    return {
      ...{ name, replica, mark: markOf(replica.secret), end, shut: end.signal },
      polls: new Polls(replica, options.clock),
      waits: new Waits(replica, options.clock, maxWaits),
    };
  } catch (error) {
    await log.close().catch(() => undefined);
    throw error;
  }
}

/** By which a space is known again. The secret itself stays where it is. */
function markOf(secret: string): string {
  return createHash('sha256').update(`space ${secret}`).digest('hex').slice(0, 16);
}
