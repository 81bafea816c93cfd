// A state as text, the same for every state that means the same: what must be equal when a turn was taken back, and when a
// state was made anew from the rows of the log. Which of several equivalent slots is set aside for a request is no part of
// it, only for whom one is. Presence is no part of it either: clients come and go without asking the log.

import type { State } from '../../src/core/state.ts';

export function dump(state: State, withQueue: boolean): string {
  const lines: string[] = [`seq ${state.seq} epoch ${state.epoch}`];
  const rows = {
    lease: state.leases,
    environment: state.environments,
    freeze: state.freezes,
    key: state.keys,
    signal: state.signals,
    barrier: state.barriers,
    server: state.servers,
  };
  for (const [kind, map] of Object.entries(rows)) {
    for (const id of [...map.keys()].sort()) lines.push(`${kind} ${JSON.stringify(map.get(id))}`);
  }
  lines.push(`payloads ${state.signalBytes}, parties ${state.parties}`);
  lines.push(`waiting ${[...state.waiting].sort().join(' ')}`, `ended ${[...state.ended].sort().join(' ')}`);
  for (const name of [...state.holders.keys()].sort())
    lines.push(`holders of ${name}: ${[...(state.holders.get(name) ?? [])].sort().join(' ')}`);
  for (const lease of state.leases.values()) {
    if (lease.idempotency === null) continue;
    const { route, key } = lease.idempotency;
    const found = state.leaseOfIdempotencyKey(lease.owner, route, key)?.id;
    if (found !== lease.id) lines.push(`idempotency key ${key} of ${lease.id} finds ${found}`);
  }
  for (const name of [...state.queue.places.keys()].sort()) {
    const place = state.queue.places.get(name);
    if (place === undefined) continue;
    // A place that nobody made and nobody uses is as good as none.
    lines.push(
      `place ${name}: ${place.capacity} slots, ${place.held} held, ${place.dirty} dirty${place.closed ? ', closed' : ''}`,
    );
  }
  for (const id of [...state.queue.requests.keys()].sort()) {
    const request = state.queue.requests.get(id);
    if (request === undefined) continue;
    const units = withQueue ? request.units.map((unit) => (unit.place === null ? '-' : 'x')).join('') : '';
    lines.push(`request ${id} level ${request.level} order ${request.order}: ${units}`);
  }
  return lines.join('\n');
}

/** The first line in which two dumps differ, from both; null when they are equal. */
export function difference(expected: string, actual: string): string | null {
  if (expected === actual) return null;
  const a = expected.split('\n');
  const b = actual.split('\n');
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return `\n  ${a[i]}\n  ${b[i]}`;
  return null;
}

/** Whether the two directions in which the queue knows who has what agree. */
export function* queueFaults(state: State): Generator<string> {
  const { places, requests } = state.queue;
  for (const request of requests.values()) {
    let missing = 0;
    for (const unit of request.units) {
      if (unit.inLine === (unit.place !== null))
        yield `queue: unit ${unit.index} of ${request.id} is ${unit.inLine ? 'both' : 'neither'} in line and set aside`;
      if (unit.place === null) {
        missing++;
        continue;
      }
      const { place } = unit;
      if (places.get(place.name) !== place) yield `queue: ${request.id} has a slot of ${place.name}, which is gone`;
      if (!place.aside.has(unit))
        yield `queue: ${place.name} does not know that a slot of it is set aside for ${request.id}`;
      if (request.at.get(place) !== unit) yield `queue: ${request.id} does not find its unit at ${place.name}`;
      if (!unit.line.places.has(place))
        yield `queue: ${request.id} has a slot of ${place.name}, which it did not ask for`;
    }
    if (missing !== request.missing) yield `queue: ${request.id} misses ${missing} slots and counts ${request.missing}`;
  }
  for (const place of places.values()) {
    for (const unit of place.aside) {
      if (unit.place !== place) yield `queue: ${place.name} is set aside for ${unit.request.id}, which has it not`;
      if (requests.get(unit.request.id) !== unit.request)
        yield `queue: ${place.name} is set aside for ${unit.request.id}, which does not wait`;
    }
  }
}
