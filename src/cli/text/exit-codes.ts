// What the CLI exits with: one table from the codes of problems, the same for every command, so that a script can tell
// "not yet" from "never" from "not allowed". Codes of 64 and above are those of sysexits.h.

export const EXIT = {
  ok: 0,
  /** The answer is no: stale, failed. */
  no: 1,
  usage: 64,
  unreachable: 69,
  /** A mistake of ours. */
  internal: 70,
  /** The store, or a file that we were asked to write. */
  cannotWrite: 73,
  notGranted: 75,
  leaseLost: 76,
  notAllowed: 77,
  configuration: 78,
  cannotExecute: 126,
  commandNotFound: 127,
  interrupted: 130,
  terminated: 143,
} as const;

const BY_CODE: Readonly<Record<string, number>> = {
  // The server's.
  invalid_request: EXIT.usage,
  invalid_cursor: EXIT.usage,
  malformed_json: EXIT.usage,
  malformed_request: EXIT.usage,
  unknown_field: EXIT.usage,
  headers_too_large: EXIT.usage,
  invalid_name: EXIT.usage,
  invalid_duration: EXIT.usage,
  environment_unknown: EXIT.usage,
  never_satisfiable: EXIT.usage,
  no_match: EXIT.usage,
  duplicate_want: EXIT.usage,
  too_many_wants: EXIT.usage,
  idempotency_key_reused: EXIT.usage,
  lease_unknown: EXIT.usage,
  not_held: EXIT.usage,
  reason_required: EXIT.usage,
  freeze_unknown: EXIT.usage,
  key_not_found: EXIT.usage,
  unknown_route: EXIT.usage,
  method_not_allowed: EXIT.usage,
  unsupported_media_type: EXIT.usage,
  body_too_large: EXIT.usage,
  environment_busy: EXIT.notGranted,
  environment_draining: EXIT.notGranted,
  environment_in_use: EXIT.notGranted,
  queue_full: EXIT.notGranted,
  too_many_environments: EXIT.notGranted,
  too_many_keys: EXIT.notGranted,
  too_many_freezes: EXIT.notGranted,
  store_full: EXIT.notGranted,
  server_full: EXIT.notGranted,
  invalid_target: EXIT.usage,
  target_not_allowed: EXIT.notAllowed,
  too_many_waits: EXIT.notGranted,
  // Not yet: the same as a wait that is not long enough.
  signal_unset: EXIT.notGranted,
  signal_failed: EXIT.no,
  payload_too_large: EXIT.usage,
  too_many_signals: EXIT.notGranted,
  barrier_unknown: EXIT.usage,
  // 75 where it was the time that broke it (barrier.ts).
  barrier_broken: EXIT.no,
  barrier_differs: EXIT.usage,
  party_unknown: EXIT.usage,
  too_many_parties: EXIT.usage,
  too_many_barriers: EXIT.notGranted,
  build_unknown: EXIT.usage,
  too_many_builds: EXIT.notGranted,
  instance_unknown: EXIT.usage,
  image_unknown: EXIT.usage,
  too_many_images: EXIT.notGranted,
  pool_unknown: EXIT.usage,
  too_many_pools: EXIT.notGranted,
  job_lost: EXIT.notGranted,
  no_driver: EXIT.configuration,
  space_unknown: EXIT.usage,
  too_many_spaces: EXIT.notGranted,
  shutting_down: EXIT.unreachable,
  request_timeout: EXIT.unreachable,
  store_failed: EXIT.unreachable,
  lease_ended: EXIT.leaseLost,
  lease_revoked: EXIT.leaseLost,
  not_yours: EXIT.notAllowed,
  forbidden: EXIT.notAllowed,
  unauthenticated: EXIT.notAllowed,
  key_unknown: EXIT.notAllowed,
  key_expired: EXIT.notAllowed,
  priority_too_high: EXIT.notAllowed,
  too_many_attempts: EXIT.notAllowed,
  forged_request: EXIT.notAllowed,
  // The CLI's own.
  usage: EXIT.usage,
  unknown_command: EXIT.usage,
  unknown_option: EXIT.usage,
  unreachable: EXIT.unreachable,
  not_signalbox: EXIT.unreachable,
  not_granted: EXIT.notGranted,
  wait_timed_out: EXIT.notGranted,
  wait_failed: EXIT.no,
  barrier_open: EXIT.no,
  build_failed: EXIT.no,
  build_cancelled: EXIT.no,
  // By a signal; which one is said where it happens.
  stopped: EXIT.interrupted,
  lease_lost: EXIT.leaseLost,
  state_missing: EXIT.usage,
  state_unreadable: EXIT.usage,
  cannot_write: EXIT.cannotWrite,
  internal: EXIT.internal,
  // A server that did not start.
  bad_setting: EXIT.configuration,
  insecure_listen: EXIT.configuration,
  port_in_use: EXIT.configuration,
  address_unavailable: EXIT.configuration,
  store_in_use: EXIT.configuration,
  store_not_ours: EXIT.configuration,
  store_unsupported: EXIT.configuration,
  store_refused: EXIT.configuration,
  store_away: EXIT.unreachable,
  store_corrupt: EXIT.configuration,
  store_newer: EXIT.configuration,
  store_not_writable: EXIT.cannotWrite,
  // It failed while it served.
  store_broken: EXIT.cannotWrite,
};

/** The exit code of a problem; a code of a newer server is judged by its HTTP status. */
export function exitCodeOf(code: string, status?: number): number {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (status === undefined) return EXIT.internal;
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 429) return EXIT.notGranted;
  return status >= 500 ? EXIT.unreachable : EXIT.usage;
}

/** Every code that the table knows, for the test that all of them are documented. */
export const KNOWN_CODES: readonly string[] = Object.keys(BY_CODE);
