// Clients that do at random what pipelines do, until enough has been recorded: they ask for one environment, several, or members of a
// pool; queue, or do not; poll, leave the queue, hold, renew, check, release; take leases away from others; repeat what they have
// asked; lose connections, and let leases run out. What always holds: a client goes on asking until it knows how its own lease ended, so
// the end leaves nobody waiting or holding except those whose ttl is short.

import type { Random } from '../simulation/random.ts';
import { type Acquire, type Asked, isEnded, type Operation, type Seen, seenIn, type Want } from './history.ts';
import type { Recorder } from './recorder.ts';

export interface Course {
  readonly recorder: Recorder;
  /** Whether enough has been recorded. */
  isOver(): boolean;
}

/** What clients of one kind ask for, and what they share. */
export interface Manner {
  /** What to ask for next. */
  wants(random: Random): Promise<readonly Want[]>;
  /** How many of the asks stand in the queue. */
  readonly queues: number;
  /** How many revocations let the holder go on until its ttl ends. */
  readonly notice: number;
  /** What they hold, so that others may take it away. */
  readonly held: Map<string, Seen>;
  sent: number;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** Some of those that last no longer are never given back. */
const shortestTtlMs = 1_000;
const repeatAfterMs = { first: 5, most: 200 };

/** Turns at what has a queue, and at a pool, of one slot and of more. */
export async function queueing(recorder: Recorder): Promise<Manner> {
  for (const [name, capacity] of Object.entries({ uat: 1, staging: 1, wide: 3 }))
    await recorder.declare(name, capacity);
  for (const [name, capacity] of Object.entries({ 'db-1': 1, 'db-2': 1, 'db-3': 2 }))
    await recorder.declare(name, capacity, { kind: 'db' });
  const members = (count: number): Want => ({ labels: { kind: 'db' }, count });
  return {
    wants: async (random) =>
      random.weighted<readonly Want[]>([
        [60, [{ environment: random.pick(['uat', 'uat', 'staging', 'wide']) }]],
        [12, [{ environment: 'uat' }, { environment: 'staging' }]],
        [5, [{ environment: 'wide' }, members(1)]],
        [18, [members(1)]],
        [5, [members(2)]],
      ]),
    ...{ queues: 0.8, notice: 0.5, held: new Map(), sent: 0 },
  };
}

/** Turns at environments without a queue, one after the other: so much is asked about each that its order can be looked for. */
export function turnstiles(recorder: Recorder, prefix: string, capacity: number): Manner & { names: string[] } {
  const operationsEach = 300;
  const names: string[] = [];
  let declaring: Promise<void> | null = null;
  const declareNext = async (): Promise<void> => {
    const name = `${prefix}-${names.length}`;
    await recorder.declare(name, capacity);
    names.push(name);
    declaring = null;
  };
  const manner = {
    wants: async (): Promise<readonly Want[]> => {
      if (manner.sent >= operationsEach * names.length) {
        declaring ??= declareNext();
        await declaring;
      }
      return [{ environment: names.at(-1) as string }];
    },
    ...{ queues: 0, notice: 0, held: new Map<string, Seen>(), sent: 0, names },
  };
  return manner;
}

export class Client {
  readonly #name: string;
  readonly #course: Course;
  readonly #manner: Manner;
  readonly #random: Random;
  #asked = 0;

  constructor(name: string, course: Course, manner: Manner, random: Random) {
    this.#name = name;
    this.#course = course;
    this.#manner = manner;
    this.#random = random;
  }

  async run(): Promise<void> {
    const random = this.#random;
    while (!this.#course.isOver()) {
      const ask: Acquire = {
        ...{ kind: 'acquire', key: `${this.#name}-${++this.#asked}`, wants: await this.#manner.wants(random) },
        ...{ priority: random.chance(0.1) ? -1 : 0, queues: random.chance(this.#manner.queues) },
        ttlMs: random.weighted([
          [10, shortestTtlMs],
          [20, 5_000],
          [60, 600_000],
          [10, null],
        ]),
      };
      const lease = await this.#acquire(ask);
      if (lease !== null) await this.#hold(ask, lease);
    }
  }

  /** Asks until it is known what became of it. */
  async #acquire(ask: Acquire): Promise<Seen | null> {
    let mayBeGranted = false;
    for (let waitMs = repeatAfterMs.first; ; waitMs = Math.min(repeatAfterMs.most, 1.5 * waitMs)) {
      const times = this.#random.chance(0.06) ? 2 : 1;
      const replies = await Promise.all(
        Array.from({ length: times }, () => this.#send(ask, ask.queues ? 1 : 0, this.#random.chance(0.08))),
      );
      const leases = replies.map(({ answer }) => seenIn(answer)).filter((lease) => lease !== null);
      const lease = leases.find(({ state }) => state === 'held') ?? leases[0];
      if (lease !== undefined) return this.#follow(lease);
      if (replies.some(({ answer }) => answer.kind === 'unexpected')) return null;
      mayBeGranted ||= replies.some(({ answer }) => answer.kind === 'unknown');
      await pause(waitMs);
      if (!mayBeGranted) return null;
    }
  }

  /** Polls until it is granted or has ended, or leaves the queue. */
  async #follow(first: Seen): Promise<Seen | null> {
    const poll = { kind: 'poll', lease: first.id } as const;
    let lease = first;
    while (lease.state === 'waiting') {
      if (this.#course.isOver() || this.#random.chance(0.06)) {
        await this.#end(lease);
        return null;
      }
      const second = this.#random.chance(0.1) ? this.#send(poll, 1, true) : null;
      const { answer } = await this.#send(poll, 1, this.#random.chance(0.1));
      await second;
      if (answer.kind === 'unexpected' || (answer.kind === 'refused' && answer.lease === null)) return null;
      if (answer.kind === 'unknown') await pause(repeatAfterMs.first);
      lease = seenIn(answer) ?? lease;
    }
    return isEnded(lease.state) ? null : lease;
  }

  async #hold(ask: Acquire, lease: Seen): Promise<void> {
    const random = this.#random;
    const { held } = this.#manner;
    held.set(lease.id, lease);
    for (let steps = random.below(4); steps > 0; steps--) {
      await pause(random.below(8));
      const { answer } = await this.#step(lease);
      const seen = seenIn(answer);
      if (answer.kind === 'refused' && answer.code === 'lease_revoked') break;
      if (seen !== null && seen.id === lease.id && isEnded(seen.state)) {
        held.delete(lease.id);
        return;
      }
    }
    if (ask.ttlMs !== shortestTtlMs || random.chance(0.7)) await this.#end(lease);
    held.delete(lease.id);
  }

  /** Something that one does while one holds. */
  #step(lease: Seen): Promise<Operation> {
    const random = this.#random;
    const others = [...this.#manner.held.keys()].filter((id) => id !== lease.id);
    if (others.length > 0 && random.chance(0.06)) {
      const now = !random.chance(this.#manner.notice);
      return this.#send({ kind: 'revoke', lease: random.pick(others), now }, 0, random.chance(0.1));
    }
    return this.#send(this.#look(lease), 0, random.chance(0.05));
  }

  #look(lease: Seen): Asked {
    const { id, fence, granted } = lease;
    const kind = this.#random.pick(['renew', 'renew', 'check', 'poll'] as const);
    if (kind !== 'check') return { kind, lease: id };
    return fence === null ? { kind: 'poll', lease: id } : { kind, environment: this.#random.pick(granted), fence };
  }

  /** Gives back a lease, or leaves the queue, until that is answered; then looks whether it is so. */
  async #end(lease: Seen): Promise<void> {
    const release = { kind: 'release', lease: lease.id } as const;
    while ((await this.#send(release, 0, this.#random.chance(0.08))).answer.kind === 'unknown')
      await pause(4 * repeatAfterMs.first);
    if (this.#random.chance(0.1)) await this.#send(release, 0, false);
    if (this.#random.chance(0.3)) await this.#send(this.#look(lease), 0, false);
  }

  #send(asked: Asked, waitSeconds: number, isCut: boolean): Promise<Operation> {
    this.#manner.sent++;
    const cutAfterMs = isCut ? this.#random.below(this.#random.pick([5, 30, waitSeconds > 0 ? 300 : 30])) : undefined;
    return this.#course.recorder.send(this.#name, asked, { waitSeconds, cutAfterMs });
  }
}
