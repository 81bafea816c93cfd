// Would another one pay? Figures over the past of an environment. What always holds: shares are between 0 and 1; with one more
// slot nobody waits longer than in truth.

import { holderName } from './holder-name.ts';
import { waitsWith } from './replay.ts';
import type { Timeline } from './timeline.ts';

/** Holders that are named; the rest are counted together. */
export const holdersNamed = 20;

export interface HolderFigures {
  /** Null: they gave no name. */
  readonly name: string | null;
  readonly leases: number;
  readonly heldMs: number;
  /** Of all time that it was held. */
  readonly share: number;
}

export interface Stats {
  readonly leases: number;
  /** Of what could have been held; null: it was never there. */
  readonly heldShare: number | null;
  readonly heldMs: number;
  readonly closedMs: number;
  readonly waits: {
    readonly count: number;
    readonly p50Ms: number | null;
    readonly p95Ms: number | null;
    readonly sumMs: number;
    readonly timedOut: number;
    readonly cancelled: number;
  };
  readonly byHolder: readonly HolderFigures[];
  readonly others: {
    readonly holders: number;
    readonly leases: number;
    readonly heldMs: number;
    readonly share: number;
  };
  readonly oneMore: { readonly p50Ms: number | null; readonly p95Ms: number | null; readonly savedMs: number };
}

export function statsOf(timeline: Timeline): Stats {
  const { from, until, closures, waits } = timeline;
  const held = timeline.spans.flatMap((span) => {
    // A slot that somebody had left dirty before is no lease of this time.
    if (span.to !== null && span.to <= from && span.freedAt !== span.to) return [];
    const ms = Math.min(span.to ?? until, until) - Math.max(span.from, from);
    return [{ span, ms: Math.max(0, ms) }];
  });
  const heldMs = held.reduce((sum, { ms }) => sum + ms, 0);
  const waited = timeline.spans.flatMap((span) => (span.from >= from && span.waitedMs !== null ? [span.waitedMs] : []));
  const sumMs = sumOf(waited);
  const withOneMore = waitsWith(timeline, 1);
  const ended = waits.filter(({ to }) => to !== null && to >= from && to < until);
  const named = byHolder(held, heldMs);
  const rest = named.slice(holdersNamed);
  return {
    leases: held.length,
    heldShare: shareOf(timeline),
    heldMs,
    closedMs: closures.reduce(
      ({ sum, at }, { from: begin, to }) => {
        const end = Math.max(at, Math.min(to ?? until, until));
        return { sum: sum + end - Math.min(end, Math.max(at, begin)), at: end };
      },
      { sum: 0, at: from },
    ).sum,
    waits: {
      ...{ count: waited.length, ...percentiles(waited), sumMs },
      timedOut: ended.filter(({ how }) => how === 'timed_out').length,
      cancelled: ended.filter(({ how }) => how === 'cancelled').length,
    },
    byHolder: named.slice(0, holdersNamed),
    others: {
      holders: rest.length,
      leases: sumOf(rest.map(({ leases }) => leases)),
      heldMs: sumOf(rest.map((each) => each.heldMs)),
      share: Math.min(1, sumOf(rest.map(({ share }) => share))),
    },
    oneMore: { ...percentiles(withOneMore), savedMs: Math.max(0, sumMs - sumOf(withOneMore)) },
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** By nearest rank: a wait that there was. */
function percentiles(values: readonly number[]): { p50Ms: number | null; p95Ms: number | null } {
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number): number | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { p50Ms: rank(0.5), p95Ms: rank(0.95) };
}

function byHolder(held: readonly { span: Timeline['spans'][number]; ms: number }[], heldMs: number): HolderFigures[] {
  const found = new Map<string | null, { leases: number; ms: number }>();
  for (const { span, ms } of held) {
    const name = span.holder?.name == null ? null : holderName(span.holder.name);
    const known = found.get(name) ?? { leases: 0, ms: 0 };
    found.set(name, { leases: known.leases + 1, ms: known.ms + ms });
  }
  return Array.from(found, ([name, { leases, ms }]) => ({
    ...{ name, leases, heldMs: ms, share: heldMs === 0 ? 0 : ms / heldMs },
  })).sort((a, b) => b.heldMs - a.heldMs || b.leases - a.leases);
}

/** Held time over capacity and time. Where holders were more than the capacity, because it was lowered, only as many as it was count. */
function shareOf({ spans, capacity, from, until }: Timeline): number | null {
  const changes: { at: number; held: number; capacity?: number }[] = [];
  for (const span of spans) {
    const [begin, end] = [Math.max(span.from, from), Math.min(span.to ?? until, until)];
    if (end > begin) changes.push({ at: begin, held: 1 }, { at: end, held: -1 });
  }
  for (const step of capacity)
    if (step.at < until) changes.push({ at: Math.max(step.at, from), held: 0, capacity: step.value });
  changes.sort((a, b) => a.at - b.at);
  let [at, held, slots, used, could] = [from, 0, 0, 0, 0];
  for (const change of [...changes, { at: until, held: 0 }]) {
    used += Math.min(held, slots) * (change.at - at);
    could += slots * (change.at - at);
    at = change.at;
    held += change.held;
    slots = change.capacity ?? slots;
  }
  return could === 0 ? null : Math.min(1, used / could);
}
