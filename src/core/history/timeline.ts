// The past of one environment, made from its history and from what is known now: who held it from when to when, who waited, its
// capacity, and when it was closed. What always holds:
//   - nothing before what was read is needed: an end says how long it had lasted, a change says what was before it;
//   - nothing ends before it begins, whatever the wall clock did;
//   - what is not known is null or left out, never made up. A lease whose end is nowhere ends where it began.

import type { EventRecord, Holder } from '../rows.ts';
import { type Closure, closuresOf, factsOf, type Step } from './closures.ts';
import { type Dated, dated, type Known, numberIn, textIn } from './known.ts';

export interface Told {
  /** Of the environment, in the order of their seq; some from before `from` and after `until` do no harm. */
  readonly events: readonly EventRecord[];
  /** `freeze.put` and `freeze.ended` from `from` on. */
  readonly freezes: readonly EventRecord[];
  readonly known: Known;
  /** Whether `events` go on up to the moment of `known`: then whoever is not known to hold has ended. */
  readonly isComplete: boolean;
  readonly name: string;
  /** What is to be told, by wall time in milliseconds. */
  readonly from: number;
  readonly until: number;
}

/** A slot that was used. */
export interface Span {
  /** Null: a slot that somebody had left dirty before. */
  readonly lease: string | null;
  readonly from: number;
  /** When the lease ended; null: it still holds, or nobody knows when it ended. */
  to: number | null;
  /** When the slot was free again: later than `to` where it was left dirty. */
  freedAt: number | null;
  readonly holder: Holder | null;
  /** Who asked for it. */
  readonly by: string | null;
  readonly waitedMs: number | null;
  how: string | null;
  endedBy: string | null;
  reason: string | null;
}

export interface Wait {
  readonly from: number;
  /** Null: it still waits, or nobody knows. */
  readonly to: number | null;
  readonly how: 'granted' | 'timed_out' | 'cancelled' | null;
}

export interface Timeline {
  readonly from: number;
  readonly until: number;
  /** In the order in which they began. */
  readonly spans: readonly Span[];
  /** Of those who waited for it by its name. */
  readonly waits: readonly Wait[];
  readonly capacity: readonly Step<number>[];
  readonly closures: readonly Closure[];
}

export function timelineOf(told: Told): Timeline {
  const { known, from, until } = told;
  const events = dated(told.events);
  const steps = factsOf(events, known);
  const spans = new Spans(told);
  const waits = new Waits(told);
  for (const each of events) {
    const { kind } = each.event;
    if (kind === 'lease.granted') {
      spans.begin(each);
      waits.end(each, 'granted');
    } else if (kind === 'lease.released' || kind === 'lease.expired' || kind === 'lease.revoked') spans.end(each);
    else if (kind === 'lease.queued') waits.begin(each);
    else if (kind === 'lease.timed_out') waits.end(each, 'timed_out');
    else if (kind === 'lease.cancelled') waits.end(each, 'cancelled');
    else if (kind === 'environment.cleaned') spans.clean(each.at, numberIn(each.event.data.slots) ?? 0);
    else if (kind === 'environment.deleted') spans.clean(each.at, 0);
  }
  return {
    from,
    until,
    spans: spans.done().filter((span) => isWithin(span.from, span.freedAt, told)),
    waits: waits.done().filter((wait) => isWithin(wait.from, wait.to, told)),
    capacity: changesOf(steps.map(({ at, value }) => ({ at, value: value.isThere ? value.capacity : 0 }))),
    closures: closuresOf(steps, dated(told.freezes), known, from).filter((one) => isWithin(one.from, one.to, told)),
  };
}

function isWithin(begin: number, end: number | null, { from, until }: Told): boolean {
  return begin < until && (end === null || end > from || (end === begin && begin >= from));
}

function changesOf(steps: readonly Step<number>[]): Step<number>[] {
  return steps.filter(({ value }, i) => i === 0 || value !== steps[i - 1]?.value);
}

const seconds = (value: unknown): number | null => {
  const count = numberIn(value);
  return count === null ? null : count * 1000;
};

class Spans {
  readonly #told: Told;
  readonly #all: Span[] = [];
  readonly #open = new Map<string, Span>();
  #dirty: Span[] = [];

  constructor(told: Told) {
    this.#told = told;
  }

  begin({ at, event: { data, actor } }: Dated): void {
    const lease = textIn(data.lease) ?? '';
    const name = textIn(data.holder);
    const holder = { name, url: textIn(data.url), ref: textIn(data.ref) };
    const waitedMs = seconds(data.waitedSeconds);
    const span = { ...blank, lease, from: at, holder, by: actor, waitedMs };
    this.#all.push(span);
    this.#open.set(lease, span);
  }

  end({ at, event: { data } }: Dated): void {
    const lease = textIn(data.lease) ?? '';
    let span = this.#open.get(lease);
    if (span === undefined) {
      // Granted before what was read.
      const from = Math.min(at - (seconds(data.heldSeconds) ?? 0), this.#told.from, at);
      span = { ...blank, lease, from, holder: { name: textIn(data.holder), url: null, ref: null } };
      this.#all.push(span);
    }
    this.#open.delete(lease);
    span.to = at;
    span.how = textIn(data.how);
    span.endedBy = textIn(data.by);
    span.reason = textIn(data.reason);
    if (Array.isArray(data.dirty) && data.dirty.includes(this.#told.name)) this.#dirty.push(span);
    else span.freedAt = at;
  }

  /** All that is dirty is free; `slots`: how many were. */
  clean(at: number, slots: number): void {
    const { from } = this.#told;
    for (let unknown = slots - this.#dirty.length; unknown > 0; unknown--)
      this.#all.push({ ...blank, from: Math.min(from, at), to: Math.min(from, at), freedAt: at });
    for (const span of this.#dirty) span.freedAt = at;
    this.#dirty = [];
  }

  done(): Span[] {
    const { known, isComplete } = this.#told;
    for (const { lease, grantedAt, holder, by, waitedMs } of known.held)
      if (!this.#open.delete(lease)) this.#all.push({ ...blank, lease, from: grantedAt, holder, by, waitedMs });
    if (isComplete) for (const span of this.#open.values()) span.to = span.freedAt = span.from;
    const left = new Map(this.#dirty.map((span) => [span.lease, span]));
    for (const { lease, sinceAt } of known.dirty)
      if (!left.delete(lease)) this.#all.push({ ...blank, lease, from: sinceAt, to: sinceAt });
    if (isComplete) for (const span of left.values()) span.freedAt = span.to;
    return this.#all.sort((a, b) => a.from - b.from);
  }
}

const blank: Span = {
  ...{ lease: null, from: 0, to: null, freedAt: null, holder: null, by: null },
  ...{ waitedMs: null, how: null, endedBy: null, reason: null },
};

class Waits {
  readonly #told: Told;
  readonly #all: Wait[] = [];
  readonly #open = new Map<string, number>();

  constructor(told: Told) {
    this.#told = told;
  }

  begin({ at, event: { data } }: Dated): void {
    this.#open.set(textIn(data.lease) ?? '', at);
  }

  end({ at, event: { data } }: Dated, how: NonNullable<Wait['how']>): void {
    const lease = textIn(data.lease) ?? '';
    const begun = this.#open.get(lease) ?? this.#before(at, data, how);
    this.#open.delete(lease);
    if (begun !== null) this.#all.push({ from: begun, to: at, how });
  }

  /** When somebody joined the line whose joining was not read; null: he never stood in this line, or was granted at once. */
  #before(at: number, data: EventRecord['data'], how: Wait['how']): number | null {
    const waited = seconds(data.waitedSeconds) ?? 0;
    if (how === 'granted' && (waited === 0 || data.byLabels === true)) return null;
    // Joined later than that (waits are whole seconds): by its labels, in the words of an older version.
    if (how === 'granted' && at - waited > this.#told.from + 1000) return null;
    return Math.min(at - waited, this.#told.from, at);
  }

  done(): Wait[] {
    const { known, isComplete } = this.#told;
    for (const { lease, queuedAt } of known.waiting) {
      this.#all.push({ from: this.#open.get(lease) ?? queuedAt, to: null, how: null });
      this.#open.delete(lease);
    }
    if (!isComplete) for (const from of this.#open.values()) this.#all.push({ from, to: null, how: null });
    return this.#all;
  }
}
