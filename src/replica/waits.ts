// Whoever waits for signals, barriers, environments, ends of leases, or something outside, over any number of connections.
// What always holds: what was so before the wait began is seen, and what becomes so afterwards too, because a wait stands in
// line before it looks (S1); each wait is answered once (S2), and only with what is durable; one that has been answered, or
// whose client has gone, costs nothing any more.

import type { Refusal } from '../core/errors.ts';
import { refuse } from '../core/errors.ts';
import {
  type Awaited,
  awaitedKey,
  latch,
  type Mode,
  outcomeOf,
  type Standing,
  standingOf,
  toldBy,
} from '../core/meet/waiting.ts';
import type { Holder } from '../core/rows.ts';
import type { Clock } from './clock.ts';
import type { Happened } from './learned.ts';
import type { Replica } from './replica.ts';
import { Shares } from './shares.ts';

/**
 * One thing to wait for: within the state, or outside of it, where `watch` tells how it stands until it is stopped. `outside`
 * tells apart what is looked at there.
 */
export type Condition =
  | { readonly text: string; readonly awaited: Awaited }
  | {
      readonly text: string;
      readonly outside: string;
      readonly watch: (tell: (standing: Standing) => void) => () => void;
    };

export interface WaitAsk {
  readonly mode: Mode;
  readonly conditions: readonly Condition[];
  /** Who waits, for people. */
  readonly by: string;
  /** Whose share it is of what all may wait for. */
  readonly identity: string;
  readonly holder: Holder;
  /** 0: one look at each, also at what is outside. */
  readonly milliseconds: number;
  /** The client has gone. */
  readonly signal: AbortSignal;
}

/** One condition of a wait, as it was when the wait ended or as it is now. */
export interface Seen {
  readonly text: string;
  readonly standing: Standing;
  /** Wall time at which it was met or failed. */
  readonly settledAt: number | null;
}

export interface WaitEnd {
  /** left: the client has gone; stopping: the server stops, and nothing can be said. */
  readonly outcome: 'met' | 'failed' | 'timed_out' | 'left' | 'stopping';
  readonly conditions: readonly Seen[];
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A wait that goes on, for lists. */
export interface OpenWait {
  /** Of this server and this run of it. */
  readonly id: string;
  readonly mode: Mode;
  readonly by: string;
  readonly holder: Holder;
  readonly startedAt: number;
  readonly untilAt: number;
  readonly conditions: readonly Seen[];
}

/** What somebody waited for in vain. */
export interface TimedOut {
  readonly text: string;
  readonly detail: string;
  readonly by: string;
  readonly holder: Holder;
  readonly startedAt: number;
  readonly at: number;
}

interface Slot {
  readonly wait: Wait;
  readonly text: string;
  readonly key: string | null;
  standing: Standing;
  settledAt: number | null;
  stop: (() => void) | null;
}

interface Wait {
  readonly id: number;
  readonly ask: WaitAsk;
  readonly startedAt: number;
  readonly slots: Slot[];
  /** Called once. */
  settle: (outcome: WaitEnd['outcome']) => void;
  isOver: boolean;
  /** Until it has looked it does not time out: what was so before it began must be seen, even if that is being written. */
  hasLooked: boolean;
  isTimeUp: boolean;
}

/** Of what timed out: enough to look at, and no longer than an hour. */
const timedOutKept = 1_000;
const timedOutKeptMs = 60 * 60 * 1_000;
const notYet: Standing = { state: 'pending', detail: 'not looked at yet', by: null, row: null };

export class Waits {
  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #maxConditions: number;
  readonly #shares: Shares;
  readonly #byKey = new Map<string, Set<Slot>>();
  /** Names of the environments that somebody waits for. */
  readonly #environments = new Set<string>();
  readonly #open = new Set<Wait>();
  /** By text, the latest last. */
  readonly #timedOut = new Map<string, TimedOut>();
  #conditions = 0;
  #begun = 0;
  #stopping = false;
  readonly figures = { met: 0, failed: 0, timed_out: 0, left: 0, stopping: 0 };

  constructor(replica: Replica, clock: Clock, maxConditions: number) {
    this.#replica = replica;
    this.#clock = clock;
    this.#maxConditions = maxConditions;
    this.#shares = new Shares(maxConditions);
    replica.onTurn((turn) => this.#turned(turn));
    replica.onReload(() => void this.#lookAgain());
  }

  /** Waits that are open now. */
  get count(): number {
    return this.#open.size;
  }

  /** Waits until the conditions are met as asked, one fails, time is up, or the client goes. Refusal: too_many_waits. */
  async wait(ask: WaitAsk): Promise<WaitEnd | Refusal> {
    if (this.#conditions + ask.conditions.length > this.#maxConditions)
      return refuse(
        'too_many_waits',
        `The server has ${this.#maxConditions} conditions waited for already (--max-waits).`,
      );
    const refusal = this.#shares.take(ask, outsideOf(ask));
    if (refusal !== null) return refusal;
    const ended = Promise.withResolvers<WaitEnd>();
    const wait = this.#begin(ask, ended.resolve);
    // Aborted before we could listen: the event does not come again.
    if (ask.signal.aborted) wait.settle('left');
    else if (this.#stopping) wait.settle('stopping');
    else {
      try {
        await this.#lookAround(wait);
      } catch (error) {
        // It is answered by the error, and waits for nothing any more.
        wait.settle('left');
        throw error;
      }
    }
    return ended.promise;
  }

  /** How things stand with what is asked, without waiting. */
  look(awaited: Awaited): Standing | Promise<Standing> {
    return this.#replica.look((state) => standingOf(state, awaited));
  }

  /** Who waits now, longest first. */
  *list(): Generator<OpenWait> {
    for (const wait of this.#open) yield openWait(wait);
  }

  /** Who waits for one thing now, longest first. */
  *waitingFor(awaited: Awaited): Generator<OpenWait> {
    for (const slot of this.#byKey.get(awaitedKey(awaited)) ?? []) yield openWait(slot.wait);
  }

  /** Names of the signals that somebody waits for now. */
  *signalsAwaited(): Generator<string> {
    for (const key of this.#byKey.keys()) if (key.startsWith('signal ')) yield key.slice('signal '.length);
  }

  waitersOf(awaited: Awaited): number {
    return this.#byKey.get(awaitedKey(awaited))?.size ?? 0;
  }

  /** What was waited for in vain within the last hour, has not come since and is waited for by nobody now, latest first. */
  recentlyTimedOut(): TimedOut[] {
    const since = this.#clock.wall() - timedOutKeptMs;
    for (const [text, { at }] of this.#timedOut) if (at < since) this.#timedOut.delete(text);
    const awaited = new Set([...this.#open].flatMap(({ slots }) => slots.map(({ text }) => text)));
    return [...this.#timedOut.values()].filter(({ text }) => !awaited.has(text)).reverse();
  }

  /** Everybody is sent away, to ask another server or this one again: the server is stopping. */
  stop(): void {
    this.#stopping = true;
    for (const wait of [...this.#open]) wait.settle('stopping');
  }

  #begin(ask: WaitAsk, resolve: (end: WaitEnd) => void): Wait {
    const id = ++this.#begun;
    const startedAt = this.#clock.wall();
    const settle = (): void => undefined;
    const wait: Wait = { id, ask, startedAt, slots: [], settle, isOver: false, hasLooked: false, isTimeUp: false };
    for (const condition of ask.conditions) {
      const key = 'awaited' in condition ? awaitedKey(condition.awaited) : null;
      const slot: Slot = { wait, text: condition.text, key, standing: notYet, settledAt: null, stop: null };
      wait.slots.push(slot);
      if (key !== null) this.#stand(key, slot);
    }
    this.#open.add(wait);
    this.#conditions += wait.slots.length;
    const timer = this.#clock.after(ask.milliseconds, () => {
      wait.isTimeUp = true;
      this.#settleIfTimeUp(wait);
    });
    const leave = (): void => wait.settle('left');
    ask.signal.addEventListener('abort', leave, { once: true });
    wait.settle = (outcome) => {
      if (wait.isOver) return;
      wait.isOver = true;
      this.#clock.cancel(timer);
      ask.signal.removeEventListener('abort', leave);
      this.#end(wait, outcome);
      resolve({ outcome, startedAt: wait.startedAt, endedAt: this.#clock.wall(), conditions: wait.slots.map(seen) });
    };
    return wait;
  }

  /** How everything stands as the wait begins; what is outside is only asked when that does not settle it. */
  async #lookAround(wait: Wait): Promise<void> {
    const { conditions } = wait.ask;
    const standings = await this.#replica.look((state) =>
      conditions.map((condition) => ('awaited' in condition ? standingOf(state, condition.awaited) : null)),
    );
    for (const [i, slot] of wait.slots.entries()) if (standings[i] != null) this.#note(slot, standings[i]);
    wait.hasLooked = true;
    this.#settleIfDone(wait);
    this.#settleIfTimeUp(wait);
    for (const [i, slot] of wait.slots.entries()) {
      const condition = conditions[i] as Condition;
      if (wait.isOver || 'awaited' in condition) continue;
      const stop = condition.watch((standing) => this.#tell(slot, standing));
      // It may have been told at once, and that may have been the end.
      if (wait.isOver) stop();
      else slot.stop = stop;
    }
  }

  /** Everything was loaded anew: nobody was told of what lies between. All look at one moment, before the next turn. */
  async #lookAgain(): Promise<void> {
    const waits = [...this.#open];
    const standings = await this.#replica.look((state) =>
      waits.map(({ ask }) =>
        ask.conditions.map((condition) => ('awaited' in condition ? standingOf(state, condition.awaited) : null)),
      ),
    );
    for (const [i, wait] of waits.entries())
      for (const [k, slot] of wait.slots.entries()) {
        const standing = standings[i]?.[k];
        if (standing != null) this.#tell(slot, standing);
      }
  }

  #turned(turn: Happened): void {
    if (this.#byKey.size === 0 && this.#timedOut.size === 0) return;
    const has = (key: string): boolean => this.#byKey.has(key) || this.#timedOut.has(key);
    for (const [key, standing] of toldBy(turn, { has, environments: this.#environments })) {
      if (standing.state === 'met') this.#timedOut.delete(key);
      for (const slot of [...(this.#byKey.get(key) ?? [])]) this.#tell(slot, standing);
    }
  }

  #tell(slot: Slot, standing: Standing): void {
    if (slot.wait.isOver) return;
    this.#note(slot, standing);
    if (slot.standing.state !== 'pending') this.#settleIfDone(slot.wait);
    if (slot.wait.isTimeUp) this.#settleIfTimeUp(slot.wait);
  }

  /** Not before everything within the state was looked at, and whoever wants but one look has it of what is outside too. */
  #settleIfTimeUp(wait: Wait): void {
    const isSeen = ({ key, standing }: Slot): boolean => key !== null || standing !== notYet;
    const hasSeen = wait.ask.milliseconds > 0 || wait.slots.every(isSeen);
    if (wait.isTimeUp && wait.hasLooked && hasSeen) wait.settle('timed_out');
  }

  #note(slot: Slot, standing: Standing): void {
    const isNews = slot.standing.state === 'pending' && standing.state !== 'pending';
    slot.standing = latch(slot.standing, standing);
    if (isNews) slot.settledAt = this.#clock.wall();
    if (isNews && standing.state === 'met') this.#timedOut.delete(slot.key ?? slot.text);
  }

  #settleIfDone(wait: Wait): void {
    const outcome = outcomeOf(
      wait.ask.mode,
      wait.slots.map((slot) => slot.standing.state),
    );
    if (outcome !== null) wait.settle(outcome);
  }

  #end(wait: Wait, outcome: WaitEnd['outcome']): void {
    this.figures[outcome]++;
    this.#open.delete(wait);
    this.#conditions -= wait.slots.length;
    this.#shares.giveBack(wait.ask, outsideOf(wait.ask));
    for (const slot of wait.slots) {
      slot.stop?.();
      if (slot.key !== null) this.#unstand(slot.key, slot);
      // A look is no wait.
      const inVain = outcome === 'timed_out' && wait.ask.milliseconds > 0;
      if (inVain && slot.standing.state === 'pending') this.#remember(wait, slot);
    }
  }

  #remember({ ask, startedAt }: Wait, { key, text, standing }: Slot): void {
    const under = key ?? text;
    this.#timedOut.delete(under);
    const { by, holder } = ask;
    this.#timedOut.set(under, { text, detail: standing.detail, by, holder, startedAt, at: this.#clock.wall() });
    if (this.#timedOut.size > timedOutKept) this.#timedOut.delete(this.#timedOut.keys().next().value as string);
  }

  #stand(key: string, slot: Slot): void {
    const slots = this.#byKey.get(key);
    if (slots !== undefined) slots.add(slot);
    else {
      this.#byKey.set(key, new Set([slot]));
      if (key.startsWith('env ')) this.#environments.add(key.slice('env '.length));
    }
  }

  #unstand(key: string, slot: Slot): void {
    const slots = this.#byKey.get(key);
    slots?.delete(slot);
    if (slots?.size !== 0) return;
    this.#byKey.delete(key);
    if (key.startsWith('env ')) this.#environments.delete(key.slice('env '.length));
  }
}

/** What is looked at outside, condition by condition. */
function outsideOf({ conditions }: WaitAsk): (string | null)[] {
  return conditions.map((condition) => ('outside' in condition ? condition.outside : null));
}

function seen({ text, standing, settledAt }: Slot): Seen {
  return { text, standing, settledAt };
}

function openWait({ id, ask, startedAt, slots }: Wait): OpenWait {
  const { mode, by, holder, milliseconds } = ask;
  return { id: `w${id}`, mode, by, holder, startedAt, untilAt: startedAt + milliseconds, conditions: slots.map(seen) };
}
