// The queue, by brute force: what must be set aside for whom, and who may be granted. Independent of src/core/queue, and as
// slow as it needs to be in order to be read as the definition.
//
// The rule: each free slot is set aside for the earliest waiting request that can still use it; a request is granted at the
// moment when everything that it asked for is set aside for it. In full:
//   - A waiting request has units, in the order of its wants: one for a named want, `count` for a want by labels.
//   - Units are served if each can be given an environment that it asks for, no environment is given more often than it has
//     open slots, and the environments of one request are all different.
//   - Units rank by priority, then arrival, then their order within the request. In this order each unit is taken if it can
//     be served together with all that were taken before it. For these, and no others, a slot is set aside.

import type { Labels, Want } from '../../src/core/rows.ts';

export interface Environment {
  readonly name: string;
  /** Slots that are not used; may be negative where capacity was lowered under holders. */
  readonly slots: number;
  readonly closed: boolean;
  readonly labels: Labels;
}

export interface Waiting {
  readonly id: string;
  /** Priority; Infinity for a thief, who stands before all others. */
  readonly level: number;
  readonly order: number;
  readonly wants: readonly Want[];
  readonly globs: readonly string[] | null;
}

/** One unit of a request, for one slot. */
export interface WaitingUnit {
  readonly request: Waiting;
  readonly want: Want;
  /** `request/index`. */
  readonly id: string;
}

/** Remembered, as a request never changes. */
const known = new WeakMap<Waiting, readonly WaitingUnit[]>();

export function unitsOf(request: Waiting): readonly WaitingUnit[] {
  const units = known.get(request) ?? makeUnits(request);
  known.set(request, units);
  return units;
}

function makeUnits(request: Waiting): WaitingUnit[] {
  const wants = request.wants.flatMap((want) => ('environment' in want ? [want] : Array(want.count).fill(want)));
  return wants.map((want, index) => ({ request, want, id: `${request.id}/${index}` }));
}

export function ranksBefore(a: Waiting, b: Waiting): boolean {
  return a.level === b.level ? a.order < b.order : a.level > b.level;
}

export function inOrder(waiting: Iterable<Waiting>): Waiting[] {
  return [...waiting].sort((a, b) => (ranksBefore(a, b) ? -1 : 1));
}

/** Whether the unit asks for this environment: by its name, or by labels that it carries all of and globs that allow it. */
export function asksFor(unit: WaitingUnit, environment: Pick<Environment, 'name' | 'labels'>): boolean {
  const { want, request } = unit;
  if ('environment' in want) return want.environment === environment.name;
  const carries = Object.entries(want.labels).every(([key, value]) => environment.labels[key] === value);
  return carries && (request.globs === null || request.globs.some((glob) => allows(glob, environment.name)));
}

const patterns = new Map<string, RegExp>();

function allows(glob: string, name: string): boolean {
  const pattern = patterns.get(glob) ?? patternOf(glob);
  patterns.set(glob, pattern);
  return pattern.test(name);
}

function patternOf(glob: string): RegExp {
  const text = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${text}$`, 's');
}

/** Ids of the units for which a slot is set aside. */
export function setAside(environments: readonly Environment[], waiting: Iterable<Waiting>): Set<string> {
  const served = new Set<string>();
  let ways = new Ways(environments);
  for (const request of inOrder(waiting)) {
    for (const unit of unitsOf(request)) {
      const more = ways.serving(unit);
      if (more.possible) {
        ways = more;
        served.add(unit.id);
      }
    }
    ways = ways.nextRequest();
  }
  return served;
}

/** Ids of the requests that can be granted: everything is set aside for them. Who is absent is not asked here. */
export function grantable(environments: readonly Environment[], waiting: Iterable<Waiting>): Set<string> {
  const all = [...waiting];
  const served = setAside(environments, all);
  return new Set(all.filter((request) => unitsOf(request).every((unit) => served.has(unit.id))).map(({ id }) => id));
}

/**
 * Every way to serve the units taken so far, as what it leaves. Units come request by request, so of a way it matters only how
 * many slots are left where, and which environments the present request has already. Both are the digits of one number,
 * a digit for each environment, because there are many ways.
 */
class Ways {
  readonly #environments: readonly Environment[];
  readonly #digits: readonly { readonly one: number; readonly base: number }[];
  /** What is left of slots, as a number, times 2 ** environments, plus a bit for each environment that the request has. */
  readonly #ways: ReadonlySet<number>;

  constructor(environments: readonly Environment[], ways?: ReadonlySet<number>) {
    this.#environments = environments;
    let one = 2 ** environments.length;
    let all = 0;
    this.#digits = environments.map(({ slots, closed }) => {
      const open = closed ? 0 : Math.max(0, slots);
      const digit = { one, base: open + 1 };
      all += one * open;
      one *= open + 1;
      return digit;
    });
    if (one > Number.MAX_SAFE_INTEGER) throw new Error('too many slots for a brute force');
    this.#ways = ways ?? new Set([all]);
  }

  get possible(): boolean {
    return this.#ways.size > 0;
  }

  serving(unit: WaitingUnit): Ways {
    const more = new Set<number>();
    for (const [i, environment] of this.#environments.entries()) {
      if (!asksFor(unit, environment)) continue;
      const { one, base } = this.#digits[i] as { one: number; base: number };
      for (const way of this.#ways) {
        const left = Math.floor(way / one) % base;
        const hasItAlready = Math.floor(way / 2 ** i) % 2 === 1;
        if (left > 0 && !hasItAlready) more.add(way - one + 2 ** i);
      }
    }
    return new Ways(this.#environments, more);
  }

  nextRequest(): Ways {
    const bits = 2 ** this.#environments.length;
    return new Ways(this.#environments, new Set(Array.from(this.#ways, (way) => way - (way % bits))));
  }
}

/** What may come after a grant: held slots return, waiters leave. */
export interface Future {
  readonly returned: readonly string[];
  readonly left: ReadonlySet<string>;
}

/** Ids of earlier requests that this grant delays: without it they could be granted in that future, with it they cannot. */
export function delayed(
  environments: readonly Environment[],
  waiting: readonly Waiting[],
  granted: Waiting,
  names: readonly string[],
  future: Future,
): string[] {
  const staying = waiting.filter(({ id }) => !future.left.has(id));
  const after = (taken: readonly string[]): Environment[] =>
    environments.map((environment) => {
      const back = future.returned.filter((name) => name === environment.name).length;
      const gone = taken.filter((name) => name === environment.name).length;
      return { ...environment, slots: environment.slots + back - gone };
    });
  const without = grantable(after([]), staying);
  const others = staying.filter(({ id }) => id !== granted.id);
  const withIt = grantable(after(names), others);
  return others
    .filter((one) => ranksBefore(one, granted) && without.has(one.id) && !withIt.has(one.id))
    .map(({ id }) => id);
}

// --- What is promised where a search for an exchange was cut short: the same, as far as one can see without exchanges.

/** Where a slot is set aside for which unit. */
export type Placing = ReadonlyMap<string, string>;

/** Units that wait for a slot which is set aside for a later unit, although they could take it as it is. */
export function overtaken(
  waiting: Iterable<Waiting>,
  environments: readonly Environment[],
  placing: Placing,
): string[] {
  const units = inOrder(waiting).flatMap(unitsOf);
  const latest = new Map<string, number>();
  for (const [rank, { id }] of units.entries()) {
    const at = placing.get(id);
    if (at !== undefined) latest.set(at, rank);
  }
  return directly(units, environments, placing, ({ name }, rank) => (latest.get(name) ?? -1) > rank);
}

/** Units that wait although a slot which they could take is neither used nor set aside. */
export function idle(waiting: Iterable<Waiting>, environments: readonly Environment[], placing: Placing): string[] {
  const free = new Map(environments.map(({ name, slots, closed }) => [name, closed ? 0 : slots]));
  for (const at of placing.values()) free.set(at, (free.get(at) ?? 0) - 1);
  return directly(inOrder(waiting).flatMap(unitsOf), environments, placing, ({ name }) => (free.get(name) ?? 0) > 0);
}

/** The units without a slot that ask for an environment where their request has none yet and which passes the test. */
function directly(
  units: readonly WaitingUnit[],
  environments: readonly Environment[],
  placing: Placing,
  test: (environment: Environment, rank: number) => boolean,
): string[] {
  const taken = new Set(
    units.flatMap(({ id, request }) => (placing.has(id) ? [`${request.id} ${placing.get(id)}`] : [])),
  );
  const found: string[] = [];
  for (const [rank, unit] of units.entries()) {
    if (placing.has(unit.id)) continue;
    for (const environment of environments) {
      if (!test(environment, rank) || taken.has(`${unit.request.id} ${environment.name}`)) continue;
      if (asksFor(unit, environment)) found.push(`${unit.id} ${environment.name}`);
    }
  }
  return found;
}
