// Brings the jobs of a space to Redis. What always holds: the log is the truth, and a job is pushed until it is written there that
// it was; so Redis may be away, or lose everything, and each job still comes to a worker, perhaps twice, with the same jid.
//
// A marker says which run of Redis has got all jobs. Where it is missing (flushed) or names another run (started again, perhaps
// from an older copy), all jobs that are not over are pushed again, but for those that lie there already.

import { randomBytes } from 'node:crypto';
import { isElsewhere, notePushed } from '../core/machines/job.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import type { Space } from '../replica/spaces.ts';
import { type Entry, entryOf } from './format.ts';
import { type Names, queueNames } from './names.ts';
import type { Redis } from './redis.ts';

export interface PusherOptions {
  readonly redis: Redis;
  readonly names: Names;
  readonly space: Pick<Space, 'name' | 'replica'>;
  readonly clock: Clock;
  readonly onTrouble: (message: string, error: Error) => void;
  /** How often it is looked whether Redis still has what it was given. Default 2 s. */
  readonly lookEveryMs?: number;
}

interface Waiting {
  readonly job: string;
  readonly entry: Entry;
  /** In how long it is due. */
  readonly inMs: number;
}

const usualLookEveryMs = 2_000;
const pushedAtOnce = 100;
const lockMs = 10_000;

export class Pusher {
  readonly #options: PusherOptions;
  readonly #me = randomBytes(8).toString('hex');
  readonly #unsubscribe: () => void;
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  #isWoken = false;
  #isStopped = false;

  constructor(options: PusherOptions) {
    this.#options = options;
    this.#unsubscribe = options.space.replica.onTurn(({ changes }) => {
      if (
        changes.some(
          ({ kind, row }) => kind === 'job' && row !== null && 'pushedTick' in row && row.pushedTick === null,
        )
      )
        this.#look();
    });
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#options.clock.cancel(this.#timer);
    await this.#looking;
  }

  #look(): void {
    this.#isWoken = true;
    if (this.#looking !== null || this.#isStopped) return;
    const { redis, clock, onTrouble, lookEveryMs = usualLookEveryMs } = this.#options;
    clock.cancel(this.#timer);
    this.#isWoken = false;
    this.#looking = this.#pushAll()
      .catch((error: Error) => {
        this.#isWoken = false;
        // That it is away is said by the connection.
        if (redis.isUp && !this.#isStopped) onTrouble('jobs cannot be pushed to Redis', error);
      })
      .finally(() => {
        this.#looking = null;
        if (this.#isWoken) this.#look();
        else if (!this.#isStopped) this.#timer = clock.after(lookEveryMs, () => this.#look());
      });
  }

  async #pushAll(): Promise<void> {
    const { redis, names, space } = this.#options;
    if (!redis.isUp || !(await this.#isMine())) return;
    const run = /run_id:(\w+)/.exec((await redis.text('INFO', 'server')) ?? '')?.[1] ?? 'unknown';
    const isNew = (await redis.text('GET', names.marker(space.name))) !== run;
    const there = isNew ? await this.#there() : new Set<string>();
    const waiting = (await this.#waiting(isNew)).filter(({ entry }) => !there.has(entry.jid));
    for (let at = 0; at < waiting.length && !this.#isStopped; at += pushedAtOnce)
      await this.#push(waiting.slice(at, at + pushedAtOnce));
    if (isNew && !this.#isStopped) await redis.ask('SET', names.marker(space.name), run);
  }

  /** Of several servers one pushes, the others as soon as it does not. */
  async #isMine(): Promise<boolean> {
    const { redis, names, space } = this.#options;
    const key = names.pusher(space.name);
    if ((await redis.text('SET', key, this.#me, 'NX', 'PX', String(lockMs))) !== null) return true;
    if ((await redis.text('GET', key)) !== this.#me) return false;
    await redis.ask('PEXPIRE', key, String(lockMs));
    return true;
  }

  async #waiting(all: boolean): Promise<Waiting[]> {
    const { space } = this.#options;
    return space.replica.look((state, { tick }) =>
      [...state.jobs.values()].flatMap((job) => {
        if (!isElsewhere(state, job) || job.state === 'dead') return [];
        if (!all && (job.state !== 'waiting' || job.pushedTick !== null)) return [];
        const entry = entryOf(job, space.name, state);
        const inMs = job.state === 'waiting' ? Math.max(0, job.dueTick - tick) : 0;
        return entry === null ? [] : [{ job: job.id, entry, inMs }];
      }),
    );
  }

  async #push(waiting: readonly Waiting[]): Promise<void> {
    const { redis, names, space, clock } = this.#options;
    const now = clock.wall() / 1000;
    await redis.all(
      waiting.flatMap(({ entry, inMs }) =>
        inMs > 0
          ? [['ZADD', names.schedule, String(now + inMs / 1000), JSON.stringify(entry)]]
          : [
              ['SADD', names.queues, entry.queue],
              ['LPUSH', names.queue(entry.queue), JSON.stringify({ ...entry, enqueued_at: now })],
            ],
      ),
    );
    await space.replica.decide((turn) => {
      for (const { job } of waiting) notePushed(turn, job);
    });
  }

  /** jids of all that lies in Redis, wherever. */
  async #there(): Promise<Set<string>> {
    const { redis, names } = this.#options;
    const takers = await redis.texts('SMEMBERS', names.takers);
    const lists = queueNames.flatMap((queue) => [
      names.queue(queue),
      ...takers.map((taker) => names.taken(taker, queue)),
    ]);
    const found = new Set<string>();
    const note = (raws: readonly string[]): void => {
      for (const raw of raws) found.add(/"jid":"([^"]+)"/.exec(raw)?.[1] ?? '');
    };
    for (const list of lists) note(await redis.texts('LRANGE', list, '0', '-1'));
    for (const set of [names.retry, names.schedule]) note(await redis.texts('ZRANGE', set, '0', '-1'));
    return found;
  }
}
