// What pipelines do beside taking turns: they set, fail and clear signals, meet at barriers, and wait for any or all of a list.
// Too late, twice, under another name, and not at all, as everything here.

import type { Actor } from '../../src/core/access.ts';
import { accept } from '../../src/core/errors.ts';
import {
  type arrive,
  type BarrierDeclaration,
  barrierId,
  cancelBarrier,
  forgetBarrier,
  putBarrier,
} from '../../src/core/meet/barrier.ts';
import type { SignalSetting } from '../../src/core/meet/signal.ts';
import type { Awaited, Mode } from '../../src/core/meet/waiting.ts';
import type { BarrierRow } from '../../src/core/rows.ts';
import type { World } from './clients.ts';
import { environmentName } from './clients.ts';
import type { Reply } from './door.ts';

const patienceMs = 1_500;
const generations = ['', '', 'g1'] as const;
const signalNames = ['s0', 's1', 's2', 's3'] as const;

interface Address {
  readonly name: string;
  readonly generation: string;
}

export class Meetings {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #index: number;
  #own = 0;
  #spokeFor: number;

  constructor(world: World, actor: Actor, index: number) {
    this.#world = world;
    this.#actor = { ...actor, grants: [...actor.grants, { scope: 'signal', globs: null }] };
    this.#index = index;
    this.#spokeFor = index;
  }

  job(): Promise<unknown> {
    const { random } = this.#world;
    return random.weighted<() => Promise<unknown>>([
      [4, () => this.#meet()],
      [4, () => this.#signal()],
      [3, () => this.#waitForSome()],
      [2, () => this.#setThenWait()],
      [1, () => this.#end()],
    ])();
  }

  async #signal(): Promise<void> {
    const { random, wire } = this.#world;
    const name = random.pick(signalNames);
    const clears = random.chance(0.35);
    // In one moment, and so in one turn: whoever waits has seen it set.
    const both = random.chance(0.3);
    const set = clears && !both ? null : this.#set(name, random.chance(0.2));
    if (clears || both) await wire.call('clear', patienceMs, (door) => door.clear(name, this.#actor));
    await set;
  }

  async #set(name: string, fails: boolean, ttlMs = this.#ttlMs()): Promise<Reply | null> {
    const { random, wire } = this.#world;
    // By number, so that whoever sees it can say which.
    const number = this.#world.nextSet();
    const setting: SignalSetting = {
      data: fails ? null : { n: number, more: 'x'.repeat(random.chance(0.1) ? random.below(300) : 0) },
      failure: fails ? { reason: 'it broke' } : null,
      ttlMs,
      holder: { name: `h${number}`, url: null, ref: null },
    };
    return wire.call('set', patienceMs, (door) => door.set(name, setting, this.#actor));
  }

  #ttlMs(): number | null {
    const { random } = this.#world;
    return random.chance(0.3) ? null : random.between(50, 4_000);
  }

  /** S1 as a client knows it: its own signal, acknowledged and cleared by nobody, is there. */
  async #setThenWait(): Promise<void> {
    const { random, wire, audit, timeline } = this.#world;
    const name = `own-${this.#index}-${this.#own++}`;
    const set = await this.#set(name, false, null);
    if (set?.code === 'ok') {
      await timeline.sleep(random.between(0, 300));
      const reply = await this.#wait([{ kind: 'signal', name }], random.pick(['any', 'all']), random.between(0, 50));
      if (reply?.wait !== undefined && reply.wait.outcome !== 'met' && !isSentAway(reply))
        audit.faults.push(`S1: ${name} was acknowledged, and a wait for it ended as ${reply.wait.outcome}`);
    }
    for (let tries = 0; tries < 5; tries++) {
      const cleared = await wire.call('clear', patienceMs, (door) => door.clear(name, this.#actor));
      if (cleared?.code === 'ok') return;
      await timeline.sleep(random.between(10, 300));
    }
  }

  async #waitForSome(): Promise<void> {
    const { random } = this.#world;
    const awaited = Array.from({ length: random.between(1, 3) }, () => this.#awaited());
    await this.#wait(awaited, random.pick(['any', 'all']), random.between(0, 5_000));
  }

  #awaited(): Awaited {
    const { random, profile, audit } = this.#world;
    const lease = random.pick([...audit.leases.keys(), 'ls_none']);
    return random.weighted<Awaited>([
      [6, { kind: 'signal', name: random.pick(signalNames) }],
      [2, { kind: 'barrier', ...this.#address() }],
      [3, { kind: 'env', name: environmentName(random, profile) }],
      [1, { kind: 'lease', id: lease }],
    ]);
  }

  #wait(awaited: readonly Awaited[], mode: Mode, milliseconds: number): Promise<Reply | null> {
    const { random, wire, profile, stopping } = this.#world;
    const hangsUp = !stopping && random.chance(profile.faults.hangUp);
    const patience = hangsUp ? random.between(1, milliseconds + 1) : milliseconds + patienceMs;
    return wire.call('wait', patience, (door, connection) =>
      door.wait(mode, awaited, milliseconds, this.#actor, connection),
    );
  }

  #address(): Address {
    const { random } = this.#world;
    return { name: random.pick(['b0', 'b1']), generation: random.pick(generations) };
  }

  #declaration(address: Address): BarrierDeclaration {
    const { random } = this.#world;
    const others = random.chance(0.05);
    const names = address.name === 'b0' ? null : others ? ['p1', 'p9'] : ['p1', 'p2', 'p3'];
    const count = names?.length ?? (others ? 3 : 2);
    return { ...address, names, count, timeoutMs: random.chance(0.3) ? undefined : random.between(300, 9_000) };
  }

  /** Declares, arrives, perhaps twice and under whatever name, and hears how it ended. */
  async #meet(): Promise<void> {
    const { random } = this.#world;
    const address = this.#address();
    const id = barrierId(address.name, address.generation);
    const declaration = this.#declaration(address);
    await this.#barrier('declare', id, (turn) => {
      const outcome = putBarrier(turn, declaration, this.#actor);
      return outcome.ok ? accept(outcome.value.barrier) : outcome;
    });
    let now: BarrierRow | undefined;
    // One client may speak for several parties, as one job of a pipeline does that knows of the others.
    for (let parties = random.between(1, 3); parties > 0; parties--) {
      now = await this.#arrive(address, `p${random.chance(0.7) ? 1 + (this.#spokeFor++ % 3) : random.between(1, 4)}`);
      if (now === undefined) return;
    }
    if (now?.state === 'waiting' && random.chance(0.5))
      await this.#wait([{ kind: 'barrier', ...address }], 'all', random.between(100, 6_000));
    else if (now?.state !== 'waiting' && random.chance(0.7))
      await this.#barrier(
        'forget',
        id,
        (turn) => forgetBarrier(turn, { ...address, reason: null }, this.#actor),
        false,
      );
  }

  /** Until it is acknowledged, and sometimes again. */
  async #arrive(address: Address, party: string): Promise<BarrierRow | undefined> {
    const { random, wire, timeline, profile } = this.#world;
    const id = barrierId(address.name, address.generation);
    const fails = random.chance(0.06);
    const arriving = { ...address, party, failure: fails ? { reason: 'it broke' } : null };
    const waitMs = random.chance(0.6) ? 0 : random.between(100, 5_000);
    let reply: Reply | null = null;
    for (let tries = 0; tries < 6; tries++) {
      const hangsUp = !this.#world.stopping && random.chance(profile.faults.hangUp);
      const patience = hangsUp ? random.between(1, waitMs + 1) : waitMs + patienceMs;
      reply = await wire.call(fails ? 'fail' : 'arrive', patience, (door, connection) =>
        door.arrive(id, arriving, waitMs, this.#actor, connection),
      );
      if (reply !== null && reply.code !== 'unavailable' && random.chance(0.8)) break;
      await timeline.sleep(random.between(10, 500));
    }
    return reply?.barrier;
  }

  async #end(): Promise<void> {
    const { random } = this.#world;
    const address = { ...this.#address(), reason: random.chance(0.5) ? 'enough' : null };
    const id = barrierId(address.name, address.generation);
    if (random.chance(0.5))
      await this.#barrier('cancel', id, (turn) => cancelBarrier(turn, address, this.#actor), false);
    else await this.#barrier('forget', id, (turn) => forgetBarrier(turn, address, this.#actor), false);
  }

  async #barrier(what: string, id: string, command: BarrierCommand, needsRoom = true): Promise<void> {
    await this.#world.wire.call(what, patienceMs, (door) => door.barrier(id, command, needsRoom));
  }
}

type BarrierCommand = (turn: Parameters<typeof arrive>[0]) => ReturnType<typeof arrive>;

/** It was not answered, and may ask again. */
function isSentAway(reply: Reply & { wait?: { outcome: string } }): boolean {
  return reply.isStale === true || reply.wait?.outcome === 'left' || reply.wait?.outcome === 'stopping';
}
