// Meets others at a barrier: declares it, arrives, and waits for everybody, through lost connections and restarts of the server.
//
// Must always hold: a party arrives once however often it is asked, because an arrival is idempotent per party; the outcome is
// the one that all others get, also when the barrier opened or broke while we could not hear of it.

import type { Client } from './client.ts';
import { Contact } from './contact.ts';
import { type Failure, isTransient, type Outcome, type Problem, type Refusal } from './outcome.ts';
import { pause } from './pause.ts';
import type { ArrivalRequest, Barrier, BarrierRequest } from './types.ts';

export type MeetEvent =
  /** Who is there changed, or it is known for the first time. */
  | { readonly kind: 'arrived'; readonly barrier: Barrier }
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'back'; readonly awayMs: number };

export type MeetEnd =
  | { readonly kind: 'open'; readonly barrier: Barrier }
  | { readonly kind: 'broken'; readonly problem: Problem; readonly barrier: Barrier }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'unreachable'; readonly reason: string; readonly triedMs: number }
  | { readonly kind: 'stopped' };

export interface MeetAsk {
  readonly name: string;
  /** Empty: the one without a generation. */
  readonly generation: string;
  readonly arrival: ArrivalRequest;
  /** null: somebody else has declared it. */
  readonly declaration: BarrierRequest | null;
  /** Seconds of one long poll, at most 60. */
  readonly pollSeconds: number;
  /** Ends the waiting; the arrival stays. */
  readonly signal: AbortSignal;
  readonly firstContactMs: number;
  /** null = as long as it takes. */
  readonly maxAwayMs: number | null;
  readonly onEvent: (event: MeetEvent) => void;
}

export async function meet(client: Client, ask: MeetAsk): Promise<MeetEnd> {
  const { name, generation, signal } = ask;
  const contact = new Contact({
    ...{ signal, firstContactMs: ask.firstContactMs, maxAwayMs: ask.maxAwayMs },
    onAway: (reason) => ask.onEvent({ kind: 'away', reason }),
  });
  let declared = ask.declaration === null;
  let seen: Barrier | null = null;
  /** Since it last said that we have arrived: a store in memory may have been restarted. */
  let wasAway = false;
  while (!signal.aborted) {
    const sentAt = performance.now();
    // The first answer comes at once, so that somebody who looks sees who is there.
    const wait: number = seen === null ? 0 : ask.pollSeconds;
    const outcome: Outcome<Barrier> =
      !declared && ask.declaration !== null
        ? await client.putBarrier(name, ask.declaration, { generation, signal })
        : await client.arrive(name, ask.arrival, { generation, wait, signal });
    if (signal.aborted) break;
    if (!outcome.ok) {
      if (wasAway && declared && ask.declaration !== null && isUnknown(outcome)) {
        declared = false;
        // Others may forget it as fast as we declare it.
        await pause(1000, signal);
        continue;
      }
      wasAway ||= isTransient(outcome);
      const end = await failed(outcome, contact);
      if (end !== null) return end;
      continue;
    }
    const barrier = outcome.value;
    contact.answered((awayMs) => ask.onEvent({ kind: 'back', awayMs }));
    if (!declared) {
      declared = true;
      continue;
    }
    wasAway = false;
    if (barrier.state === 'open') return { kind: 'open', barrier };
    const isNews = seen?.seq !== barrier.seq;
    if (isNews) ask.onEvent({ kind: 'arrived', barrier });
    // An answer before its time that tells nothing new: a server that shuts down. Never a tight loop.
    const isEarly = !isNews && performance.now() - sentAt < Math.min(wait * 500, 1000);
    if (isEarly) await pause(Math.max(outcome.retryAfterMs ?? 0, 500), signal);
    seen = barrier;
  }
  return { kind: 'stopped' };
}

/** Null: ask again. */
async function failed(failure: Failure, contact: Contact): Promise<MeetEnd | null> {
  if (failure.kind === 'problem') {
    const barrier = brokenBarrier(failure.problem);
    if (barrier !== null) return { kind: 'broken', problem: failure.problem, barrier };
  }
  const isFull = failure.kind === 'problem' && failure.problem.code === 'too_many_waits';
  if (!isFull && !isTransient(failure)) {
    return failure.kind === 'problem' ? { kind: 'refused', refusal: failure } : { kind: 'stopped' };
  }
  const givenUp = await contact.failed(failure);
  if (givenUp === null) return null;
  return failure.kind === 'problem' ? { kind: 'refused', refusal: failure } : { kind: 'unreachable', ...givenUp };
}

function isUnknown(failure: Failure): boolean {
  return failure.kind === 'problem' && failure.problem.code === 'barrier_unknown';
}

function brokenBarrier({ code, barrier }: Problem): Barrier | null {
  return code === 'barrier_broken' && typeof barrier === 'object' && barrier !== null ? (barrier as Barrier) : null;
}
