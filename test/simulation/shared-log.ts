// One log for several servers, as a database elsewhere keeps it: turns one after the other under a lock, each of which hands over
// what others have appended; wakes that come late or not at all, with a slow look behind them; sessions that are cut off for a
// while, turns that are lost, whose answer comes late, or that hang; servers that are so far behind that they must load anew. It has
// a clock of its own, which jumps, and a disk that may be full: then most turns find no room, and nothing is set aside for any.

import type { Change, EventRecord } from '../../src/core/rows.ts';
import type { Contents, Draft, Learned, LearnOutcome, Log, TurnOutcome } from '../../src/log/log.ts';
import { StoreAway } from '../../src/log/log.ts';
import type { Decided } from './faulty-log.ts';
import { Disk } from './faulty-log.ts';
import type { Random } from './random.ts';
import type { Timeline, VirtualClock } from './virtual-clock.ts';

/** How often which fault happens, as probabilities per turn. */
export interface SharedFaults {
  readonly slow: number;
  /** It takes so long that nobody should wait behind it. */
  readonly hangs: number;
  readonly undone: number;
  /** It is found by its id later. */
  readonly answerLate: number;
  /** The server fails over it. */
  readonly broken: number;
  /** Per wake. */
  readonly wakeLost: number;
}

export const noSharedFaults: SharedFaults = { slow: 0, hangs: 0, undone: 0, answerLate: 0, broken: 0, wakeLost: 0 };

interface Kept {
  readonly decided: Decided;
  /** As it comes back from the store. */
  readonly text: string;
}

/** A server in the line for the lock. */
interface InLine {
  readonly log: SharedLog;
  readonly begin: () => void;
}

const lockedAtMostMs = 250;
/** After it found the store full a server asks for nothing more for so long, unless a turn was kept since. */
const fullMs = 5_000;
/** How often a turn finds no room while the disk is full. */
const roomless = 0.8;
const lookEveryMs = 250;

export class SharedDisk extends Disk {
  readonly #timeline: Timeline;
  readonly #turnsKept: number;
  readonly #turns: Kept[] = [];
  #line: InLine[] = [];
  #locked: InLine | null = null;
  #turnTick = 0;
  readonly logs = new Set<SharedLog>();
  onBroken: (how: string) => void = () => undefined;
  /** A turn takes long, and everybody else waits for the lock, even when its server has died. */
  isSlow = false;
  #fullUntil = 0;
  /** Told when a turn has taken long. */
  onTrouble: () => void = () => undefined;

  constructor(timeline: Timeline, turnsKept: number) {
    super();
    this.#timeline = timeline;
    this.#turnsKept = turnsKept;
  }

  /** Wall time by its own clock. */
  wall(): number {
    return this.#timeline.wallOffset + this.#timeline.now;
  }

  jump(milliseconds: number): void {
    this.#timeline.wallOffset += milliseconds;
  }

  fill(milliseconds: number): void {
    this.#fullUntil = Math.max(this.#fullUntil, this.#timeline.now + milliseconds);
  }

  get isFull(): boolean {
    return this.#timeline.now < this.#fullUntil;
  }

  override keep(decided: Decided): void {
    const { draft } = decided;
    const { tick } = this;
    if (draft.prev !== this.seq) this.onBroken(`log: a turn from ${draft.prev} on ${this.seq}`);
    if (draft.tick < this.#turnTick) this.onBroken(`L13: log time went back from ${this.#turnTick} to ${draft.tick}`);
    this.#turnTick = draft.tick;
    super.keep(decided);
    this.tick = Math.max(tick, draft.tick);
    this.#turns.push({ decided, text: JSON.stringify(draft) });
    if (this.#turns.length > this.#turnsKept) this.#turns.shift();
  }

  /** Turns that begin at this seq or later; null where they are no longer kept. */
  since(seq: number): readonly Kept[] | null {
    const first = this.#turns.findIndex(({ decided }) => decided.draft.prev >= seq);
    if (first < 0) return seq === this.seq ? [] : null;
    return this.#turns[first]?.decided.draft.prev === seq ? this.#turns.slice(first) : null;
  }

  /** In line for the lock, which is taken away from a session that does nothing with it. */
  lock(log: SharedLog, begin: () => void): void {
    this.#line.push({ log, begin });
    this.#next();
  }

  isLockedBy(log: SharedLog): boolean {
    return this.#locked?.log === log;
  }

  unlock(log: SharedLog): void {
    if (this.#locked?.log !== log) return;
    this.#locked = null;
    this.#next();
  }

  /** A session has ended: it leaves the line. What it has sent is carried out all the same. */
  leave(log: SharedLog, hasSent: boolean): void {
    this.#line = this.#line.filter((one) => one.log !== log);
    if (!hasSent) this.unlock(log);
  }

  #next(): void {
    const first = this.#locked === null ? this.#line.shift() : undefined;
    if (first === undefined) return;
    this.#locked = first;
    first.begin();
    this.#timeline.after(lockedAtMostMs, () => {
      if (this.#locked === first && !first.log.hasSent) this.unlock(first.log);
    });
  }
}

export class SharedLog implements Log {
  readonly name = 'simulation:';
  readonly #disk: SharedDisk;
  readonly #clock: VirtualClock;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #faults: () => SharedFaults;
  readonly #listeners = new Set<() => void>();
  #isUnderWay = false;
  #closed = false;
  #isCut = false;
  /** The turn that is being committed. */
  #sent: { isKept: boolean } | null = null;
  #known = 0;
  #fullSince: number | null = null;
  /** The last time at which a turn found no room although the one before had found none: what it was to keep or give back is refused. */
  exhaustedAt = Number.NEGATIVE_INFINITY;
  /** It has told its server that the store is away, and since then not that it is there. */
  toldAway = false;
  /** When its server last read the clock of the store, in a turn that it began. */
  readAt = Number.NEGATIVE_INFINITY;
  /** It has told so, and no turn was taken since. */
  #isAfterOutage = false;
  /** The last time at which something was not as it should be. */
  troubledAt = Number.NEGATIVE_INFINITY;
  /** An answer is on its way for so long that its server can do nothing. */
  lateUntil = Number.NEGATIVE_INFINITY;
  /** Told when a turn was decided; gives what the draft alone does not say. */
  onDecided: (draft: Draft) => ReadonlyMap<string, boolean> = () => new Map();
  /** Told when an answer goes to the server: of which turns it hears by it; null: it loads anew. */
  onAnswer: (told: readonly Decided[]) => void = () => undefined;
  /** Told what is being loaded. */
  onLoad: () => void = () => undefined;
  onFault: (what: string) => void = () => undefined;
  /** Told of what a turn asks for although its server knows that the store is full. */
  onGreedy: (draft: Draft) => void = () => undefined;

  constructor(disk: SharedDisk, clock: VirtualClock, timeline: Timeline, faults: () => SharedFaults) {
    this.#disk = disk;
    this.#clock = clock;
    this.#timeline = timeline;
    this.#random = timeline.random;
    this.#faults = faults;
    disk.logs.add(this);
    this.#lookNowAndThen();
  }

  get full(): boolean {
    return this.#fullSince !== null && this.#clock.monotonic() - this.#fullSince < fullMs;
  }

  get hasSent(): boolean {
    return this.#sent !== null;
  }

  /** It was asked for something, and has not answered. */
  get isBusy(): boolean {
    return this.#isUnderWay;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** The store cannot be reached from here, for a while. */
  cut(milliseconds: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#troubled();
    this.#timeline.after(milliseconds, () => {
      this.#isCut = false;
      this.#troubled();
      this.#clock.after(this.#random.between(0, 300), () => this.#wake());
    });
  }

  async load(): Promise<Contents> {
    return this.#after(this.#random.between(1, 50), () => {
      if (this.#isCut) throw new StoreAway('ECONNREFUSED');
      this.toldAway = false;
      this.#known = this.#disk.seq;
      this.onLoad();
      return this.#disk.contents();
    });
  }

  turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    if (this.#closed) throw new Error('the log is closed');
    if (this.#isUnderWay) throw this.#broken('a turn was begun while another was under way');
    this.#isUnderWay = true;
    const wasFull = this.full;
    return new Promise((resolve, reject) => {
      const answer = (ms: number, told: readonly Decided[], outcome: TurnOutcome | Error): void => {
        if (ms > 40) this.lateUntil = this.#timeline.now + ms;
        this.#clock.after(ms, () => {
          this.#isUnderWay = false;
          if (ms > 40) this.#troubled();
          if (wasFull && !(outcome instanceof Error) && outcome.outcome === 'full')
            this.exhaustedAt = this.#timeline.now;
          if (outcome instanceof Error || outcome.outcome === 'lost' || outcome.outcome === 'full') this.#troubled();
          else if (outcome.outcome === 'away') this.#toldAwayNow();
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
          this.onAnswer(told);
        });
      };
      if (this.#isCut) answer(this.#random.between(0, 4), [], this.#away());
      else
        this.#disk.lock(this, () =>
          this.#clock.after(this.#random.between(0, 3), () => this.#begin(have, decide, answer)),
        );
    });
  }

  #begin(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
    answer: (ms: number, told: readonly Decided[], outcome: TurnOutcome | Error) => void,
  ): void {
    const { random } = this.#timeline;
    const faults = this.#faults();
    if (this.#isCut || !this.#disk.isLockedBy(this)) {
      this.#disk.unlock(this);
      answer(random.between(0, 4), [], this.#away());
      return;
    }
    const missed = this.#disk.since(have);
    this.toldAway = false;
    if (missed === null) {
      this.#disk.unlock(this);
      this.onFault('log reload');
      answer(random.between(0, 4), [], { outcome: 'reload', why: 'too far behind' });
      return;
    }
    this.#known = this.#disk.seq;
    const told = missed.map(({ decided }) => decided);
    this.readAt = this.#timeline.now;
    const draft = decide(missed.map(learnedFrom), this.#disk.wall());
    if (draft === null) {
      this.#isAfterOutage = false;
      this.#disk.unlock(this);
      answer(random.between(0, 4), told, { outcome: 'empty' });
      return;
    }
    // As it goes over the wire: should the server fail over it, it takes the turn back.
    const decided: Decided = {
      ...{
        draft: JSON.parse(JSON.stringify(draft)) as Draft,
        served: this.#timeline.served,
        wallOffset: this.#timeline.wallOffset,
        present: this.onDecided(draft),
        isAfterOutage: this.#isAfterOutage,
      },
    };
    if (this.full) this.onGreedy(decided.draft);
    if (this.#disk.isFull && random.chance(roomless)) {
      this.#fullSince = this.#clock.monotonic();
      this.#disk.unlock(this);
      this.onFault('log full');
      answer(random.between(0, 4), told, { outcome: 'full', message: 'ENOSPC' });
      return;
    }
    const isLost = random.chance(faults.undone);
    const breaks = !isLost && random.chance(faults.broken);
    const sent = { isKept: !isLost && !(breaks && random.chance(0.5)) };
    this.#sent = sent;
    const slow = random.chance(faults.slow);
    const hangs = random.chance(faults.hangs);
    const takes = hangs ? random.between(5_200, 7_000) : slow ? random.between(50, 600) : random.between(0, 4);
    if (hangs) this.onFault('log hangs');
    this.#disk.isSlow = slow || hangs;
    this.#timeline.after(takes, () => {
      this.#sent = null;
      if (sent.isKept) {
        this.#isAfterOutage = false;
        this.#known = draft.seq;
        this.#fullSince = null;
        this.#disk.keep(decided);
      }
      this.#disk.unlock(this);
      if (slow || hangs) this.#disk.onTrouble();
      this.#disk.isSlow = false;
      if (sent.isKept) for (const other of this.#disk.logs) if (other !== this) other.#hear();
      if (breaks) {
        answer(random.between(0, 4), told, new Error('EIO'));
        return;
      }
      if (isLost) {
        this.onFault('log lost');
        answer(random.between(0, 4), told, { outcome: 'lost', message: 'the connection was lost' });
        return;
      }
      const late = random.chance(faults.answerLate);
      if (late) this.onFault('log answer late');
      if (late) this.#troubled();
      answer(late ? random.between(50, 3_000) : random.between(0, 4), [...told, decided], { outcome: 'durable' });
    });
  }

  learn(have: number): Promise<LearnOutcome> {
    if (this.#isUnderWay) throw this.#broken('it was asked for news while a turn was under way');
    this.#isUnderWay = true;
    return this.#after(this.#random.between(0, 4), (): LearnOutcome => {
      this.#isUnderWay = false;
      if (this.#isCut) {
        this.#toldAwayNow();
        return this.#away();
      }
      this.toldAway = false;
      const missed = this.#disk.since(have);
      if (missed === null) {
        this.onFault('log reload');
        return { outcome: 'reload', why: 'too far behind' };
      }
      this.#known = this.#disk.seq;
      this.onAnswer(missed.map(({ decided }) => decided));
      return { outcome: 'learned', turns: missed.map(learnedFrom) };
    });
  }

  beat(tick: number): Promise<void> {
    return this.#after(this.#random.between(0, 4), () => {
      if (this.#isCut) throw new StoreAway('ECONNREFUSED');
      this.#disk.tick = Math.max(this.#disk.tick, tick);
    });
  }

  /** The server dies: what it was about to commit may have been kept, by the toss of a coin. */
  die(): void {
    this.#closed = true;
    this.#disk.logs.delete(this);
    if (this.#sent !== null && this.#random.chance(0.5)) this.#sent.isKept = false;
    this.#disk.leave(this, this.#sent !== null);
  }

  events(): Promise<EventRecord[]> {
    return Promise.resolve([]);
  }

  oldestEvent(): Promise<number | null> {
    return Promise.resolve(null);
  }

  prune(): Promise<number> {
    return Promise.resolve(0);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Another server has appended. */
  #hear(): void {
    if (this.#isCut || this.#random.chance(this.#faults().wakeLost)) return;
    this.#clock.after(this.#random.chance(0.1) ? this.#random.between(20, 200) : this.#random.between(0, 8), () =>
      this.#wake(),
    );
  }

  #lookNowAndThen(): void {
    this.#clock.after(lookEveryMs, () => {
      if (this.#isCut || this.#disk.seq > this.#known) this.#wake();
      this.#lookNowAndThen();
    });
  }

  #wake(): void {
    if (!this.#closed) for (const listener of this.#listeners) listener();
  }

  #away(): { outcome: 'away'; message: string } {
    return { outcome: 'away', message: 'ECONNREFUSED' };
  }

  #toldAwayNow(): void {
    this.toldAway = true;
    this.#isAfterOutage = true;
    this.#troubled();
    this.onFault('log away');
  }

  #troubled(): void {
    this.troubledAt = this.#timeline.now;
  }

  #broken(how: string): Error {
    this.#disk.onBroken(`log: ${how}`);
    return new Error(how);
  }

  #after<T>(milliseconds: number, answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#clock.after(milliseconds, () => {
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function learnedFrom({ text }: Kept): Learned {
  const { prev, seq, tick, at, events, changes } = JSON.parse(text) as Draft;
  return { prev, seq, tick, at, events, changes: changes as Change[] };
}
