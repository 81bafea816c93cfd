// What must hold of the queue's own structure after every step, whatever the steps were.

import { unusedLinesKept } from '../../src/core/queue/pools.ts';
import type { Queue } from '../../src/core/queue/queue.ts';
import type { Line, Place, Unit } from '../../src/core/queue/units.ts';
import { freeSlots, openSlots, ranksBefore } from '../../src/core/queue/units.ts';
import { asksFor, unitsOf } from './specification.ts';
import type { World } from './world.ts';

/** One sentence for each thing that is wrong. */
export function* structureFaults(queue: Queue, world: World): Generator<string> {
  const units = [...queue.requests.values()].flatMap((request) => request.units);
  yield* requestFaults(queue, world);
  yield* placeFaults(queue, world, units);
  const lines = new Set([
    ...units.map(({ line }) => line),
    ...[...queue.places.values()].flatMap(({ lines }) => [...lines]),
    ...queue.pools.lines.values(),
  ]);
  for (const line of lines) yield* lineFaults(queue, line, units);
  const unused = [...queue.pools.lines.values()].filter(({ users }) => users === 0);
  if (unused.length > unusedLinesKept) yield `${unused.length} lines are kept for nobody`;
}

function* requestFaults(queue: Queue, world: World): Generator<string> {
  if (queue.requests.size !== world.waiting.size) yield `${queue.requests.size} requests, not ${world.waiting.size}`;
  for (const request of queue.requests.values()) {
    const { id, units, missing, at } = request;
    const waiter = world.waiting.get(id);
    if (waiter === undefined) yield `${id} does not wait any more`;
    const set = units.filter(({ place }) => place !== null);
    if (missing !== units.length - set.length) yield `${id} misses ${units.length - set.length}, not ${missing}`;
    if (at.size !== set.length) yield `${id} has ${set.length} slots in ${at.size} environments`;
    for (const [i, unit] of units.entries()) {
      const spec = waiter && unitsOf(waiter)[i];
      const { place, inLine } = unit;
      if (place === null) {
        if (!inLine) yield `${id}/${i} has no slot and does not stand in line`;
        continue;
      }
      if (inLine) yield `${id}/${i} has a slot and stands in line`;
      if (at.get(place) !== unit) yield `${id}/${i} is not known to be at ${place.name}`;
      if (queue.places.get(place.name) !== place) yield `${id}/${i} is at ${place.name}, which is gone`;
      if (spec && !asksFor(spec, place)) yield `${id}/${i} did not ask for ${place.name}`;
    }
  }
}

function* placeFaults(queue: Queue, world: World, units: readonly Unit[]): Generator<string> {
  if (queue.places.size !== world.environments.size)
    yield `${queue.places.size} places, not ${world.environments.size}`;
  for (const [name, { facts, held }] of world.environments) {
    const place = queue.places.get(name);
    if (place === undefined) {
      yield `${name} is missing`;
      continue;
    }
    const { capacity, dirty, closed, labels } = place;
    if (capacity !== facts.capacity || dirty !== facts.dirty || closed !== facts.closed)
      yield `${name} has other facts`;
    if (JSON.stringify(labels) !== JSON.stringify(facts.labels)) yield `${name} has other labels`;
    if (place.held !== held) yield `${name} is held ${held} times, not ${place.held}`;
    if (place.aside.size > Math.max(0, openSlots(place))) yield `more is set aside of ${name} than is open`;
    yield* differences(
      `set aside at ${name}`,
      place.aside,
      units.filter((unit) => unit.place === place),
    );
  }
}

function* lineFaults(queue: Queue, line: Line, all: readonly Unit[]): Generator<string> {
  const units = all.filter((unit) => unit.line === line);
  const { key } = line;
  if (line.users !== units.length) yield `${key}: ${units.length} users, not ${line.users}`;
  const standing = [...line.units()];
  if (line.waiting !== standing.length) yield `${key}: ${standing.length} wait, not ${line.waiting}`;
  for (const [i, unit] of standing.entries()) {
    const before = standing[i - 1];
    if (before && !ranksBefore(before, unit)) yield `${key}: ${unit.request.id} stands behind a later one`;
    if (before?.request.level === unit.request.level && unit.previous !== before) yield `${key}: a link back is wrong`;
  }
  yield* differences(
    `${key}: waiting`,
    new Set(standing),
    units.filter(({ place }) => place === null),
  );
  yield* differences(
    `${key}: aside`,
    line.aside,
    units.filter(({ place }) => place !== null),
  );
  const places = [...queue.places.values()].filter((place) =>
    line.selector === null ? place.own === line : line.matches(place),
  );
  yield* differences(`${key}: places`, line.places, places);
  yield* differences(
    `${key}: places that know it`,
    line.places,
    [...queue.places.values()].filter(({ lines }) => lines.has(line)),
  );
  yield* differences(
    `${key}: free`,
    line.free,
    places.filter((place) => freeSlots(place) > 0),
  );
  yield* differences(
    `${key}: contested`,
    line.contested,
    places.filter(({ aside }) => aside.size > 0),
  );
}

function* differences<T extends Unit | Place>(
  what: string,
  is: ReadonlySet<T>,
  shouldBe: readonly T[],
): Generator<string> {
  for (const one of shouldBe) if (!is.has(one)) yield `${what}: ${nameOf(one)} is missing`;
  if (is.size > shouldBe.length) yield `${what}: ${is.size - shouldBe.length} too many`;
}

function nameOf(one: Unit | Place): string {
  return 'name' in one ? one.name : `${one.request.id}/${one.index}`;
}
