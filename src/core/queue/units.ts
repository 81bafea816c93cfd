// What the queue is made of: places (environments as the queue sees them), requests, and their units.

import type { Labels } from '../rows.ts';
import type { Line } from './line.ts';
import type { Linked } from './ranking.ts';

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
