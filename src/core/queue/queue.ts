// The queue. What always holds: each free slot is set aside for the earliest waiting request that can still use it, and a
// request can be granted at the moment when a slot is set aside for everything that it asked for. A slot that is set aside
// may be exchanged for an equivalent one (search.ts), a held one never. test/queue/specification.ts says the same by brute force.
//
// Grants are decided by the caller at the end of a command (`takeReady`), never midway: half of a two-slot release would
// bind the wrong member of a pool and delay an earlier request.

import type { Labels, Want } from '../rows.ts';
import { globsMatch, labelsMatch, selectorText } from '../selectors.ts';
import { Line } from './line.ts';
import { place as placeUnit, reachableUnit, roomFor, takeBack } from './search.ts';
import type { Place, Request, Unit } from './units.ts';
import { freeSlots, openSlots, ranksBefore } from './units.ts';

export interface PlaceFacts {
  readonly capacity: number;
  readonly dirty: number;
  readonly closed: boolean;
  readonly labels: Labels;
}

export interface Ask {
  readonly id: string;
  readonly level: number;
  readonly order: number;
  readonly wants: readonly Want[];
  /** Limit on which environments its labels may match; null = none. */
  readonly globs: readonly string[] | null;
}

/** Units that a search for an exchange visits at most; the simulation runs with and without. */
export const defaultSearchBound = 256;

export class Queue {
  readonly places = new Map<string, Place>();
  readonly requests = new Map<string, Request>();
  readonly #selectors = new Map<string, Line>();
  /** Places by `key=value`, so that a selector finds its members without looking at all environments. */
  readonly #byLabel = new Map<string, Set<Place>>();
  /** Requests that became full since the last `takeReady`; some may no longer be. */
  #full: Request[] = [];
  readonly #searchBound: number;

  constructor(searchBound = defaultSearchBound) {
    this.#searchBound = searchBound;
  }

  // --- environments

  /** Adds a place or changes it: its slots are taken out, it is changed, and what is free is offered again. */
  setPlace(name: string, facts: PlaceFacts): void {
    const place = this.places.get(name) ?? this.#addPlace(name);
    if (place.labels !== facts.labels && selectorText(place.labels) !== selectorText(facts.labels)) {
      place.closed = true;
      this.#withdraw(place);
      this.#unindexLabels(place);
      place.labels = facts.labels;
      this.#indexLabels(place);
      this.#rejoinSelectors(place);
    }
    place.labels = facts.labels;
    place.capacity = facts.capacity;
    place.dirty = facts.dirty;
    place.closed = facts.closed;
    this.#withdraw(place);
    this.#offerAll(place);
  }

  /** The place must have no holder; units that asked for it by name must have left before. */
  removePlace(name: string): void {
    const place = this.places.get(name);
    if (place === undefined) return;
    place.closed = true;
    this.#withdraw(place);
    for (const line of place.lines) {
      line.places.delete(place);
      line.free.delete(place);
      line.contested.delete(place);
    }
    this.#unindexLabels(place);
    this.places.delete(name);
  }

  // --- leases

  arrive(ask: Ask): Request {
    const request: Request = { id: ask.id, level: ask.level, order: ask.order, units: [], missing: 0, at: new Map() };
    for (const want of ask.wants) {
      const line = 'environment' in want ? this.#ownLine(want.environment) : this.#selectorLine(want.labels, ask.globs);
      const count = 'environment' in want ? 1 : want.count;
      for (let i = 0; i < count; i++) {
        line.users++;
        const index = request.units.length;
        request.units.push({ request, index, line, place: null, inLine: false, previous: null, next: null });
      }
    }
    request.missing = request.units.length;
    this.requests.set(request.id, request);
    for (const unit of request.units) this.#seek(unit, this.#searchBound);
    if (request.missing === 0) this.#full.push(request);
    return request;
  }

  /** A waiting request leaves: each slot that was set aside for it comes free, one at a time. */
  leave(id: string): void {
    const request = this.requests.get(id);
    if (request === undefined) return;
    this.requests.delete(id);
    for (const unit of request.units) if (unit.inLine) unit.line.leave(unit);
    for (const unit of request.units) {
      if (unit.place === null) continue;
      const place = takeBack(unit);
      this.#offer(place);
    }
    this.#dropUsers(request);
  }

  /** A waiting request becomes the holder of these places, in the order of its units. */
  grant(id: string, names: readonly string[]): void {
    const request = this.requests.get(id);
    const asAside = request !== undefined && request.missing === 0 && names.every((name, i) => request.units[i]?.place?.name === name);
    if (request === undefined || !asAside) {
      // Decided elsewhere, with other members of the pool than were set aside here: leave, then hold what was granted.
      this.leave(id);
      this.occupy(names);
      return;
    }
    this.requests.delete(id);
    for (const unit of request.units) takeBack(unit).held++;
    for (const name of names) this.#touch(this.#place(name));
    this.#dropUsers(request);
  }

  /** Slots become held without having been queued for (a restart, or another server's grant). */
  occupy(names: readonly string[]): void {
    for (const name of names) {
      const place = this.#place(name);
      place.held++;
      this.#withdraw(place);
    }
  }

  /** Held slots come back, one at a time. */
  vacate(names: readonly string[]): void {
    for (const name of names) {
      const place = this.places.get(name);
      if (place === undefined) continue;
      place.held--;
      this.#offer(place);
    }
  }

  // --- what the queue knows

  /** Full requests since the last call, each once; the caller grants those whose client is present. */
  takeReady(): Request[] {
    if (this.#full.length === 0) return [];
    const ready = new Set<Request>();
    for (const request of this.#full) {
      if (request.missing === 0 && this.requests.get(request.id) === request) ready.add(request);
    }
    this.#full = [];
    return [...ready];
  }

  isFull(id: string): boolean {
    return this.requests.get(id)?.missing === 0;
  }

  /** Environments set aside for a full request, in the order of its wants. */
  setAside(id: string): string[] {
    const request = this.requests.get(id);
    return request === undefined ? [] : request.units.map((unit) => unit.place?.name ?? '');
  }

  /** Largest place in line over the units that are not set aside; 1 = next; null when it does not wait. */
  position(id: string): number | null {
    const request = this.requests.get(id);
    if (request === undefined) return null;
    let position = 1;
    for (const unit of request.units) if (unit.inLine) position = Math.max(position, unit.line.placeOf(unit));
    return position;
  }

  /** Environments that carry all of these labels and that the globs allow. */
  matching(labels: Labels, globs: readonly string[] | null): Place[] {
    const found: Place[] = [];
    for (const place of this.#candidates(labels)) {
      if (labelsMatch(labels, place.labels) && globsMatch(globs, place.name)) found.push(place);
    }
    return found;
  }

  // --- within

  #addPlace(name: string): Place {
    const own = new Line(`environment ${name}`, null);
    const place: Place = { name, capacity: 0, held: 0, dirty: 0, closed: false, labels: {}, aside: new Set(), own, lines: new Set([own]) };
    own.places.add(place);
    this.places.set(name, place);
    this.#indexLabels(place);
    this.#rejoinSelectors(place);
    return place;
  }

  #place(name: string): Place {
    return this.places.get(name) ?? this.#addPlace(name);
  }

  #ownLine(name: string): Line {
    return this.#place(name).own;
  }

  #selectorLine(labels: Labels, globs: readonly string[] | null): Line {
    const key = globs === null ? selectorText(labels) : `${selectorText(labels)} in ${globs.join(' ')}`;
    const known = this.#selectors.get(key);
    if (known !== undefined) return known;
    const line = new Line(key, (place) => labelsMatch(labels, place.labels) && globsMatch(globs, place.name));
    for (const place of this.matching(labels, globs)) {
      line.places.add(place);
      place.lines.add(line);
      if (freeSlots(place) > 0) line.free.add(place);
      if (place.aside.size > 0) line.contested.add(place);
    }
    this.#selectors.set(key, line);
    return line;
  }

  #dropUsers(request: Request): void {
    for (const { line } of request.units) {
      if (--line.users > 0 || line.matches === null) continue;
      for (const place of line.places) place.lines.delete(line);
      this.#selectors.delete(line.key);
    }
  }

  #candidates(labels: Labels): Iterable<Place> {
    let smallest: Set<Place> | null = null;
    for (const key in labels) {
      const some = this.#byLabel.get(`${key}=${labels[key]}`);
      if (some === undefined) return [];
      if (smallest === null || some.size < smallest.size) smallest = some;
    }
    return smallest ?? this.places.values();
  }

  #indexLabels(place: Place): void {
    for (const key in place.labels) {
      const pair = `${key}=${place.labels[key]}`;
      const some = this.#byLabel.get(pair);
      if (some === undefined) this.#byLabel.set(pair, new Set([place]));
      else some.add(place);
    }
  }

  #unindexLabels(place: Place): void {
    for (const key in place.labels) {
      const pair = `${key}=${place.labels[key]}`;
      const some = this.#byLabel.get(pair);
      some?.delete(place);
      if (some?.size === 0) this.#byLabel.delete(pair);
    }
  }

  #rejoinSelectors(place: Place): void {
    for (const line of this.#selectors.values()) {
      if (line.matches?.(place)) {
        line.places.add(place);
        place.lines.add(line);
      } else {
        line.places.delete(place);
        line.free.delete(place);
        line.contested.delete(place);
        place.lines.delete(line);
      }
    }
  }

  /** Keeps the lines' knowledge of where a slot is free or set aside. */
  #touch(place: Place): void {
    const isFree = freeSlots(place) > 0;
    const isContested = place.aside.size > 0;
    for (const line of place.lines) {
      if (isFree) line.free.add(place);
      else line.free.delete(place);
      if (isContested) line.contested.add(place);
      else line.contested.delete(place);
    }
  }

  /** While more is set aside than there are open slots, the latest loses its slot and looks for another. */
  #withdraw(place: Place): void {
    while (place.aside.size > 0 && openSlots(place) < place.aside.size) {
      let latest: Unit | null = null;
      for (const unit of place.aside) if (latest === null || ranksBefore(latest, unit)) latest = unit;
      if (latest === null) break;
      takeBack(latest);
      this.#touch(place);
      this.#seek(latest, this.#searchBound);
    }
    this.#touch(place);
  }

  #offerAll(place: Place): void {
    for (let slots = freeSlots(place); slots > 0; slots--) this.#offer(place);
  }

  /** A slot of this place is free: the earliest unit that can use it, directly or by an exchange, gets it. */
  #offer(place: Place): void {
    this.#touch(place);
    if (freeSlots(place) <= 0) return;
    const unit = reachableUnit(place, this.#searchBound);
    if (unit !== null) this.#seek(unit, Number.POSITIVE_INFINITY);
  }

  /** Finds a slot for a unit, or lets it stand in line. A later unit that it pushes out stands in line again. */
  #seek(unit: Unit, bound: number): void {
    const path = roomFor(unit, bound);
    if (path === null) {
      if (!unit.inLine) unit.line.join(unit);
      return;
    }
    const { pushedOut, moves } = path;
    if (pushedOut !== null) {
      const left = takeBack(pushedOut);
      pushedOut.line.join(pushedOut);
      this.#touch(left);
    }
    // All leave before any arrives: two units may swap.
    const touched = new Set<Place>();
    for (const move of moves) if (move.unit.place !== null) touched.add(takeBack(move.unit));
    for (const { unit: moved, to } of moves) {
      if (moved.inLine) moved.line.leave(moved);
      placeUnit(moved, to);
      touched.add(to);
      if (moved.request.missing === 0) this.#full.push(moved.request);
    }
    for (const place of touched) this.#touch(place);
  }
}
