// A line: the units that ask for the same thing (one environment by name, or one selector), in order of rank.
// What always holds: units stand in the order of `ranksBefore`; joining at the end and leaving cost the same however many wait.

import type { Place, Unit } from './units.ts';
import { ranksBefore } from './units.ts';

/** The units of one level (priority) of a line, as a linked list. */
interface Bucket {
  readonly level: number;
  head: Unit | null;
  tail: Unit | null;
  count: number;
}

/** How far a place in a line is counted exactly; beyond that it is an estimate (see `placeOf`). */
const countedSteps = 256;

export class Line {
  /** Every environment that this line's units could use. */
  readonly places = new Set<Place>();
  /** Those of them with a slot that is neither used nor set aside. */
  readonly free = new Set<Place>();
  /** Those of them where slots are set aside. */
  readonly contested = new Set<Place>();
  /** Units of this line for which a slot is set aside; they do not stand in the line meanwhile. */
  readonly aside = new Set<Unit>();
  /** Which environments belong here; null for the line of one environment. */
  readonly matches: ((place: Place) => boolean) | null;
  readonly key: string;
  /** Requests that have a unit here, set aside or not: an unused line of a selector is dropped. */
  users = 0;
  waiting = 0;
  /** Highest level first; few, as there are few priorities. */
  readonly #buckets: Bucket[] = [];

  constructor(key: string, matches: ((place: Place) => boolean) | null) {
    this.key = key;
    this.matches = matches;
  }

  join(unit: Unit): void {
    const bucket = this.#bucket(unit.request.level);
    // Arrivals go behind the tail; a unit that was pushed out belongs near the head, so it is sought from there.
    let after = bucket.tail;
    if (after !== null && ranksBefore(unit, after)) {
      after = null;
      for (let at = bucket.head; at !== null && ranksBefore(at, unit); at = at.next) after = at;
    }
    unit.previous = after;
    unit.next = after === null ? bucket.head : after.next;
    if (unit.next === null) bucket.tail = unit;
    else unit.next.previous = unit;
    if (after === null) bucket.head = unit;
    else after.next = unit;
    unit.inLine = true;
    bucket.count++;
    this.waiting++;
  }

  leave(unit: Unit): void {
    const bucket = this.#bucket(unit.request.level);
    if (unit.previous === null) bucket.head = unit.next;
    else unit.previous.next = unit.next;
    if (unit.next === null) bucket.tail = unit.previous;
    else unit.next.previous = unit.previous;
    unit.previous = null;
    unit.next = null;
    unit.inLine = false;
    bucket.count--;
    this.waiting--;
    if (bucket.head === null) this.#buckets.splice(this.#buckets.indexOf(bucket), 1);
  }

  *units(): Generator<Unit> {
    for (const bucket of this.#buckets) for (let unit = bucket.head; unit !== null; unit = unit.next) yield unit;
  }

  /** The first unit that passes the test, or null; at most `bound` units are looked at. */
  first(usable: (unit: Unit) => boolean, bound: number): Unit | null {
    let looked = 0;
    for (const bucket of this.#buckets) {
      for (let unit = bucket.head; unit !== null; unit = unit.next) {
        if (usable(unit)) return unit;
        if (++looked >= bound) return null;
      }
    }
    return null;
  }

  /**
   * Place of a unit that stands in the line, from 1. Exact within 256 of the head or the tail of its level; between
   * them the middle of what is possible, so that asking costs the same however many wait.
   */
  placeOf(unit: Unit): number {
    let ahead = 0;
    for (const bucket of this.#buckets) {
      if (bucket.level !== unit.request.level) {
        ahead += bucket.count;
        continue;
      }
      let back = unit.previous;
      let on = unit.next;
      for (let steps = 0; steps < countedSteps; steps++) {
        if (back === null) return ahead + steps + 1;
        if (on === null) return ahead + bucket.count - steps;
        back = back.previous;
        on = on.next;
      }
      return ahead + Math.floor(bucket.count / 2);
    }
    return ahead + 1;
  }

  #bucket(level: number): Bucket {
    let at = 0;
    for (; at < this.#buckets.length; at++) {
      const bucket = this.#buckets[at] as Bucket;
      if (bucket.level === level) return bucket;
      if (bucket.level < level) break;
    }
    const made: Bucket = { level, head: null, tail: null, count: 0 };
    this.#buckets.splice(at, 0, made);
    return made;
  }
}
