// Follows a build until its machines run, through lost connections and restarts of the server, and tells how it stands whenever
// that is heard.
//
// It asks in pieces: whoever asks is answered when the build is another one than what is known of it, or when the piece is over.
// Must always hold: what happens between two pieces is heard at once, since each says how far the one before has come (`after`); the
// build itself goes on whether anybody follows it or not; time is counted here, by a monotonic clock, so that an absence of the
// server prolongs nothing.

import type { Client } from './client.ts';
import { Contact } from './contact.ts';
import { isTransient, type Refusal } from './outcome.ts';
import { pause } from './pause.ts';
import type { Build } from './types-machines.ts';

export type BuildEvent =
  | { readonly kind: 'heard'; readonly build: Build }
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'back'; readonly awayMs: number };

/** What a build has come to. `cancelled` as soon as its machines are being ended: it will have none. */
export type BuildOutcome = 'runs' | 'failed' | 'cancelled';

export type FollowEnd =
  | { readonly kind: 'over'; readonly outcome: BuildOutcome; readonly build: Build }
  | { readonly kind: 'timed_out'; readonly build: Build }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'stopped' };

export interface FollowAsk {
  /** As it stood when it was asked for. */
  readonly build: Build;
  /** null = as long as it takes; 0 = as it stands. */
  readonly timeoutMs: number | null;
  /** Ends the following. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
}

/** How long a piece lasts at most while nothing happens: shorter than what proxies cut. */
const pieceMs = 30_000;
/** An eighth of a second: written in seconds and read again it is the same number. */
const gridMs = 125;

/** null: it is under way. */
export function buildOutcome({ state, cancelling }: Build): BuildOutcome | null {
  if (state === 'cancelled' || cancelling !== null) return 'cancelled';
  if (state === 'started' || state === 'finished') return 'runs';
  return state === 'failed' ? 'failed' : null;
}

export async function followBuild(client: Client, ask: FollowAsk): Promise<FollowEnd> {
  const { signal, timeoutMs, onEvent } = ask;
  const endAt = timeoutMs === null ? null : performance.now() + timeoutMs;
  const isLate = (): boolean => endAt !== null && performance.now() >= endAt;
  const onAway = (reason: string): void => onEvent({ kind: 'away', reason });
  const contact = new Contact({ signal, firstContactMs: 0, endAt, onAway });
  contact.answered();
  let { build } = ask;
  onEvent({ kind: 'heard', build });
  while (!signal.aborted) {
    const outcome = buildOutcome(build);
    if (outcome !== null) return { kind: 'over', outcome, build };
    if (isLate()) return { kind: 'timed_out', build };
    const sentAt = performance.now();
    const leftMs = endAt === null ? Number.POSITIVE_INFINITY : Math.max(1, endAt - sentAt);
    const heldMs = Math.ceil(Math.min(pieceMs, leftMs) / gridMs) * gridMs;
    const answer = await client.build(build.id, { wait: heldMs / 1000, after: build.seq, signal });
    if (signal.aborted) break;
    if (!answer.ok) {
      if (!isTransient(answer))
        return answer.kind === 'problem' ? { kind: 'refused', refusal: answer } : { kind: 'stopped' };
      // However long the server is away: only the time for all of it can be over.
      if ((await contact.failed(answer)) === null) continue;
      return { kind: 'timed_out', build };
    }
    const isNews = answer.value.seq !== build.seq;
    build = answer.value;
    contact.answered((awayMs) => onEvent({ kind: 'back', awayMs }));
    onEvent({ kind: 'heard', build });
    // An answer before its time that tells nothing new. Never a tight loop.
    const isEarly = !isNews && performance.now() - sentAt < Math.min(heldMs / 2, 1000);
    if (isEarly) await pause(Math.max(answer.retryAfterMs ?? 0, 500), signal);
  }
  return { kind: 'stopped' };
}
