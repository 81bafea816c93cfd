// What the queue is made of: places (environments as the queue sees them), requests, their units, and the lines in which these
// stand, in order of rank. What always holds: a unit either stands in its line or has a slot set aside.

import type { Labels } from '../rows.ts';
import { globsMatch, labelsMatch } from '../selectors.ts';
import { type Linked, Ranking } from './ranking.ts';

/** An environment as the queue sees it: slots that are used, set aside or free. */
export interface Place {
  readonly name: string;
  capacity: number;
  /** Slots held by leases. */
  held: number;
  /** Slots that count as used although nobody holds them. */
  dirty: number;
  /** No grants here now: frozen or draining. */
  closed: boolean;
  labels: Labels;
  /** Units for which a slot of this place is set aside; at most one for each slot that is not used. */
  readonly aside: Set<Unit>;
  /** The line of this environment, and those of the selectors that match it. */
  readonly own: Line;
  readonly lines: Set<Line>;
}

/** One slot of one request: a want for `count` environments has as many units. Linked in its line. */
export interface Unit extends Linked<Unit> {
  readonly request: Request;
  readonly index: number;
  readonly line: Line;
  /** Where a slot is set aside for it. */
  place: Place | null;
  inLine: boolean;
}

/** A request that waits. Linked in the order of all of them. */
export interface Request extends Linked<Request> {
  readonly id: string;
  /** Priority; infinite for a thief, who stands before all others. */
  readonly level: number;
  /** Arrival. */
  readonly order: number;
  readonly units: Unit[];
  /** Units for which no slot is set aside yet; at 0 the request can be granted. */
  missing: number;
  /** Its units by the place that is set aside: every environment of one lease is different. */
  readonly at: Map<Place, Unit>;
}

/** Slots of a place that are neither used nor set aside; negative while capacity was lowered under holders. */
export function freeSlots(place: Place): number {
  return openSlots(place) - place.aside.size;
}

/** Slots of a place that are not used, whether set aside or not. */
export function openSlots(place: Place): number {
  return place.closed ? 0 : place.capacity - place.held - place.dirty;
}

/** The order of requests: level descending, then arrival. */
export function requestRanksBefore(a: Request, b: Request): boolean {
  return a.level === b.level ? a.order < b.order : a.level > b.level;
}

/** The order of the queue: that of the requests, then the order of wants within a request. */
export function ranksBefore(a: Unit, b: Unit): boolean {
  return a.request === b.request ? a.index < b.index : requestRanksBefore(a.request, b.request);
}

/** The unit with a slot of this place that ranks after all others; null when nothing is set aside. */
export function latestAt(place: Place): Unit | null {
  let latest: Unit | null = null;
  for (const unit of place.aside) if (latest === null || ranksBefore(latest, unit)) latest = unit;
  return latest;
}

export interface Selector {
  readonly labels: Labels;
  /** Limit on which environments the labels may match, sorted; null = none. */
  readonly globs: readonly string[] | null;
}

export class Line {
  /** What is asked for, in words. */
  readonly key: string;
  /** Null for the line of one environment. */
  readonly selector: Selector | null;
  /** Every environment that this line's units could use. */
  readonly places = new Set<Place>();
  /** Those of them with a slot that is neither used nor set aside. */
  readonly free = new Set<Place>();
  /** Those of them where slots are set aside. */
  readonly contested = new Set<Place>();
  /** Units of this line for which a slot is set aside; they do not stand in the line meanwhile. */
  readonly aside = new Set<Unit>();
  /** Units that belong here, set aside or not: an unused line of a selector is dropped some time. */
  users = 0;
  readonly #standing = new Ranking<Unit>((unit) => unit.request.level, ranksBefore);

  constructor(key: string, selector: Selector | null) {
    this.key = key;
    this.selector = selector;
  }

  /** How many units stand in the line. */
  get waiting(): number {
    return this.#standing.count;
  }

  /** Whether this is the line of a selector that the place fits. */
  matches(place: Place): boolean {
    if (this.selector === null) return false;
    return labelsMatch(this.selector.labels, place.labels) && globsMatch(this.selector.globs, place.name);
  }

  join(unit: Unit): void {
    this.#standing.join(unit);
    unit.inLine = true;
  }

  leave(unit: Unit): void {
    this.#standing.leave(unit);
    unit.inLine = false;
  }

  units(): Iterable<Unit> {
    return this.#standing;
  }

  /** Of each priority the unit that has stood in the line for longest. */
  heads(): Iterable<Unit> {
    return this.#standing.heads();
  }

  /** The first unit in the line that passes the test, or null; at most `bound` are looked at. */
  first(passes: (unit: Unit) => boolean, bound?: number): Unit | null {
    return this.#standing.first(passes, bound);
  }

  /** Place of a unit that stands in the line, from 1; far from both ends an estimate. */
  placeOf(unit: Unit): number {
    return this.#standing.placeOf(unit);
  }
}
