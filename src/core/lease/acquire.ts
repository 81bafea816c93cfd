// Asking for environments: a new lease, at once or in the queue. What always holds: all or nothing (L11); one idempotency key
// makes one lease, however often it is asked (L4); a refusal leaves no trace.

import type { Actor } from '../access.ts';
import { globsOf } from '../access.ts';
import { createAtFirstUse } from '../environment.ts';
import type { Outcome, Refusal } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { Holder, LeaseRow, Via, Want } from '../rows.ts';
import { isJudged, sayThere } from '../servers.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { subjectsOf } from './end.ts';
import { grantReady } from './grant.ts';
import { blockers } from './standing.ts';
import { neverSatisfiable, wantsFault, wantsForbidden } from './wants.ts';

export interface Ask {
  /** Id for the lease, should it be made. */
  readonly id: string;
  readonly actor: Actor;
  readonly wants: readonly Want[];
  readonly holder: Holder;
  readonly reason: string | null;
  readonly priority: number;
  /** Undefined: the environment's default, else none. Null: until released. Milliseconds, as all durations here. */
  readonly ttlMs: number | null | undefined;
  /** How long it may stand in the queue. Undefined: as long as it takes when the client stays to wait, else not at all. */
  readonly queueMs: number | null | undefined;
  readonly maxHoldMs: number | null | undefined;
  /** Whether the client stays on the line until it is granted. */
  readonly polling: boolean;
  readonly idempotency: LeaseRow['idempotency'];
  readonly via: Via;
  /** Whether it stands before all others: a thief's request. */
  readonly ahead?: boolean;
}

export interface Acquired {
  readonly lease: LeaseRow;
  /** The same ask was made before; this is its lease as it is now. */
  readonly replayed: boolean;
  /** Environments that did not exist, each with the existing name that was perhaps meant. */
  readonly created: readonly { environment: string; nearest: string | null }[];
}

export function acquire(turn: Turn, ask: Ask): Outcome<Acquired> {
  const { state } = turn;
  const earlier = replay(state, ask);
  if (earlier !== null) return earlier;
  const unfit = wantsFault(ask.wants) ?? wantsForbidden(ask.actor, ask.wants, ask.priority);
  if (unfit !== null) return unfit;

  const mark = turn.mark();
  const created: { environment: string; nearest: string | null }[] = [];
  for (const want of ask.wants) {
    if (!('environment' in want)) continue;
    const known = createAtFirstUse(turn, want.environment, ask.actor);
    if (!known.ok) {
      turn.rollback(mark);
      return known;
    }
    if (known.value !== null) created.push(known.value);
  }
  const globs = ask.wants.some((want) => 'labels' in want) ? globsOf(ask.actor, 'acquire') : null;
  const impossible = draining(state, ask.wants) ?? neverSatisfiable(state, ask.wants, globs) ?? full(state, ask.wants);
  if (impossible !== null) {
    turn.rollback(mark);
    return impossible;
  }

  const queueMs = ask.queueMs === undefined ? (ask.polling ? null : 0) : ask.queueMs;
  const waiting = turn.put('lease', ask.id, (seq) => newLease(turn, ask, globs, queueMs, seq));
  state.presence.set(ask.id, { open: true, sinceTick: turn.moment.tick });
  grantReady(turn);
  const lease = state.leases.get(ask.id) as LeaseRow;
  if (lease.state === 'waiting' && queueMs === 0) {
    const busy = refuse('environment_busy', busyMessage(state, lease), {
      facts: { blockedBy: blockers(state, waiting) },
    });
    turn.rollback(mark);
    state.presence.delete(ask.id);
    return busy;
  }
  if (!ask.polling) state.presence.set(ask.id, { open: false, sinceTick: turn.moment.tick });
  if (lease.state === 'waiting') {
    for (const subject of subjectsOf(lease)) {
      turn.event('lease.queued', subject, ask.actor.name, {
        lease: lease.id,
        holder: lease.holder.name,
        position: state.queue.position(lease.id),
      });
    }
  }
  if (isJudged(lease)) sayThere(turn);
  return accept({ lease, replayed: false, created });
}

/** Whether this ask would be granted at this moment; changes nothing. */
export function wouldBeGranted(turn: Turn, ask: Ask): Outcome<boolean> {
  const mark = turn.mark();
  const outcome = acquire(turn, { ...ask, queueMs: 0, polling: false, idempotency: null });
  turn.rollback(mark);
  turn.state.presence.delete(ask.id);
  if (outcome.ok) return accept(true);
  return outcome.code === 'environment_busy' || outcome.code === 'environment_draining' ? accept(false) : outcome;
}

function newLease(
  turn: Turn,
  ask: Ask,
  globs: readonly string[] | null,
  queueMs: number | null,
  seq: number,
): LeaseRow {
  return {
    id: ask.id,
    seq,
    state: 'waiting',
    wants: ask.wants,
    granted: [],
    holder: ask.holder,
    reason: ask.reason,
    priority: ask.priority,
    ahead: ask.ahead ?? false,
    globs,
    owner: ask.actor.identity,
    by: ask.actor.name,
    via: ask.via,
    idempotency: ask.idempotency,
    ttlMs: ask.ttlMs === undefined ? smallestDefault(turn.state, ask.wants, globs, 'ttlMs') : ask.ttlMs,
    queueMs,
    maxHoldMs: ask.maxHoldMs === undefined ? smallestDefault(turn.state, ask.wants, globs, 'maxHoldMs') : ask.maxHoldMs,
    order: seq,
    fence: null,
    queuedAt: turn.moment.at,
    queuedTick: turn.moment.tick,
    grantedAt: null,
    grantedTick: null,
    renewal: seq,
    ttlTick: null,
    resumed: false,
    seat: turn.state.server,
    collected: false,
    revoking: null,
    endedAt: null,
    endedTick: null,
    end: null,
  };
}

function replay(state: State, ask: Ask): Outcome<Acquired> | null {
  if (ask.idempotency === null) return null;
  const { key, route, hash } = ask.idempotency;
  const lease = state.leaseOfIdempotencyKey(ask.actor.identity, route, key);
  if (lease === undefined) return null;
  if (lease.idempotency?.hash !== hash) {
    return refuse(
      'idempotency_key_reused',
      'This Idempotency-Key was used for another request. Use a new key for a new request.',
      {
        field: 'Idempotency-Key',
      },
    );
  }
  return accept({ lease, replayed: true, created: [] });
}

function draining(state: State, wants: readonly Want[]): Refusal | null {
  for (const want of wants) {
    if (!('environment' in want)) continue;
    const environment = state.environments.get(want.environment);
    if (environment?.state !== 'draining') continue;
    const why = environment.stateReason === null ? '' : `: ${environment.stateReason}`;
    return refuse(
      'environment_draining',
      `${environment.name} is being drained by ${environment.stateBy}${why}. It takes no new requests.`,
      {
        field: 'environment',
        facts: { environment: environment.name },
      },
    );
  }
  return null;
}

function full(state: State, wants: readonly Want[]): Refusal | null {
  const { maxWaiting, maxWaitingPerLine } = state.settings;
  if (state.waiting.size >= maxWaiting) {
    return refuse(
      'queue_full',
      `${maxWaiting} requests are waiting already, which is as many as a space may have. Try again later.`,
    );
  }
  for (const want of wants) {
    const waiting = 'environment' in want ? (state.queue.places.get(want.environment)?.own.waiting ?? 0) : 0;
    if (waiting < maxWaitingPerLine) continue;
    return refuse(
      'queue_full',
      `${maxWaitingPerLine} requests are waiting for this environment already. Try again later.`,
      { field: 'wants' },
    );
  }
  return null;
}

/** The smallest default of the environments that are asked for, or that may be granted for a label; null when none has one. */
function smallestDefault(
  state: State,
  wants: readonly Want[],
  globs: readonly string[] | null,
  field: 'ttlMs' | 'maxHoldMs',
): number | null {
  let smallest: number | null = null;
  for (const want of wants) {
    const names =
      'environment' in want ? [want.environment] : state.queue.matching(want.labels, globs).map((place) => place.name);
    for (const name of names) {
      const value = state.environments.get(name)?.[field] ?? null;
      if (value !== null && (smallest === null || value < smallest)) smallest = value;
    }
  }
  return smallest;
}

function busyMessage(state: State, lease: LeaseRow): string {
  const first = blockers(state, lease)[0];
  if (first === undefined) return 'What was asked for is not free. Ask with ?wait= or queueSeconds to queue for it.';
  const what = first.environment ?? 'what was asked for';
  const by = first.holder?.name ?? 'someone without a name';
  const why = {
    held: `held by ${by}`,
    frozen: 'frozen',
    draining: 'being drained',
    dirty: 'waiting to be cleaned',
    queue: 'promised to an earlier request',
    building: 'being built',
    no_match: 'not there',
  }[first.why];
  return `${what} is ${why}. Ask with ?wait= or queueSeconds to queue for it.`;
}
