// The searches of the queue. Which requests can be satisfied is a matching of units to free slots in which the first in
// order wins; these are the alternating paths of that matching. They only look (`roomFor`, `reachableUnit`) or do one step
// (`place`, `takeBack`); queue.ts does what they found.

import type { Place, Unit } from './units.ts';
import { ranksBefore } from './units.ts';

export interface Move {
  readonly unit: Unit;
  readonly to: Place;
}

export interface Path {
  /** A later unit that loses its slot, when there was no free one. */
  readonly pushedOut: Unit | null;
  /** What to set aside anew, the seeking unit among it. */
  readonly moves: readonly Move[];
}

/** Sets a slot aside. */
export function place(unit: Unit, to: Place): void {
  unit.place = to;
  to.aside.add(unit);
  unit.line.aside.add(unit);
  unit.request.missing--;
  unit.request.at.set(to, unit);
}

/** Undoes `place`; returns the place that has one more free slot. */
export function takeBack(unit: Unit): Place {
  const from = unit.place as Place;
  unit.place = null;
  from.aside.delete(unit);
  unit.line.aside.delete(unit);
  unit.request.missing++;
  if (unit.request.at.get(from) === unit) unit.request.at.delete(from);
  return from;
}

/**
 * Room for a unit that has none: a free slot, else a slot that others can clear by moving among equivalent ones, else
 * the slot of the latest unit that can be reached, if that one ranks after this one. Null when it must wait. At most
 * `bound` units are visited; when there are more, an exchange may go unseen, but never the order within one line.
 */
export function roomFor(unit: Unit, bound: number): Path | null {
  const cameFrom = new Map<Unit, Move | null>([[unit, null]]);
  let latest: Unit | null = null;
  const visit = (other: Unit, move: Move): void => {
    cameFrom.set(other, move);
    if (latest === null || ranksBefore(latest, other)) latest = other;
  };
  let layer = [unit];
  while (layer.length > 0 && cameFrom.size <= bound) {
    const next: Unit[] = [];
    for (const mover of layer) {
      for (const to of mover.line.free) if (!mover.request.at.has(to)) return { pushedOut: null, moves: pathTo(cameFrom, mover, to) };
      for (const to of mover.line.contested) {
        if (to === mover.place) continue;
        // Every environment of one request is different: where it has a slot already, only that one can make way.
        const own = mover.request.at.get(to);
        for (const other of own === undefined ? to.aside : [own]) {
          if (cameFrom.has(other) || (cameFrom.size > bound && other.request !== unit.request)) continue;
          visit(other, { unit: mover, to });
          next.push(other);
        }
      }
    }
    layer = next.filter((other) => other.line !== other.place?.own);
  }
  // Where the search was cut short, the order within the unit's own line is kept all the same.
  if (cameFrom.size > bound) {
    for (const other of unit.line.aside) {
      const to = other.place as Place;
      if (!cameFrom.has(other) && !unit.request.at.has(to)) visit(other, { unit, to });
    }
  }
  if (latest === null || !ranksBefore(unit, latest)) return null;
  const { unit: mover, to } = cameFrom.get(latest) as Move;
  return { pushedOut: latest, moves: pathTo(cameFrom, mover, to) };
}

/** The moves from the last mover of a path back to the unit that seeks. */
function pathTo(cameFrom: Map<Unit, Move | null>, last: Unit, lastTo: Place): Move[] {
  const moves: Move[] = [];
  let unit = last;
  let to = lastTo;
  for (;;) {
    moves.push({ unit, to });
    const before = cameFrom.get(unit);
    if (before == null) return moves;
    ({ unit, to } = before);
  }
}

/** The earliest waiting unit that a free slot of this place can serve, directly or by moving others; null when none can. */
export function reachableUnit(place: Place, bound: number): Unit | null {
  const reached = new Set([place]);
  const movable = new Set<Unit>();
  const canUse = (unit: Unit, at: Place): boolean => {
    const own = unit.request.at.get(at);
    return own === undefined || movable.has(own);
  };
  if (hasExchanges(place)) {
    for (let grew = true; grew && movable.size < bound; ) {
      grew = false;
      for (const at of reached) {
        for (const line of at.lines) {
          if (line === at.own) continue;
          for (const unit of line.aside) {
            if (movable.size >= bound) break;
            if (unit.place === at || movable.has(unit) || !canUse(unit, at)) continue;
            movable.add(unit);
            reached.add(unit.place as Place);
            grew = true;
          }
        }
      }
    }
  }
  let earliest: Unit | null = null;
  for (const at of reached) {
    for (const line of at.lines) {
      const unit = line.first((candidate) => canUse(candidate, at), bound);
      if (unit !== null && (earliest === null || ranksBefore(unit, earliest))) earliest = unit;
    }
  }
  return earliest;
}

/** Whether anybody who holds a set-aside slot elsewhere could move here. */
function hasExchanges(place: Place): boolean {
  for (const line of place.lines) if (line !== place.own && line.aside.size > 0) return true;
  return false;
}
