// How an environment was: whether it was there, its capacity, and when it was closed, by itself or by a freeze of its labels. Told
// backwards from what is known now: each event says what it has made, and (`was`) what was before.

import type { EnvironmentState, FreezeRow, Labels } from '../rows.ts';
import { labelsMatch } from '../selectors.ts';
import { type Dated, type Known, numberIn, textIn } from './known.ts';

export interface Step<Value> {
  /** From then on; the first is from the beginning on. */
  readonly at: number;
  readonly value: Value;
}

export interface Closure {
  readonly from: number;
  /** Null: it still is. */
  readonly to: number | null;
  readonly state: 'frozen' | 'draining';
  readonly reason: string | null;
  readonly by: string | null;
  /** The freeze by labels; null where the environment itself was closed. */
  readonly freeze: string | null;
}

interface Closed {
  readonly state: 'frozen' | 'draining';
  readonly reason: string | null;
  readonly by: string | null;
  readonly at: number | null;
}

/** An environment between two changes of it. */
export interface Facts {
  readonly isThere: boolean;
  readonly capacity: number;
  readonly labels: Labels;
  readonly closed: Closed | null;
}

const absent: Facts = { isThere: false, capacity: 0, labels: {}, closed: null };

/** `events` in the order of their time; others than those of the environment itself are passed over. */
export function factsOf(events: readonly Dated[], { environment }: Known): Step<Facts>[] {
  const { capacity, labels, stateReason: reason, stateBy: by, stateAt } = environment;
  const closed = closedOf(environment.state, { reason, by, sinceAt: stateAt });
  let facts: Facts = { isThere: true, capacity, labels, closed };
  const steps: Step<Facts>[] = [];
  for (const { at, event } of events.toReversed()) {
    const { kind, data, actor } = event;
    if (kind === 'environment.created') {
      // One that was made at first use, or by a pool, says only what is not as usual.
      const given = { capacity: 1, labels: {}, state: 'open', ...data };
      steps.push({ at, value: overlaid(absent, given, { at, by: actor }) });
      facts = absent;
    } else if (kind === 'environment.changed') {
      const after = overlaid(facts, data, { at, by: actor });
      steps.push({ at, value: after });
      facts = overlaid(after, within(data.was), null);
    } else if (kind === 'environment.deleted') {
      steps.push({ at, value: absent });
      facts = overlaid({ ...absent, capacity: 1 }, within(data.was), null);
    }
  }
  // One whose making has left the history.
  if (steps.length === 0)
    steps.push({ at: environment.createdAt, value: facts }, { at: Number.NEGATIVE_INFINITY, value: absent });
  else steps.push({ at: Number.NEGATIVE_INFINITY, value: facts });
  return steps.reverse();
}

function overlaid(
  before: Facts,
  { capacity, labels, state, reason, by, sinceAt }: Record<string, unknown>,
  change: { at: number; by: string } | null,
): Facts {
  return {
    isThere: true,
    capacity: numberIn(capacity) ?? before.capacity,
    labels: labels === undefined ? before.labels : (within(labels) as Labels),
    closed:
      textIn(state) === null
        ? before.closed
        : closedOf(state as EnvironmentState, { reason, by: change?.by ?? by, sinceAt: change?.at ?? sinceAt }),
  };
}

function closedOf(state: EnvironmentState, { reason, by, sinceAt }: Record<string, unknown>): Closed | null {
  return state === 'open' ? null : { state, reason: textIn(reason), by: textIn(by), at: numberIn(sinceAt) };
}

const within = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** When nothing was granted, and why, in the order of when it began; several may have held at once. `from`: where the telling begins. */
export function closuresOf(
  steps: readonly Step<Facts>[],
  freezes: readonly Dated[],
  known: Known,
  from: number,
): Closure[] {
  const closures = [...ownClosures(steps, from), ...freezeClosures(steps, freezes, known.freezes, from)];
  return closures.sort((a, b) => a.from - b.from);
}

function* ownClosures(steps: readonly Step<Facts>[], from: number): Generator<Closure> {
  let open: Closure | null = null;
  for (const { at, value } of steps) {
    const { closed } = value;
    if (open !== null && closed?.state === open.state && closed.reason === open.reason && closed.by === open.by)
      continue;
    if (open !== null) yield { ...open, to: at };
    open = null;
    if (closed === null) continue;
    const begun: number = Math.max(at, closed.at ?? (at === Number.NEGATIVE_INFINITY ? from : at));
    open = { from: begun, to: null, state: closed.state, reason: closed.reason, by: closed.by, freeze: null };
  }
  if (open !== null) yield open;
}

interface Frozen extends Closure {
  readonly labels: Labels;
}

/** Where a freeze and the labels of the environment met. */
function* freezeClosures(
  steps: readonly Step<Facts>[],
  events: readonly Dated[],
  known: readonly FreezeRow[],
  from: number,
): Generator<Closure> {
  for (const { labels, ...closure } of freezesOf(events, known, from)) {
    let open: number | null = null;
    for (const { at, value } of steps) {
      const met = value.isThere && labelsMatch(labels, value.labels) ? Math.max(at, closure.from) : null;
      if (met === null && open !== null) {
        if (at > open) yield { ...closure, from: open, to: closure.to === null ? at : Math.min(at, closure.to) };
        open = null;
      } else if (met !== null) open ??= met;
      if (closure.to !== null && open !== null && open >= closure.to) open = null;
    }
    if (open !== null) yield { ...closure, from: open };
  }
}

function freezesOf(events: readonly Dated[], known: readonly FreezeRow[], from: number): Frozen[] {
  const found: Frozen[] = [];
  const open = new Map<string, Frozen>();
  const end = (name: string, at: number, was: Record<string, unknown>): void => {
    const begun = open.get(name) ?? {
      ...{ from: Math.min(numberIn(was.sinceAt) ?? from, at), to: null, state: 'frozen' as const, freeze: name },
      ...{ reason: textIn(was.reason), by: textIn(was.by), labels: selectorIn(was.labels) },
    };
    open.delete(name);
    found.push({ ...begun, to: at });
  };
  for (const { at, event } of events) {
    const { kind, subject, data, actor } = event;
    if (kind === 'freeze.ended') end(subject, at, data);
    if (kind !== 'freeze.put') continue;
    if (open.has(subject) || data.was !== undefined) end(subject, at, within(data.was));
    open.set(subject, {
      ...{ from: at, to: null, state: 'frozen', freeze: subject },
      ...{ reason: textIn(data.reason), by: actor, labels: selectorIn(data.labels) },
    });
  }
  for (const { name, labels, reason, by, at } of known)
    found.push({ from: open.get(name)?.from ?? at, to: null, state: 'frozen', freeze: name, reason, by, labels });
  return found;
}

/** A selector as the history writes it: `kind=db,site=eu`. */
function selectorIn(value: unknown): Labels {
  const pairs = (textIn(value) ?? '').split(',').filter((pair) => pair !== '');
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
