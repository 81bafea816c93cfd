// Locks as the older systems know them: no owner, no queue, no ttl unless the environment has one. Whoever may acquire may also
// give back a lock that came through the same dialect; one that was taken otherwise needs force, as anybody else's does.

import { type Actor, forbidden, may } from '../access.ts';
import { accept, type Outcome } from '../errors.ts';
import type { LeaseRow, Via } from '../rows.ts';
import type { Turn } from '../turn.ts';
import { type Acquired, type Ask, acquire } from './acquire.ts';
import { end } from './end.ts';
import { grantReady } from './grant.ts';
import { notYours } from './hold.ts';

export interface ThroughAsk {
  readonly id: string;
  readonly environment: string;
  readonly actor: Actor;
  readonly via: Via;
  /** Who asks, as far as they said. */
  readonly name: string | null;
  /** Whether the client waits for it. */
  readonly polling: boolean;
  /** With a key its place is found again by asking again. */
  readonly idempotency?: LeaseRow['idempotency'];
}

export function throughAsk({ id, environment, actor, via, name, polling, idempotency = null }: ThroughAsk): Ask {
  return {
    ...{ id, actor, via, polling, idempotency },
    wants: [{ environment }],
    holder: { name, url: null, ref: null },
    reason: null,
    priority: 0,
    ttlMs: undefined,
    queueMs: undefined,
    maxHoldMs: undefined,
  };
}

export function startThrough(turn: Turn, ask: ThroughAsk): Outcome<Acquired> {
  return acquire(turn, throughAsk(ask));
}

/**
 * Frees the oldest lock of this dialect; null when nothing was freed. Whether one that was taken otherwise may be freed when
 * there is no other (`others`), and then only by whoever took it or may force it, is the dialect's choice.
 */
export function releaseThrough(
  turn: Turn,
  environment: string,
  via: Via,
  actor: Actor,
  others: 'leave' | 'free',
): Outcome<{ lease: LeaseRow | null }> {
  if (!may(actor, 'acquire', environment)) return forbidden(actor, 'acquire', environment);
  const holders = turn.state.heldBy(environment);
  const lease = holders.find((candidate) => candidate.via === via) ?? (others === 'free' ? holders[0] : undefined);
  if (lease === undefined) return accept({ lease: null });
  const foreign = lease.via === via ? null : notYours(actor, lease);
  if (foreign !== null) return foreign;
  const ended = end(turn, lease, 'released', actor.name, null);
  grantReady(turn);
  return accept({ lease: ended });
}
