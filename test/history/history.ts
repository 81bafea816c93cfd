// A history: what clients asked of one signalbox, whatever number of servers it has, and what they were told. All moments are
// milliseconds of one monotonic clock, that of the clients. What always holds: what was asked took effect, if it did at all, after
// its start; what was answered was so at some moment between its start and its end.

export type Want =
  | { readonly environment: string }
  | { readonly labels: Record<string, string>; readonly count: number };

export interface Acquire {
  readonly kind: 'acquire';
  /** Its Idempotency-Key: the same ask may be repeated. */
  readonly key: string;
  readonly wants: readonly Want[];
  readonly priority: number;
  /** Null: until released. */
  readonly ttlMs: number | null;
  /** Whether it stands in the queue; else it is refused where it would have to. */
  readonly queues: boolean;
}

export type Asked =
  | Acquire
  | { readonly kind: 'poll' | 'renew' | 'release'; readonly lease: string }
  | { readonly kind: 'revoke'; readonly lease: string; readonly now: boolean }
  | { readonly kind: 'check'; readonly environment: string; readonly fence: number };

/** A lease as a reply showed it. */
export interface Seen {
  readonly id: string;
  readonly state: string;
  readonly fence: number | null;
  readonly granted: readonly string[];
}

export type Answer =
  | { readonly kind: 'lease'; readonly lease: Seen }
  /** Not done; a lease that has ended is shown. */
  | { readonly kind: 'refused'; readonly code: string; readonly lease: Seen | null }
  | { readonly kind: 'fence'; readonly current: boolean }
  /** The reply was lost: it may have happened, at any later time, or not. */
  | { readonly kind: 'unknown' }
  /** What no client should ever be told. */
  | { readonly kind: 'unexpected'; readonly text: string };

export interface Operation {
  readonly client: string;
  /** Just before it was sent. */
  readonly start: number;
  /** When the reply had been read completely; Infinity when it was lost. */
  readonly end: number;
  readonly asked: Asked;
  readonly answer: Answer;
}

export interface History {
  readonly operations: readonly Operation[];
  /** Slots of the environments that have more than one. */
  readonly capacities: ReadonlyMap<string, number>;
}

/** Servers count in whole milliseconds of clocks that are kept right: so much may a ttl be off. */
export const clockGrainMs = 5;

/** The lease that an answer shows. */
export function seenIn(answer: Answer): Seen | null {
  return answer.kind === 'lease' || answer.kind === 'refused' ? answer.lease : null;
}

/** The lease that is asked about. */
export function leaseOf({ asked }: Operation): string | null {
  return 'lease' in asked ? asked.lease : null;
}

export const isEnded = (state: string): boolean => state !== 'waiting' && state !== 'held';

/** The only environment that is asked for, by its name. */
export function onlyEnvironment({ wants }: Acquire): string | null {
  const [want] = wants;
  return wants.length === 1 && want !== undefined && 'environment' in want ? want.environment : null;
}
