// What a request asks for: whether it is well formed, allowed, and can ever be met. What can never be granted is refused at
// once, so that nobody waits for it.

import type { Actor } from '../access.ts';
import { forbidden, may } from '../access.ts';
import type { Refusal } from '../errors.ts';
import { refuse } from '../errors.ts';
import { roomToBuild } from '../machines/room.ts';
import { nameFault, nearestName } from '../names.ts';
import type { Place } from '../queue/units.ts';
import type { Want } from '../rows.ts';
import { selectorText } from '../selectors.ts';
import type { State } from '../state.ts';

export const maxWants = 16;
export const maxEnvironmentsPerLease = 64;

/** The first fault of a list of wants, looked at by itself; null when it is well formed. */
export function wantsFault(wants: readonly Want[]): Refusal | null {
  if (wants.length === 0)
    return refuse('invalid_request', 'wants is empty: name an environment, or labels and a count.', { field: 'wants' });
  const count = wants.reduce((sum, want) => sum + ('environment' in want ? 1 : want.count), 0);
  if (wants.length > maxWants || count > maxEnvironmentsPerLease) {
    const message = `A lease may have ${maxWants} wants and ${maxEnvironmentsPerLease} environments in all; this asks for ${wants.length} and ${count}.`;
    return refuse('too_many_wants', message, { field: 'wants' });
  }
  const named = new Set<string>();
  for (const want of wants) {
    if (!('environment' in want)) continue;
    const fault = nameFault(want.environment);
    if (fault !== null)
      return refuse('invalid_name', `The name of the environment ${fault}.`, { field: 'environment' });
    if (named.has(want.environment)) {
      return refuse('duplicate_want', `${want.environment} is asked for twice; a lease holds an environment once.`, {
        field: 'wants',
      });
    }
    named.add(want.environment);
  }
  return null;
}

/** Whether the actor may ask for these, and at this priority. */
export function wantsForbidden(actor: Actor, wants: readonly Want[], priority: number): Refusal | null {
  for (const want of wants) {
    const name = 'environment' in want ? want.environment : null;
    if (!may(actor, 'acquire', name)) return forbidden(actor, 'acquire', name);
  }
  if (priority <= actor.maxPriority) return null;
  const message = `Priority ${priority} is above what ${actor.name} may use (${actor.maxPriority}). Ask an admin for a key with a higher maxPriority.`;
  return refuse('priority_too_high', message, { field: 'priority', facts: { maxPriority: actor.maxPriority } });
}

/**
 * Why these wants can never all be granted together, in the environments that there are and those that pools may still build; null
 * when they can.
 */
export function neverSatisfiable(
  state: State,
  wants: readonly Want[],
  globs: readonly string[] | null,
): Refusal | null {
  const needed = wants.reduce((sum, want) => sum + ('environment' in want ? 1 : want.count), 0);
  const pools: (Place | string)[][] = [];
  for (const want of wants) {
    if ('environment' in want) {
      const place = state.queue.places.get(want.environment);
      if (place !== undefined) pools.push([place]);
      continue;
    }
    const pool = [...state.queue.matching(want.labels, globs), ...roomToBuild(state, want.labels, globs, needed)];
    const text = selectorText(want.labels) || 'any label';
    if (pool.length === 0) {
      return refuse(
        'no_match',
        `No environment carries ${text}. Declare one, or look at the labels with: signalbox status`,
        { field: 'labels' },
      );
    }
    if (pool.length < want.count) {
      const message = `${want.count} environments with ${text} were asked for and there are only ${pool.length}: this can never be granted.`;
      return refuse('never_satisfiable', message, { field: 'count', facts: { matching: pool.length } });
    }
    // A pool that is larger than the whole request always has one left.
    for (let i = 0; i < want.count; i++) if (pool.length < needed) pools.push(pool);
  }
  if (differentMembers(pools)) return null;
  return refuse(
    'never_satisfiable',
    'These wants overlap: there are not enough different environments for all of them at once.',
    { field: 'wants' },
  );
}

/** Whether each pool can give one member so that all members differ (augmenting paths; at most 64 pools). */
function differentMembers<T>(pools: readonly (readonly T[])[]): boolean {
  const owner = new Map<T, number>();
  const assign = (index: number, tried: Set<T>): boolean => {
    for (const place of pools[index] as readonly T[]) {
      if (tried.has(place)) continue;
      tried.add(place);
      const current = owner.get(place);
      if (current === undefined || assign(current, tried)) {
        owner.set(place, index);
        return true;
      }
    }
    return false;
  };
  return pools.every((_, index) => assign(index, new Set()));
}

/** The existing environment that an unknown name was probably meant to be. */
export function nearestEnvironment(state: State, name: string): string | null {
  return nearestName(name, state.environments.keys());
}
