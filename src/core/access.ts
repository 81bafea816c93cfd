// Who may do what. An actor is whoever a request comes from; its grants are scopes, each perhaps limited to environments by
// glob. The same rules answer `may I` for a route, for the dashboard's buttons and inside commands.

import type { Refusal } from './errors.ts';
import { refuse } from './errors.ts';
import type { LeaseRow } from './rows.ts';
import { globsMatch } from './selectors.ts';

export const scopes = ['read', 'acquire', 'force', 'signal', 'wait', 'probe', 'build', 'terminate', 'admin'] as const;
export type Scope = (typeof scopes)[number];

export interface Grant {
  readonly scope: Scope;
  /** Names of environments it is limited to; null = all. */
  readonly globs: readonly string[] | null;
}

export interface Actor {
  /** Stable identity; leases belong to it. */
  readonly identity: string;
  /** For people and the history. */
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly maxPriority: number;
  /** Id of the lease whose secret this request has shown, if any. */
  readonly showsSecretOf?: string;
}

/** Whoever decides without being asked by anybody: expiries, retention, the end of a freeze. */
export const signalboxItself: Actor = {
  identity: 'signalbox',
  name: 'signalbox',
  grants: [{ scope: 'admin', globs: null }],
  maxPriority: Number.MAX_SAFE_INTEGER,
};

/** Reads `scope` or `scope:glob`, several globs by repeating the scope; an unknown scope is null. */
export function parseGrant(text: string): Grant | null {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const glob = colon < 0 ? null : text.slice(colon + 1);
  if (!scopes.includes(name as Scope) || glob === '') return null;
  return { scope: name as Scope, globs: glob === null ? null : [glob] };
}

function gives(grant: Grant, scope: Scope): boolean {
  return grant.scope === scope || grant.scope === 'admin';
}

/** Whether the actor has a scope for an environment; `null` asks whether it has it for any at all. */
export function may(actor: Actor, scope: Scope, environment: string | null): boolean {
  return actor.grants.some(
    (grant) => gives(grant, scope) && (environment === null || globsMatch(grant.globs, environment)),
  );
}

/** Whether the actor has a scope without any limit to some environments. */
export function mayEverywhere(actor: Actor, scope: Scope): boolean {
  return actor.grants.some((grant) => gives(grant, scope) && (grant.globs === null || grant.globs.includes('*')));
}

/** The globs to which a scope is limited; null = none, an empty list = the scope is not there at all. */
export function globsOf(actor: Actor, scope: Scope): readonly string[] | null {
  const globs = new Set<string>();
  for (const grant of actor.grants) {
    if (!gives(grant, scope)) continue;
    if (grant.globs === null) return null;
    for (const glob of grant.globs) globs.add(glob);
  }
  return [...globs].sort();
}

/** The refusal to show when `may` says no. */
export function forbidden(actor: Actor, scope: Scope, environment: string | null): Refusal {
  const what = environment === null ? scope : `${scope} on ${environment}`;
  const has = grantTexts(actor);
  return refuse(
    'forbidden',
    `${actor.name} may not do this: it needs ${what}, it has ${has.join(', ') || 'nothing'}.`,
    {
      facts: { needs: environment === null ? scope : `${scope}:${environment}`, has },
    },
  );
}

/** Grants as text, `scope` or `scope:glob` each. */
export function grantTexts(actor: Actor): string[] {
  return actor.grants.flatMap((grant) =>
    grant.globs === null ? [grant.scope as string] : grant.globs.map((glob) => `${grant.scope}:${glob}`),
  );
}

/** Environments that a lease is about: those it holds, else those it asks for by name. */
export function environmentsOf(lease: LeaseRow): readonly string[] {
  if (lease.granted.length > 0) return lease.granted;
  return lease.wants.flatMap((want) => ('environment' in want ? [want.environment] : []));
}

/** Whether the lease is the actor's own: it asked for it, or shows its secret (semantics: holding). */
export function owns(actor: Actor, lease: LeaseRow): boolean {
  return actor.identity === lease.owner || actor.showsSecretOf === lease.id;
}

/** Whether the actor may take every environment of this lease away from whoever has it. */
export function mayForce(actor: Actor, lease: LeaseRow): boolean {
  const names = environmentsOf(lease);
  return names.length === 0 ? mayEverywhere(actor, 'force') : names.every((name) => may(actor, 'force', name));
}
