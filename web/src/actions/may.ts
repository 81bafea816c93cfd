// What this person may do to a thing as it is now, by the rules of the server.

import type { Lease } from '../../../src/client/types.ts';
import { may as mayDo, mayEverywhere, type Scope } from '../../../src/core/access.ts';
import { person } from '../access.ts';
import { useCell } from '../cell.ts';

export function mayNow(scope: Scope, environment: string | null): boolean {
  return person.value !== null && mayDo(person.value.actor, scope, environment);
}

/** Whoever takes a lease away takes away all that it holds. */
export function mayTake(lease: Lease): boolean {
  const names = environmentsOf(lease);
  if (names.length > 0) return names.every((name) => mayNow('force', name));
  return person.value !== null && mayEverywhere(person.value.actor, 'force');
}

/** Those that it holds, else those that it asks for by name. */
function environmentsOf({ granted, wants }: Lease): string[] {
  if (granted.length > 0) return granted.map(({ environment }) => environment);
  return wants.flatMap((want) => ('environment' in want ? [want.environment] : []));
}

export function mayFreezeAll(): boolean {
  return person.value !== null && mayEverywhere(person.value.actor, 'force');
}

export function useMayFreezeAll(): boolean {
  useCell(person);
  return mayFreezeAll();
}
