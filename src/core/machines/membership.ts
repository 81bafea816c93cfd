// How a machine becomes an environment of its pool: as soon as it is ready for it. What always holds: the environment carries the
// labels of the pool, is of one machine, and goes with it (instance.ts); a machine that is to be ended never joins.

import { addMachine } from '../environment.ts';
import type { EnvironmentRow, InstanceRow } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';

/** How long a pool asks for nothing after a build of it has failed. */
const pauseMs = 60_000;

/** Whether it would be an environment of its pool from now on: not where it is not ready, is a member already, or is of no pool. */
export function mayJoin(state: State, machine: InstanceRow): boolean {
  const pool = machine.pool === null ? undefined : state.pools.get(machine.pool);
  if (pool === undefined || machine.environment !== null || isDoomed(state, machine)) return false;
  if (machine.state !== 'ready' && !(machine.state === 'running' && pool.readyWhen === 'started')) return false;
  // As many environments as a space may have: tried again by keepPools.
  return (
    state.environments.size < state.settings.maxEnvironments &&
    !state.environments.has(environmentName(pool.name, machine.id))
  );
}

/** Does nothing where it may not. */
export function joinPool(turn: Turn, machine: InstanceRow): InstanceRow {
  const pool = machine.pool === null ? undefined : turn.state.pools.get(machine.pool);
  if (pool === undefined || !mayJoin(turn.state, machine)) return machine;
  const name = environmentName(pool.name, machine.id);
  const row = turn.put('instance', machine.id, (seq) => ({ ...machine, seq, environment: name }));
  addMachine(turn, name, {
    labels: pool.labels,
    description: `machine ${machine.cloudId ?? machine.id} of pool ${pool.name}`,
    machine: { instance: machine.id, once: pool.once },
  });
  return row;
}

/** The environment that it is; undefined where it is none, or where somebody has deleted it, and perhaps taken its name. */
export function environmentOf(state: State, machine: InstanceRow): EnvironmentRow | undefined {
  const row = machine.environment === null ? undefined : state.environments.get(machine.environment);
  return row?.machine?.instance === machine.id ? row : undefined;
}

/** Whether its build has failed or is being cancelled, and all of its machines are to go. */
export function isDoomed({ builds }: State, { build: id }: InstanceRow): boolean {
  const build = id === null ? undefined : builds.get(id);
  return build !== undefined && (build.cancelling !== null || build.state === 'failed');
}

/** It asks for nothing for a while. */
export function pausePool(turn: Turn, name: string): void {
  const pool = turn.state.pools.get(name);
  const pausedUntilTick = turn.moment.tick + pauseMs;
  if (pool !== undefined) turn.put('pool', name, (seq) => ({ ...pool, seq, pausedUntilTick }));
}

/** Of what an instance of a pool is called as an environment: what globs of keys are held against. */
export function environmentName(pool: string, instance: string): string {
  return `${pool}-${instance.replace(/^in_/, '').toLowerCase()}`;
}
