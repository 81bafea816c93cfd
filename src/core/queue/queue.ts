// The queue. What always holds: each free slot is set aside for the earliest waiting request that can still use it, and a
// request can be granted at the moment when a slot is set aside for everything that it asked for. A slot that is set aside
// may be exchanged for an equivalent one (search.ts), a held one never. test/queue/specification.ts says the same by brute force.
//
// Searches for an exchange are bounded. Where one was cut short a request may wait although an exchange would serve it; even then
//   Q1 no unit waits for a slot that it could take as it is and that is free, or set aside for a later unit;
//   Q2 the first request in order that is not full has all that it can have beside those before it.
// So requests for the same thing are served in order, nobody is overtaken at a slot that he could have used, and nobody starves.
//
// Grants are decided by the caller at the end of a command (`takeReady`), never midway: half of a two-slot release would
// bind the wrong member of a pool and delay an earlier request.

import type { Labels, Want } from '../rows.ts';
import { Pools } from './pools.ts';
import { Ranking } from './ranking.ts';
import { type Path, roomFor, useFor } from './search.ts';
import {
  freeSlots,
  Line,
  latestAt,
  openSlots,
  type Place,
  type Request,
  ranksBefore,
  requestRanksBefore,
  type Unit,
} from './units.ts';

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

/** Units of other requests among which an exchange is sought at most; the comparison runs with several. */
export const defaultSearchBound = 256;

/** Full requests, whose clients are away, that are passed over in order to find the first that is not. */
const fullLookedPast = 256;

export class Queue {
  readonly places = new Map<string, Place>();
  readonly requests = new Map<string, Request>();
  readonly pools = new Pools(this.places);
  readonly #order = new Ranking<Request>((request) => request.level, requestRanksBefore);
  /** Requests that became full since the last `takeReady`; some may no longer be. */
  readonly #full = new Set<Request>();
  /** Places where somebody came or went, and where a waiting unit may therefore have a right to a slot. */
  readonly #unsettled = new Set<Place>();
  readonly #searchBound: number;

  constructor(searchBound = defaultSearchBound) {
    this.#searchBound = searchBound;
  }

  // --- environments

  /** Adds a place or changes it. */
  setPlace(name: string, facts: PlaceFacts): void {
    const place = this.#place(name);
    if (!sameLabels(place.labels, facts.labels)) {
      this.#empty(place);
      this.pools.exit(place);
      place.labels = facts.labels;
      this.pools.enter(place);
    }
    place.capacity = facts.capacity;
    place.dirty = facts.dirty;
    place.closed = facts.closed;
    this.#withdraw(place);
    this.#settle();
  }

  /** The place must have no holder; units that asked for it by name must have left before. */
  removePlace(name: string): void {
    const place = this.places.get(name);
    if (place === undefined) return;
    this.#empty(place);
    this.pools.exit(place);
    this.places.delete(name);
    this.#unsettled.delete(place);
    this.#settle();
  }

  // --- leases

  arrive(ask: Ask): Request {
    const request = this.#request(ask);
    this.requests.set(request.id, request);
    this.#order.join(request);
    for (const unit of request.units) this.#seek(unit);
    this.#settle();
    return request;
  }

  /** A waiting request leaves, and what was set aside for it comes free. */
  leave(id: string): void {
    const request = this.requests.get(id);
    if (request === undefined) return;
    for (const unit of request.units) {
      if (unit.inLine) unit.line.leave(unit);
      else this.#takeBack(unit);
    }
    this.#forget(request);
    this.#settle();
  }

  /** A waiting request becomes the holder of these places, in the order of its units. */
  grant(id: string, names: readonly string[]): void {
    const request = this.requests.get(id);
    if (request === undefined || !isSetAside(request, names)) {
      // Decided elsewhere, with other members of the pool than were set aside here: leave, then hold what was granted.
      this.leave(id);
      this.occupy(names);
      return;
    }
    for (const unit of request.units) {
      const place = this.#takeBack(unit);
      place.held++;
      this.#note(place);
    }
    // Nothing to settle: a grant never changes anyone else's standing.
    this.#forget(request);
  }

  /** Slots become held without having been queued for (a restart, or another server's grant). */
  occupy(names: readonly string[]): void {
    for (const name of names) {
      const place = this.#place(name);
      place.held++;
      this.#withdraw(place);
    }
    this.#settle();
  }

  /** Held slots come back. */
  vacate(names: readonly string[]): void {
    for (const name of names) {
      const place = this.places.get(name);
      if (place === undefined) continue;
      place.held--;
      this.#note(place);
    }
    this.#settle();
  }

  // --- what the queue knows

  /** Full requests since the last call, each once; the caller grants those whose client is present. */
  takeReady(): Request[] {
    const ready = [...this.#full].filter((request) => request.missing === 0);
    this.#full.clear();
    return ready;
  }

  isFull(id: string): boolean {
    return this.requests.get(id)?.missing === 0;
  }

  /** Environments set aside for a request, in the order of its wants; '' where there is none yet. */
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
    return this.pools.matching(labels, globs);
  }

  // --- places and requests

  #place(name: string): Place {
    const known = this.places.get(name);
    if (known !== undefined) return known;
    const own = new Line(`environment ${name}`, null);
    const place: Place = {
      name,
      capacity: 0,
      held: 0,
      dirty: 0,
      closed: false,
      labels: {},
      aside: new Set(),
      own,
      lines: new Set([own]),
    };
    own.places.add(place);
    this.places.set(name, place);
    this.pools.enter(place);
    return place;
  }

  #request(ask: Ask): Request {
    const units: Unit[] = [];
    const request: Request = {
      id: ask.id,
      level: ask.level,
      order: ask.order,
      units,
      missing: 0,
      at: new Map(),
      previous: null,
      next: null,
    };
    for (const want of ask.wants) {
      const count = 'environment' in want ? 1 : want.count;
      for (let i = 0; i < count; i++) {
        const line = this.#lineFor(want, ask.globs);
        units.push({ request, index: units.length, line, place: null, inLine: false, previous: null, next: null });
      }
    }
    request.missing = units.length;
    return request;
  }

  #lineFor(want: Want, globs: readonly string[] | null): Line {
    if (!('environment' in want)) return this.pools.use(want.labels, globs);
    const { own } = this.#place(want.environment);
    own.users++;
    return own;
  }

  #forget(request: Request): void {
    this.requests.delete(request.id);
    this.#order.leave(request);
    this.#full.delete(request);
    for (const { line } of request.units) this.pools.disuse(line);
  }

  // --- setting aside

  #setAside(unit: Unit, place: Place): void {
    if (unit.inLine) unit.line.leave(unit);
    unit.place = place;
    unit.line.aside.add(unit);
    unit.request.at.set(place, unit);
    if (--unit.request.missing === 0) this.#full.add(unit.request);
    place.aside.add(unit);
    this.#note(place);
  }

  /** Undoes `#setAside`; returns the place that has one more free slot. The unit has nothing and stands nowhere. */
  #takeBack(unit: Unit): Place {
    const place = unit.place as Place;
    unit.place = null;
    unit.line.aside.delete(unit);
    unit.request.at.delete(place);
    unit.request.missing++;
    place.aside.delete(unit);
    this.#note(place);
    return place;
  }

  /** Something changed at this place: its lines learn whether a slot is free or set aside. */
  #note(place: Place): void {
    const isFree = freeSlots(place) > 0;
    const isContested = place.aside.size > 0;
    for (const line of place.lines) {
      if (isFree) line.free.add(place);
      else line.free.delete(place);
      if (isContested) line.contested.add(place);
      else line.contested.delete(place);
    }
    this.#unsettled.add(place);
  }

  /** Does what a search found. Whoever is pushed out stands in line again. */
  #follow(path: Path): void {
    for (let next: Path | null = path; next !== null; ) {
      const { moves, pushedOut, isCutShort }: Path = next;
      // All leave before any arrives: two units may swap.
      if (pushedOut !== null) this.#takeBack(pushedOut);
      for (const { unit } of moves) if (unit.place !== null) this.#takeBack(unit);
      for (const { unit, to } of moves) this.#setAside(unit, to);
      pushedOut?.line.join(pushedOut);
      // After a complete search it can push out nobody itself; after another it may, and each time it is a later one.
      next = pushedOut !== null && isCutShort ? roomFor(pushedOut, this.#searchBound) : null;
    }
  }

  /** Finds a slot for a unit that has none, or lets it stand in line, as it does with a later one that is pushed out. */
  #seek(unit: Unit): void {
    const path = roomFor(unit, this.#searchBound);
    if (path !== null) this.#follow(path);
    else if (!unit.inLine) unit.line.join(unit);
  }

  /** While more is set aside than there are open slots, the latest loses its slot and looks for another. */
  #withdraw(place: Place): void {
    while (place.aside.size > Math.max(0, openSlots(place))) {
      const latest = latestAt(place) as Unit;
      this.#takeBack(latest);
      this.#seek(latest);
    }
    this.#note(place);
  }

  #empty(place: Place): void {
    place.closed = true;
    this.#withdraw(place);
  }

  // --- settling: what became free, or was exchanged, goes to whom it belongs

  #settle(): void {
    do {
      for (const place of this.#unsettled) {
        this.#unsettled.delete(place);
        this.#offer(place);
        this.#keepOrder(place);
      }
    } while (this.#serveFirst());
  }

  /** Free slots of a place go to the earliest units that can use them, directly or by an exchange. */
  #offer(place: Place): void {
    while (freeSlots(place) > 0) {
      const path = useFor(place, this.#searchBound);
      if (path === null) return;
      this.#follow(path);
    }
  }

  /** Q1. A complete search never leaves anything to do here. */
  #keepOrder(place: Place): void {
    for (;;) {
      const earliest = this.#earliestFor(place);
      if (earliest === null) return;
      const latest = latestAt(place);
      if (latest === null || !ranksBefore(earliest, latest)) return;
      this.#takeBack(latest);
      this.#setAside(earliest, place);
      this.#seek(latest);
    }
  }

  /** The earliest unit in line that could have a slot here as it is. */
  #earliestFor(place: Place): Unit | null {
    let earliest: Unit | null = null;
    for (const line of place.lines) {
      const unit = line.first(({ request }) => !request.at.has(place));
      if (unit !== null && (earliest === null || ranksBefore(unit, earliest))) earliest = unit;
    }
    return earliest;
  }

  /**
   * Q2. By Q1 all slots that it could take are held, or set aside for itself or for those before it, who need no more: it
   * lacks exchanges among its own units at most. Those before it are full, so that no grant makes another one the first.
   */
  #serveFirst(): boolean {
    const first = this.#order.first(({ missing }) => missing > 0, fullLookedPast);
    if (first === null || first.units.length === 1) return false;
    for (const unit of first.units) {
      const path = unit.inLine ? roomFor(unit, 0) : null;
      if (path === null) continue;
      this.#follow(path);
      return true;
    }
    return false;
  }
}

function isSetAside(request: Request, names: readonly string[]): boolean {
  return request.missing === 0 && request.units.every((unit, i) => unit.place?.name === names[i]);
}

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
