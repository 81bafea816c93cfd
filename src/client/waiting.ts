// Waits for any or all of a list of conditions for as long as it takes, through lost connections, restarts of the server and
// 503s, and tells of each condition as it comes.
//
// It asks in pieces: `any` of what is still missing, for some seconds at most. Where there is no time for waiting it asks once,
// and the server looks at each. Must always hold: a condition counts once it was met while we waited (semantics: signals,
// barriers, waits); a failure ends the wait at once; time is counted here, by a monotonic clock, so that an absence of the server
// prolongs nothing.
// Each piece looks at how things stand when it begins: a signal that is set and cleared between two pieces is not seen.

import type { Client } from './client.ts';
import type { Conditions } from './conditions.ts';
import { Contact } from './contact.ts';
import { type Failure, isTransient, type Refusal } from './outcome.ts';
import { pause } from './pause.ts';
import type { ConditionReply, Holder, WaitCondition, WaitReply } from './types.ts';

export type WaitEvent =
  /** How things stand is known anew; `settled`: what was met or has failed by this. */
  | { readonly kind: 'heard'; readonly settled: readonly number[] }
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'back'; readonly awayMs: number };

export type WaitingEnd =
  | { readonly kind: 'over'; readonly reply: WaitReply }
  /** `asked`: which conditions were asked for, in the order that a field like `any.0.target` counts them. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly asked: readonly number[] }
  | { readonly kind: 'unreachable'; readonly reason: string; readonly triedMs: number }
  | { readonly kind: 'stopped' };

export interface WaitingAsk {
  readonly conditions: readonly WaitCondition[];
  readonly holder?: Partial<Holder>;
  /** null = as long as it takes; 0 = one look. */
  readonly timeoutMs: number | null;
  /** How long one piece lasts at most, counted from 1; 0 = until each probe was tried once. */
  readonly pieceMs: (piece: number) => number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** How long to try until the server answers for the first time. */
  readonly firstContactMs: number;
  /** How long it may be away afterwards; null = as long as it takes. */
  readonly maxAwayMs: number | null;
  readonly onEvent: (event: WaitEvent) => void;
}

/** `standing` is filled in as things are heard; one per wait. */
export async function waitUntil(client: Client, ask: WaitingAsk, standing: Conditions): Promise<WaitingEnd> {
  const startedAt = performance.now();
  const endAt = ask.timeoutMs === null ? null : startedAt + ask.timeoutMs;
  const over = (outcome: WaitReply['outcome']): WaitingEnd => ({
    kind: 'over',
    reply: standing.reply(outcome, performance.now() - startedAt),
  });
  const contact = new Contact({
    ...{ signal: ask.signal, firstContactMs: ask.firstContactMs, maxAwayMs: ask.maxAwayMs, endAt },
    onAway: (reason) => ask.onEvent({ kind: 'away', reason }),
  });
  const isLook = ask.timeoutMs === 0;
  for (let piece = 1; !ask.signal.aborted; piece++) {
    const { missing } = standing;
    const sentAt = performance.now();
    // However little is left it is some time, or the server would try each probe once more.
    const leftMs = endAt === null ? Number.POSITIVE_INFINITY : Math.max(1, endAt - sentAt);
    const pieceMs = isLook ? 0 : Math.min(ask.pieceMs(piece), leftMs);
    const asked = missing.map((index) => ask.conditions[index] as WaitCondition);
    const outcome = await client.wait(
      {
        ...(isLook && standing.mode === 'all' ? { all: asked } : { any: asked }),
        timeoutSeconds: pieceMs / 1000,
        ...(ask.holder !== undefined && { holder: ask.holder }),
      },
      { signal: ask.signal, ...(pieceMs === 0 && { timeoutMs: lookLimitMs(asked) }) },
    );
    if (ask.signal.aborted) break;
    if (!outcome.ok) {
      const end = await failed(outcome, missing, contact);
      if (end === null) continue;
      // It was there, and it is the time for waiting that has run out.
      const isLate = endAt !== null && performance.now() >= endAt && contact.everAnswered;
      return isLate && end.kind !== 'stopped' ? over('timed_out') : end;
    }
    const settled = note(standing, missing, outcome.value);
    contact.answered((awayMs) => ask.onEvent({ kind: 'back', awayMs }));
    ask.onEvent({ kind: 'heard', settled });
    if (standing.outcome !== null) return over(standing.outcome);
    if (endAt !== null && performance.now() >= endAt) return over('timed_out');
    // An answer before its time that tells nothing new. Never a tight loop.
    const isEarly = settled.length === 0 && performance.now() - sentAt < Math.min(pieceMs / 2, 1000);
    if (isEarly) await pause(Math.max(outcome.retryAfterMs ?? 0, 500), ask.signal);
  }
  return { kind: 'stopped' };
}

/** Null: ask again. */
async function failed(failure: Failure, asked: readonly number[], contact: Contact): Promise<WaitingEnd | null> {
  const isFull = failure.kind === 'problem' && failure.problem.code === 'too_many_waits';
  if (!isFull && !isTransient(failure)) {
    return failure.kind === 'problem' ? { kind: 'refused', refusal: failure, asked } : { kind: 'stopped' };
  }
  const givenUp = await contact.failed(failure);
  if (givenUp === null) return null;
  return failure.kind === 'problem'
    ? { kind: 'refused', refusal: failure, asked }
    : { kind: 'unreachable', ...givenUp };
}

/** A look lasts as long as the longest try, and perhaps as one before it that somebody else asked for; 10 s are for the way. */
function lookLimitMs(conditions: readonly WaitCondition[]): number {
  const tries = conditions.map(({ connectTimeoutSeconds = 5 }) => connectTimeoutSeconds * 1000);
  return 2 * Math.max(...tries) + 10_000;
}

/** Which of them are settled by this. */
function note(standing: Conditions, asked: readonly number[], reply: WaitReply): number[] {
  const heardAt = performance.now();
  return asked.filter((index, place) => {
    const condition = reply.conditions[place];
    return condition !== undefined && standing.note(index, condition, heardAt, triedAgoMs(condition, reply));
  });
}

/** By the server's clock, which is not ours: the wait ended so long after it began. */
function triedAgoMs({ since, triedAt }: ConditionReply, { waitedSeconds }: WaitReply): number | null {
  if (triedAt === null) return null;
  const agoMs = Date.parse(since) + waitedSeconds * 1000 - Date.parse(triedAt);
  return Number.isNaN(agoMs) ? null : agoMs;
}
