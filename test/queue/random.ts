// Random operations that are possible in a world. The same seed always gives the same ones.

import type { PlaceFacts } from '../../src/core/queue/queue.ts';
import type { Labels, Want } from '../../src/core/rows.ts';
import { asksFor, unitsOf } from './specification.ts';
import type { Operation, World } from './world.ts';

/** How large a world is, and what it is mostly about. */
export interface Shape {
  readonly environments: number;
  readonly capacityMax: number;
  readonly waitingMax: number;
  /** Label keys, each with two values: how many different pools there can be. */
  readonly keys: number;
  /** Part of the wants that are by label. */
  readonly byLabel: number;
  /** Part of the requests that want several things. */
  readonly several: number;
  readonly levels: number;
  readonly absent: number;
  readonly thieves: number;
  /** Part of the steps that change environments. */
  readonly changes: number;
}

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** At least 0, less than 1 (mulberry32). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.roll() * n);
  }

  chance(part: number): boolean {
    return this.roll() < part;
  }

  of<T>(values: readonly T[]): T {
    if (values.length === 0) throw new Error('nothing to choose from');
    return values[this.below(values.length)] as T;
  }
}

/** Worlds small enough for a brute force, where a few slots are fought over. */
export function smallShape(dice: Dice): Shape {
  return {
    environments: 2 + dice.below(5),
    capacityMax: 1 + dice.below(3),
    waitingMax: 4 + dice.below(10),
    keys: 2,
    byLabel: dice.roll(),
    several: dice.roll() ** 2,
    levels: 1 + dice.below(3),
    absent: dice.roll() * 0.3,
    thieves: dice.chance(0.3) ? 0.1 : 0,
    changes: dice.roll() * 0.3,
  };
}

/** Small worlds where much is set aside and not granted, so that there is much to exchange. */
export function tangledShape(dice: Dice): Shape {
  return {
    ...smallShape(dice),
    environments: 4 + dice.below(3),
    waitingMax: 12,
    keys: 2 + dice.below(3),
    byLabel: 0.5 + dice.roll() * 0.5,
    several: 0.5 + dice.roll() * 0.5,
    absent: 0.3 + dice.roll() * 0.6,
  };
}

/** Worlds where more units have a slot set aside than a search visits by default: most clients are away. */
export function largeShape(dice: Dice): Shape {
  return {
    ...smallShape(dice),
    environments: 6,
    capacityMax: 80 + dice.below(80),
    waitingMax: 500,
    byLabel: 0.6 + dice.roll() * 0.4,
    several: 0.5 + dice.roll() * 0.5,
    absent: 0.9,
    changes: 0.05,
  };
}

const globChoices = [null, null, null, ['e*'], ['e0', 'e1', 'e2'], ['*1', 'e2*']];

export class RandomOperations {
  readonly #dice: Dice;
  readonly #shape: Shape;
  readonly #world: World;
  #made = 0;

  constructor(dice: Dice, shape: Shape, world: World) {
    this.#dice = dice;
    this.#shape = shape;
    this.#world = world;
  }

  start(): Operation[] {
    return Array.from({ length: this.#shape.environments }, (_, i) => ({
      kind: 'change',
      name: `e${i}`,
      facts: { ...this.#facts(), closed: false, dirty: 0 },
    }));
  }

  next(): Operation | null {
    const dice = this.#dice;
    if (dice.chance(this.#shape.changes)) return dice.chance(0.2) ? this.#remove() : this.#change();
    const x = dice.roll();
    if (x < 0.4) return this.#arrive();
    if (x < 0.7) return this.#release();
    if (x < 0.83) return this.#leave();
    if (x < 0.95) return this.#contact();
    return dice.chance(0.8) ? this.#granted() : this.#occupy();
  }

  #arrive(): Operation | null {
    const { waitingMax, levels, thieves, absent } = this.#shape;
    if (this.#world.waiting.size >= waitingMax) return null;
    const order = ++this.#made;
    const level = this.#dice.chance(thieves) ? Number.POSITIVE_INFINITY : this.#dice.below(levels);
    const ask = { id: `r${order}`, level, order, wants: this.#wants(), globs: this.#dice.of(globChoices) };
    return { kind: 'arrive', ask, present: !this.#dice.chance(absent) };
  }

  #wants(): Want[] {
    const dice = this.#dice;
    const { byLabel, several, environments } = this.#shape;
    const wants: Want[] = [];
    const named = new Set<string>();
    for (let n = dice.chance(several) ? 2 + dice.below(2) : 1; n > 0; n--) {
      const environment = `e${dice.below(environments)}`;
      if (dice.chance(byLabel))
        wants.push({ labels: this.#selector(), count: dice.chance(0.2) ? 1 + dice.below(3) : 1 });
      else if (!named.has(environment)) wants.push({ environment });
      named.add(environment);
    }
    return wants.length > 0 ? wants : [{ labels: {}, count: 1 }];
  }

  /** Mostly one label, sometimes two or none, in any order. */
  #selector(): Labels {
    const dice = this.#dice;
    const labels = Object.entries(this.#labels());
    const first = dice.of(labels);
    const both = dice.chance(0.2) ? [first, dice.of(labels)] : [first];
    return dice.chance(0.1) ? {} : Object.fromEntries(both);
  }

  #labels(): Labels {
    const keys = Array.from({ length: this.#shape.keys }, (_, i) => 'abcd'.charAt(i));
    return Object.fromEntries(keys.map((key) => [key, `${this.#dice.below(2)}`]));
  }

  #facts(): PlaceFacts {
    const dice = this.#dice;
    return {
      capacity: 1 + dice.below(this.#shape.capacityMax),
      dirty: 0,
      closed: false,
      labels: this.#labels(),
    };
  }

  /** One fact of an environment changes, or all do. */
  #change(): Operation {
    const dice = this.#dice;
    const name = `e${dice.below(this.#shape.environments)}`;
    const facts = this.#world.environments.get(name)?.facts ?? this.#facts();
    const fresh = { ...this.#facts(), capacity: dice.below(this.#shape.capacityMax + 1) };
    const dirty = dice.below(2);
    const changes: PlaceFacts[] = [
      { ...facts, capacity: fresh.capacity },
      { ...facts, closed: !facts.closed },
      { ...facts, dirty },
      { ...facts, labels: fresh.labels },
      { ...fresh, dirty, closed: dice.chance(0.3) },
    ];
    return { kind: 'change', name, facts: dice.of(changes) };
  }

  /** Nobody may hold it or wait for it by name. */
  #remove(): Operation | null {
    const named = new Set(
      [...this.#world.waiting.values()].flatMap(({ wants }) =>
        wants.map((want) => ('environment' in want ? want.environment : '')),
      ),
    );
    const names = [...this.#world.environments].filter(([name, { held }]) => held === 0 && !named.has(name));
    return names.length === 0 ? null : { kind: 'remove', name: this.#dice.of(names)[0] };
  }

  /** Mostly a release, sometimes a grant that is taken back. */
  #release(): Operation | null {
    const leases = [...this.#world.held];
    if (leases.length === 0) return null;
    const [id, { names, request }] = this.#dice.of(leases);
    // What it asked for by name may be gone since; then nobody could have granted it in this turn.
    const isThere = request?.wants.every(
      (want) => !('environment' in want) || this.#world.environments.has(want.environment),
    );
    if (request === null || !isThere || this.#dice.chance(0.95)) return { kind: 'release', id, names };
    const { level, order, wants, globs, present } = request;
    return { kind: 'undo', ask: { id, level, order, wants, globs }, names, present };
  }

  #leave(): Operation | null {
    const ids = [...this.#world.waiting.keys()];
    return ids.length === 0 ? null : { kind: 'leave', id: this.#dice.of(ids) };
  }

  #contact(): Operation | null {
    const waiters = [...this.#world.waiting.values()];
    if (waiters.length === 0) return null;
    const { id, present } = this.#dice.of(waiters);
    return { kind: 'contact', id, present: !present };
  }

  /** Some waiting request gets some environments that it asks for. */
  #granted(): Operation | null {
    const waiters = [...this.#world.waiting.values()];
    if (waiters.length === 0) return null;
    const request = this.#dice.of(waiters);
    const names: string[] = [];
    for (const unit of unitsOf(request)) {
      const open = this.#world
        .view()
        .filter(({ name, slots, closed }) => slots > 0 && !closed && !names.includes(name))
        .filter((environment) => asksFor(unit, environment));
      if (open.length === 0) return null;
      names.push(this.#dice.of(open).name);
    }
    return { kind: 'granted', id: request.id, names };
  }

  #occupy(): Operation | null {
    const names = [...this.#world.environments.keys()];
    return names.length === 0 ? null : { kind: 'occupy', id: `h${++this.#made}`, names: [this.#dice.of(names)] };
  }
}
