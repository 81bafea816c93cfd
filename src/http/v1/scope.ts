// The scope that a route needs, before it does anything.

import { type Actor, forbidden, may, mayEverywhere, type Scope } from '../../core/access.ts';
import type { Context } from '../context.ts';
import { needsKey, Problem } from '../problem.ts';

/** Throws 403, or 401 where a key might help; `environment` null asks for the scope anywhere. */
export function requireScope(actor: Actor, scope: Scope, environment: string | null): void {
  if (!may(actor, scope, environment)) refuseActor(actor, scope, environment);
}

/** The same where any one of several scopes is enough; the refusal names the first. */
export function requireOneOf(actor: Actor, wanted: readonly Scope[], name: string): void {
  if (!wanted.some((scope) => may(actor, scope, name))) refuseActor(actor, wanted[0] as Scope, name);
}

/** The same for what concerns no single environment: a scope that is limited to some is not enough. */
export function requireScopeEverywhere(actor: Actor, scope: Scope): void {
  if (!mayEverywhere(actor, scope)) refuseActor(actor, scope, null);
}

/** Throws where nobody would make the machines that are asked for. */
export function requireDriver({ driver }: Pick<Context, 'driver'>): void {
  if (driver !== null) return;
  throw new Problem(
    'no_driver',
    'This server has no driver (--driver command:PATH or ec2), so nobody would make machines.',
  );
}

/** Which environments the actor may read; null: all of them. Throws where it may read none. */
export function readableBy(actor: Actor): ((environment: string) => boolean) | null {
  requireScope(actor, 'read', null);
  return mayEverywhere(actor, 'read') ? null : (environment) => may(actor, 'read', environment);
}

function refuseActor(actor: Actor, scope: Scope, environment: string | null): never {
  const { message, facts } = forbidden(actor, scope, environment);
  if (actor.identity === 'anonymous') throw needsKey(String(facts?.needs));
  throw new Problem('forbidden', message, { facts: { ...facts } });
}
