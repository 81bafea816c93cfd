// Which places a selector speaks of, and which lines of selectors a place belongs to. What always holds: there is a line for
// each selector that a request waits with, and for few others. Neither a place nor a selector is compared with all that
// there are: both are found by a label that they carry.

import type { Labels } from '../rows.ts';
import { globsMatch, labelsMatch, selectorText } from '../selectors.ts';
import { freeSlots, Line, type Place, type Selector } from './units.ts';

/** Lines that are kept although nobody waits: the next request for a pool need not look at all of its members again. */
export const unusedLinesKept = 16;

export class Pools {
  /** Lines by their selector, written as JSON: no choice of keys and values can make two of them meet. */
  readonly lines = new Map<string, Line>();
  readonly #places: ReadonlyMap<string, Place>;
  /** Places by each label that they carry. */
  readonly #carriers = new Map<string, Set<Place>>();
  /** Lines by one label that they ask for; '' for those that ask for none. */
  readonly #askers = new Map<string, Set<Line>>();
  /** Lines without users, the longest unused first. */
  readonly #unused = new Set<Line>();

  constructor(places: ReadonlyMap<string, Place>) {
    this.#places = places;
  }

  /** Places that carry all of these labels and that the globs allow. */
  matching(labels: Labels, globs: readonly string[] | null): Place[] {
    const found: Place[] = [];
    for (const place of this.#candidates(labels)) {
      if (labelsMatch(labels, place.labels) && globsMatch(globs, place.name)) found.push(place);
    }
    return found;
  }

  /** The line of this selector, for one more unit. */
  use(labels: Labels, globs: readonly string[] | null): Line {
    const selector: Selector = { labels, globs: globs === null ? null : globs.toSorted() };
    const line = this.lines.get(identity(selector)) ?? this.#make(selector);
    line.users++;
    this.#unused.delete(line);
    return line;
  }

  /** One unit less uses this line. */
  disuse(line: Line): void {
    if (--line.users > 0 || line.selector === null) return;
    this.#unused.add(line);
    if (this.#unused.size <= unusedLinesKept) return;
    const [oldest] = this.#unused;
    if (oldest !== undefined) this.#drop(oldest, oldest.selector as Selector);
  }

  /** A place is there, or carries these labels from now on. Nothing may be set aside there. */
  enter(place: Place): void {
    const labels = labelsOf(place.labels);
    for (const label of labels) add(this.#carriers, label, place);
    for (const label of ['', ...labels]) {
      for (const line of this.#askers.get(label) ?? []) if (line.matches(place)) join(line, place);
    }
  }

  /** A place goes, or is about to carry other labels. */
  exit(place: Place): void {
    for (const label of labelsOf(place.labels)) remove(this.#carriers, label, place);
    for (const line of place.lines) {
      if (line === place.own) continue;
      line.places.delete(place);
      line.free.delete(place);
      line.contested.delete(place);
      place.lines.delete(line);
    }
  }

  #make(selector: Selector): Line {
    const { labels, globs } = selector;
    const text = selectorText(labels) || 'any label';
    const line = new Line(globs === null ? text : `${text} in ${globs.join(' ')}`, selector);
    for (const place of this.matching(labels, globs)) join(line, place);
    this.lines.set(identity(selector), line);
    add(this.#askers, askedLabel(selector), line);
    return line;
  }

  #drop(line: Line, selector: Selector): void {
    for (const place of line.places) place.lines.delete(line);
    this.lines.delete(identity(selector));
    remove(this.#askers, askedLabel(selector), line);
    this.#unused.delete(line);
  }

  #candidates(labels: Labels): Iterable<Place> {
    let fewest: Iterable<Place> = this.#places.values();
    let size = this.#places.size;
    for (const label of labelsOf(labels)) {
      const carriers = this.#carriers.get(label);
      if (carriers === undefined) return [];
      if (carriers.size > size) continue;
      fewest = carriers;
      size = carriers.size;
    }
    return fewest;
  }
}

function join(line: Line, place: Place): void {
  line.places.add(place);
  place.lines.add(line);
  if (freeSlots(place) > 0) line.free.add(place);
  if (place.aside.size > 0) line.contested.add(place);
}

function labelsOf(labels: Labels): string[] {
  return Object.entries(labels).map((label) => JSON.stringify(label));
}

function askedLabel({ labels }: Selector): string {
  return labelsOf(labels)[0] ?? '';
}

function identity({ labels, globs }: Selector): string {
  return JSON.stringify([labelsOf(labels).sort(), globs]);
}

function add<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([item]));
  else set.add(item);
}

function remove<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}
