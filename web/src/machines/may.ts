// What this person may do to machines. The server asks for these scopes without a limit to some environments, so a key for `uat-*`
// is offered none of it.

import { mayEverywhere, type Scope } from '../../../src/core/access.ts';
import { person } from '../access.ts';

export function mayAll(scope: Scope): boolean {
  return person.value !== null && mayEverywhere(person.value.actor, scope);
}

/** Whether it was this person, or somebody with the same key, who asked for it. */
export const isOwn = (by: string): boolean => person.value?.actor.name === by;
