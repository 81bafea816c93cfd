// One process among others that take jobs from the same Redis: it says that it is there and what it is at, as a Sidekiq does, gives
// back what those had taken that are not heard of any more, and brings what is due back to its queue. What always holds: a process
// that was not seen for as long as the others wait takes nothing until it was seen again.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock, Timer } from '../replica/clock.ts';
import { type Names, queueNames } from './names.ts';
import type { Redis } from './redis.ts';

export interface PresenceOptions {
  readonly redis: Redis;
  readonly names: Names;
  readonly clock: Clock;
  /** What takes how many at once. */
  readonly concurrency: number;
  readonly version: string;
  readonly onTrouble: (message: string, error: Error) => void;
  /** How long one may be silent until it is taken for dead. Default 10 s. */
  readonly aliveMs?: number;
}

export interface Busy {
  readonly queue: string;
  readonly payload: string;
  /** Whole seconds since 1970. */
  readonly run_at: number;
}

const usualAliveMs = 10_000;
const beatEveryMs = 1_000;
/** As Sidekiq has it. */
const shownForSeconds = '60';
const dueAtOnce = 100;

/** From a sorted set to its queue: both or neither. */
const moveDue = `
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
  redis.call('SADD', KEYS[2], ARGV[2])
  redis.call('LPUSH', KEYS[3], ARGV[3])
end`;

export class Presence {
  readonly identity: string;
  readonly #options: PresenceOptions;
  readonly #aliveMs: number;
  readonly #startedAt: number;
  readonly #busy = new Map<string, Busy>();
  #seenAt = Number.NEGATIVE_INFINITY;
  #threads = 0;
  #timer: Timer = null;
  #beating: Promise<void> = Promise.resolve();
  #isGone = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#aliveMs = options.aliveMs ?? usualAliveMs;
    this.#startedAt = options.clock.wall() / 1000;
    this.identity = `${hostname()}:${process.pid}:${randomBytes(6).toString('hex')}`;
    this.#beat();
  }

  /** Whether the others still know that it is there. */
  get isSeen(): boolean {
    return this.#options.clock.monotonic() - this.#seenAt < this.#aliveMs / 2;
  }

  /** Something is under way; returns what ends that. */
  begin(busy: Busy): () => void {
    const thread = (++this.#threads).toString(36);
    this.#busy.set(thread, busy);
    return () => this.#busy.delete(thread);
  }

  /** Gives back what it still has, and is there no more. */
  async leave(): Promise<void> {
    const { redis, names, clock } = this.#options;
    this.#isGone = true;
    clock.cancel(this.#timer);
    await this.#beating;
    if (!redis.isUp) return;
    const { identity } = this;
    const own = [names.process(identity), names.alive(identity), ...names.busy(identity)];
    await this.#giveBack(identity)
      .then(() =>
        redis.all([
          ['SREM', names.processes, identity],
          ['DEL', ...own],
        ]),
      )
      .catch(() => undefined);
  }

  #beat(): void {
    const { redis, clock, onTrouble } = this.#options;
    const act = async (): Promise<void> => {
      if (!redis.isUp) return;
      await this.#show();
      await this.#giveBackOfTheDead();
      await this.#bringDue();
    };
    this.#beating = act()
      .catch((error: Error) => {
        if (redis.isUp && !this.#isGone) onTrouble('this worker cannot be shown in Redis', error);
      })
      .finally(() => {
        if (!this.#isGone) this.#timer = clock.after(beatEveryMs, () => this.#beat());
      });
  }

  async #show(): Promise<void> {
    const { redis, names, clock, concurrency, version } = this.#options;
    const { identity } = this;
    const askedAt = clock.monotonic();
    await redis.ask('PING');
    const rtt = Math.round((clock.monotonic() - askedAt) * 1000);
    const info = {
      ...{ hostname: hostname(), started_at: this.#startedAt, pid: process.pid, tag: 'signalbox', concurrency },
      ...{ queues: [...queueNames], labels: [], weights: [{}], identity, version, embedded: false },
    };
    const fields = {
      ...{ info: JSON.stringify(info), busy: this.#busy.size, beat: clock.wall() / 1000, rtt_us: rtt, quiet: 'false' },
      rss: Math.round(process.memoryUsage().rss / 1024),
    };
    const seenAt = clock.monotonic();
    await redis.all([
      ['SADD', names.processes, identity],
      ['HSET', names.process(identity), ...Object.entries(fields).flatMap(([name, value]) => [name, String(value)])],
      ['EXPIRE', names.process(identity), shownForSeconds],
      ...names
        .busy(identity)
        .flatMap((key) => [
          ['DEL', key],
          ...[...this.#busy].map(([thread, busy]) => ['HSET', key, thread, JSON.stringify(busy)]),
          ['EXPIRE', key, shownForSeconds],
        ]),
      ['SADD', names.takers, identity],
      ['SET', names.alive(identity), '1', 'PX', String(this.#aliveMs)],
    ]);
    this.#seenAt = seenAt;
  }

  async #giveBackOfTheDead(): Promise<void> {
    const { redis, names } = this.#options;
    for (const taker of await redis.texts('SMEMBERS', names.takers))
      if (taker !== this.identity && (await redis.ask('EXISTS', names.alive(taker))) === 0) await this.#giveBack(taker);
  }

  /** To where it is taken next. */
  async #giveBack(taker: string): Promise<void> {
    const { redis, names } = this.#options;
    for (const queue of queueNames) {
      let raw: string | null;
      do raw = await redis.text('LMOVE', names.taken(taker, queue), names.queue(queue), 'LEFT', 'RIGHT');
      while (raw !== null);
    }
    await redis.all([
      ['SREM', names.takers, taker],
      ['SREM', names.processes, taker],
    ]);
  }

  /** As each Sidekiq does, of every queue. */
  async #bringDue(): Promise<void> {
    const { redis, names, clock } = this.#options;
    const now = clock.wall() / 1000;
    for (const set of [names.retry, names.schedule]) {
      const due = await redis.texts('ZRANGEBYSCORE', set, '-inf', String(now), 'LIMIT', '0', String(dueAtOnce));
      for (const raw of due) {
        const { queue, text } = pushedNow(raw, now);
        await redis.ask('EVAL', moveDue, '3', set, names.queues, names.queue(queue), raw, queue, text);
      }
    }
  }
}

/** What nobody can read goes where somebody sees that. */
function pushedNow(raw: string, now: number): { queue: string; text: string } {
  try {
    const { at, ...entry } = JSON.parse(raw) as Record<string, unknown>;
    if (typeof entry.queue === 'string')
      return { queue: entry.queue, text: JSON.stringify({ ...entry, enqueued_at: now }) };
  } catch {
    // Below.
  }
  return { queue: 'instance-builds', text: raw };
}
