// One server's copy of a space. What always holds:
//   - commands are decided one after the other, in turns; those that arrive while a turn is being written go into the next
//     one together (group commit);
//   - nothing is answered or shown before it is durable (L12): replies wait for their turn, and whoever looks waits for the
//     turn that is being written;
//   - a turn that could not be kept is taken back whole, and whoever asked is told (L14);
//   - what is over by log time is proposed as a command like any other, behind whatever has already arrived.

import { dueKey } from '../core/due.ts';
import { allowForOutage, resume } from '../core/housekeeping.ts';
import { grantIfPresent, grantReady } from '../core/lease/grant.ts';
import { grantArrived, grantNotSent, joinLine, leaveLine, mustTellArrival } from '../core/lease/hold.ts';
import type { Moment } from '../core/rows.ts';
import { forgiveAbsences, leaveSeats, signOff } from '../core/servers.ts';
import { State } from '../core/state.ts';
import { Turn } from '../core/turn.ts';
import { type Contents, type Draft, type Learned, type Log, StoreAway, type TurnOutcome } from '../log/log.ts';
import { Asking } from './asking.ts';
import type { Clock } from './clock.ts';
import { LogTime } from './clock.ts';
import { draftOf, type Pending, ReplicaBusy, ReplicaStopped, run, StoreFull, withoutRoom } from './command.ts';
import { Expiry } from './expiry.ts';
import { Housekeeper } from './housekeeper.ts';
import type { Ids } from './ids.ts';
import { type Happened, loadAnew, takeOver } from './learned.ts';
import type { ReplicaOptions, TurnFigures } from './options.ts';
import { Seats } from './seats.ts';

const commandsPerTurn = 1_000;
const commandsWaiting = 100_000;
/** How long after a load that failed it is tried again. */
const loadAgainAfterMs = 1_000;

export class Replica {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #ids: Ids;
  #state: State;
  readonly #time: LogTime;
  readonly #expiry: Expiry;
  readonly #housekeeper: Housekeeper;
  readonly #listeners = new Set<(happened: Happened) => void>();
  readonly #reloadListeners = new Set<() => void>();
  #pending: Pending[] = [];
  #lookers: (() => void)[] = [];
  /** Who wants to know all that is durable now; first those whom the next answer of the log serves, then those it comes too early for. */
  #toCatchUp: (() => void)[] = [];
  #catchingUp: (() => void)[] = [];
  #pumping = false;
  #whenIdle: (() => void)[] = [];
  #writing = false;
  #seqBeforeTurn = 0;
  /** The turn that is being written, once it is decided. */
  #turn: Turn | null = null;
  /** The last turn that is known here, whoever took it, by the clock of the store. */
  #last: Moment | null = null;
  readonly #seats: Seats;
  /** Other servers may have appended. */
  #mustLearn = false;
  /** The store cannot be reached, since when; null while it can. */
  #awaySince: number | null = null;
  /** It was away, and holders have not yet been given time for it. */
  #owesOutage = false;
  readonly #asking: Asking;
  #unsubscribe = (): void => undefined;
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
    this.#state = state;
    this.#time = new LogTime(options.clock, tick);
    this.#asking = new Asking(options.clock, this.#time);
    this.secret = secret;
    this.isNew = isNew;
    const { log, clock, historyMs } = options;
    const [time, isOver] = [this.#time, () => this.#broken !== null || this.#closing];
    const decide = (command: (turn: Turn) => void): Promise<void> => this.decide(command);
    this.#expiry = new Expiry({ clock, time, decide, isOver, state: () => this.#state });
    this.#seats = new Seats({ clock, decide, isOver, state: () => this.#state });
    this.#housekeeper = new Housekeeper(
      {
        ...{ replica: this, log, clock, time, historyMs, isOver, expiry: this.#expiry },
        isIdle: () => this.#sendAwayIfStuck() || this.#isStillAway(),
        fail: (error) => this.#fail(error),
      },
      tick,
    );
  }

  /** Loads the space, and resumes what was held and waited for. */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const contents = await options.log.load();
    await options.accept?.(contents);
    const state = new State(options.settings);
    state.load(contents.rows, contents.seq, contents.epoch);
    state.server = options.server ?? null;
    const replica = new Replica(options, state, contents);
    await replica.decide((turn) => resume(turn, options.startFacts));
    replica.#expiry.watchAll();
    replica.#unsubscribe = options.log.subscribe(() => {
      replica.#mustLearn = true;
      replica.#pumpSoon();
    });
    return replica;
  }

  /** Runs a command in the next turn; resolves with its outcome once that is durable. */
  decide<T>(command: (turn: Turn) => T, options: { needsRoom?: boolean } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#broken !== null || this.#closing) return reject(this.#stopped());
      if (options.needsRoom === true && this.#log.full) return reject(new StoreFull('the disk of the store is full'));
      if (this.#sendAwayIfStuck()) return reject(new StoreAway('the store cannot be reached'));
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

  /** Looks at the durable state; while the store is away, as it was. The reader must not change it, nor keep more of it than rows. */
  look<T>(reader: (state: State, moment: Moment) => T): T | Promise<T> {
    if (!this.#writing || this.#sendAwayIfStuck()) return reader(this.#state, this.#moment());
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

  /** Resolves once all is known here that was durable when it was called, whoever has decided it; while the store is away, at once. */
  caughtUp(): Promise<void> | null {
    if (this.#state.server === null || this.isAway || this.#broken !== null || this.#closing) return null;
    return new Promise((resolve) => {
      this.#toCatchUp.push(resolve);
      this.#mustLearn = true;
      this.#pumpSoon();
    });
  }

  /** Whether a turn is being written. */
  get isWriting(): boolean {
    return this.#writing;
  }

  /** Seq of the last durable change or event. */
  get durableSeq(): number {
    return this.#writing ? this.#seqBeforeTurn : this.#state.seq;
  }

  /** Calls back after each durable turn that changed something. Returns how to stop. */
  onTurn(listener: (happened: Happened) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back when everything was loaded anew: whatever was told since may not have been so. */
  onReload(listener: () => void): () => void {
    this.#reloadListeners.add(listener);
    return () => this.#reloadListeners.delete(listener);
  }

  /** The client of a lease is on the line, until `hungUp`. */
  onLine(id: string): void {
    this.#seats.onLine.add(id);
    joinLine(this.#state, id, this.#time.tick());
  }

  /** The client of a lease has hung up. */
  hungUp(id: string): void {
    this.#seats.onLine.delete(id);
    leaveLine(this.#state, id, this.#time.tick());
    this.#expiry.watch(id);
  }

  /** The reply that told of a grant could not be written. */
  notSent(id: string): void {
    grantNotSent(this.#state, id, this.#time.tick());
    this.#expiry.watch(id);
  }

  /** The client of a held lease knows that it holds. True where that must be written down as well. */
  arrived(id: string): boolean {
    grantArrived(this.#state, id);
    return mustTellArrival(this.#state, id);
  }

  get log(): Pick<Log, 'name' | 'full' | 'events' | 'oldestEvent'> {
    return this.#log;
  }

  /** Calls back once, when the log has failed: nothing more can be decided here, and only another start can tell what was kept. */
  onBroken(listener: (error: Error) => void): void {
    this.#brokenListeners.push(listener);
  }

  /** Whether the store can be reached, as far as is known: what is shown meanwhile may be old. */
  get isAway(): boolean {
    return this.#awaySince !== null || this.#asking.isStuck;
  }

  /** Why it can decide nothing more; null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** Finishes the turns of all commands so far and closes the log. */
  async close(): Promise<void> {
    if (this.#closing) return;
    // Before anything is waited for: a command that came now would be written while the log is being closed.
    if (this.#state.server !== null && !this.isAway)
      await this.decide((turn) => signOff(turn, turn.state.server ?? '')).catch(() => undefined);
    this.#closing = true;
    this.#unsubscribe();
    this.#expiry.stop();
    this.#housekeeper.stop();
    if (this.#pumping) await this.#asking.orGivenUp((back) => this.#whenIdle.push(back));
    this.#time.stop();
    if (this.#broken === null && this.#state.server === null)
      await this.#log.beat(this.#time.tick()).catch(() => undefined);
    await this.#log.close();
  }

  /** `at`: the wall time of the store, where it has one of its own. */
  #moment(at: number | null = null): Moment {
    return { tick: this.#time.tick(), at: Math.floor(at ?? this.#time.wall()) };
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
    while ((this.#pending.length > 0 || this.#mustLearn) && this.#broken === null) {
      const batch = this.#pending.splice(0, commandsPerTurn);
      this.#catchingUp = this.#toCatchUp.splice(0);
      // Learned by the turn as well.
      this.#mustLearn = false;
      if (batch.length > 0) await this.#takeTurn(batch);
      else await this.#learn();
      for (const resolve of this.#catchingUp.splice(0)) resolve();
      // Served by what comes next.
      if (this.#toCatchUp.length > 0) this.#mustLearn = true;
    }
    if (this.#broken !== null) for (const { reject } of this.#pending.splice(0)) reject(this.#stopped());
    for (const resolve of this.#toCatchUp.splice(0)) resolve();
    this.#pumping = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  async #takeTurn(batch: readonly Pending[]): Promise<void> {
    const settle: (() => void)[] = [];
    let turn: Turn | null = null;
    let outcome: TurnOutcome;
    let learned: readonly Happened[] = [];
    let paidOutage = false;
    const wasFull = this.#log.full;
    try {
      const decide = (others: readonly Learned[], clock: number | null): Draft | null => {
        learned = this.#takeOver(others);
        if (clock !== null) this.#time.turn(clock, this.#last);
        this.#isThere();
        this.#seqBeforeTurn = this.#state.seq;
        // Until here nothing was changed that anybody could have seen.
        this.#writing = true;
        turn = new Turn(this.#state, this.#moment(clock));
        this.#turn = turn;
        paidOutage = this.#owesOutage;
        // Before whatever has come due meanwhile: nobody could renew.
        if (paidOutage) allowForOutage(turn);
        // What others have given back may be for somebody who is on the line here.
        if (learned.length > 0) grantReady(turn);
        for (const pending of batch) settle.push(run(turn, pending));
        return draftOf(turn, this.#ids);
      };
      outcome = await this.#asking.of(() => this.#log.turn(this.#state.seq, decide));
    } catch (error) {
      // Nobody knows whether it was kept. Nothing is answered; the next start finds out.
      (turn as Turn | null)?.undo();
      this.#fail(error as Error);
      this.#doneWriting();
      this.#tell(learned);
      for (const { reject } of batch) reject(this.#stopped());
      return;
    }
    if (outcome.outcome === 'away') return this.#notBegun(batch, outcome.message);
    if (outcome.outcome === 'reload') {
      this.#pending.unshift(...batch);
      return this.#reload();
    }
    this.#isThere();
    const decided = turn as unknown as Turn;
    decided.takeUp();
    if (outcome.outcome === 'full' || outcome.outcome === 'lost') {
      this.#takeBack(decided);
      this.#housekeeper.mustRegrant = true;
      this.#doneWriting();
      this.#tell(learned);
      const isFull = outcome.outcome === 'full';
      if (isFull) this.figures.fullTurns++;
      // At the front: whoever came first is decided first.
      this.#pending = isFull ? withoutRoom(batch, this.#pending, wasFull) : [...batch, ...this.#pending];
      return;
    }
    this.#doneWriting();
    if (paidOutage) this.#owesOutage = false;
    this.#tell(learned);
    this.figures.turns++;
    this.figures.commands += batch.length;
    for (const reply of settle) reply();
    if (outcome.outcome === 'durable') this.#afterTurn(decided);
    else this.#expiry.schedule();
  }

  /** Hears what others have appended, and grants what has come free by it to whoever is on the line here. */
  async #learn(): Promise<void> {
    const learning = this.#asking.of(() => this.#log.learn(this.#state.seq));
    const outcome = await learning.catch((error: Error) => error);
    if (outcome instanceof Error) return this.#closing ? undefined : this.#fail(outcome);
    if (outcome.outcome === 'away') return this.#isGone();
    if (outcome.outcome === 'reload') return this.#reload();
    this.#isThere();
    if (this.#owesOutage && !this.#closing) this.decide(() => undefined).catch(() => undefined);
    const learned = this.#takeOver(outcome.turns);
    if (learned.length === 0) return;
    this.#mustLearn = true;
    this.#tell(learned);
    const ready = this.#state.queue.takeReady().filter(({ id }) => this.#state.presence.get(id)?.open === true);
    if (ready.length === 0 || this.#closing) return;
    this.decide((turn) => {
      for (const { id } of ready) grantIfPresent(turn, id);
    }).catch(() => {
      // The store is away: once it is back.
      this.#housekeeper.mustRegrant = true;
    });
  }

  #takeOver(turns: readonly Learned[]): Happened[] {
    return turns.map((other) => {
      const behindMs = this.#time.heard(other);
      if (behindMs > 0) forgiveAbsences(this.#state, behindMs);
      this.#last = other;
      return takeOver(this.#state, other);
    });
  }

  /** Tells whoever listens of turns that others have taken. */
  #tell(learned: readonly Happened[]): void {
    for (const happened of learned) this.#happened(happened);
    if (learned.length === 0) return;
    this.#seats.rejoin();
    this.#seats.told(learned);
  }

  /** The store cannot be reached: nothing was begun. */
  #notBegun(batch: readonly Pending[], why: string): void {
    this.#isGone();
    this.#doneWriting();
    for (const { reject } of batch) reject(new StoreAway(why));
  }

  #isGone(): void {
    this.#awaySince ??= this.#clock.monotonic();
    this.#owesOutage = true;
    this.#time.stand(true);
  }

  /** The store is there. Where it was not, nobody could renew meanwhile: the next turn allows for it. */
  #isThere(): void {
    if (this.#awaySince === null) return;
    this.#awaySince = null;
    this.#time.stand(false);
    this.#expiry.again();
  }

  /** Asks again when nobody else does; the log may have been back for a while without anything new in it. */
  #isStillAway(): boolean {
    if (this.#awaySince === null) return false;
    this.#mustLearn = true;
    this.#pumpSoon();
    return true;
  }

  /** What is known here cannot be brought up to date: everything is read anew, and whoever waits looks again. */
  async #reload(): Promise<void> {
    this.#writing = true;
    try {
      const contents = await this.#asking.of(() => this.#log.load());
      this.#state = loadAnew(this.#state, contents, this.#seats.onLine);
      this.#time.goOnFrom(contents.tick);
      this.#last = null;
      this.#expiry.watchAll();
      this.#housekeeper.mustRegrant = true;
      this.#isThere();
    } catch (error) {
      if (!(error instanceof StoreAway)) this.#fail(error as Error);
      else this.#isGone();
      // It says so again until it was loaded. Until then nobody is told: streams would break off each time.
      this.#mustLearn = true;
      await new Promise<void>((resolve) => this.#clock.after(loadAgainAfterMs, resolve));
      return this.#doneWriting();
    }
    this.#doneWriting();
    this.#seats.rejoin();
    this.#seats.reloaded();
    if (this.#housekeeper.mustRegrant) this.#housekeeper.regrant().catch(() => (this.#housekeeper.mustRegrant = true));
    this.#expiry.schedule();
    for (const listener of this.#reloadListeners) listener();
  }

  /** What came due while the turn was being written was measured against rows that are not to be: it is looked at again. */
  #takeBack(turn: Turn): void {
    const changes = [...turn.changes];
    turn.undo();
    leaveSeats(this.#state, changes);
    for (const key of changes.map(dueKey)) if (key !== null) this.#expiry.watch(key);
  }

  #afterTurn(turn: Turn): void {
    this.#housekeeper.writtenTick = turn.moment.tick;
    this.#last = turn.moment;
    this.figures.changes += turn.changes.length;
    this.figures.events += turn.events.length;
    this.#happened(turn);
  }

  /** Something has become durable. */
  #happened(happened: Happened): void {
    for (const change of happened.changes) {
      // Its clients are away from now on, each with a grace of its own.
      if (change.kind === 'server' && change.row === null) this.#expiry.watchAll();
      const key = dueKey(change);
      if (key === null) continue;
      // Not before: had the turn been taken back, the lease would wait or be held again, and its client with it.
      if (change.kind === 'lease' && change.row?.end != null) this.#state.forgetClient(change.id);
      this.#expiry.note(key);
    }
    this.#expiry.schedule();
    for (const listener of this.#listeners) listener(happened);
  }

  #doneWriting(): void {
    this.#writing = false;
    this.#turn = null;
    for (const looker of this.#lookers.splice(0)) looker();
  }

  /** Nobody waits behind a log that does not answer: whoever looks sees what was durable before. True where that is so. */
  #sendAwayIfStuck(): boolean {
    if (!this.#asking.isStuck) return false;
    this.#isGone();
    this.#turn?.setAside();
    for (const { reject } of this.#pending.splice(0)) reject(new StoreAway('the store cannot be reached'));
    for (const resolve of [...this.#catchingUp.splice(0), ...this.#toCatchUp.splice(0)]) resolve();
    for (const looker of this.#lookers.splice(0)) looker();
    return true;
  }
}
