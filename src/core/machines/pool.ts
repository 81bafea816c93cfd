// Pools that build their own members (how a machine becomes one: membership.ts). What always holds:
//   - machines of a pool that may cost something are never more than its `max`, those that are being ended included;
//   - nobody who holds a machine loses it to the pool: one that is too old is closed first and ended once it is free;
//   - each machine has a build of its own, so that what one of them cannot have costs the others nothing;
//   - what somebody has closed is theirs until they open it or delete it: it counts as a machine and serves nobody;
//   - a pool whose builds fail waits before it asks again.
// `keepPools` brings a pool one step nearer to what it is to be; it is called after whatever may have changed that.

import type { Actor } from '../access.ts';
import { forbidden, mayEverywhere, signalboxItself } from '../access.ts';
import { configure } from '../environment.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import { grantReady } from '../lease/grant.ts';
import { nameFault } from '../names.ts';
import type { Line } from '../queue/units.ts';
import type { BuildRow, EnvironmentRow, InstanceRow, PoolRow, PoolSpec, Source } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { askBuild, cancelBuild, specFaults } from './build.ts';
import { endSoon, isThere } from './instance.ts';
import { environmentOf, isDoomed, joinPool, mayJoin, pausePool } from './membership.ts';
import { isServedBy } from './room.ts';

/** Ids are made outside; a new one at every call. */
export interface NewIds {
  readonly build: () => string;
  readonly instance: () => { readonly id: string; readonly token: string };
  readonly job: () => string;
}

export const machinesPerPool = 500;
/** Requests in the queue that are looked at: beyond these every pool is as large as it may be. */
const waitingLookedAt = 10_000;

/** The first thing that is wrong with it; null: nothing. */
export function poolFault(name: string, spec: PoolSpec): string | null {
  const unfit = nameFault(name);
  if (unfit !== null) return `The name of the pool ${unfit}.`;
  if (name.length > 80) return 'The name of the pool is longer than 80 characters.';
  if (Object.keys(spec.labels).length === 0)
    return 'labels is empty: a lease asks for a machine of the pool by its labels.';
  const { min, max, idle } = spec;
  for (const [field, value] of Object.entries({ min, max, idle }))
    if (!Number.isInteger(value) || value < 0) return `${field} must be a whole number, 0 or more.`;
  if (max < 1 || max > machinesPerPool) return `max must be 1 to ${machinesPerPool}.`;
  if (min > max) return `min (${min}) is more than max (${max}).`;
  if (idle > max) return `idle (${idle}) is more than max (${max}).`;
  if (!(spec.idleForMs >= 0)) return 'idleFor must be 0 or more.';
  // Else each machine would be ended as soon as it runs, and the next one asked for.
  if (!(spec.readyWithinMs > 0)) return 'readyWithin must be more than 0.';
  if (spec.maxAgeMs !== null && !(spec.maxAgeMs > 0)) return 'maxAge must be more than 0.';
  const faults = specFaults({ ...spec.build, count: 1 });
  return faults.length === 0 ? null : `build: ${faults.join(', ')}`;
}

export function setPool(
  turn: Turn,
  name: string,
  spec: PoolSpec,
  actor: Actor,
): Outcome<{ pool: PoolRow; created: boolean }> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  const fault = poolFault(name, spec);
  if (fault !== null) return refuse('invalid_request', fault);
  const created = !turn.state.pools.has(name);
  if (created && turn.state.pools.size >= turn.state.settings.maxPools)
    return refuse('too_many_pools', `There are ${turn.state.settings.maxPools} pools already.`);
  return accept({ pool: putPool(turn, name, spec, 'api', actor.name), created });
}

export function forgetPool(turn: Turn, name: string, actor: Actor): Outcome<null> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  if (!turn.state.pools.has(name))
    return refuse('pool_unknown', `There is no pool ${name}. signalbox pool list shows them.`, { field: 'name' });
  removePool(turn, name, actor.name);
  return accept(null);
}

/** Puts a pool; nothing where it is as it should be. */
export function putPool(turn: Turn, name: string, spec: PoolSpec, source: Source, by: string): PoolRow {
  const known = turn.state.pools.get(name);
  if (known !== undefined && known.source === source && isSame(known, spec)) return known;
  const pool = turn.put('pool', name, (seq) => ({
    ...{ ...spec, name, seq, source, pausedUntilTick: null },
    createdAt: known?.createdAt ?? turn.moment.at,
  }));
  const { build, ...rest } = spec;
  turn.event(known === undefined ? 'pool.added' : 'pool.changed', name, by, { ...rest, ...build });
  if (known !== undefined) adaptMembers(turn, known, pool);
  return pool;
}

/** Those that serve already are what the pool is to be from now on, as far as they can be. */
function adaptMembers(turn: Turn, before: PoolRow, { name, labels, once }: PoolRow): void {
  const isChanged = labelText(before.labels) !== labelText(labels) || before.once !== once;
  for (const machine of isChanged ? [...turn.state.instances.values()] : []) {
    const environment = machine.pool === name ? environmentOf(turn.state, machine) : undefined;
    if (environment === undefined) continue;
    turn.put('environment', environment.name, (seq) => ({
      ...{ ...environment, seq, machine: { instance: machine.id, once } },
      // What somebody has said of this one alone stays.
      labels: labelText(environment.labels) === labelText(before.labels) ? labels : environment.labels,
    }));
  }
  if (isChanged) grantReady(turn);
}

function labelText(labels: PoolSpec['labels']): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Its machines are closed, and ended once they are free. */
export function removePool(turn: Turn, name: string, by: string): void {
  if (!turn.state.pools.has(name)) return;
  turn.remove('pool', name);
  turn.event('pool.removed', name, by);
}

interface Members {
  /** All that may cost something. */
  readonly there: readonly InstanceRow[];
  /** Those that serve or will serve: neither closed nor on their way out. */
  readonly serving: readonly InstanceRow[];
  /** Of these: in use, and free. */
  readonly held: readonly InstanceRow[];
  readonly free: readonly InstanceRow[];
}

/** How a pool stands, for people. */
export function poolFigures(
  state: State,
  pool: PoolRow,
): { there: number; building: number; free: number; held: number; ending: number; waiting: number } {
  const { there, held, free } = membersOf(state, pool);
  const building = there.filter((machine) => machine.state !== 'ending' && machine.environment === null).length;
  const ending = there.filter((machine) => machine.state === 'ending' || isClosed(state, machine)).length;
  return {
    ...{ there: there.length, building, free: free.length, held: held.length, ending },
    waiting: demands(state, Number.POSITIVE_INFINITY).get(pool.name) ?? 0,
  };
}

/** Whether `keepPools` would find something to do; changes nothing. */
export function poolsNeed(state: State, tick: number): boolean {
  for (const { builds, joining, closing, ends } of plans(state, tick))
    if (builds > 0 || joining.length > 0 || closing.length > 0 || ends.length > 0) return true;
  return orphans(state).length > 0 || doomedBuilds(state).length > 0;
}

/** One step nearer for every pool. */
export function keepPools(turn: Turn, ids: NewIds): void {
  const { state, moment } = turn;
  for (const build of doomedBuilds(state)) {
    const reason = state.pools.has(build.pool ?? '') ? `its pool ${build.pool} asks again` : 'its pool was removed';
    cancelBuild(turn, { id: build.id, job: ids.job(), reason }, signalboxItself);
  }
  for (const plan of [...plans(state, moment.tick)]) {
    for (const machine of plan.joining) joinPool(turn, machine);
    for (const [{ id }, reason] of plan.closing) close(turn, id, reason);
    for (const [{ id }, reason] of plan.ends) endIfFree(turn, id, reason, ids);
    const pool = state.pools.get(plan.pool.name);
    if (plan.builds > 0 && pool !== undefined && !isPaused(pool, moment.tick)) build(turn, pool, plan.builds, ids);
  }
  for (const machine of orphans(state)) {
    const reason = state.pools.has(machine.pool ?? '') ? 'its environment was deleted' : 'its pool was removed';
    if (heldMachine(state, machine)) close(turn, machine.id, reason);
    else endIfFree(turn, machine.id, reason, ids);
  }
}

interface Plan {
  readonly pool: PoolRow;
  /** How many machines to ask for. */
  readonly builds: number;
  readonly joining: readonly InstanceRow[];
  /** In use, and to be ended once they are free. */
  readonly closing: readonly (readonly [InstanceRow, string])[];
  /** Free, and to be ended. */
  readonly ends: readonly (readonly [InstanceRow, string])[];
}

function* plans(state: State, tick: number): Generator<Plan> {
  const wanted = demands(state, tick);
  for (const pool of state.pools.values()) {
    const { there, serving, held, free } = membersOf(state, pool);
    const target = Math.min(pool.max, Math.max(pool.min, held.length + (wanted.get(pool.name) ?? 0) + pool.idle));
    const missing = isPaused(pool, tick) ? 0 : target - serving.length;
    const builds = Math.min(missing, pool.max - there.length);
    const tooMany = Math.max(0, serving.length - target);
    const isOld = ({ launchedTick }: InstanceRow): boolean =>
      pool.maxAgeMs !== null && launchedTick !== null && launchedTick + pool.maxAgeMs <= tick;
    const joining = there.filter((each) => mayJoin(state, each));
    const neverCame = there.filter(
      (each) =>
        each.state === 'running' &&
        each.environment === null &&
        (each.launchedTick ?? tick) + pool.readyWithinMs <= tick &&
        !joining.includes(each),
    );
    const idle = free
      .filter((machine) => !isOld(machine) && tick - idleSince(state, machine) >= pool.idleForMs)
      .sort((a, b) => idleSince(state, a) - idleSince(state, b))
      .slice(0, tooMany);
    const closed = there.filter((machine) => isClosed(state, machine) && !heldMachine(state, machine));
    yield {
      ...{ pool, joining, builds: Math.max(0, builds) },
      closing: reasoned(held.filter(isOld), 'its machine is as old as it may become'),
      ends: [
        ...reasoned(closed, 'it has served'),
        ...reasoned(neverCame, 'it has never said that it is ready'),
        ...reasoned(free.filter(isOld), 'it is as old as it may become'),
        ...reasoned(idle, 'nobody needs it'),
      ],
    };
  }
}

function reasoned(machines: readonly InstanceRow[], reason: string): (readonly [InstanceRow, string])[] {
  return machines.map((machine) => [machine, reason] as const);
}

function membersOf(state: State, pool: PoolRow): Members {
  const there = state.instances
    .values()
    .filter((each) => each.pool === pool.name && isThere(each))
    .toArray();
  const serving = there.filter((machine) => {
    const isOpen = machine.environment === null || environmentOf(state, machine)?.state === 'open';
    return machine.state !== 'ending' && isOpen && !isDoomed(state, machine);
  });
  const joined = serving.filter(({ environment }) => environment !== null);
  return {
    ...{ there, serving },
    held: joined.filter((machine) => heldMachine(state, machine)),
    free: joined.filter((machine) => !heldMachine(state, machine)),
  };
}

/**
 * How many environments requests in the queue want of each pool: what is set aside for them of its machines, and what nobody has
 * anything for yet, of the first pool that has room for it.
 */
function demands(state: State, tick: number): Map<string, number> {
  const wanted = new Map<string, number>();
  if (state.pools.size === 0) return wanted;
  const of = (pool: string): number => wanted.get(pool) ?? 0;
  const room = new Map<string, number>();
  for (const pool of state.pools.values()) {
    const { there, serving, held } = membersOf(state, pool);
    room.set(pool.name, isPaused(pool, tick) ? 0 : pool.max - (there.length - serving.length) - held.length);
  }
  const serversOf = new Map<Line, PoolRow[]>();
  let looks = 0;
  for (const id of state.waiting) {
    if (++looks > waitingLookedAt) break;
    for (const { line, place } of state.queue.requests.get(id)?.units ?? []) {
      const { selector } = line;
      if (place !== null) {
        const pool = poolOf(state, state.environments.get(place.name));
        if (pool !== null) wanted.set(pool, of(pool) + 1);
      } else if (selector !== null) {
        const known = serversOf.get(line);
        const pools =
          known ?? [...state.pools.values()].filter((each) => isServedBy(each, selector.labels, selector.globs));
        if (known === undefined) serversOf.set(line, pools);
        const pool = pools.find(({ name }) => of(name) < (room.get(name) ?? 0)) ?? pools[0];
        if (pool !== undefined) wanted.set(pool.name, of(pool.name) + 1);
      }
    }
  }
  return wanted;
}

function poolOf(state: State, environment: EnvironmentRow | undefined): string | null {
  const machine = environment?.machine;
  return machine === undefined ? null : (state.instances.get(machine.instance)?.pool ?? null);
}

function heldMachine(state: State, machine: InstanceRow): boolean {
  const environment = environmentOf(state, machine);
  return environment !== undefined && (state.holders.get(environment.name)?.size ?? 0) > 0;
}

/** Its environment takes nobody in any more, by the pool's own doing. */
function isClosed(state: State, machine: InstanceRow): boolean {
  const environment = environmentOf(state, machine);
  return environment?.state === 'draining' && environment.stateBy === signalboxItself.name;
}

/** Machines of pools that are there no more, or whose environment somebody has deleted. */
function orphans(state: State): InstanceRow[] {
  const isLeft = (machine: InstanceRow): boolean => {
    if (machine.pool === null || (machine.state !== 'running' && machine.state !== 'ready')) return false;
    const isStray = machine.environment !== null && environmentOf(state, machine) === undefined;
    if (state.pools.has(machine.pool) && !isStray) return false;
    return !(isClosed(state, machine) && heldMachine(state, machine));
  };
  return state.instances.values().filter(isLeft).toArray();
}

/** Builds of pools that have failed, or that nobody wants any more: of these the machine may be held before the build has ended. */
function doomedBuilds(state: State): BuildRow[] {
  const isHeld = (id: string): boolean => {
    const machine = state.instances.get(id);
    return machine !== undefined && heldMachine(state, machine);
  };
  const isOver = ({ pool, state: is, cancelling, instances }: BuildRow): boolean => {
    if (pool === null || cancelling !== null) return false;
    if (is === 'failed') return true;
    return !state.pools.has(pool) && (is === 'pending' || is === 'building') && !instances.some(isHeld);
  };
  return state.builds.values().filter(isOver).toArray();
}

function idleSince(state: State, { environment, launchedTick }: InstanceRow): number {
  const since = environment === null ? undefined : state.lastEndTick(environment);
  return since ?? launchedTick ?? 0;
}

function close(turn: Turn, id: string, reason: string): void {
  const machine = turn.state.instances.get(id);
  const environment = machine === undefined ? undefined : environmentOf(turn.state, machine);
  if (machine === undefined || environment === undefined || isClosed(turn.state, machine)) return;
  configure(turn, environment.name, { state: 'draining', reason }, signalboxItself);
}

/** As it is by now: what has joined in this turn may have been granted together with it. */
function endIfFree(turn: Turn, id: string, reason: string, ids: NewIds): void {
  const machine = turn.state.instances.get(id);
  if (machine === undefined || (machine.state !== 'running' && machine.state !== 'ready')) return;
  if (!heldMachine(turn.state, machine)) endSoon(turn, machine, { job: ids.job(), by: 'signalbox', reason });
}

function build(turn: Turn, pool: PoolRow, count: number, ids: NewIds): void {
  const actor = { ...signalboxItself, name: `pool ${pool.name}` };
  for (let i = 0; i < count; i++) {
    const spec = { ...pool.build, count: 1 };
    const ask = { id: ids.build(), spec, instances: [ids.instance()], job: ids.job(), pool: pool.name };
    if (askBuild(turn, ask, actor).ok) continue;
    // As many machines or builds as a space may have.
    pausePool(turn, pool.name);
    return;
  }
}

function isPaused({ pausedUntilTick }: PoolRow, tick: number): boolean {
  return pausedUntilTick !== null && pausedUntilTick > tick;
}

function isSame(known: PoolRow, spec: PoolSpec): boolean {
  const { name, seq, source, pausedUntilTick, createdAt, ...rest } = known;
  const sorted = (value: object): string =>
    JSON.stringify(value, (_key, each) =>
      typeof each === 'object' && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
        : each,
    );
  return sorted(rest) === sorted(spec);
}
