// Which answers mean that a held lease is no longer ours. Everything else (no answer, a 503, a key that expired) means only that
// nothing is known, and the deadline counts on.

import type { Failure } from '../../client/outcome.ts';
import type { Lease } from '../../client/types.ts';
import type { Loss } from '../speech/events.ts';

export function lossOf(failure: Failure): Loss | null {
  if (failure.kind !== 'problem') return null;
  const { code, lease } = failure.problem;
  if (failure.status === 410) return lossOfLease(lease as Lease | undefined) ?? { kind: 'unknown' };
  if (code === 'lease_unknown' || code === 'not_held') return { kind: 'unknown' };
  return null;
}

/** null: it is held, and nobody is taking it away. */
export function lossOfLease(lease: Lease | null | undefined): Loss | null {
  if (lease == null) return null;
  const { revoking, end } = lease;
  if (lease.state === 'held') {
    return revoking ? { kind: 'revoked', by: revoking.by, reason: revoking.reason, ended: false } : null;
  }
  if (end === null || end === undefined) return { kind: 'unknown' };
  const { how, by, reason } = end;
  return how === 'revoked' || how === 'stolen'
    ? { kind: 'revoked', by, reason, ended: true }
    : { kind: 'ended', how, by, reason };
}
