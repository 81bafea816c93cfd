// What a probe is. A probe tries its target once and says how it found it; how often, and for whom, is the prober's business
// (prober.ts). What always holds: it connects only to the address that it is handed, which has been checked (allowed.ts), and
// when it has said something nothing of it is left: no socket, no timer, no session at the other end.

import type { ProbeTarget } from '../core/meet/target.ts';

/**
 * How a target was found:
 *   up            ready;
 *   unready       something answers there, and it is not ready (a 503, a database that is starting, a port that never answers);
 *   down          refused, gone, or there is no such name: what `invert` waits for;
 *   misconfigured it will never be ready for this question (a wrong password, a certificate that is not trusted): the wait fails.
 */
export interface Finding {
  readonly state: 'up' | 'unready' | 'down' | 'misconfigured';
  /** For people, without any secret: `connection refused`, `503 Service Unavailable`. */
  readonly detail: string;
}

/** What belongs to the question beside the target. Part of what makes two questions the same one. */
export interface ProbeOptions {
  /** How long one try may take. */
  readonly connectTimeoutMs: number;
  /** Longest time between two tries. */
  readonly intervalMs: number;
  /** http: which answers count as ready: codes, ranges, classes (`200`, `200-299`, `2xx`). */
  readonly status: string;
  /** http: what the body must contain; null: anything. */
  readonly contains: string | null;
  /** TLS without looking at the certificate. */
  readonly insecure: boolean;
}

/**
 * One way to connect: an address that was checked, and the name that was asked for (for TLS and for the header Host). For dns,
 * which connects to nothing, there is only the name.
 */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

/** One kind of probe. Never throws, and ends within `signal`, which aborts when the time of the try is over. */
export type Probe = (
  target: ProbeTarget,
  endpoint: Endpoint,
  options: ProbeOptions,
  signal: AbortSignal,
) => Promise<Finding>;

/** What is asked, on behalf of one who waits. */
export interface Question {
  readonly target: ProbeTarget;
  readonly options: ProbeOptions;
  /** How often in a row it must be found so. */
  readonly successes: number;
  /** Wait until it is down instead. */
  readonly invert: boolean;
}

/** What one who waits is told after each try. `failed` and `met` are final. */
export interface Standing {
  readonly state: 'pending' | 'met' | 'failed';
  /** Of the last try: `connection refused`. */
  readonly detail: string;
  /** Tries since the prober of this target began. */
  readonly tries: number;
  /** Wall time of the last try, milliseconds since 1970. */
  readonly triedAt: number;
}
