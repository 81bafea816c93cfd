// Asks for a lease and waits for it, through lost connections, restarts of the server and 503s, without losing the place in the
// queue and without ever taking a second slot.
//
// Modes: asking (POST, one Idempotency-Key, replayed until it is answered) → waiting (long polls on the lease, for ever) → an end.
// Must always hold: a key is made once per logical ask, so that a replay is the same lease; only `granted` means that the lease
// is ours; whoever gives up leaves the queue (`leavePlace`), and where even that fails the server's grace ends the place.
// The one case of a second ask: the server ended the place because it did not hear from us (`absent`), or the grant ran out
// before we heard of it. Nothing runs yet then, so a new ask, with a new key, is what the caller wants.

import type { Client } from './client.ts';
import { Contact } from './contact.ts';
import { type Failure, isTransient, type Outcome, type Problem } from './outcome.ts';
import { pause } from './pause.ts';
import type { Lease, LeaseRequest } from './types.ts';

export type PlaceEvent =
  | { readonly kind: 'queued'; readonly lease: Lease }
  /** Something that a person may want to know changed: place, blockers, eta. */
  | { readonly kind: 'moved'; readonly lease: Lease }
  | { readonly kind: 'away'; readonly reason: string; readonly queued: boolean }
  | { readonly kind: 'back'; readonly awayMs: number; readonly lease: Lease }
  /** The server gave the place away while it could not be reached; a new one was asked for. */
  | { readonly kind: 'lost_place' };

export type PlaceEnd =
  | { readonly kind: 'granted'; readonly lease: Lease; readonly secret: string | null }
  /** The server will not grant it: the problem says why. */
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** It was in the queue and ended there: timed_out, cancelled, revoked. */
  | { readonly kind: 'ended'; readonly lease: Lease }
  | { readonly kind: 'unreachable'; readonly reason: string; readonly triedMs: number }
  | { readonly kind: 'stopped' };

/** The server does not know the lease any more (a store in memory that was restarted): the place is gone as if it were absent. */
type OnePlaceEnd = PlaceEnd | { readonly kind: 'forgotten' };

export interface Ask {
  readonly request: LeaseRequest;
  readonly idempotencyKey: string;
  /** Ends the waiting; then call `leavePlace`. */
  readonly signal: AbortSignal;
  /** How long to try until the server answers for the first time. */
  readonly firstContactMs: number;
  /** How long it may be away afterwards; null = as long as it takes. */
  readonly maxAwayMs?: number | null;
  /** How long to try in all when no answer comes; for the time in the queue the server itself keeps watch (`queueSeconds`). */
  readonly maxTotalMs?: number | null;
  /** Seconds of one long poll, at most 60. */
  readonly pollSeconds?: number;
  readonly onEvent?: (event: PlaceEvent) => void;
}

/** What `leavePlace` needs to know; filled in by `takePlace` as it learns it. */
export interface Place {
  id: string | null;
  secret: string | null;
  /** The last ask was sent and not answered: it may have made a lease. */
  unanswered: LeaseRequest | null;
  idempotencyKey: string;
}

export function newPlace(): Place {
  return { id: null, secret: null, unanswered: null, idempotencyKey: '' };
}

export async function takePlace(client: Client, ask: Ask, place: Place = newPlace()): Promise<PlaceEnd> {
  const startedAt = performance.now();
  const { maxTotalMs = null } = ask;
  const endAt = maxTotalMs === null ? null : startedAt + maxTotalMs;
  for (let generation = 1; ; generation++) {
    place.idempotencyKey = generation === 1 ? ask.idempotencyKey : `${ask.idempotencyKey}.${generation}`;
    const end = await onePlace(client, { ...ask, request: remaining(ask.request, startedAt) }, place, endAt);
    if (end.kind !== 'forgotten' && !(end.kind === 'ended' && lostUnheard(end.lease))) return end;
    if (ask.signal.aborted) return { kind: 'stopped' };
    ask.onEvent?.({ kind: 'lost_place' });
    // A server that loses places faster than this is asked no faster.
    await pause(1000, ask.signal);
  }
}

async function onePlace(client: Client, ask: Ask, place: Place, endAt: number | null): Promise<OnePlaceEnd> {
  const contact = new Contact({
    ...{ signal: ask.signal, firstContactMs: ask.firstContactMs, maxAwayMs: ask.maxAwayMs ?? null, endAt },
    onAway: (reason) => ask.onEvent?.({ kind: 'away', reason, queued: place.id !== null }),
  });
  place.id = null;
  place.unanswered = ask.request;
  let seq: number | null = null;
  let shown = '';
  while (!ask.signal.aborted) {
    const sentAt = performance.now();
    const outcome: Outcome<Lease> = await send(client, ask, place, seq);
    if (ask.signal.aborted) {
      if (isAnswer(outcome)) adopt(place, outcome);
      break;
    }
    if (!outcome.ok) {
      const end = endOf(outcome, place);
      if (end) return end;
      const givenUp = await contact.failed(outcome);
      if (givenUp) return { kind: 'unreachable', ...givenUp };
      continue;
    }
    adopt(place, outcome);
    const lease = outcome.value;
    contact.answered((awayMs) => ask.onEvent?.({ kind: 'back', awayMs, lease }));
    if (lease.state === 'held') return { kind: 'granted', lease, secret: place.secret };
    if (lease.state !== 'waiting') return { kind: 'ended', lease };
    if (seq === null) ask.onEvent?.({ kind: 'queued', lease });
    else if (shown !== look(lease)) ask.onEvent?.({ kind: 'moved', lease });
    const unchanged = seq === lease.seq;
    seq = lease.seq;
    shown = look(lease);
    // An answer before its time that tells nothing new: a server that shuts down. Never a tight loop.
    const tookMs = performance.now() - sentAt;
    if (unchanged && tookMs < 1000) await pause(Math.max(outcome.retryAfterMs ?? 0, 500), ask.signal);
    else if (outcome.retryAfterMs !== null) await pause(Math.min(outcome.retryAfterMs, 2000), ask.signal);
  }
  return { kind: 'stopped' };
}

function send(client: Client, ask: Ask, place: Place, seq: number | null): Promise<Outcome<Lease>> {
  if (place.id === null || seq === null) {
    return client.acquire(ask.request, { idempotencyKey: place.idempotencyKey, signal: ask.signal });
  }
  const wait = Math.min(ask.pollSeconds ?? 30, 60);
  return client.lease(place.id, { secret: place.secret, wait, after: seq, signal: ask.signal });
}

/** Whether it is known now what the asking has made. */
function isAnswer(outcome: Outcome<Lease>): boolean {
  return outcome.ok || (outcome.kind === 'problem' && !isTransient(outcome));
}

function adopt(place: Place, outcome: Outcome<Lease>): void {
  place.unanswered = null;
  if (!outcome.ok) return;
  place.id = outcome.value.id;
  place.secret = outcome.value.secret ?? place.secret;
}

/** The end that a failure is; null when the same may be asked again. */
function endOf(failure: Failure, place: Place): OnePlaceEnd | null {
  if (isTransient(failure)) return null;
  place.unanswered = null;
  if (failure.kind === 'unreachable') return { kind: 'stopped' };
  if (failure.problem.code === 'lease_unknown' && place.id !== null) return { kind: 'forgotten' };
  const lease = endedLease(failure.problem);
  return lease ? { kind: 'ended', lease } : { kind: 'refused', problem: failure.problem };
}

/**
 * Leaves the queue, or gives back what was granted in the same moment. Tries for `budgetMs`; true when the server confirmed.
 * An ask that was never answered is replayed first, because only its answer tells which lease to leave.
 */
export async function leavePlace(client: Client, place: Place, budgetMs: number): Promise<boolean> {
  const endAt = performance.now() + budgetMs;
  const leftMs = () => endAt - performance.now();
  while (leftMs() > 0) {
    const timeoutMs = Math.max(Math.min(leftMs(), 3000), 1);
    if (place.id === null) {
      if (place.unanswered === null) return true;
      const asked = await client.acquire(place.unanswered, { idempotencyKey: place.idempotencyKey, timeoutMs });
      if (isAnswer(asked)) adopt(place, asked);
    } else {
      const released = await client.release(place.id, { secret: place.secret, timeoutMs });
      if (released.ok || !isTransient(released)) return true;
    }
    if (place.id === null) await pause(Math.min(200, leftMs()));
  }
  return false;
}

/** What is left of the time in the queue when it is asked for again. */
function remaining(request: LeaseRequest, startedAt: number): LeaseRequest {
  if (request.queueSeconds == null || request.queueSeconds === 0) return request;
  const leftSeconds = Math.ceil(request.queueSeconds - (performance.now() - startedAt) / 1000);
  return { ...request, queueSeconds: Math.max(leftSeconds, 1) };
}

/** It ended because the server did not hear from us, and we never heard that it was ours. */
function lostUnheard(lease: Lease): boolean {
  return lease.end?.how === 'absent' || lease.end?.how === 'expired';
}

function endedLease(problem: Problem): Lease | null {
  const lease = problem.code === 'lease_ended' ? problem.lease : null;
  return typeof lease === 'object' && lease !== null ? (lease as Lease) : null;
}

/** What a person would see of its standing. */
function look(lease: Lease): string {
  return JSON.stringify([lease.position, lease.blockedBy]);
}
