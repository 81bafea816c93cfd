// When a lease is renewed, and when its child is stopped if it could not be. Pure arithmetic (docs/run.md, "Timing").
//
// Must always hold: `killAt` is before the moment at which the server could let anyone else in, whatever the network did, because
// everything is counted from before the last acknowledged renewal was *sent*; and `termAt` leaves the child its stop time.
// All times are milliseconds; instants are of one clock that never goes back.

export const minTtlMs = 10_000;
export const defaultTtlMs = 120_000;
const longestStopMs = 10_000;
/** Runners kill about 10 s after they asked, and the release needs a moment too. */
const longestStopInCiMs = 7_000;

/** `L`: how long the lease is surely ours from the moment at which its renewal was sent. */
export function leaseMs(ttlMs: number, expiresInMs: number | null): number {
  return Math.max(expiresInMs === null ? ttlMs : Math.min(ttlMs, expiresInMs), 0);
}

/** `m`: kept free before the end of the lease, for slow processes and a slightly slower clock. */
export function marginMs(leaseMs: number): number {
  return Math.max(1000, leaseMs * 0.02);
}

/** `g`: how long the child may take to stop by itself. `killAfterMs` (--kill-after) caps it. */
export function stopMs(leaseMs: number, limits: { ci: boolean; killAfterMs?: number | null }): number {
  const longest = limits.ci ? longestStopInCiMs : longestStopMs;
  return Math.min(longest, leaseMs / 4, limits.killAfterMs ?? longest);
}

export interface Schedule {
  readonly renewAt: number;
  /** Time limit of one request to renew. */
  readonly requestTimeoutMs: number;
  readonly termAt: number;
  readonly killAt: number;
}

/** `s` is `sentAt`: just before sending the last renewal that was acknowledged. */
export function schedule(sentAt: number, leaseMs: number, stopMs: number): Schedule {
  const killAt = sentAt + leaseMs - marginMs(leaseMs);
  return {
    renewAt: sentAt + leaseMs / 4,
    requestTimeoutMs: Math.max(Math.min(5000, leaseMs / 8), 1),
    termAt: killAt - stopMs,
    killAt,
  };
}
