// People with every right: they declare, close, freeze, delete and clean environments, make and drop keys, and take leases away.

import type { Actor } from '../../src/core/access.ts';
import { clean } from '../../src/core/dirty.ts';
import type { EnvironmentChange } from '../../src/core/environment.ts';
import { configure, deleteEnvironment } from '../../src/core/environment.ts';
import { accept } from '../../src/core/errors.ts';
import { endFreeze, putFreeze } from '../../src/core/freeze.ts';
import { dropUnused } from '../../src/core/housekeeping.ts';
import { createKey, deleteKey } from '../../src/core/key.ts';
import { neverSatisfiable } from '../../src/core/lease/wants.ts';
import type { LeaseRow } from '../../src/core/rows.ts';
import type { State } from '../../src/core/state.ts';
import type { Client, Command, World } from './clients.ts';
import { environmentName, selectors } from './clients.ts';

export const admin: Actor = {
  identity: 'admin',
  name: 'admin',
  grants: [{ scope: 'admin', globs: null }],
  maxPriority: 100,
};
const patienceMs = 1_500;

export class Administrator {
  readonly #world: World;
  /** What an administrator steals is lived with as any client does. */
  readonly #thief: Client;
  #keys = 0;

  constructor(world: World, thief: Client) {
    this.#world = world;
    this.#thief = thief;
  }

  async run(): Promise<void> {
    const { timeline, random, profile } = this.#world;
    for (let i = 0; i < profile.environments; i++)
      if (random.chance(0.8)) await this.#configure(i % 3 === 2 ? `y${i}` : `x${i}`);
    while (!this.#world.stopping) {
      await timeline.sleep(random.between(0, Math.max(300, 3_000 * (1 - 3 * profile.administration))));
      if (!this.#world.stopping && random.chance(profile.administration)) await this.#job();
    }
  }

  /** Faults have stopped: opens and cleans everything, and ends what can never be granted or what nobody will ever end. */
  async drain(state: () => State | null): Promise<void> {
    const { timeline, audit } = this.#world;
    for (let i = 0; i < 60; i++) {
      await this.#openAll();
      for (const lease of [...audit.leases.values()]) {
        const now = state();
        const hopeless =
          lease.state === 'waiting' && now !== null && neverSatisfiable(now, lease.wants, lease.globs) !== null;
        const endless = i > 4 && lease.state === 'held' && lease.ttlMs === null;
        if (hopeless || endless) await this.#revoke(lease.id, true, false);
      }
      // Requests may still be under way whose clients have long given up.
      if (i >= 3 && this.#left().length === 0 && this.#world.active === 1) return;
      await timeline.sleep(1_000);
    }
    for (const lease of this.#left())
      audit.faults.push(`L8: ${lease.id} is still ${lease.state} a minute after the last fault`);
    if (this.#world.active > 1)
      audit.faults.push(`L8: ${this.#world.active - 1} clients are still there a minute after the last fault`);
  }

  #left(): LeaseRow[] {
    return [...this.#world.audit.leases.values()].filter((lease) => lease.end === null);
  }

  async #openAll(): Promise<void> {
    const { freezes, environments } = this.#world.audit;
    for (const name of [...freezes.keys()])
      await this.#command('end freeze', (turn) => endFreeze(turn, name, admin), false);
    for (const { name, state, capacity, dirty } of [...environments.values()]) {
      if (state !== 'open' || capacity < 2) {
        await this.#command('open', (turn) => configure(turn, name, { state: 'open', capacity: 2 }, admin), true);
      }
      if (dirty.length > 0) await this.#command('clean', (turn) => clean(turn, name, admin, null), false);
    }
  }

  #job(): Promise<unknown> {
    const { random, profile, timeline, audit } = this.#world;
    const name = environmentName(random, profile);
    const reason = random.chance(0.1) ? '' : 'maintenance';
    const untilAt = random.chance(0.5) ? null : timeline.wallOffset + timeline.now + random.between(-100, 6_000);
    const freeze = `freeze-${random.below(3)}`;
    const lease = random.pick([...audit.leases.values(), null])?.id ?? 'none';
    return random.weighted<() => Promise<unknown>>([
      [4, () => this.#configure(name)],
      [
        2,
        () =>
          this.#command(
            'close',
            (turn) => configure(turn, name, { state: random.pick(['frozen', 'draining']), reason, untilAt }, admin),
            true,
          ),
      ],
      [2, () => this.#command('open', (turn) => configure(turn, name, { state: 'open' }, admin), true)],
      [
        2,
        () =>
          this.#command(
            'delete',
            (turn) => deleteEnvironment(turn, name, admin, random.chance(0.5) ? { reason } : null),
            false,
          ),
      ],
      [2, () => this.#command('clean', (turn) => clean(turn, name, admin, reason), false)],
      [
        2,
        () =>
          this.#command(
            'freeze',
            (turn) => putFreeze(turn, freeze, { labels: random.pick(selectors), reason, untilAt }, admin),
            true,
          ),
      ],
      [2, () => this.#command('end freeze', (turn) => endFreeze(turn, freeze, admin), false)],
      [1, () => this.#key()],
      [5, () => this.#revoke(lease, random.chance(0.5), random.chance(0.4))],
      [1, () => this.#command('drop unused', (turn) => accept(dropUnused(turn)), false)],
    ])();
  }

  #configure(name: string): Promise<unknown> {
    const { random } = this.#world;
    const change: EnvironmentChange = {
      ...(random.chance(0.7) ? { capacity: random.between(1, 3) } : {}),
      ...(random.chance(0.6) ? { labels: random.pick([...selectors, { kind: 'web', site: 'us' }]) } : {}),
      ...(random.chance(0.3) ? { onExpire: random.pick(['hold', 'free']) } : {}),
      ...(random.chance(0.3) ? { ttlMs: random.pick([null, random.between(1_000, 8_000)]) } : {}),
      ...(random.chance(0.2) ? { maxHoldMs: random.pick([null, random.between(1_000, 8_000)]) } : {}),
    };
    return this.#command('configure', (turn) => configure(turn, name, change, admin), true);
  }

  #key(): Promise<unknown> {
    const { random } = this.#world;
    if (random.chance(0.4))
      return this.#command('delete key', (turn) => deleteKey(turn, `key-${random.below(4)}`, admin), false);
    const key = {
      id: `key-${this.#keys++ % 4}-${this.#keys}`,
      name: 'ci',
      hash: 'ab',
      scopes: ['acquire'],
      maxPriority: 0,
      expiresAt: null,
    };
    return this.#command('create key', (turn) => createKey(turn, key, admin), true);
  }

  async #revoke(id: string, now: boolean, steals: boolean): Promise<void> {
    const { random, wire } = this.#world;
    const polling = random.chance(0.5);
    const steal = {
      ...{
        actor: admin,
        holder: { name: 'thief', url: null, ref: null },
        reason: 'urgent',
        priority: 0,
        via: 'v1' as const,
      },
      ...{ ttlMs: random.between(1_000, 5_000), queueMs: undefined, maxHoldMs: undefined, polling, idempotency: null },
    };
    const reply = await wire.call('revoke', polling ? 6_000 : patienceMs, (door, connection) =>
      door.revoke(
        { id, actor: admin, reason: 'urgent', now, steal: steals ? { ...steal, id: this.#world.newId() } : null },
        4_000,
        connection,
      ),
    );
    if (reply?.stolen != null) await this.#thief.live(reply.stolen);
  }

  async #command(what: string, command: Command, needsRoom: boolean): Promise<void> {
    await this.#world.wire.call(what, patienceMs, (door) => door.decide(command, needsRoom));
  }
}
