// A line: the units that ask for the same thing (one environment by name, or one selector), in order of rank, and the
// environments that could serve them. What always holds: a unit either stands in its line or has a slot set aside.

import type { Labels } from '../rows.ts';
import { globsMatch, labelsMatch } from '../selectors.ts';
import { Ranking } from './ranking.ts';
import type { Place, Unit } from './units.ts';
import { ranksBefore } from './units.ts';

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

  /** The first unit in the line that passes the test, or null; at most `bound` are looked at. */
  first(passes: (unit: Unit) => boolean, bound?: number): Unit | null {
    return this.#standing.first(passes, bound);
  }

  /** Place of a unit that stands in the line, from 1; far from both ends an estimate. */
  placeOf(unit: Unit): number {
    return this.#standing.placeOf(unit);
  }
}
