// What one environment without a queue is, in as few words as possible: at most `capacity` holders, and a fence that grows. It
// shares no code with src/core. What an answer says is possible in a state or it is not; what happens without an answer (a ttl ends, a
// request took effect whose reply was lost) may happen from some moment on, and need not.

import { type Acquire, clockGrainMs, leaseOf, type Operation, onlyEnvironment, seenIn } from './history.ts';

interface Holder {
  readonly lease: string;
  /** Its ttl cannot end before. */
  readonly lastsUntil: number;
}

export interface State {
  readonly holders: readonly Holder[];
  /** The last one that was given. */
  readonly fence: number;
  /** Keys whose grant nobody was told of, and that were granted all the same. */
  readonly untold: readonly string[];
}

/** What may have been granted without an answer. */
interface Untold {
  readonly key: string;
  readonly from: number;
  readonly ttlMs: number | null;
  /** Null: no answer ever tells. */
  readonly granted: { readonly lease: string; readonly fence: number } | null;
}

export class Turnstile {
  readonly #capacity: number;
  readonly #fences = new Map<string, number>();
  readonly #ttls = new Map<string, number | null>();
  readonly #untold: Untold[] = [];
  /** Leases that more than one release was sent for. */
  readonly #repeatedReleases = new Set<string>();
  /** From when on a lease may have been given back or taken away without an answer. */
  readonly #mayEndFrom = new Map<string, number>();

  /** `operations`: all of this environment, those without an answer too. */
  constructor(operations: readonly Operation[], capacity: number) {
    this.#capacity = capacity;
    const leaseOfKey = new Map<string, string>();
    for (const { asked, answer } of operations) {
      const seen = seenIn(answer);
      if (seen === null) continue;
      if (seen.fence !== null) this.#fences.set(seen.id, seen.fence);
      if (asked.kind !== 'acquire') continue;
      leaseOfKey.set(asked.key, seen.id);
      this.#ttls.set(seen.id, asked.ttlMs);
    }
    const releases = operations.filter(({ asked }) => asked.kind === 'release');
    for (const [lease, { length }] of Map.groupBy(releases, leaseOf))
      if (lease !== null && length > 1) this.#repeatedReleases.add(lease);
    const lost = new Map<string, { ask: Acquire; from: number }>();
    for (const operation of operations) {
      const { asked, answer, start } = operation;
      const lease = leaseOf(operation);
      if (answer.kind !== 'unknown') continue;
      if (lease !== null && (asked.kind === 'release' || asked.kind === 'revoke'))
        this.#mayEndFrom.set(lease, Math.min(start, this.#mayEndFrom.get(lease) ?? Infinity));
      if (asked.kind !== 'acquire') continue;
      lost.set(asked.key, { ask: asked, from: Math.min(start, lost.get(asked.key)?.from ?? Infinity) });
    }
    for (const [key, { ask, from }] of lost) {
      const lease = leaseOfKey.get(key);
      const fence = lease === undefined ? undefined : this.#fences.get(lease);
      const granted = lease === undefined || fence === undefined ? null : { lease, fence };
      this.#untold.push({ key, from, ttlMs: ask.ttlMs, granted });
    }
  }

  readonly empty: State = { holders: [], fence: 0, untold: [] };

  /** States like this one and unlike any other are equal as text. */
  text({ holders, fence, untold }: State): string {
    const who = Array.from(holders, ({ lease, lastsUntil }) => `${lease}@${lastsUntil}`);
    return `${fence} ${who.sort().join()} ${untold.toSorted().join()}`;
  }

  /** What the state may be after this was answered, when all before was over no later than at `latest`. None: it could not be. */
  after(state: State, operation: Operation, latest: number): State[] {
    const next = new Map<string, State>();
    for (const before of this.#withUnanswered(state, latest)) {
      const after = this.#step(before, operation);
      if (after !== null) next.set(this.text(after), after);
    }
    return [...next.values()];
  }

  /** This state, and what it may have become until a moment by what nobody was told of. */
  #withUnanswered(state: State, latest: number): Iterable<State> {
    const known = new Map([[this.text(state), state]]);
    // A Map goes on to what is added while it is walked.
    for (const now of known.values()) {
      const next = [
        ...now.holders
          .filter(({ lease, lastsUntil }) => Math.min(lastsUntil, this.#mayEndFrom.get(lease) ?? Infinity) <= latest)
          .map(({ lease }) => without(now, lease)),
        ...this.#untold.filter(({ from }) => from <= latest).map((untold) => this.#grantUntold(now, untold)),
      ];
      for (const state of next) if (state !== null) known.set(this.text(state), known.get(this.text(state)) ?? state);
    }
    return known.values();
  }

  #grantUntold(state: State, { key, from, ttlMs, granted }: Untold): State | null {
    if (granted !== null) return this.#grant(state, granted.lease, granted.fence, lasts(from, ttlMs));
    if (state.untold.includes(key)) return null;
    // Its fence is somewhere between the last one and the next that is told.
    const after = this.#grant(state, `the lease of ${key}`, state.fence + 0.5, lasts(from, ttlMs));
    return after === null ? null : { ...after, fence: state.fence, untold: [...state.untold, key] };
  }

  #grant(state: State, lease: string, fence: number, lastsUntil: number): State | null {
    if (state.holders.length >= this.#capacity || fence <= state.fence) return null;
    return { ...state, holders: [...state.holders, { lease, lastsUntil }], fence };
  }

  #step(state: State, operation: Operation): State | null {
    const { asked, answer, start } = operation;
    const seen = seenIn(answer);
    if (asked.kind === 'check') {
      const current = state.holders.some(({ lease }) => this.#fences.get(lease) === asked.fence);
      return answer.kind === 'fence' && answer.current === current ? state : null;
    }
    if (answer.kind === 'refused' && answer.code === 'environment_busy')
      return state.holders.length >= this.#capacity ? state : null;
    const lease = seen?.id ?? leaseOf(operation) ?? '';
    const isHeld = state.holders.some((holder) => holder.lease === lease);
    const wasGranted = (this.#fences.get(lease) ?? Infinity) <= state.fence;
    if (answer.kind === 'refused') return answer.code === 'lease_ended' && wasGranted && !isHeld ? state : null;
    if (seen === null) return null;
    switch (asked.kind) {
      case 'acquire':
        return isHeld ? state : this.#grant(state, lease, seen.fence ?? 0, lasts(start, asked.ttlMs));
      case 'renew':
        return isHeld ? renewed(state, lease, lasts(start, this.#ttls.get(lease) ?? null)) : null;
      case 'poll':
        return (seen.state === 'held') === isHeld && wasGranted ? state : null;
      case 'revoke':
        return isHeld ? without(state, lease) : null;
      case 'release':
        if (isHeld) return without(state, lease);
        // One's own release may be repeated; whose lease was taken away is told so.
        return wasGranted && this.#repeatedReleases.has(lease) ? state : null;
    }
  }
}

const lasts = (start: number, ttlMs: number | null): number =>
  ttlMs === null ? Infinity : start + ttlMs - clockGrainMs;

const without = (state: State, lease: string): State => ({
  ...state,
  holders: state.holders.filter((holder) => holder.lease !== lease),
});

const renewed = (state: State, lease: string, lastsUntil: number): State => ({
  ...state,
  holders: state.holders.map((holder) =>
    holder.lease === lease ? { lease, lastsUntil: Math.max(holder.lastsUntil, lastsUntil) } : holder,
  ),
});

/** Of a history, what concerns one environment; throws where the model does not know it: a queue, several environments, a notice. */
export function operationsOf(operations: readonly Operation[], environment: string): Operation[] {
  const leases = new Set<string>();
  const own = new Set<Operation>();
  for (const operation of operations) {
    const { asked, answer } = operation;
    if (asked.kind === 'acquire' && onlyEnvironment(asked) === environment) {
      if (asked.queues) throw new Error(`${environment} has a queue`);
      own.add(operation);
      const seen = seenIn(answer);
      if (seen !== null) leases.add(seen.id);
    } else if (asked.kind === 'check' && asked.environment === environment) own.add(operation);
  }
  for (const operation of operations) {
    const lease = leaseOf(operation);
    if (lease === null || !leases.has(lease)) continue;
    if (operation.asked.kind === 'revoke' && !operation.asked.now)
      throw new Error(`${lease} is taken away with notice`);
    own.add(operation);
  }
  return [...own];
}
