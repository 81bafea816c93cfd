// Every error that a reply can carry: its stable code, its HTTP status, and what it means. docs/errors.md is made from this
// table, and a test keeps it so; codes are never renamed.

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What a reader can do about it. */
  readonly remedy: string;
}

export const problemKinds = {
  // The request itself.
  malformed_json: { status: 400, title: 'The body is not JSON', remedy: 'Send valid JSON in UTF-8.' },
  malformed_request: {
    status: 400,
    title: 'The request is not valid HTTP for this route',
    remedy: 'Mind repeated headers, malformed escapes in the path, and bodies where none belong.',
  },
  invalid_request: {
    status: 400,
    title: 'A field has a wrong type or value',
    remedy: 'Correct the field that `field` names; the shapes are at /docs.',
  },
  unknown_field: {
    status: 400,
    title: 'The request has a field that is not known',
    remedy: 'Remove it or correct its name; the known ones are at /docs.',
  },
  invalid_name: {
    status: 422,
    title: 'The name is not allowed',
    remedy: 'Names have 1 to 200 characters and no control characters.',
  },
  invalid_duration: {
    status: 422,
    title: 'The duration is not allowed',
    remedy: 'Durations are numbers of seconds within the bounds that `detail` names.',
  },
  invalid_cursor: {
    status: 400,
    title: 'The cursor is not one of ours',
    remedy: 'Use `next` of the page before, unchanged.',
  },
  headers_too_large: { status: 431, title: 'The headers are too large', remedy: 'Headers may have 16 KiB in all.' },
  request_timeout: {
    status: 408,
    title: 'The request did not come in time',
    remedy: 'Headers may take 5 seconds, the whole request 15. Long polls are not cut by this.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    remedy: 'Bodies may have 64 KiB, that of a signal 72 KiB.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body is not declared as JSON',
    remedy: 'Send Content-Type: application/json.',
  },
  unknown_route: {
    status: 404,
    title: 'There is no such route',
    remedy: 'Look at the nearest route in `nearest`, or at /docs.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route does not take this method',
    remedy: 'Use one of the methods in the header Allow.',
  },
  // Who asks.
  unauthenticated: {
    status: 401,
    title: 'A key is needed',
    remedy: 'Send Authorization: Bearer with a key; an admin makes one with signalbox key create.',
  },
  key_unknown: {
    status: 401,
    title: 'The server does not know this key',
    remedy: 'It may be mistyped, revoked, or of another server. Ask an admin for a new one.',
  },
  key_expired: { status: 401, title: 'The key has expired', remedy: 'Ask an admin for a new one.' },
  too_many_attempts: {
    status: 429,
    title: 'Too many wrong keys from this address',
    remedy: 'Wait a minute, then use a right key.',
  },
  forbidden: {
    status: 403,
    title: 'The key may not do this',
    remedy: '`needs` names the scope that is missing, `has` what the key may do.',
  },
  not_yours: {
    status: 403,
    title: 'The lease is of somebody else',
    remedy: 'Use the key that asked for it, show its secret, or use a key with force.',
  },
  priority_too_high: {
    status: 403,
    title: 'The key may not use this priority',
    remedy: 'Use a lower one, or ask an admin for a key with a higher maxPriority.',
  },
  forged_request: {
    status: 403,
    title: 'The request came from a web page of another site',
    remedy: 'Use the CLI or curl, the address that the server prints, or configure a key.',
  },
  // Environments and leases.
  environment_unknown: {
    status: 404,
    title: 'There is no such environment',
    remedy: 'Look for a typo (`nearest`), or declare it.',
  },
  environment_busy: {
    status: 409,
    title: 'The environment is not free',
    remedy: 'Queue for it with ?wait= or queueSeconds; `blockedBy` says who holds it.',
  },
  environment_draining: {
    status: 409,
    title: 'The environment is being drained',
    remedy: 'Use another one, or ask whoever drains it.',
  },
  environment_in_use: {
    status: 409,
    title: 'The environment is held or waited for',
    remedy: 'Drain it first, or delete it with force and a reason.',
  },
  too_many_environments: {
    status: 429,
    title: 'There are too many environments',
    remedy: 'Delete unused ones, or raise --max-environments.',
  },
  never_satisfiable: {
    status: 422,
    title: 'This can never be granted',
    remedy: 'Ask for fewer environments, or declare more that match.',
  },
  no_match: {
    status: 422,
    title: 'No environment carries these labels',
    remedy: 'Correct the labels, or declare an environment that carries them.',
  },
  duplicate_want: { status: 422, title: 'An environment is asked for twice', remedy: 'Name each environment once.' },
  too_many_wants: {
    status: 422,
    title: 'The lease asks for too much',
    remedy: 'A lease may have 16 wants and 64 environments in all.',
  },
  queue_full: { status: 429, title: 'The queue is full', remedy: 'Try again later.' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    remedy: 'Use a new key for a new request.',
  },
  lease_unknown: {
    status: 404,
    title: 'There is no such lease',
    remedy: 'Ended leases are kept for a day; the history tells of older ones.',
  },
  lease_ended: {
    status: 410,
    title: 'The lease has ended',
    remedy: 'Stop what relied on it: somebody else may hold the environment. `lease.end` says how, by whom and why.',
  },
  lease_revoked: {
    status: 410,
    title: 'The lease is being taken away',
    remedy: 'Stop, and release it. `lease.revoking` says by whom and why.',
  },
  not_held: { status: 409, title: 'The lease is not held', remedy: 'It still waits: poll it with GET and ?wait=.' },
  reason_required: { status: 422, title: 'A reason is needed', remedy: 'Say why; it is shown to whoever it hurts.' },
  freeze_unknown: { status: 404, title: 'There is no such freeze', remedy: 'GET /v1/freezes lists them.' },
  too_many_freezes: { status: 429, title: 'There are too many freezes', remedy: 'Delete those that are over.' },
  key_not_found: { status: 404, title: 'There is no such key', remedy: 'GET /v1/keys lists them.' },
  too_many_keys: { status: 429, title: 'There are too many keys', remedy: 'Delete those that are not used.' },
  // Signals, barriers, waits.
  invalid_target: {
    status: 422,
    title: 'This cannot be waited for',
    remedy: 'Write a target with one of the prefixes that `detail` names; `nearest` is what was probably meant.',
  },
  target_not_allowed: {
    status: 403,
    title: 'The server may not connect to this target',
    remedy: 'Whoever runs the server can allow it with --probe-allow; signalbox wait --local probes from your machine.',
  },
  too_many_waits: { status: 429, title: 'Too many wait at once', remedy: 'Try again after Retry-After.' },
  signal_unset: { status: 404, title: 'The signal is not set', remedy: 'Wait for it with ?wait=, or set it.' },
  signal_failed: {
    status: 409,
    title: 'The signal was set as a failure',
    remedy: '`reason` and `by` say why and by whom; setting or clearing the signal ends that.',
  },
  payload_too_large: {
    status: 413,
    title: 'The payload of the signal is too large',
    remedy: 'A payload has 64 KiB of JSON; put more elsewhere and pass its address.',
  },
  too_many_signals: {
    status: 429,
    title: 'There are too many signals',
    remedy: 'Clear those that are over, or give them a ttl.',
  },
  barrier_unknown: { status: 404, title: 'There is no such barrier', remedy: 'Declare it with PUT and its parties.' },
  barrier_broken: {
    status: 409,
    title: 'The barrier broke',
    remedy: '`missing` says who did not arrive; use another generation for the next meeting.',
  },
  barrier_differs: {
    status: 409,
    title: 'The barrier was declared with other parties',
    remedy: 'Use the same parties everywhere, or another generation.',
  },
  party_unknown: {
    status: 422,
    title: 'The barrier does not expect this party',
    remedy: 'Correct its name (`nearest`), or declare the barrier with it.',
  },
  too_many_parties: {
    status: 422,
    title: 'More parties than the barrier was declared for',
    remedy: 'Declare it with as many parties as there are.',
  },
  too_many_barriers: {
    status: 429,
    title: 'There are too many barriers',
    remedy: 'Forget those that are over; they also go by themselves a day after their end.',
  },
  build_unknown: { status: 404, title: 'There is no such build', remedy: '`signalbox build list` shows them.' },
  too_many_builds: {
    status: 429,
    title: 'There are too many builds or machines',
    remedy: 'End machines that nobody uses, or ask whoever runs the server for more.',
  },
  instance_unknown: { status: 404, title: 'There is no such machine', remedy: '`signalbox instance list` shows them.' },
  image_unknown: { status: 404, title: 'There is no such image', remedy: '`signalbox image list` shows them.' },
  too_many_images: { status: 429, title: 'There are too many images', remedy: 'Remove those that nobody uses.' },
  pool_unknown: { status: 404, title: 'There is no such pool', remedy: '`signalbox pool list` shows them.' },
  too_many_pools: { status: 429, title: 'There are too many pools', remedy: 'Remove those that nobody uses.' },
  job_lost: { status: 409, title: 'Another worker has this job now', remedy: 'Stop working on it.' },
  no_driver: {
    status: 409,
    title: 'This server has nothing that makes machines',
    remedy: 'Whoever runs it gives it a driver: `--driver command:PATH`, or `--driver ec2`.',
  },
  space_unknown: {
    status: 404,
    title: 'There is no such space',
    remedy: '`signalbox space list` shows them, `signalbox space create` makes one.',
  },
  too_many_spaces: {
    status: 429,
    title: 'There are too many spaces',
    remedy: 'Remove those that nobody uses.',
  },
  // The server.
  server_full: {
    status: 503,
    title: 'The server takes no more of these at once',
    remedy: 'Try again after Retry-After.',
  },
  shutting_down: {
    status: 503,
    title: 'The server is stopping',
    remedy: 'Try again after Retry-After; places in the queue are kept.',
  },
  store_away: {
    status: 503,
    title: 'The store cannot be reached',
    remedy: 'Try again after Retry-After. No lease ends because of it, and places in the queue are kept.',
  },
  store_failed: {
    status: 503,
    title: 'The store has failed',
    remedy: 'Whoever runs the server finds the reason in its log. Nothing that was answered is lost.',
  },
  store_full: {
    status: 507,
    title: 'The disk of the store is full',
    remedy: 'Renewals, releases and reads go on. Whoever runs the server must make room.',
  },
  internal: { status: 500, title: 'A mistake of ours', remedy: 'Report it with the request id.' },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;
