// What pools may still build: whether a request by label can be met one day although there are not enough environments now.

import type { Labels } from '../rows.ts';
import { globsMatch, labelsMatch } from '../selectors.ts';
import type { State } from '../state.ts';

/** How many more environments with these labels there may be once pools have built them. */
export function roomToBuild(state: State, labels: Labels, globs: readonly string[] | null): number {
  let room = 0;
  for (const pool of state.pools.values()) {
    if (!labelsMatch(labels, pool.labels) || (globs !== null && !globsMatch(globs, `${pool.name}-x`))) continue;
    let members = 0;
    for (const machine of state.instances.values())
      if (machine.pool === pool.name && machine.environment !== null) members++;
    room += Math.max(0, pool.max - members);
  }
  return room;
}
