// A list of conditions of which any or all are waited for, and how each stands. Kept by the one who waits, because a wait is
// asked of a server in pieces.
//
// Must always hold: what was met or has failed stays so, whatever is heard of it later; what is not known anew is as it was.

import type { ConditionReply, WaitReply } from './types.ts';

export type Mode = 'any' | 'all';

export interface Found {
  readonly reply: ConditionReply;
  /** When this was heard, by performance.now(). */
  readonly heardAt: number;
  /** Since when it stands like this, as far as we have heard; what was found first is taken to have been so from the beginning. */
  readonly standsSince: number;
  /** When the target was last tried, by performance.now(); null: never, or it is no probe. */
  readonly triedAt: number | null;
}

export class Conditions {
  readonly mode: Mode;
  readonly #found: (Found | null)[];
  readonly #madeAt: number;

  /** `madeAt`: when the waiting begins, by performance.now(). */
  constructor(mode: Mode, count: number, madeAt = performance.now()) {
    this.mode = mode;
    this.#madeAt = madeAt;
    this.#found = Array.from({ length: count }, () => null);
  }

  /** In the order in which they were asked for; null: nothing is known yet. */
  get found(): readonly (Found | null)[] {
    return this.#found;
  }

  /** Those that are not settled. */
  get missing(): number[] {
    return [...this.#found.keys()].filter((index) => (this.#found[index]?.reply.state ?? 'pending') === 'pending');
  }

  /** What is heard of one. True when it was settled by this. */
  note(index: number, reply: ConditionReply, heardAt: number, triedAgoMs: number | null): boolean {
    const before = this.#found[index] ?? null;
    if (before !== null && before.reply.state !== 'pending') return false;
    // A piece that ended before the first try of it knows less than the one before.
    const isUntried = reply.state === 'pending' && reply.triedAt === null && before?.reply.triedAt != null;
    if (isUntried) return false;
    const same = before?.reply.detail === reply.detail && before.reply.state === reply.state;
    // Before its first try nothing was known of a probe: that it was not looked at yet is not how it stood.
    const isFirst = before === null || (before.reply.triedAt === null && reply.triedAt !== null);
    this.#found[index] = {
      reply: { ...reply, since: before?.reply.since ?? reply.since },
      heardAt,
      standsSince: isFirst ? this.#madeAt : same ? before.standsSince : heardAt,
      triedAt: triedAgoMs === null ? null : heardAt - Math.max(0, triedAgoMs),
    };
    return reply.state !== 'pending';
  }

  /** null = it still waits. In `any` what is met comes first, in `all` what has failed; a failure ends both. */
  get outcome(): 'met' | 'failed' | null {
    const states = this.#found.map((each) => each?.reply.state ?? 'pending');
    if (this.mode === 'any' && states.includes('met')) return 'met';
    if (states.includes('failed')) return 'failed';
    return states.every((state) => state === 'met') ? 'met' : null;
  }

  /** As the API would have answered had it been asked in one piece. */
  reply(outcome: WaitReply['outcome'], waitedMs: number): WaitReply {
    const conditions = this.#found.flatMap((each) => each?.reply ?? []);
    return { outcome, waitedSeconds: Math.round(waitedMs) / 1000, conditions };
  }
}
