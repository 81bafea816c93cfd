// Takes turns on a space, and learns those of others. What always holds:
//   - it knows exactly which turn was the last that its server has taken or learned (`position`), and nothing is handed over
//     twice or left out;
//   - a turn whose fate is not known is not answered, and no other is begun, until it is;
//   - `decide` is called only while the lock is held and everything that others have done is known.

import type { Away, Draft, Learned, LearnOutcome, Log, Reload, TurnOutcome } from '../log.ts';
import { StoreAway } from '../log.ts';
import { StoreError } from '../store-error.ts';
import { lookUp } from './fate.ts';
import { isDiskFull, mayPass, oneLine, troubleOf } from './faults.ts';
import type { Missed, Position } from './learning.ts';
import { asked, type Line } from './line.ts';
import type { Lines } from './lines.ts';
import type { Session } from './session.ts';
import { append, begin, giveBack, learn } from './turns.ts';

const LEARNED_AT_ONCE = 250;
/** Who is behind by more than this loads again. */
const LEARNED_AT_MOST = 2_000;
/** After the disk was full: how long only what keeps or gives back goes through. */
const FULL_MS = 5_000;
const FATE_PAUSE_MS = 50;
/** After so many turns in a row that were begun and lost, whoever asks is told so. */
const LOST_AT_MOST = 8;

export interface Place {
  /** Name of the store, for people. */
  readonly shown: string;
  readonly space: string;
  /** For turns alone, one at a time on each. */
  readonly turns: Lines;
  /** For short questions. */
  readonly side: Line;
  /** Told of each turn of this server that was kept. */
  readonly onKept: (seq: number) => void;
}

interface Begun {
  readonly outcome: 'begun';
  readonly session: Session;
  readonly missed: Missed;
  readonly clock: number;
}

interface Ready extends Pick<Begun, 'session' | 'clock'> {
  readonly outcome: 'ready';
  readonly learned: readonly Learned[];
}

type Decide = Parameters<Log['turn']>[1];

export class TurnTaker {
  readonly #place: Place;
  #position: Position = { prev: 0, seq: 0, id: null, tick: 0 };
  /** The epoch that was loaded. */
  #epoch = 0;
  /** Turns in a row that were lost. */
  #lost = 0;
  #isBusy = false;
  #fullSince: number | null = null;
  #closed: StoreError | null = null;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Seq up to which everything is known. */
  get seq(): number {
    return this.#position.seq;
  }

  /** The last turn that is known here, and the epoch that was loaded. */
  get position(): Position {
    return this.#position;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get full(): boolean {
    return this.#fullSince !== null && performance.now() - this.#fullSince < FULL_MS;
  }

  /** What was loaded is what is known. */
  startFrom(position: Position, epoch: number): void {
    this.#mustBeFree();
    this.#position = position;
    this.#epoch = epoch;
  }

  async turn(have: number, decide: Decide): Promise<TurnOutcome> {
    if (this.#lost >= LOST_AT_MOST) {
      // And one more try the next time.
      this.#lost--;
      return this.#isAway('loses each turn: the way to it may take 250 ms at most, there and back');
    }
    return this.#alone(have, () =>
      this.#place.turns.use(async (line) => {
        const ready = await this.#begin(line);
        const outcome = ready.outcome === 'ready' ? await this.#finish(line, ready, decide) : ready;
        this.#lost = outcome.outcome === 'lost' ? this.#lost + 1 : 0;
        return outcome;
      }),
    );
  }

  async learn(have: number): Promise<LearnOutcome> {
    return this.#alone(have, async () => {
      const caughtUp = await this.#catchUp(this.#position);
      if (caughtUp.outcome !== 'missed') return caughtUp;
      this.#position = caughtUp.position;
      return { outcome: 'learned', turns: caughtUp.turns };
    });
  }

  /** What is waited for is given up. */
  close(reason: StoreError): void {
    this.#closed = reason;
  }

  /** Waits for the lock, and learns. */
  async #begin(line: Line): Promise<Ready | Away | Reload> {
    const learned: Learned[] = [];
    let position = this.#position;
    for (;;) {
      const begun = await this.#takeLock(line, position).catch((error) => this.#away(error));
      if (begun.outcome !== 'begun') return begun;
      const { session, missed, clock } = begun;
      learned.push(...missed.turns);
      position = missed.position;
      if (!missed.more) {
        this.#position = position;
        return { outcome: 'ready', session, learned, clock };
      }
      // Too much to read while the others wait.
      giveBack(session);
      const caughtUp = await this.#catchUp(position);
      if (caughtUp.outcome !== 'missed') return caughtUp;
      learned.push(...caughtUp.turns);
      position = caughtUp.position;
    }
  }

  #takeLock(line: Line, position: Position): Promise<Begun | Away | Reload> {
    return asked(line, async (session) => {
      try {
        const begun = await begin(session, this.#place.space, position);
        const unfit = begun?.isReadOnly ? this.#isAway('takes no changes now') : this.#unfit(begun);
        // Another session may find another server.
        if (unfit?.outcome === 'away') session.drop();
        if (begun !== null && unfit === null && begun.missed.outcome === 'missed')
          return { outcome: 'begun', session, missed: begun.missed, clock: begun.clock };
        giveBack(session);
        return unfit ?? (begun?.missed as Reload);
      } catch (error) {
        giveBack(session);
        throw error;
      }
    });
  }

  async #finish(line: Line, { session, learned, clock }: Ready, decide: Decide): Promise<TurnOutcome> {
    const draft = this.#decided(session, () => decide(learned, clock));
    if (draft === null) {
      giveBack(session);
      return { outcome: 'empty' };
    }
    const tick = Math.max(draft.tick, this.#position.tick);
    const appended = await append(session, this.#place.space, draft, tick);
    if (appended.outcome === 'refused') return this.#refused(appended.error);
    if (appended.outcome === 'unknown') {
      session.drop();
      if ((await this.#fateOf(line, draft)) === 'lost') return { outcome: 'lost', message: 'the connection was lost' };
    }
    this.#position = { prev: draft.prev, seq: draft.seq, id: draft.id, tick };
    this.#fullSince = null;
    this.#place.onKept(draft.seq);
    return { outcome: 'durable' };
  }

  #decided(session: Session, decide: () => Draft | null): Draft | null {
    try {
      const draft = decide();
      if (draft === null || draft.changes.length + draft.events.length === 0) return null;
      if (draft.prev === this.seq) return draft;
      throw new Error(`the log is at ${this.seq}, the turn begins at ${draft.prev}`);
    } catch (error) {
      giveBack(session);
      throw error;
    }
  }

  #refused(error: unknown): TurnOutcome {
    const { shown } = this.#place;
    const message = `${shown}: ${oneLine((error as Error | null)?.message ?? 'the turn was rolled back')}.`;
    if (isDiskFull(error)) {
      this.#fullSince = performance.now();
      return { outcome: 'full', message };
    }
    if (error === null || mayPass(error)) return { outcome: 'lost', message };
    throw troubleOf(error, shown);
  }

  /** However long it takes. */
  async #fateOf(line: Line, draft: Draft): Promise<'durable' | 'lost'> {
    for (;;) {
      const session = await line.wait();
      try {
        const fate = await lookUp(session, this.#place.space, draft);
        if (fate !== 'unknown') return fate;
        session.drop();
      } catch (error) {
        if (error instanceof StoreError) throw error;
        giveBack(session);
      }
      if (this.#closed !== null) throw this.#closed;
      await new Promise((resolve) => setTimeout(resolve, FATE_PAUSE_MS));
    }
  }

  /** Reads what was missed since a position, without the lock. */
  async #catchUp(from: Position): Promise<Missed | Reload | Away> {
    const turns: Learned[] = [];
    let position = from;
    while (turns.length <= LEARNED_AT_MOST) {
      const found = await this.#page(position).catch((error) => this.#away(error));
      if (found.outcome !== 'missed') return found;
      turns.push(...found.turns);
      position = found.position;
      if (!found.more) return { outcome: 'missed', turns, position, more: false };
    }
    return { outcome: 'reload', why: 'this server is too far behind' };
  }

  async #page(position: Position): Promise<Missed | Reload | Away> {
    const { side, space } = this.#place;
    const found = await asked(side, (session) => learn(session, space, position, LEARNED_AT_ONCE));
    return this.#unfit(found) ?? (found as { missed: Missed | Reload }).missed;
  }

  #unfit(found: { readonly epoch: number } | null): Away | Reload | null {
    if (found === null) return { outcome: 'reload', why: `the space ${this.#place.space} is no longer there` };
    if (found.epoch === this.#epoch) return null;
    if (found.epoch > this.#epoch) return { outcome: 'reload', why: 'the database was failed over or put back' };
    return this.#isAway('is an older copy of the store (an old primary that came back?)');
  }

  #isAway(why: string): Away {
    return { outcome: 'away', message: `${this.#place.shown} ${why}.` };
  }

  #away(error: unknown): Away {
    if (this.#closed !== null) throw this.#closed;
    const trouble = troubleOf(error, this.#place.shown);
    if (!(trouble instanceof StoreAway)) throw trouble;
    return { outcome: 'away', message: trouble.message };
  }

  async #alone<T>(have: number, act: () => Promise<T>): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    this.#mustBeFree();
    if (have !== this.seq) throw new Error(`the log is at ${this.seq}, the replica at ${have}`);
    this.#isBusy = true;
    try {
      return await act();
    } finally {
      this.#isBusy = false;
    }
  }

  #mustBeFree(): void {
    if (this.#isBusy) throw new Error('a turn is under way already');
  }
}
