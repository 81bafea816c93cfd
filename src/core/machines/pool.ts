// Pools that build their own members (how a machine becomes one: membership.ts). What always holds:
//   - machines of a pool that may cost something are never more than its `max`, those that are being ended included;
//   - nobody who holds a machine loses it to the pool: one that is too old, or too many, is closed first and ended once it is free;
//   - a pool whose builds fail waits before it asks again.
// `keepPools` brings a pool one step nearer to what it is to be; it is called after whatever may have changed that.

import type { Actor } from '../access.ts';
import { forbidden, mayEverywhere, signalboxItself } from '../access.ts';
import { configure } from '../environment.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import { nameFault } from '../names.ts';
import type { InstanceRow, PoolRow, PoolSpec, Source } from '../rows.ts';
import { labelsMatch } from '../selectors.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { askBuild, cancelBuild, machinesPerBuild, specFaults } from './build.ts';
import { endSoon, isThere } from './instance.ts';
import { joinPool } from './membership.ts';

/** Ids are made outside; one of each kind at every call. */
export interface NewIds {
  readonly build: () => string;
  readonly instance: () => { readonly id: string; readonly token: string };
  readonly job: () => string;
}

/** How long a pool asks for nothing after a build of it has failed. */
const pauseMs = 60_000;
export const machinesPerPool = 500;

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
  for (const [field, value] of Object.entries({ idleFor: spec.idleForMs, readyWithin: spec.readyWithinMs }))
    if (!(value >= 0)) return `${field} must be 0 or more.`;
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
  return pool;
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
    waiting: waitingFor(state, pool),
  };
}

/** Whether `keepPools` would find something to do; changes nothing. */
export function poolsNeed(state: State, tick: number): boolean {
  for (const { pool, builds, closing, closed, ends } of plans(state, tick))
    if (builds > 0 || closing.length > 0 || closed.length > 0 || ends.length > 0 || lost(state, pool).length > 0)
      return true;
  return orphans(state).length > 0;
}

/** One step nearer for every pool. */
export function keepPools(turn: Turn, ids: NewIds): void {
  const { state, moment } = turn;
  for (const plan of [...plans(state, moment.tick)]) {
    const { pool } = plan;
    for (const machine of plan.joining) joinPool(turn, machine);
    for (const id of lost(state, pool)) pauseAfter(turn, pool, id, ids);
    for (const [machine, reason] of plan.closing) close(turn, machine, reason);
    for (const [machine, reason] of [...plan.closed, ...plan.ends])
      endSoon(turn, machine, { job: ids.job(), by: 'signalbox', reason });
    const now = state.pools.get(pool.name);
    if (plan.builds > 0 && now !== undefined && !isPaused(now, moment.tick)) build(turn, now, plan.builds, ids);
  }
  for (const machine of orphans(state)) {
    if (heldMachine(state, machine)) close(turn, machine, 'its pool was removed');
    else endSoon(turn, machine, { job: ids.job(), by: 'signalbox', reason: 'its pool was removed' });
  }
}

interface Plan {
  readonly pool: PoolRow;
  /** How many machines to ask for. */
  readonly builds: number;
  readonly joining: readonly InstanceRow[];
  /** In use, and to be ended once they are free. */
  readonly closing: readonly (readonly [InstanceRow, string])[];
  /** Closed, and free by now. */
  readonly closed: readonly (readonly [InstanceRow, string])[];
  /** Free, and to be ended. */
  readonly ends: readonly (readonly [InstanceRow, string])[];
}

function* plans(state: State, tick: number): Generator<Plan> {
  for (const pool of state.pools.values()) {
    const { there, serving, held, free } = membersOf(state, pool);
    const wanted = held.length + waitingFor(state, pool) + pool.idle;
    const target = Math.min(pool.max, Math.max(pool.min, wanted));
    const missing = isPaused(pool, tick) ? 0 : Math.max(0, target - serving.length);
    const builds = Math.min(missing, pool.max - there.length, machinesPerBuild);
    const tooMany = Math.max(0, serving.length - target);
    const isOld = ({ launchedTick }: InstanceRow): boolean =>
      pool.maxAgeMs !== null && launchedTick !== null && launchedTick + pool.maxAgeMs <= tick;
    const neverCame = there.filter(
      ({ state: is, environment, launchedTick }) =>
        is === 'running' && environment === null && (launchedTick ?? tick) + pool.readyWithinMs <= tick,
    );
    const idleFor = (machine: InstanceRow): number => tick - idleSince(state, machine);
    const idle = free
      .filter((machine) => idleFor(machine) >= pool.idleForMs)
      .sort((a, b) => idleSince(state, a) - idleSince(state, b))
      .slice(0, tooMany);
    yield {
      ...{ pool, builds: Math.max(0, builds) },
      joining: there.filter((each) => each.environment === null && each.state === 'ready'),
      closing: held.filter(isOld).map((machine) => [machine, 'its machine is as old as it may become'] as const),
      closed: there
        .filter((machine) => isClosed(state, machine) && !heldMachine(state, machine))
        .map((machine) => [machine, 'it has served'] as const),
      ends: [
        ...neverCame.map((machine) => [machine, 'it has never said that it is ready'] as const),
        ...free.filter(isOld).map((machine) => [machine, 'it is as old as it may become'] as const),
        ...idle.filter((machine) => !isOld(machine)).map((machine) => [machine, 'nobody needs it'] as const),
      ],
    };
  }
}

function membersOf(state: State, pool: PoolRow): Members {
  const there = state.instances
    .values()
    .filter((each) => each.pool === pool.name && isThere(each))
    .toArray();
  const serving = there.filter(
    (machine) => machine.state !== 'ending' && !isClosed(state, machine) && !isStray(state, machine),
  );
  const joined = serving.filter(({ environment }) => environment !== null);
  return {
    ...{ there, serving },
    held: joined.filter((machine) => heldMachine(state, machine)),
    free: joined.filter((machine) => !heldMachine(state, machine)),
  };
}

/** Environments that requests in the queue want of it, and have not been promised elsewhere. */
function waitingFor(state: State, { labels }: PoolRow): number {
  let count = 0;
  for (const id of state.waiting) {
    const lease = state.leases.get(id);
    if (lease === undefined) continue;
    for (const want of lease.wants) if ('labels' in want && labelsMatch(want.labels, labels)) count += want.count;
    if (count > machinesPerPool) break;
  }
  return count;
}

function heldMachine(state: State, { environment }: InstanceRow): boolean {
  return environment !== null && (state.holders.get(environment)?.size ?? 0) > 0;
}

/** Its environment takes nobody in any more, by the pool's own doing. */
function isClosed(state: State, { environment }: InstanceRow): boolean {
  const row = environment === null ? undefined : state.environments.get(environment);
  return row?.machine !== undefined && row.state === 'draining' && row.stateBy === signalboxItself.name;
}

/** Ready, and somebody has deleted its environment. */
function isStray(state: State, { state: is, environment }: InstanceRow): boolean {
  return is === 'ready' && environment !== null && !state.environments.has(environment);
}

/** Machines of pools that are there no more, or whose environment somebody has deleted. */
function orphans(state: State): InstanceRow[] {
  const isLeft = (machine: InstanceRow): boolean =>
    machine.pool !== null &&
    (machine.state === 'running' || machine.state === 'ready') &&
    (!state.pools.has(machine.pool) || isStray(state, machine)) &&
    !(isClosed(state, machine) && heldMachine(state, machine));
  return state.instances.values().filter(isLeft).toArray();
}

function idleSince(state: State, { environment, launchedTick }: InstanceRow): number {
  const since = environment === null ? undefined : state.lastEndTick(environment);
  return since ?? launchedTick ?? 0;
}

function close(turn: Turn, machine: InstanceRow, reason: string): void {
  if (machine.environment !== null && !isClosed(turn.state, machine))
    configure(turn, machine.environment, { state: 'draining', reason }, signalboxItself);
}

function build(turn: Turn, pool: PoolRow, count: number, ids: NewIds): void {
  const instances = Array.from({ length: count }, ids.instance);
  const ask = { id: ids.build(), spec: { ...pool.build, count }, instances, job: ids.job(), pool: pool.name };
  const asked = askBuild(turn, ask, { ...signalboxItself, name: `pool ${pool.name}` });
  // As many machines or builds as a space may have.
  if (!asked.ok) pause(turn, pool);
}

/** Builds of it that have failed and whose machines, if it made some, are still to be ended. */
function lost(state: State, { name }: PoolRow): string[] {
  return state.builds
    .values()
    .filter(({ pool, state: is, cancelling }) => pool === name && is === 'failed' && cancelling === null)
    .map(({ id }) => id)
    .toArray();
}

function pauseAfter(turn: Turn, pool: PoolRow, id: string, ids: NewIds): void {
  pause(turn, pool);
  cancelBuild(turn, { id, job: ids.job(), reason: `its pool ${pool.name} asks again` }, signalboxItself);
}

function pause(turn: Turn, { name }: PoolRow): void {
  const pool = turn.state.pools.get(name);
  const pausedUntilTick = turn.moment.tick + pauseMs;
  if (pool !== undefined) turn.put('pool', name, (seq) => ({ ...pool, seq, pausedUntilTick }));
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
