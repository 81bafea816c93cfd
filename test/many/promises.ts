// What clients were told of their leases, and what contradicts it. All times are of one monotonic clock, so what was acknowledged
// before something else was sent came before it, wherever either went.

import type { EventRecord } from '../../src/core/rows.ts';

/** One ask for one slot, as its client knows it. Times are null until then. */
export interface Ask {
  readonly key: string;
  readonly environment: string;
  readonly priority: number;
  /** When it was sent for the first time. */
  readonly sentAt: number;
  id: string | null;
  fence: number | null;
  /** It was answered: it has its place, or is held. */
  placedAt: number | null;
  grantedAt: number | null;
  /** From here on it may have ended. */
  releaseSentAt: number | null;
  releasedAt: number | null;
}

export function newAsk(key: string, environment: string, priority = 0): Ask {
  return {
    ...{ key, environment, priority, sentAt: performance.now(), id: null, fence: null },
    ...{ placedAt: null, grantedAt: null, releaseSentAt: null, releasedAt: null },
  };
}

/** Every fault begins with its kind: `lost`, `together`, `fence`, `order`. */
export function contradictions(asks: readonly Ask[], capacityOf: (environment: string) => number): string[] {
  const faults = twice(asks.map(({ id }) => id)).map((id) => `lost: two asks have become the one lease ${id}`);
  for (const [environment, own] of Map.groupBy(asks, (ask) => ask.environment)) {
    faults.push(...together(own, capacityOf(environment)).map((words) => `together: ${environment}: ${words}`));
    for (const fence of twice(own.map((ask) => ask.fence))) faults.push(`fence: ${environment}: ${fence} came twice`);
    const late = overtaken(own, ({ grantedAt }) => grantedAt);
    faults.push(
      ...late.map((words) => `fence: ${environment}: granted before the other was sent, and not below it: ${words}`),
    );
    // Where there is more than one slot, one is kept for who is first and just not on the line, and others pass at the rest.
    const lines = capacityOf(environment) === 1 ? Map.groupBy(own, ({ priority }) => priority).values() : [];
    for (const line of lines) {
      const passed = overtaken(line, ({ placedAt }) => placedAt);
      faults.push(...passed.map((words) => `order: ${environment}: acknowledged before the other was sent: ${words}`));
    }
  }
  return faults;
}

/** Where more had been told that they hold, none of whom had begun to release, than there is room for. */
function together(asks: readonly Ask[], capacity: number): string[] {
  const steps = asks.flatMap((ask) =>
    ask.grantedAt === null
      ? []
      : [
          { at: ask.grantedAt, ask, by: 1 },
          { at: ask.releaseSentAt ?? Number.POSITIVE_INFINITY, ask, by: -1 },
        ],
  );
  // What was given back in the same instant was given back before.
  steps.sort((a, b) => a.at - b.at || a.by - b.by);
  const holding = new Set<Ask>();
  const found: string[] = [];
  for (const { ask, by } of steps) {
    if (by < 0) holding.delete(ask);
    else holding.add(ask);
    if (by > 0 && holding.size > capacity) found.push([...holding].map(shown).join(', '));
  }
  return found;
}

/** Asks that were sent after another was told of `from`, and have a lower fence, or one where the other has none. */
function overtaken(asks: readonly Ask[], from: (ask: Ask) => number | null): string[] {
  const told = asks.filter((ask) => from(ask) !== null).sort((a, b) => (from(a) ?? 0) - (from(b) ?? 0));
  const found: string[] = [];
  const fenceOf = (ask: Ask): number => ask.fence ?? Number.POSITIVE_INFINITY;
  let next = 0;
  let highest: Ask | null = null;
  for (const ask of asks.toSorted((a, b) => a.sentAt - b.sentAt)) {
    for (let other = told[next]; other !== undefined && (from(other) ?? 0) < ask.sentAt; other = told[++next])
      if (highest === null || fenceOf(other) > fenceOf(highest)) highest = other;
    if (highest !== null && ask.fence !== null && fenceOf(highest) >= ask.fence)
      found.push(`${shown(highest)} and ${shown(ask)}`);
  }
  return found;
}

/** What the history must tell because it was acknowledged, and does not. */
export function missingIn(history: readonly EventRecord[], asks: readonly Ask[]): string[] {
  const told = new Set(history.map(({ kind, data }) => `${kind} ${data.lease} ${data.fence}`));
  const placed = new Set(history.map(({ data }) => data.lease));
  return asks.flatMap((ask) => {
    const must = [
      ...(ask.grantedAt === null ? [] : [`lease.granted ${ask.id} ${ask.fence}`]),
      ...(ask.releasedAt === null ? [] : [`lease.released ${ask.id} ${ask.fence}`]),
    ].filter((each) => !told.has(each));
    if (ask.placedAt !== null && !placed.has(ask.id ?? '')) must.push(`anything of ${ask.id}`);
    return must.map((each) => `lost: the history does not tell ${each}`);
  });
}

function shown({ key, id, fence }: Ask): string {
  return `${key} (${id}, fence ${fence})`;
}

function twice<T>(values: readonly (T | null)[]): T[] {
  const seen = new Set<T | null>();
  return values.filter((value): value is T => {
    const isAgain = value !== null && seen.has(value);
    seen.add(value);
    return isAgain;
  });
}
