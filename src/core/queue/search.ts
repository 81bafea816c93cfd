// The searches of the queue. Who has a slot set aside is a matching of units to slots in which the first in order wins;
// these are the alternating paths of that matching. They only look; queue.ts does what they found.
//
// A path is a chain of moves: the seeking unit takes a slot, whoever had it moves to an equivalent one, and so on, until
// a slot is free or a later unit loses its own. Every environment of one request is different: where the request of a
// mover has a slot already, only that one can make way.
//
// An exchange among other requests is sought among `bound` units at most. Never cut short is what keeps the order:
// looking at every slot that a unit can take as it is, and at exchanges within its own request.

import { type Line, type Place, ranksBefore, type Unit } from './units.ts';

export interface Move {
  readonly unit: Unit;
  readonly to: Place;
}

export interface Path {
  /** A later unit that loses its slot, when there was no free one. */
  readonly pushedOut: Unit | null;
  /** What to set aside anew, the seeking unit among it. */
  readonly moves: readonly Move[];
  /** There was more to look at. */
  readonly isCutShort: boolean;
}

/**
 * Room for a unit that has none: a free slot, else a slot that others can clear by moving among equivalent ones, else
 * the slot of the latest unit that can be reached, if that one ranks after this one. Null when it must wait.
 */
export function roomFor(unit: Unit, bound: number): Path | null {
  return new RoomSearch(unit).find(bound);
}

class RoomSearch {
  readonly #unit: Unit;
  /** The move by which each visited unit would lose its slot. */
  readonly #cameFrom = new Map<Unit, Move | null>();
  #latest: Unit | null = null;
  /** Places of which every unit was visited. */
  readonly #done = new Set<Place>();
  /** Contested places of a line that were not yet done when one of its units looked. */
  readonly #rest = new Map<Line, Iterable<Place>>();

  constructor(unit: Unit) {
    this.#unit = unit;
    this.#cameFrom.set(unit, null);
  }

  find(bound: number): Path | null {
    const own = [this.#unit];
    for (const mover of own) {
      const path = this.#free(mover);
      if (path !== null) return path;
      for (const [to, sibling] of mover.request.at) {
        if (mover.line.places.has(to) && this.#visit(sibling, { unit: mover, to })) own.push(sibling);
      }
    }
    const others: Unit[] = [];
    for (const mover of own) this.#look(mover, others, Number.POSITIVE_INFINITY);
    const most = others.length + bound;
    let moved = 0;
    for (const mover of others) {
      if (moved++ >= bound) break;
      const path = this.#free(mover);
      if (path !== null) return path;
      this.#look(mover, others, most);
    }
    if (this.#latest === null || !ranksBefore(this.#unit, this.#latest)) return null;
    const isCutShort = moved > bound || others.length >= most;
    return { pushedOut: this.#latest, moves: this.#movesTo(this.#cameFrom.get(this.#latest) as Move), isCutShort };
  }

  #free(mover: Unit): Path | null {
    for (const to of mover.line.free) {
      if (mover.request.at.has(to)) continue;
      return { pushedOut: null, moves: this.#movesTo({ unit: mover, to }), isCutShort: false };
    }
    return null;
  }

  /** Visits whoever has a slot that this unit could take, until there are `most`. */
  #look(mover: Unit, visited: Unit[], most: number): void {
    // Only its own environment would do, and there it is already.
    if (mover.place !== null && mover.line === mover.place.own) return;
    const rest: Place[] = [];
    for (const to of this.#rest.get(mover.line) ?? mover.line.contested) {
      if (visited.length >= most) return;
      if (this.#done.has(to)) continue;
      const sibling = mover.request.at.get(to);
      if (sibling !== undefined) rest.push(to);
      else this.#done.add(to);
      if (to === mover.place) continue;
      for (const other of sibling === undefined ? to.aside : [sibling]) {
        if (visited.length < most && this.#visit(other, { unit: mover, to })) visited.push(other);
      }
    }
    this.#rest.set(mover.line, rest);
  }

  #visit(unit: Unit, move: Move): boolean {
    if (this.#cameFrom.has(unit)) return false;
    this.#cameFrom.set(unit, move);
    if (this.#latest === null || ranksBefore(this.#latest, unit)) this.#latest = unit;
    return true;
  }

  /** The moves from the last one of a path back to the unit that seeks. */
  #movesTo(last: Move): Move[] {
    const moves: Move[] = [];
    for (let move: Move | null = last; move !== null; move = this.#cameFrom.get(move.unit) ?? null) moves.push(move);
    return moves;
  }
}

/** How the free slot of a place comes to the earliest waiting unit that it can serve, directly or by an exchange; or null. */
export function useFor(place: Place, bound: number): Path | null {
  return new UseSearch(place).find(bound);
}

class UseSearch {
  /** Places that can have a free slot, in the order in which they were reached, and who would clear it. */
  readonly #reached: Map<Place, Unit | null>;
  /** Where each unit that can move would go. */
  readonly #movable = new Map<Unit, Place>();
  /** Units of a line with a slot that could not move when the line was last looked at. */
  readonly #rest = new Map<Line, Iterable<Unit>>();

  constructor(place: Place) {
    this.#reached = new Map([[place, null]]);
  }

  find(bound: number): Path | null {
    for (const at of this.#reached.keys()) {
      for (const line of at.lines) if (line !== at.own && this.#movable.size < bound) this.#look(line, at, bound);
    }
    let earliest: Move | null = null;
    for (const to of this.#reached.keys()) {
      for (const line of to.lines) {
        const unit = line.first((candidate) => this.#canUse(candidate, to));
        if (unit !== null && (earliest === null || ranksBefore(unit, earliest.unit))) earliest = { unit, to };
      }
    }
    return earliest && { pushedOut: null, moves: this.#movesFrom(earliest), isCutShort: false };
  }

  #look(line: Line, to: Place, bound: number): void {
    const rest: Unit[] = [];
    for (const unit of this.#rest.get(line) ?? line.aside) {
      if (this.#movable.size >= bound) return;
      if (this.#movable.has(unit)) continue;
      if (unit.place !== to && this.#canUse(unit, to)) this.#move(unit, to);
      else rest.push(unit);
    }
    this.#rest.set(line, rest);
  }

  #canUse(unit: Unit, at: Place): boolean {
    const sibling = unit.request.at.get(at);
    return sibling === undefined || this.#movable.has(sibling);
  }

  #move(unit: Unit, to: Place): void {
    const from = unit.place as Place;
    this.#movable.set(unit, to);
    if (!this.#reached.has(from)) this.#reached.set(from, unit);
    // A sibling that only this one kept from coming here can come now.
    for (const sibling of unit.request.at.values()) {
      if (!this.#movable.has(sibling) && sibling.line.places.has(from)) this.#move(sibling, from);
    }
  }

  /** The moves from a unit that waits to the place where the search began. */
  #movesFrom(first: Move): Move[] {
    const moves: Move[] = [];
    for (let move: Move | null = first; move !== null; ) {
      moves.push(move);
      const next: Unit | null = move.unit.request.at.get(move.to) ?? this.#reached.get(move.to) ?? null;
      move = next && { unit: next, to: this.#movable.get(next) as Place };
    }
    return moves;
  }
}
