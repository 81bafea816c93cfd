// The scope that a route needs, before it does anything.

import { type Actor, forbidden, may, type Scope } from '../../core/access.ts';
import { Problem } from '../problem.ts';

/** Throws 403, or 401 where a key might help; `environment` null asks for the scope anywhere. */
export function requireScope(actor: Actor, scope: Scope, environment: string | null): void {
  if (may(actor, scope, environment)) return;
  if (actor.identity === 'anonymous') throw needsKey(scope);
  const refusal = forbidden(actor, scope, environment);
  throw new Problem('forbidden', refusal.message, { facts: { ...refusal.facts } });
}

export function needsKey(scope: Scope): Problem {
  return new Problem('unauthenticated', `This needs a key with the scope ${scope}. Send it as Authorization: Bearer.`, {
    headers: { 'www-authenticate': 'Bearer' },
    facts: { needs: scope },
  });
}
