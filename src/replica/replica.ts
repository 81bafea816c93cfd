// One server's copy of a space. What always holds:
//   - commands are decided one after the other, in turns; those that arrive while a turn is being written go into the next
//     one together (group commit);
//   - nothing is answered or shown before it is durable (L12): replies wait for their turn, and whoever looks waits for the
//     turn that is being written;
//   - a turn that could not be kept is taken back whole, and whoever asked is told (L14);
//   - what is over by log time is proposed as a command like any other, behind whatever has already arrived.

import { dropUnused, needsTidying, resume, tidy } from '../core/housekeeping.ts';
import { expire } from '../core/lease/end.ts';
import { grantIfPresent } from '../core/lease/grant.ts';
import { grantArrived, grantNotSent, joinLine, leaveLine } from '../core/lease/hold.ts';
import type { Change, Moment } from '../core/rows.ts';
import type { Settings } from '../core/state.ts';
import { State } from '../core/state.ts';
import { Turn } from '../core/turn.ts';
import type { Contents, Draft, Log, TurnOutcome } from '../log/log.ts';
import type { Clock, Timer } from './clock.ts';
import { LogTime } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import type { Ids } from './ids.ts';

/** The store has no room: new requests are refused, renewals and releases go on. */
export class StoreFull extends Error {}
/** The log is broken or closed: nothing more can be decided here. */
export class ReplicaStopped extends Error {}
/** More commands are waiting than this server takes at once. */
export class ReplicaBusy extends Error {}

type Command = (turn: Turn) => unknown;

interface Pending {
  readonly command: Command;
  /** Asks for something new; refused first when the store is full. */
  readonly needsRoom: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReplicaOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: Settings;
  /** History older than this is dropped. */
  readonly historyMs: number;
  /** What the history says about this start: version, … */
  readonly startFacts: Readonly<Record<string, unknown>>;
}

/** Figures about turns, for metrics. */
export interface TurnFigures {
  turns: number;
  commands: number;
  changes: number;
  events: number;
  fullTurns: number;
}

const commandsPerTurn = 1_000;
const commandsWaiting = 100_000;
const expiriesPerTurn = 1_000;
const housekeepingEveryMs = 1_000;
/** Dropping unused environments and old history looks at a lot; now and then is enough. */
const sweepEveryMs = 60 * 60 * 1_000;
const eventsPrunedAtOnce = 10_000;

export class Replica {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #historyMs: number;
  readonly #state: State;
  readonly #time: LogTime;
  readonly #deadlines = new Deadlines();
  readonly #listeners = new Set<(turn: Turn) => void>();
  #pending: Pending[] = [];
  #lookers: (() => void)[] = [];
  #pumping = false;
  #whenIdle: (() => void)[] = [];
  #writing = false;
  #seqBeforeTurn = 0;
  #expiryTimer: Timer = null;
  #expiryTick: number | null = null;
  #housekeeper: Timer = null;
  #writtenTick: number;
  #sweptTick: number;
  /** A turn was taken back since: full requests may have been left without their grant. */
  #mustRegrant = false;
  #broken: Error | null = null;
  readonly #brokenListeners: ((error: Error) => void)[] = [];
  #closing = false;
  /** From which lease secrets are derived. */
  readonly secret: string;
  /** The store was made by this start. */
  readonly isNew: boolean;
  readonly figures: TurnFigures = { turns: 0, commands: 0, changes: 0, events: 0, fullTurns: 0 };

  private constructor(options: ReplicaOptions, state: State, { tick, secret, isNew }: Contents) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#ids = options.ids;
    this.#historyMs = options.historyMs;
    this.#state = state;
    this.#time = new LogTime(options.clock, tick);
    this.#writtenTick = tick;
    this.#sweptTick = tick;
    this.secret = secret;
    this.isNew = isNew;
  }

  /** Loads the space, and resumes what was held and waited for. */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const contents = await options.log.load();
    const state = new State(options.settings);
    state.load(contents.rows, contents.seq, contents.epoch);
    const replica = new Replica(options, state, contents);
    await replica.decide((turn) => resume(turn, options.startFacts));
    for (const id of state.leases.keys()) replica.#deadlines.watch(state, id);
    replica.#scheduleExpiry();
    replica.#scheduleHousekeeping();
    return replica;
  }

  /** Runs a command in the next turn; resolves with its outcome once that is durable. */
  decide<T>(command: (turn: Turn) => T, options: { needsRoom?: boolean } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#broken !== null || this.#closing) return reject(this.#stopped());
      if (options.needsRoom === true && this.#log.full) return reject(new StoreFull('the disk of the store is full'));
      if (this.#pending.length >= commandsWaiting) return reject(new ReplicaBusy('too many commands are waiting'));
      this.#pending.push({
        command,
        needsRoom: options.needsRoom ?? false,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.#pumpSoon();
    });
  }

  /** Looks at the durable state. The reader must not change it, nor keep more of it than rows. */
  look<T>(reader: (state: State, moment: Moment) => T): T | Promise<T> {
    if (!this.#writing) return reader(this.#state, this.#moment());
    return new Promise((resolve, reject) => {
      this.#lookers.push(() => {
        try {
          resolve(reader(this.#state, this.#moment()));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Seq of the last durable change or event. */
  get durableSeq(): number {
    return this.#writing ? this.#seqBeforeTurn : this.#state.seq;
  }

  /** Calls back after each durable turn that changed something. Returns how to stop. */
  onTurn(listener: (turn: Turn) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The client of a lease is on the line, until `hungUp`. */
  onLine(id: string): void {
    joinLine(this.#state, id, this.#time.tick());
  }

  /** The client of a lease has hung up. */
  hungUp(id: string): void {
    leaveLine(this.#state, id, this.#time.tick());
    this.#watch(id);
  }

  /** The reply that told of a grant could not be written. */
  notSent(id: string): void {
    grantNotSent(this.#state, id, this.#time.tick());
    this.#watch(id);
  }

  /** The client of a held lease knows that it holds. */
  arrived(id: string): void {
    grantArrived(this.#state, id);
  }

  get log(): Pick<Log, 'name' | 'full' | 'events' | 'oldestEvent'> {
    return this.#log;
  }

  /** Calls back once, when the log has failed: nothing more can be decided here, and only another start can tell what was kept. */
  onBroken(listener: (error: Error) => void): void {
    this.#brokenListeners.push(listener);
  }

  /** Why it can decide nothing more; null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** Finishes the turns of all commands so far and closes the log. */
  async close(): Promise<void> {
    if (this.#closing) return;
    // Before anything is waited for: a command that came now would be written while the log is being closed.
    this.#closing = true;
    this.#clock.cancel(this.#expiryTimer);
    this.#clock.cancel(this.#housekeeper);
    if (this.#pumping) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#time.stop();
    if (this.#broken === null) await this.#log.beat(this.#time.tick()).catch(() => undefined);
    await this.#log.close();
  }

  #moment(): Moment {
    return { tick: this.#time.tick(), at: Math.floor(this.#clock.wall()) };
  }

  #stopped(): ReplicaStopped {
    return new ReplicaStopped(
      this.#broken === null ? 'the server is stopping' : `the store has failed: ${this.#broken.message}`,
    );
  }

  #fail(error: Error): void {
    this.#broken = error;
    for (const listener of this.#brokenListeners.splice(0)) listener(error);
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // What arrives in the same moment shares the turn.
    this.#clock.soon(() => void this.#pump());
  }

  async #pump(): Promise<void> {
    while (this.#pending.length > 0 && this.#broken === null) {
      const batch = this.#pending.splice(0, commandsPerTurn);
      await this.#takeTurn(batch);
    }
    if (this.#broken !== null) for (const { reject } of this.#pending.splice(0)) reject(this.#stopped());
    this.#pumping = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  async #takeTurn(batch: readonly Pending[]): Promise<void> {
    const settle: (() => void)[] = [];
    let turn: Turn | null = null;
    let outcome: TurnOutcome;
    const wasFull = this.#log.full;
    this.#seqBeforeTurn = this.#state.seq;
    this.#writing = true;
    try {
      outcome = await this.#log.turn(this.#state.seq, (learned) => {
        for (const change of learned) this.#state.apply(change);
        turn = new Turn(this.#state, this.#moment());
        for (const pending of batch) settle.push(run(turn, pending));
        return this.#draft(turn);
      });
    } catch (error) {
      // Nobody knows whether it was kept. Nothing is answered; the next start finds out.
      (turn as Turn | null)?.undo();
      this.#fail(error as Error);
      this.#doneWriting();
      for (const { reject } of batch) reject(this.#stopped());
      return;
    }
    const decided = turn as unknown as Turn;
    if (outcome.outcome === 'full') {
      decided.undo();
      this.#mustRegrant = true;
      this.figures.fullTurns++;
      this.#doneWriting();
      this.#afterFullTurn(batch, wasFull);
      return;
    }
    this.#doneWriting();
    this.figures.turns++;
    this.figures.commands += batch.length;
    for (const reply of settle) reply();
    if (outcome.outcome === 'durable') this.#afterTurn(decided);
    else this.#scheduleExpiry();
  }

  #draft(turn: Turn): Draft | null {
    if (turn.changes.length === 0 && turn.events.length === 0) return null;
    const { prev, moment, events } = turn;
    return { id: this.#ids.turn(), prev, seq: this.#state.seq, ...moment, changes: lastOfEach(turn.changes), events };
  }

  /**
   * The disk is full. What asks for more is refused; what only keeps or gives back is tried again, as the log has now given up
   * its ballast for it, unless it had done so before and that was not enough.
   */
  #afterFullTurn(batch: readonly Pending[], ballastWasGone: boolean): void {
    const again: Pending[] = [];
    const tryAgain = (pending: Pending, isRefused: boolean): void => {
      if (isRefused) pending.reject(new StoreFull('the disk of the store is full'));
      else again.push(pending);
    };
    for (const pending of batch) tryAgain(pending, pending.needsRoom || ballastWasGone);
    for (const pending of this.#pending) tryAgain(pending, pending.needsRoom);
    this.#pending = again;
  }

  #afterTurn(turn: Turn): void {
    this.#writtenTick = turn.moment.tick;
    this.figures.changes += turn.changes.length;
    this.figures.events += turn.events.length;
    for (const change of turn.changes) {
      if (change.kind !== 'lease') continue;
      // Not before: had the turn been taken back, the lease would wait or be held again, and its client with it.
      if (change.row?.end != null) this.#state.forgetClient(change.id);
      this.#deadlines.watch(this.#state, change.id);
    }
    this.#scheduleExpiry();
    for (const listener of this.#listeners) listener(turn);
  }

  #doneWriting(): void {
    this.#writing = false;
    for (const looker of this.#lookers.splice(0)) looker();
  }

  #watch(id: string): void {
    this.#deadlines.watch(this.#state, id);
    this.#scheduleExpiry();
  }

  #scheduleExpiry(): void {
    const next = this.#deadlines.next();
    if (next === null || this.#closing || (this.#expiryTick !== null && this.#expiryTick <= next)) return;
    this.#clock.cancel(this.#expiryTimer);
    this.#expiryTick = next;
    this.#expiryTimer = this.#clock.after(Math.max(1, next - this.#time.tick()), () => {
      this.#expiryTick = null;
      // Renewals that have arrived are read first (semantics: holding).
      this.#clock.soon(() => this.#proposeExpiries());
    });
  }

  #proposeExpiries(): void {
    if (this.#broken !== null || this.#closing) return;
    const over = this.#deadlines.takeDue(this.#state, this.#time.tick(), expiriesPerTurn);
    const proposals = over.map((id) => ({ id, renewal: this.#state.leases.get(id)?.renewal ?? 0 }));
    if (proposals.length === 0) {
      this.#scheduleExpiry();
      return;
    }
    const done = (): void => {
      for (const { id } of proposals) this.#watch(id);
    };
    this.decide((turn) => {
      for (const { id, renewal } of proposals) expire(turn, id, renewal);
    }).then(done, () => this.#clock.after(housekeepingEveryMs, done));
  }

  #scheduleHousekeeping(): void {
    this.#housekeeper = this.#clock.after(housekeepingEveryMs, () => {
      if (this.#broken !== null || this.#closing) return;
      this.#housekeep().finally(() => this.#scheduleHousekeeping());
    });
  }

  async #housekeep(): Promise<void> {
    try {
      const tick = this.#time.tick();
      if (this.#mustRegrant) await this.#regrant();
      if (await this.look((state, moment) => needsTidying(new Turn(state, moment)))) await this.decide(tidy);
      if (tick - this.#sweptTick >= sweepEveryMs) {
        this.#sweptTick = tick;
        await this.decide(dropUnused);
        await this.#prune();
      }
      // Log time must survive a crash to within a second, else leases would be given more time than they had.
      if (!this.#deadlines.isEmpty && !this.#writing && tick - this.#writtenTick >= housekeepingEveryMs) {
        await this.#log.beat(tick);
        this.#writtenTick = tick;
      }
    } catch (error) {
      if (error instanceof StoreFull || this.#broken !== null || this.#closing) return;
      // As with a turn: a log that fails once is not trusted again.
      this.#fail(error as Error);
    }
  }

  /** Drops old history, a piece at a time: turns go on between two pieces. */
  async #prune(): Promise<void> {
    const before = this.#clock.wall() - this.#historyMs;
    while ((await this.#log.prune(before, eventsPrunedAtOnce)) >= eventsPrunedAtOnce && !this.#closing);
  }

  async #regrant(): Promise<void> {
    this.#mustRegrant = false;
    await this.decide((turn) => {
      for (const id of [...turn.state.waiting]) grantIfPresent(turn, id);
    });
  }
}

/** Runs one command; a bug in it takes back what it did and fails it alone. Returns how to answer it once durable. */
function run(turn: Turn, { command, resolve, reject }: Pending): () => void {
  const mark = turn.mark();
  try {
    const value = command(turn);
    return () => resolve(value);
  } catch (error) {
    turn.rollback(mark);
    return () => reject(error);
  }
}

/** The last change of each row: what it was for a moment within the turn nobody has seen. */
function lastOfEach(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.kind} ${change.id}`;
    // Deleted first, so that the order stays that of the seqs.
    last.delete(key);
    last.set(key, change);
  }
  return [...last.values()];
}
