// Gives the lease back. The ttl is the safety net, the release a courtesy to whoever is next: it is tried for a moment and its
// failure is said, but changes no exit code.

import type { Client } from '../../client/client.ts';
import { isTransient } from '../../client/outcome.ts';
import { pause } from '../../client/pause.ts';
import type { Lease } from '../../client/types.ts';

export type Released = 'released' | 'already_ended' | 'unconfirmed';

export async function release(
  client: Client,
  lease: { id: string; secret: string | null },
  budgetMs: number,
): Promise<Released> {
  const endAt = performance.now() + budgetMs;
  for (;;) {
    const leftMs = endAt - performance.now();
    if (leftMs <= 0) return 'unconfirmed';
    const outcome = await client.release(lease.id, { secret: lease.secret, timeoutMs: Math.min(leftMs, 3000) });
    if (outcome.ok) return 'released';
    if (outcome.kind === 'problem' && (outcome.status === 410 || outcome.problem.code === 'lease_unknown')) {
      return 'already_ended';
    }
    if (!isTransient(outcome)) return 'unconfirmed';
    await pause(Math.min(500, leftMs));
  }
}

/** Who holds it now that we do not; a courtesy that may take a moment and no more. */
export async function nextHolder(client: Client, lease: Lease): Promise<string | null> {
  const [only, ...others] = lease.granted;
  if (only === undefined || others.length > 0) return null;
  const held = await client.leases({ environment: only.environment, state: 'held', limit: 1 }, { timeoutMs: 500 });
  return held.ok ? (held.value.items[0]?.holder.name ?? null) : null;
}
