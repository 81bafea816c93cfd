// What pools may still build: whether a request by label can be met one day although there are not enough environments now.

import type { Labels, PoolRow } from '../rows.ts';
import { globsMatch, labelsMatch } from '../selectors.ts';
import type { State } from '../state.ts';

/** Whether machines of this pool are what is asked for. */
export function isServedBy(pool: PoolRow, labels: Labels, globs: readonly string[] | null): boolean {
  return labelsMatch(labels, pool.labels) && globsMatch(globs, `${pool.name}-x`);
}

/** Stand-ins for environments with these labels that pools have not built yet; of each pool `atMost` so many. */
export function roomToBuild(
  state: State,
  labels: Labels,
  globs: readonly string[] | null,
  atMost: number,
): readonly string[] {
  const room: string[] = [];
  for (const pool of state.pools.values()) {
    if (!isServedBy(pool, labels, globs)) continue;
    let members = 0;
    for (const machine of state.instances.values())
      if (machine.pool === pool.name && machine.environment !== null) members++;
    for (let i = 0; i < Math.min(atMost, pool.max - members); i++) room.push(`${pool.name} ${i}`);
  }
  return room;
}
