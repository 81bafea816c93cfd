// How a machine becomes an environment of its pool: as soon as it is ready for it. What always holds: the environment carries the
// labels of the pool, is of one machine, and goes with it (instance.ts).

import { signalboxItself } from '../access.ts';
import { configure } from '../environment.ts';
import type { InstanceRow } from '../rows.ts';
import type { Turn } from '../turn.ts';

/** Does nothing where it is not ready, is a member already, or is of no pool. */
export function joinPool(turn: Turn, machine: InstanceRow): InstanceRow {
  const pool = machine.pool === null ? undefined : turn.state.pools.get(machine.pool);
  if (pool === undefined || machine.environment !== null) return machine;
  const isReady = machine.state === 'ready' || (machine.state === 'running' && pool.readyWhen === 'started');
  const name = environmentName(pool.name, machine.id);
  if (!isReady || turn.state.environments.has(name)) return machine;
  const description = `machine ${machine.cloudId ?? machine.id} of pool ${pool.name}`;
  const made = configure(turn, name, { labels: pool.labels, description }, signalboxItself);
  // As many environments as a space may have: tried again by keepPools.
  if (!made.ok) return machine;
  const { environment } = made.value;
  turn.put('environment', name, (seq) => ({
    ...{ ...environment, seq },
    machine: { instance: machine.id, once: pool.once },
  }));
  return turn.put('instance', machine.id, (seq) => ({ ...machine, seq, environment: name }));
}

/** Of what an instance of a pool is called as an environment: what globs of keys are held against. */
export function environmentName(pool: string, instance: string): string {
  return `${pool}-${instance.replace(/^in_/, '').toLowerCase()}`;
}
