// A request that is worth another try when the server is away or not ready for a moment.

import { retryPauseMs } from '../../client/contact.ts';
import { isTransient, type Outcome } from '../../client/outcome.ts';
import { pause } from '../../client/pause.ts';

/** The first outcome that says something, or the last one when the budget is used up. At least one try. */
export async function untilAnswered<Value>(
  call: () => Promise<Outcome<Value>>,
  budgetMs: number,
  signal?: AbortSignal,
): Promise<Outcome<Value>> {
  const endAt = performance.now() + budgetMs;
  for (let tries = 1; ; tries++) {
    const outcome = await call();
    const leftMs = endAt - performance.now();
    if (outcome.ok || !isTransient(outcome) || leftMs <= 0 || signal?.aborted) return outcome;
    await pause(Math.min(Math.max(retryPauseMs(tries, Math.random()), outcome.retryAfterMs ?? 0), leftMs), signal);
    if (signal?.aborted) return outcome;
  }
}
