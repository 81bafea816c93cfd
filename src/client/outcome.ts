// What a request can come to. A refusal and an absent server are expected, so they are values; only bugs are exceptions.
//
// Must always hold: an answer counts only when it is JSON in the shape of /v1. A page of a
// proxy, a redirect or another program on that port is the same as no answer: whoever holds a lease must not believe it.

/** The server's refusal: an RFC 9457 problem with a stable `code`. Extras (`blockedBy`, `nearest`, `lease`) stand beside it. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status: number;
  readonly code: string;
  /** What happened and what to do, in a sentence. */
  readonly detail: string;
  readonly field?: string;
  readonly requestId?: string;
  readonly [extra: string]: unknown;
}

export interface Answer<Value> {
  readonly ok: true;
  readonly value: Value;
  readonly status: number;
  /** The server knew this Idempotency-Key already. */
  readonly replayed: boolean;
  /** The server asks not to be called again before this (a shutdown, mostly); null = it does not mind. */
  readonly retryAfterMs: number | null;
  readonly requestId: string | null;
}

export interface Refusal {
  readonly ok: false;
  readonly kind: 'problem';
  readonly status: number;
  readonly problem: Problem;
  readonly retryAfterMs: number | null;
}

/** No answer that counts. Whether the request was carried out is not known. */
export interface Unreachable {
  readonly ok: false;
  readonly kind: 'unreachable';
  /** A few words for people, such as `connection refused`. */
  readonly reason: string;
  /** The caller's own signal ended it. */
  readonly aborted: boolean;
  readonly retryAfterMs: number | null;
}

export type Failure = Refusal | Unreachable;
export type Outcome<Value> = Answer<Value> | Failure;

/** Whether the same request may succeed later without anybody changing anything: no answer, or a server that is not ready. */
export function isTransient(failure: Failure): boolean {
  return failure.kind === 'unreachable' ? !failure.aborted : failure.status === 503;
}

const wordsOfCode: Readonly<Record<string, string>> = {
  shutting_down: 'the server is restarting',
  store_failed: 'the server cannot write to its store',
  store_full: 'the server has no disk space left',
  server_full: 'the server takes no more connections',
  too_many_waits: 'too many wait there already',
};

/** A failure in a few words, for a sentence that goes on around it. */
export function failureWords(failure: Failure): string {
  if (failure.kind === 'unreachable') return failure.reason;
  return wordsOfCode[failure.problem.code] ?? `the server refuses it: ${failure.problem.code}`;
}
