// The Idempotency-Key of a run: the CI's run, attempt and job index, so that a person finds the job behind a key; and something
// of this invocation alone, because a rerun is a new lease and two runs in one job are two leases.

const longest = 200;

/** `nonce` is made once per invocation, for instance a UUID; it always survives whole. */
export function idempotencyKey(job: readonly string[], nonce: string): string {
  const readable = job.map((part) => part.replace(/[^A-Za-z0-9._-]+/g, '-')).join(':');
  return `run:${readable.slice(0, longest - nonce.length - 5)}:${nonce}`;
}
