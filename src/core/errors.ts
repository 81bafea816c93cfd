// Everything that Signalbox can refuse, as codes. A refusal is an expected outcome, not an exception: commands return it.
// Codes are promises to scripts: they are never renamed. HTTP status and CLI exit follow from the code in one table each.

export const refusalCodes = [
  'invalid_name',
  'invalid_request',
  'environment_busy',
  'environment_unknown',
  'environment_draining',
  'environment_in_use',
  'too_many_environments',
  'never_satisfiable',
  'no_match',
  'duplicate_want',
  'too_many_wants',
  'priority_too_high',
  'queue_full',
  'idempotency_key_reused',
  'lease_unknown',
  'lease_ended',
  'lease_revoked',
  'not_held',
  'not_yours',
  'forbidden',
  'reason_required',
  'freeze_unknown',
  'key_not_found',
  'too_many_keys',
  'too_many_freezes',
  'invalid_target',
  'target_not_allowed',
  'too_many_waits',
  'signal_unset',
  'signal_failed',
  'payload_too_large',
  'too_many_signals',
  'barrier_unknown',
  'barrier_broken',
  'barrier_differs',
  'party_unknown',
  'too_many_parties',
  'too_many_barriers',
  'build_unknown',
  'too_many_builds',
  'instance_unknown',
  'image_unknown',
  'too_many_images',
  'pool_unknown',
  'too_many_pools',
  'job_lost',
  'no_driver',
  'space_unknown',
  'too_many_spaces',
] as const;

export type RefusalCode = (typeof refusalCodes)[number];

/** An expected "no": a stable code and a sentence that says what happened and what to do. */
export interface Refusal {
  readonly ok: false;
  readonly code: RefusalCode;
  readonly message: string;
  /** The field of the request that is at fault, where one is. */
  readonly field?: string;
  /** Facts that a program can use: `nearest`, `needs`, `has`, `lease` (an id), … */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface Accepted<T> {
  readonly ok: true;
  readonly value: T;
}

export type Outcome<T> = Accepted<T> | Refusal;

export const accept = <T>(value: T): Accepted<T> => ({ ok: true, value });

export function refuse(
  code: RefusalCode,
  message: string,
  more: { field?: string; facts?: Readonly<Record<string, unknown>> } = {},
): Refusal {
  return { ok: false, code, message, ...more };
}
