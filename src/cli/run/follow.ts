// Sees at once that a held lease was taken away: a long poll that returns whenever the lease changes. What it does not see, the
// next renewal does, so its own failures are nobody's business.

import type { Client } from '../../client/client.ts';
import { pause } from '../../client/pause.ts';
import type { Loss } from '../speech/events.ts';
import { lossOf, lossOfLease } from './loss.ts';

export interface Followed {
  readonly id: string;
  readonly secret: string | null;
  readonly pollSeconds: number;
  readonly after: number;
  readonly signal: AbortSignal;
}

const firstRetryMs = 500;
const lastRetryMs = 5000;

export async function follow(client: Client, followed: Followed, onLost: (loss: Loss) => void): Promise<void> {
  const { id, secret, pollSeconds, signal } = followed;
  let after = followed.after;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    const startedAt = performance.now();
    const outcome = await client.lease(id, { secret, wait: pollSeconds, after, signal });
    if (signal.aborted) return;
    const loss = outcome.ok ? lossOfLease(outcome.value) : lossOf(outcome);
    if (loss !== null) return onLost(loss);
    const news = outcome.ok && outcome.value.seq > after;
    if (outcome.ok) after = outcome.value.seq;
    // An early answer without news (a server that shuts down) is treated as a failure: never a tight loop.
    if (news || (outcome.ok && performance.now() - startedAt > 1000)) {
      retryMs = firstRetryMs;
      continue;
    }
    await pause(Math.max(retryMs, outcome.retryAfterMs ?? 0), signal);
    retryMs = Math.min(retryMs * 2, lastRetryMs);
  }
}
