// A log that keeps its contract, and does everything that the contract allows to go wrong: slow appends, answers that are lost
// after the append, appends that are lost, a full disk, and the death of the server in the middle of it. The `Disk` outlives the
// servers; each server life has a `FaultyLog` of its own on it.

import type { Change, EventRecord } from '../../src/core/rows.ts';
import type { Contents, Draft, Learned, LearnOutcome, Log, TurnOutcome } from '../../src/log/log.ts';
import type { Random } from './random.ts';
import type { Timeline, VirtualClock } from './virtual-clock.ts';

/** How often which fault happens, as probabilities per turn; 0 = never. */
export interface LogFaults {
  readonly slow: number;
  readonly answerLost: number;
  readonly lost: number;
  readonly full: number;
  /** Per turn while the disk is full: the ballast is used up as well. */
  readonly ballastGone: number;
  readonly beatLost: number;
  /** As of a log on a database: the turn was decided and is known not to be kept; the store could not be reached at all. */
  readonly undone: number;
  readonly away: number;
}

export const noLogFaults: LogFaults = {
  ...{ slow: 0, answerLost: 0, lost: 0, full: 0, ballastGone: 0, beatLost: 0, undone: 0, away: 0 },
};

export type Fate = 'durable' | 'answer lost' | 'lost' | 'full' | 'undone';

/** What was known at the moment when a turn was decided. */
export interface Decided {
  readonly draft: Draft;
  readonly served: number;
  /** By lease id: whether the client of a lease that this turn changes was on the line. */
  readonly present: ReadonlyMap<string, boolean>;
  /** By how much the clock of the store was off when it was decided, where it has one. */
  readonly wallOffset?: number;
  /** Its server had found the store away, so that nobody could renew there. */
  readonly isAfterOutage?: boolean;
}

/** How long the log may take before it counts as one that does not answer. */
const answersWithinMs = 5_000;

interface InFlight {
  readonly decided: Decided;
  readonly fate: Fate;
  readonly wasFull: boolean;
  /** When it was decided, in time for which its server was awake. */
  readonly since: number;
}

export class Disk {
  readonly #rows = new Map<string, Change>();
  seq = 0;
  tick = 0;
  full = false;
  events = 0;
  /** Learns of each turn when it becomes durable, whichever server wrote it. */
  onKept: (decided: Decided) => void = () => undefined;

  row(kind: Change['kind'], id: string): Change['row'] {
    return this.#rows.get(`${kind} ${id}`)?.row ?? null;
  }

  keep(decided: Decided): void {
    const { draft } = decided;
    for (const change of draft.changes) {
      if (change.row === null) this.#rows.delete(`${change.kind} ${change.id}`);
      else this.#rows.set(`${change.kind} ${change.id}`, change);
    }
    this.seq = draft.seq;
    this.tick = draft.tick;
    this.events += draft.events.length;
    this.onKept(decided);
  }

  /** The rows as they come back from a store: written as JSON and read again. */
  contents(): Contents {
    const rows = JSON.parse(JSON.stringify([...this.#rows.values()])) as Change[];
    rows.sort((a, b) => a.seq - b.seq);
    for (const change of rows) this.#rows.set(`${change.kind} ${change.id}`, change);
    return { seq: this.seq, tick: this.tick, epoch: 0, secret: '00'.repeat(32), isNew: this.seq === 0, rows };
  }
}

export class FaultyLog implements Log {
  readonly name = 'simulation:';
  readonly #disk: Disk;
  readonly #clock: VirtualClock;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly faults: () => LogFaults;
  #inFlight: InFlight | null = null;
  #closed = false;
  /** When it may be closed although a turn is being written, as `since`. */
  #giveUpAt = Number.POSITIVE_INFINITY;
  /** Told before a turn is decided, so that whoever watches can look at the state as it was. */
  onTurn: (fate: Fate) => void = () => undefined;
  /** Told when a turn was decided; gives what the draft alone does not say. */
  onDecided: (draft: Draft) => ReadonlyMap<string, boolean> = () => new Map();
  /** Told when a turn could not be kept and its caller has been told so. */
  onFailed: (fate: Fate) => void = () => undefined;
  /** Told when the caller breaks the contract of a log. */
  onBroken: (how: string) => void = () => undefined;
  /** The last time at which something was not as it should be (slow, full). */
  troubledAt = Number.NEGATIVE_INFINITY;
  /** The last time at which not even the ballast was left. */
  exhaustedAt = Number.NEGATIVE_INFINITY;
  /** Turns that were decided. */
  turns = 0;

  constructor(disk: Disk, clock: VirtualClock, timeline: Timeline, faults: () => LogFaults) {
    this.#disk = disk;
    this.#clock = clock;
    this.#timeline = timeline;
    this.#random = timeline.random;
    this.faults = faults;
  }

  get full(): boolean {
    return this.#disk.full;
  }

  get isWriting(): boolean {
    return this.#inFlight !== null;
  }

  /** Whether nobody need wait for it any longer: what passes while its server is stopped does not count. */
  get hangs(): boolean {
    return this.#inFlight !== null && this.#clock.awake - this.#inFlight.since >= answersWithinMs;
  }

  /** Its server stops, and need not wait for it for ever. */
  willClose(): void {
    this.#giveUpAt = this.#clock.awake + answersWithinMs;
  }

  load(): Promise<Contents> {
    return this.#after(this.#random.between(1, 50), () => this.#disk.contents());
  }

  turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    if (this.#closed) throw new Error('the log is closed');
    if (this.#inFlight !== null) this.#broken('a turn was begun while another was under way');
    if (have !== this.#disk.seq) this.#broken(`a turn begins at ${have}, the log ends at ${this.#disk.seq}`);
    if (this.#random.chance(this.faults().away))
      return this.#after(this.#random.between(0, 4), () => ({ outcome: 'away', message: 'ECONNREFUSED' }));
    const fate = this.#drawFate();
    this.onTurn(fate);
    this.turns++;
    const draft = decide([], null);
    if (draft === null) return Promise.resolve({ outcome: 'empty' });
    if (hasFaultySeqs(draft))
      this.#broken(`a turn from ${draft.prev} to ${draft.seq} numbers its changes and events wrongly`);
    const decided = { draft, served: this.#timeline.served, present: this.onDecided(draft) };
    const inFlight = { decided, fate, wasFull: this.#disk.full, since: this.#clock.awake };
    this.#inFlight = inFlight;
    const slow = this.#random.chance(this.faults().slow);
    if (slow) this.#troubled();
    // At times for so long that nobody should wait behind it.
    const longestMs = slow && this.#random.chance(0.05) ? 9_000 : 3_000;
    return this.#after(slow ? this.#random.between(50, longestMs) : this.#random.between(0, 4), () => {
      this.#inFlight = null;
      if (slow) this.#troubled();
      return this.#outcome(inFlight);
    });
  }

  #outcome({ decided, fate, wasFull }: InFlight): TurnOutcome {
    if (fate === 'durable') {
      this.#disk.keep(decided);
      return { outcome: 'durable' };
    }
    this.#troubled();
    if (fate === 'full') {
      if (wasFull) this.exhaustedAt = this.#timeline.now;
      if (!this.#disk.full) this.#fill();
      this.onFailed(fate);
      return { outcome: 'full', message: 'ENOSPC' };
    }
    if (fate === 'undone') {
      this.onFailed(fate);
      return { outcome: 'lost', message: 'the connection was lost' };
    }
    if (fate === 'answer lost') this.#disk.keep(decided);
    this.onFailed(fate);
    throw new Error(`EIO (${fate})`);
  }

  learn(): Promise<LearnOutcome> {
    return Promise.resolve({ outcome: 'learned', turns: [] });
  }

  beat(tick: number): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the log is closed'));
    return this.#after(this.#random.between(0, 4), () => {
      if (this.#random.chance(this.faults().beatLost)) throw new Error('EIO (beat)');
      this.#disk.tick = Math.max(this.#disk.tick, tick);
    });
  }

  /** The server dies: what was being written may have been kept, by the toss of a coin. */
  die(): void {
    this.#closed = true;
    const inFlight = this.#inFlight;
    this.#inFlight = null;
    if (inFlight === null || inFlight.fate === 'full' || inFlight.fate === 'lost' || inFlight.fate === 'undone') return;
    if (this.#random.chance(0.5)) this.#disk.keep(inFlight.decided);
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

  subscribe(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    if (this.#inFlight !== null && this.#clock.awake < this.#giveUpAt)
      this.onBroken('log: it is closed while a turn is being written');
    this.#closed = true;
    return Promise.resolve();
  }

  #drawFate(): Fate {
    const faults = this.faults();
    if (this.#random.chance(this.#disk.full ? faults.ballastGone : faults.full)) return 'full';
    if (this.#random.chance(faults.answerLost)) return 'answer lost';
    if (this.#random.chance(faults.lost)) return 'lost';
    if (this.#random.chance(faults.undone)) return 'undone';
    return 'durable';
  }

  #fill(): void {
    this.#disk.full = true;
    this.#timeline.after(this.#random.between(200, 8_000), () => {
      this.#disk.full = false;
    });
  }

  /** The caller does not keep to the contract. */
  #broken(how: string): never {
    this.onBroken(`log: ${how}`);
    throw new Error(how);
  }

  #troubled(): void {
    this.troubledAt = this.#timeline.now;
  }

  /** The answer comes to the server as everything does: not while it is stalled, never once it is dead. */
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

/** Changes and events of a turn have seqs of their own within it, in order. */
function hasFaultySeqs({ prev, seq, changes, events }: Draft): boolean {
  const inOrder = [changes, events].every((list) => list.every((one, i) => one.seq > (list[i - 1]?.seq ?? prev)));
  const all = new Set([...changes, ...events].map((one) => one.seq));
  return !inOrder || all.size !== changes.length + events.length || Math.max(...all) !== seq;
}
