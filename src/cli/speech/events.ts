// What happens in a run, as it is told to people (this folder) and to scripts (`--events`, `--result`). Durations are
// milliseconds that have passed; texts are as the server sent them, so every mouth makes them fit to be shown.

import type { Lease } from '../../client/types.ts';

export interface Ahead {
  readonly name: string;
  readonly holds: boolean;
}

/** Why the lease is no longer ours. */
export type Loss =
  /** Somebody took it away; until it is released or its time ends nobody else is let in, unless it was taken `now`. */
  | { readonly kind: 'revoked'; readonly by: string; readonly reason: string | null; readonly ended: boolean }
  /** It ended otherwise: max_hold, expired, environment_deleted … */
  | { readonly kind: 'ended'; readonly how: string; readonly by: string; readonly reason: string | null }
  /** The server does not know it (any more). */
  | { readonly kind: 'unknown' }
  /** No renewal was acknowledged in time. */
  | { readonly kind: 'unrenewed'; readonly sinceMs: number; readonly reason: string }
  /** It was renewed to the last, and may not be held for longer. */
  | { readonly kind: 'max_hold' }
  /** This machine slept, or this process was stopped, for longer than the lease lasts. */
  | { readonly kind: 'asleep'; readonly sinceMs: number };

/** What made us stop the child, other than a loss. */
export type StopCause = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'parent_gone';

export interface Stopping {
  /** Everything that was sent, in order; empty: the watchdog killed it. */
  readonly sent: readonly ('INT' | 'TERM' | 'KILL')[];
  readonly tookMs: number;
  /** How long before the earliest moment at which anybody else could have been let in; negative: after it. null: unknown. */
  readonly spareMs: number | null;
}

export type RunEvent =
  | { readonly kind: 'created'; readonly environment: string; readonly nearest: string | null }
  | { readonly kind: 'queued'; readonly lease: Lease; readonly ahead: readonly Ahead[] }
  | { readonly kind: 'moved'; readonly lease: Lease }
  | { readonly kind: 'lost_place' }
  | { readonly kind: 'away'; readonly reason: string; readonly queued: boolean }
  | { readonly kind: 'back'; readonly awayMs: number; readonly lease: Lease }
  | { readonly kind: 'left'; readonly cause: StopCause; readonly waitedMs: number; readonly confirmed: boolean }
  /** The wait is over without a lease; the error itself is printed by whoever ends the process. */
  | { readonly kind: 'not_granted'; readonly waitedMs: number }
  | { readonly kind: 'granted'; readonly lease: Lease; readonly waitedMs: number }
  | { readonly kind: 'renewed'; readonly expiresInMs: number }
  | { readonly kind: 'renewal_failing'; readonly reason: string; readonly stopInMs: number }
  | { readonly kind: 'renewed_again'; readonly failingMs: number }
  | { readonly kind: 'not_suspended' }
  | { readonly kind: 'passed_on'; readonly cause: StopCause; readonly signal: 'INT' | 'TERM' }
  | { readonly kind: 'lost'; readonly loss: Loss; readonly heldMs: number }
  | { readonly kind: 'stopped'; readonly stopping: Stopping }
  | { readonly kind: 'leftovers'; readonly count: number; readonly killed: boolean }
  /** The last line, always: what became of the lease and what the exit code stands for. */
  | { readonly kind: 'ended'; readonly ending: Ending };

export interface Ending {
  readonly outcome: 'ran' | 'lost' | 'not_started';
  readonly exitCode: number;
  /** What became of the lease when it was given back. */
  readonly release: 'released' | 'already_ended' | 'unconfirmed';
  readonly heldMs: number;
  /** The signal that ended the command, or that we ended it for. */
  readonly signal: string | null;
  /** Who is next, where it is known. */
  readonly next: string | null;
  /** When `unconfirmed`: how long until the lease ends by itself. */
  readonly endsInMs: number | null;
  /** The dashboard's page of the lease. */
  readonly page: string | null;
  /** Whether the command was started. */
  readonly ranAtAll: boolean;
  /** Why it was not, unless the lease was lost. */
  readonly why: string | null;
}
