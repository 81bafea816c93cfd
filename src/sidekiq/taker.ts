// Takes jobs from Redis and has them done. What always holds: what was taken lies in a list of this process until it is done or lies
// elsewhere in Redis, so that whatever dies, the entry is still there; the lists of a process that is not heard of are given back
// by the others (presence.ts). The log decides what an entry is worth: one whose job is over there is dropped, one whose job
// somebody else has is put off.

import { type Attempt, attempt } from '../provision/attempt.ts';
import type { Driver } from '../provision/driver.ts';
import type { Task } from '../provision/task.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import { type Entry, failedEntry, type Meaning, read, withoutPush } from './format.ts';
import { type Fate, type Ledger, NoSuchSpace } from './ledger.ts';
import { type Names, type QueueName, queueNames } from './names.ts';
import type { Presence } from './presence.ts';
import type { Redis } from './redis.ts';

export interface TakerOptions {
  readonly redis: Redis;
  readonly names: Names;
  readonly presence: Presence;
  readonly driver: Driver;
  readonly clock: Clock;
  /** This worker among others, in the log. */
  readonly worker: string;
  /** null: such a space is not served now. Without a name it is the usual one. Throws NoSuchSpace. */
  readonly ledgerOf: (space: string | null) => Promise<Ledger | null>;
  readonly onTrouble: (message: string, error: Error) => void;
  readonly onAttempt?: (task: Task, attempt: Attempt, tookMs: number) => void;
  readonly holdMs?: number;
}

interface Taken {
  readonly raw: string;
  readonly queue: QueueName;
}

/** What becomes of an entry. */
type End =
  | { readonly end: 'done' }
  /** It is not for now; nothing has failed. */
  | { readonly end: 'later'; readonly afterMs: number }
  | { readonly end: 'retry'; readonly afterMs: number; readonly error: Error }
  | { readonly end: 'dead'; readonly error: Error }
  /** It stays where it is: this worker stops, and gives it back. */
  | { readonly end: 'stay' };

const usualHoldMs = 15_000;
export const jobsAtOnce = 8;
const lookEveryMs = 500;
const putOffMs = 2_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** As Sidekiq bounds its dead. */
const deadAtMost = 10_000;
const deadForSeconds = 180 * 24 * 3600;
const dayStatsSeconds = 5 * 365 * 24 * 3600;

export class Taker {
  readonly #options: TakerOptions;
  readonly #holdMs: number;
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  #isTaking = true;
  /** Taken before, and not done: its answer was lost, or the end of it could not be written down. */
  #left: Taken[] = [];
  #looks = 0;
  #trouble = '';

  constructor(options: TakerOptions) {
    this.#options = options;
    this.#holdMs = options.holdMs ?? usualHoldMs;
    this.#look();
  }

  /** Takes no more, gives what is under way so long to end, and gives back the rest. */
  async stop(graceMs = 0): Promise<void> {
    const { clock, presence } = this.#options;
    this.#isTaking = false;
    clock.cancel(this.#timer);
    const giveUp = clock.after(graceMs, () => this.#stopping.abort());
    if (graceMs === 0) this.#stopping.abort();
    await this.#looking;
    await Promise.all(this.#running.values());
    clock.cancel(giveUp);
    this.#stopping.abort();
    await presence.leave();
  }

  #look(): void {
    if (this.#looking !== null || !this.#isTaking) return;
    const { clock, redis, onTrouble } = this.#options;
    clock.cancel(this.#timer);
    this.#looking = this.#takeAll()
      .catch((error: Error) => {
        if (redis.isUp && this.#isTaking) onTrouble('jobs cannot be taken from Redis', error);
      })
      .finally(() => {
        this.#looking = null;
        if (this.#isTaking) this.#timer = clock.after(lookEveryMs, () => this.#look());
      });
  }

  async #takeAll(): Promise<void> {
    const { redis, presence } = this.#options;
    // Whoever was not seen for a while may have been taken for dead: first it is seen again.
    while (redis.isUp && presence.isSeen && this.#isTaking && this.#running.size < jobsAtOnce) {
      const taken = await this.#next();
      if (taken === null) return;
      this.#start(taken);
    }
  }

  async #next(): Promise<Taken | null> {
    const { redis, names, presence } = this.#options;
    const { identity } = presence;
    if (this.#looks++ % 10 === 0) this.#left = await this.#forgotten();
    for (let left = this.#left.shift(); left !== undefined; left = this.#left.shift())
      if (!this.#running.has(left.raw)) return left;
    // Each queue is first in turn, so that none starves the other.
    for (let at = 0; at < queueNames.length; at++) {
      const queue = queueNames[(at + this.#looks) % queueNames.length] as QueueName;
      const raw = await redis.text('LMOVE', names.queue(queue), names.taken(identity, queue), 'RIGHT', 'LEFT');
      // The same text twice: the second one is done when the first is.
      if (raw !== null && !this.#running.has(raw)) return { raw, queue };
    }
    return null;
  }

  async #forgotten(): Promise<Taken[]> {
    const { redis, names, presence } = this.#options;
    const all: Taken[] = [];
    for (const queue of queueNames)
      for (const raw of await redis.texts('LRANGE', names.taken(presence.identity, queue), '0', '-1'))
        if (!this.#running.has(raw)) all.push({ raw, queue });
    return all;
  }

  #start(taken: Taken): void {
    const { presence, clock, redis, onTrouble } = this.#options;
    const { raw, queue } = taken;
    const { entry, meaning } = read(raw, queue);
    const done = presence.begin({ queue, payload: raw, run_at: Math.floor(clock.wall() / 1000) });
    const run = this.#do(meaning)
      .then((end) => {
        this.#trouble = '';
        return end;
      })
      .catch((error: Error): End => {
        if (error instanceof NoSuchSpace) return { end: 'dead', error };
        // The log cannot be reached: that is no fault of the job, and said once.
        if (this.#trouble !== error.message) onTrouble(`job ${entry.jid} is put off`, error);
        this.#trouble = error.message;
        return { end: 'later', afterMs: putOffMs };
      })
      .then((end) => this.#settle(taken, entry, end))
      .catch((error: Error) => {
        // It is still in the list, and looked at again.
        if (redis.isUp) onTrouble(`the end of job ${entry.jid} could not be written into Redis`, error);
      })
      .finally(() => {
        done();
        this.#running.delete(raw);
        this.#look();
      });
    this.#running.set(raw, run);
  }

  async #do(meaning: Meaning): Promise<End> {
    if (meaning.kind === 'fault') return { end: 'dead', error: namedError('InvalidJob', meaning.reason) };
    const ledger = await this.#options.ledgerOf(meaning.space);
    if (ledger === null) return { end: 'later', afterMs: putOffMs };
    if (meaning.kind === 'job') return this.#doJob(ledger, meaning);
    const { kind } = meaning;
    const fate =
      kind === 'build'
        ? await ledger.askBuild(meaning.id, meaning.spec)
        : await ledger.terminate(meaning.instance, meaning.channel);
    return endOf(fate);
  }

  async #doJob(ledger: Ledger, { job, instance }: Meaning & { kind: 'job' }): Promise<End> {
    const { driver, clock, worker, onTrouble, onAttempt } = this.#options;
    const { desk } = ledger;
    const task = await desk.claim(worker, this.#holdMs, job);
    if (task === null) {
      const standing = await ledger.standing(job);
      if (standing === null) return { end: 'done' };
      if (standing !== 'dead') return { end: 'later', afterMs: putOffMs };
      // Somebody has it tried anew: the end of a machine can be. A build that has failed is over.
      return instance === null ? { end: 'done' } : endOf(await ledger.terminate(instance, null));
    }
    const begunAt = clock.monotonic();
    const stopping = this.#stopping.signal;
    const tried = await attempt(task, { desk, driver, clock, holdMs: this.#holdMs, stopping, onTrouble });
    onAttempt?.(task, tried, clock.monotonic() - begunAt);
    if (tried.outcome === 'done') return { end: 'done' };
    if (stopping.aborted) return { end: 'stay' };
    const standing = await ledger.standing(job);
    if (tried.outcome === 'left') return standing === null ? { end: 'done' } : { end: 'later', afterMs: putOffMs };
    const { againAfterMs: afterMs, error } = tried;
    if (standing === null) return { end: 'done' };
    return standing === 'dead' ? { end: 'dead', error } : { end: 'retry', afterMs, error };
  }

  async #settle({ raw, queue }: Taken, entry: Entry, ended: End): Promise<void> {
    if (ended.end === 'stay') return;
    const { redis, names, presence, clock } = this.#options;
    const now = clock.wall() / 1000;
    const day = new Date(clock.wall()).toISOString().slice(0, 10);
    const commands: string[][] = [];
    if (ended.end === 'later')
      commands.push(['ZADD', names.schedule, String(now + ended.afterMs / 1000), JSON.stringify(withoutPush(entry))]);
    else commands.push(...counted(names, 'processed', day));
    if (ended.end === 'retry' || ended.end === 'dead') {
      let { afterMs } = ended.end === 'retry' ? ended : { afterMs: 0 };
      // Of a job of somebody else nobody has said when.
      if (afterMs === 0) afterMs = pauseAfter(typeof entry.retry_count === 'number' ? entry.retry_count + 1 : 0);
      const text = JSON.stringify(failedEntry(entry, ended.error, now));
      commands.push(...counted(names, 'failed', day));
      if (ended.end === 'retry') commands.push(['ZADD', names.retry, String(now + afterMs / 1000), text]);
      else
        commands.push(
          ['ZADD', names.dead, String(now), text],
          ['ZREMRANGEBYSCORE', names.dead, '-inf', String(now - deadForSeconds)],
          ['ZREMRANGEBYRANK', names.dead, '0', String(-deadAtMost - 1)],
        );
    }
    await redis.all([...commands, ['LREM', names.taken(presence.identity, queue), '-1', raw]]);
  }
}

function endOf(fate: Fate): End {
  if (fate.ok) return { end: 'done' };
  const error = namedError('Refused', fate.reason);
  return fate.isFinal ? { end: 'dead', error } : { end: 'retry', afterMs: 0, error };
}

function namedError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function pauseAfter(tries: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(tries, 10));
}

function counted(names: Names, what: 'processed' | 'failed', day: string): string[][] {
  return [
    ['INCR', names.stat(what)],
    ['INCR', names.stat(what, day)],
    ['EXPIRE', names.stat(what, day), String(dayStatsSeconds)],
  ];
}
