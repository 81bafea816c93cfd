// Clients as they are: pipelines that ask, wait, work, renew and release, and do all of it too late, twice, with the wrong key,
// or not at all; and people who close, freeze, revoke, steal and clean. Each is a loop of jobs on virtual time. What a client is
// told is held against what it knows.

import type { Actor } from '../../src/core/access.ts';
import type { Outcome } from '../../src/core/errors.ts';
import type { Ask } from '../../src/core/lease/acquire.ts';
import type { Labels, LeaseRow, Want } from '../../src/core/rows.ts';
import type { Turn } from '../../src/core/turn.ts';
import type { Audit } from './audit.ts';
import type { Reply } from './door.ts';
import { Meetings } from './meetings.ts';
import type { Profile } from './profile.ts';
import type { Random } from './random.ts';
import type { Timeline } from './virtual-clock.ts';
import type { Wire } from './wire.ts';

export interface World {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly profile: Profile;
  readonly audit: Audit;
  readonly wire: Wire;
  /** Faults have stopped and no new jobs begin: what is under way comes to its end. */
  stopping: boolean;
  /** Clients and administrators whose work is not over. */
  readonly active: number;
  newId(): string;
  /** The number of the next set of a signal. */
  nextSet(): number;
}

export const selectors: readonly Labels[] = [
  { kind: 'db' },
  { kind: 'web' },
  { site: 'eu' },
  { kind: 'db', site: 'eu' },
  {},
];
/** How long a client waits for a reply that should come at once. */
const replyPatienceMs = 1_500;

export function environmentName(random: Random, profile: Profile): string {
  const i = random.below(profile.environments);
  return i % 3 === 2 ? `y${i}` : `x${i}`;
}

export class Client {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #name: string;
  /** Leases of earlier jobs: for releases that come much too late. */
  readonly #past: string[] = [];
  readonly #madeBy = new Map<string, string>();
  readonly #meetings: Meetings;
  #keys = 0;

  constructor(world: World, actor: Actor, index = 0) {
    this.#meetings = new Meetings(world, actor, index);
    this.#world = world;
    this.#name = actor.name;
    this.#actor = actor;
  }

  async run(): Promise<void> {
    const { timeline, random, profile } = this.#world;
    await timeline.sleep(random.between(0, profile.thinkMs));
    while (!this.#world.stopping) {
      if (random.chance(profile.meeting)) await this.#meetings.job();
      else await this.#leaseJob();
      if (this.#past.length > 0 && random.chance(profile.misbehaviour * 0.3))
        await this.#haunt(random.pick(this.#past));
      await timeline.sleep(random.between(0, 2 * profile.thinkMs));
    }
  }

  /** Sees a lease through to its end, or abandons it. */
  async live(lease: LeaseRow): Promise<void> {
    const { random, audit } = this.#world;
    this.#past.push(lease.id);
    if (this.#past.length > 5) this.#past.shift();
    let now: LeaseRow | null = lease;
    while (now?.state === 'waiting') now = await this.#stayInLine(now);
    if (now?.state !== 'held') return;
    const kept = audit.leases.get(now.id);
    if (kept !== undefined && kept.fence !== now.fence)
      audit.faults.push(`L2: ${now.id} was told fence ${now.fence}, it is ${kept.fence}`);
    await this.#hold(now);
    if (random.chance(this.#world.profile.misbehaviour * 0.2)) await this.#release(now.id, this.#actor);
  }

  async #leaseJob(): Promise<void> {
    const { timeline, random, wire } = this.#world;
    const ask = this.#ask();
    if (random.chance(0.05)) {
      await wire.call('may I', replyPatienceMs, (door) => door.peek({ ...ask, id: this.#world.newId() }));
    }
    const waitMs = random.between(500, 8_000);
    const patience = random.chance(this.#world.profile.faults.hangUp)
      ? random.between(5, waitMs)
      : waitMs + replyPatienceMs;
    let reply: Reply | null = null;
    for (let tries = 0; reply === null && tries < 20; tries++) {
      reply = await wire.call('acquire', ask.polling ? patience : replyPatienceMs, (door, connection) =>
        door.acquire({ ...ask, id: this.#world.newId() }, connection, waitMs),
      );
      // Without an idempotency key nobody can tell what became of it.
      if (reply === null && ask.idempotency === null) return;
      if (reply === null || reply.code === 'unavailable') {
        if (ask.idempotency === null) return;
        reply = null;
        await timeline.sleep(random.between(10, 800));
        if (random.chance(0.05)) return;
      }
    }
    if (reply?.lease == null) return;
    this.#sameLease(ask, reply.lease.id);
    if (ask.idempotency !== null && random.chance(0.1)) await this.#reuseKey(ask);
    // Gone for good right after the answer.
    if (random.chance(this.#world.profile.misbehaviour * 0.15)) return;
    await this.live(reply.lease);
  }

  #ask(): Omit<Ask, 'id'> {
    const { random, profile } = this.#world;
    const key = random.chance(0.8) ? `${this.#name}/${this.#keys++}` : null;
    return {
      actor: this.#actor,
      wants: this.#wants(),
      holder: { name: this.#name, url: null, ref: null },
      reason: null,
      priority: random.chance(0.7) ? 0 : random.between(0, 2),
      ttlMs: random.chance(profile.noTtl)
        ? null
        : random.chance(0.2)
          ? undefined
          : random.chance(0.1)
            ? random.between(8_000, 15_000)
            : random.between(400, 5_000),
      queueMs: random.weighted([
        [6, undefined],
        [1, 0],
        [2, random.between(200, 10_000)],
        [1, null],
      ]),
      maxHoldMs: random.chance(0.15) ? random.between(500, 6_000) : undefined,
      polling: random.chance(0.75),
      idempotency: key === null ? null : { key, route: 'POST /v1/leases', hash: key },
      via: 'v1',
    };
  }

  #wants(): Want[] {
    const { random, profile } = this.#world;
    const count = random.chance(profile.severalWants) ? random.between(2, 3) : 1;
    return Array.from({ length: count }, (): Want => {
      if (random.chance(profile.labels))
        return { labels: random.pick(selectors), count: random.chance(0.7) ? 1 : random.between(2, 3) };
      return { environment: random.chance(0.02) ? `typo${random.below(4)}` : environmentName(random, profile) };
    });
  }

  /** One poll, or whatever else this client does instead of waiting patiently. */
  async #stayInLine(lease: LeaseRow): Promise<LeaseRow | null> {
    const { timeline, random, wire, profile, audit } = this.#world;
    const { id } = lease;
    if (!this.#world.stopping) {
      if (random.chance(0.03)) {
        await this.#release(id, this.#actor);
        return null;
      }
      if (random.chance(0.1)) await wire.call('standing', replyPatienceMs, (door) => door.standing(id));
      if (random.chance(0.05)) await wire.call('touch', replyPatienceMs, (door) => door.touch(id));
      // Away for a while, some of them for good.
      if (random.chance(profile.misbehaviour * 0.3)) {
        const { graceMs } = profile.settings;
        await timeline.sleep(
          random.chance(0.5) ? random.between(0, 2 * graceMs) : random.between(0.6 * graceMs, graceMs),
        );
        if (random.chance(0.3)) return null;
      }
    }
    const waitMs = random.between(500, 8_000);
    const after = random.chance(0.3) ? lease.seq : null;
    const hangsUp = !this.#world.stopping && random.chance(profile.faults.hangUp);
    const patience = hangsUp ? random.between(1, waitMs) : waitMs + replyPatienceMs;
    const reply = await wire.call('poll', patience, (door, connection) => door.poll(id, connection, waitMs, after));
    if (reply === null || reply.code === 'unavailable') {
      await timeline.sleep(random.between(10, 500));
      return lease;
    }
    if (reply.code === 'lease_unknown') {
      if (audit.leases.has(id)) audit.faults.push(`L12: ${id} is in the log, and its client is told that it is not`);
      return null;
    }
    return reply.lease;
  }

  async #hold(lease: LeaseRow): Promise<void> {
    const { timeline, random, wire, profile } = this.#world;
    const { id, ttlMs } = lease;
    const until = timeline.now + random.between(0, 2 * profile.workMs);
    const careless = random.chance(profile.misbehaviour * 0.4);
    while (timeline.now < until && !this.#world.stopping) {
      const pause = ttlMs === null ? random.between(100, 3_000) : careless ? random.between(0, 2 * ttlMs) : ttlMs / 4;
      await timeline.sleep(Math.min(pause, Math.max(1, until - timeline.now)));
      if (random.chance(profile.misbehaviour * 0.2)) await this.#byAStranger(id);
      const actor = random.chance(0.2) ? withSecret(id) : this.#actor;
      const reply = await wire.call('renew', replyPatienceMs, (door, connection) => door.renew(id, actor, connection));
      if (reply?.code === 'not_yours') this.#fault(`${id} is refused to its own holder`);
      if (reply?.code === 'ok' && reply.lease?.id !== id)
        this.#fault(`L3: renewing ${id} answered with ${reply.lease?.id}`);
      if (reply !== null && reply.code !== 'ok' && reply.code !== 'unavailable') break;
      // A second connection on a held lease waits to hear of a revocation; that it breaks says nothing about the holder.
      if (random.chance(0.1)) {
        await wire.call('watch', random.between(10, 600), (door, connection) =>
          door.poll(id, connection, 2_000, reply?.lease?.seq ?? lease.seq),
        );
      }
    }
    if (random.chance(profile.misbehaviour * 0.2)) return;
    if (random.chance(profile.misbehaviour * 0.3)) await timeline.sleep(random.between(0, 2 * (ttlMs ?? 4_000)));
    await this.#release(id, random.chance(0.2) ? withSecret(id) : this.#actor);
    if (random.chance(0.1)) await this.#release(id, this.#actor);
  }

  /** Releases until it is known to be over. */
  async #release(id: string, actor: Actor): Promise<void> {
    const { timeline, random, wire, audit } = this.#world;
    for (let tries = 0; tries < 20; tries++) {
      const reply = await wire.call('release', replyPatienceMs, (door) => door.release(id, actor));
      if (reply === null || reply.code === 'unavailable') {
        await timeline.sleep(random.between(10, 500));
        continue;
      }
      if (reply.code === 'not_yours') this.#fault(`${id} is refused to its own holder`);
      const state = audit.leases.get(id)?.state;
      if (reply.code === 'ok' && (state === 'held' || state === 'waiting'))
        this.#fault(`L12: ${id} was released, and is ${state}`);
      return;
    }
  }

  /** Comes back to a lease that is long over: nothing may happen to whoever follows. */
  async #haunt(id: string): Promise<void> {
    const { random, wire } = this.#world;
    const late = random.weighted<() => Promise<Reply | null>>([
      [
        1,
        () => wire.call('late renew', replyPatienceMs, (door, connection) => door.renew(id, this.#actor, connection)),
      ],
      [1, () => wire.call('late release', replyPatienceMs, (door) => door.release(id, this.#actor))],
      [1, () => wire.call('late touch', replyPatienceMs, (door) => door.touch(id))],
    ]);
    await late();
  }

  /** L3: somebody else's renewal or release changes nothing. */
  async #byAStranger(id: string): Promise<void> {
    const { random, wire } = this.#world;
    const actor: Actor = { ...stranger, ...(random.chance(0.5) ? { showsSecretOf: `${id}0` } : {}) };
    const reply = await wire.call('stranger', replyPatienceMs, (door, connection) =>
      random.chance(0.5) ? door.renew(id, actor, connection) : door.release(id, actor),
    );
    if (reply !== null && !['not_yours', 'lease_unknown', 'unavailable'].includes(reply.code))
      this.#fault(`L3: a stranger's request for ${id} was answered: ${reply.code}`);
  }

  /** The key with another body is refused; the lease that it made is left alone. */
  async #reuseKey(ask: Omit<Ask, 'id'>): Promise<void> {
    const { wire, audit } = this.#world;
    const made = this.#madeBy.get(ask.idempotency?.key ?? '') ?? '';
    const other = {
      ...ask,
      idempotency: { key: ask.idempotency?.key ?? '', route: 'POST /v1/leases', hash: 'another' },
    };
    const reply = await wire.call('reused key', replyPatienceMs, (door, connection) =>
      door.acquire({ ...other, polling: false, id: this.#world.newId() }, connection, 100),
    );
    if (reply !== null && reply.code === 'ok' && audit.leases.has(made))
      this.#fault(`L4: the key of ${made} was taken for another request`);
  }

  /** L4: however often it is asked, one key makes one lease while that is kept. */
  #sameLease(ask: Omit<Ask, 'id'>, id: string): void {
    const key = ask.idempotency?.key;
    if (key === undefined) return;
    const before = this.#madeBy.get(key);
    if (before !== undefined && before !== id && this.#world.audit.leases.has(before))
      this.#fault(`L4: the key of ${before} made ${id}`);
    this.#madeBy.set(key, id);
  }

  #fault(text: string): void {
    this.#world.audit.faults.push(text);
  }
}

/** Every third may use a priority above others, and every fourth may use only some environments. */
export function pipeline(index: number): Actor {
  const name = `client-${index}`;
  const globs = index % 4 === 3 ? ['x*'] : null;
  return { identity: name, name, grants: [{ scope: 'acquire', globs }], maxPriority: index % 3 };
}

const stranger: Actor = {
  identity: 'stranger',
  name: 'stranger',
  grants: [{ scope: 'acquire', globs: null }],
  maxPriority: 0,
};

/** Someone else who shows the lease's secret has the holder's right. */
function withSecret(id: string): Actor {
  return { ...stranger, showsSecretOf: id };
}

export type Command = (turn: Turn) => Outcome<unknown>;
