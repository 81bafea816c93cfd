// The invariants of leases (docs/architecture.md, L1-L11), as functions that find what breaks them. Tests and the simulation
// call them after every step; they look at everything, so they are not for production.

import { due } from './lease/end.ts';
import { freeSlots, openSlots } from './queue/units.ts';
import type { LeaseRow, Want } from './rows.ts';
import { globsMatch, labelsMatch } from './selectors.ts';
import type { State } from './state.ts';
import type { Turn } from './turn.ts';

/** How late deadlines may be noticed, in milliseconds of log time (L6: 250 when healthy). */
export interface Slack {
  readonly deadlineMs: number;
}

/** Everything that is wrong with a state between two turns, as sentences; empty when all invariants hold. */
export function stateFaults(state: State, tick: number, slack: Slack): string[] {
  return [
    ...indexFaults(state),
    ...holderFaults(state),
    ...waiterFaults(state, tick, slack),
    ...idempotencyFaults(state),
  ];
}

function* indexFaults(state: State): Generator<string> {
  const held = new Map<string, number>();
  for (const lease of state.leases.values()) {
    const waits = lease.state === 'waiting';
    if (waits !== state.waiting.has(lease.id))
      yield `index: ${lease.id} is ${lease.state} but the set of waiting leases says otherwise`;
    if (waits !== state.queue.requests.has(lease.id))
      yield `index: ${lease.id} is ${lease.state} but the queue says otherwise`;
    if (lease.state !== 'held') continue;
    for (const name of lease.granted) {
      held.set(name, (held.get(name) ?? 0) + 1);
      if (state.holders.get(name)?.has(lease.id) !== true)
        yield `index: ${lease.id} holds ${name} and is not among its holders`;
    }
  }
  for (const [name, ids] of state.holders) {
    if (ids.size !== held.get(name))
      yield `index: ${name} has ${ids.size} holders, its leases say ${held.get(name) ?? 0}`;
  }
  for (const place of state.queue.places.values()) {
    if (place.held !== (held.get(place.name) ?? 0))
      yield `index: the queue counts ${place.held} held slots of ${place.name}, its leases say ${held.get(place.name) ?? 0}`;
    if (place.aside.size > 0 && openSlots(place) < place.aside.size)
      yield `L1: more slots of ${place.name} are set aside than are open`;
  }
}

/** L11: all or nothing, every environment different, and each one what was asked for. */
function* holderFaults(state: State): Generator<string> {
  for (const lease of state.leases.values()) {
    if (lease.state !== 'held') continue;
    const units = unitsOf(lease);
    if (lease.granted.length !== units.length)
      yield `L11: ${lease.id} asked for ${units.length} environments and holds ${lease.granted.length}`;
    if (new Set(lease.granted).size !== lease.granted.length) yield `L11: ${lease.id} holds an environment twice`;
    for (const [i, want] of units.entries()) {
      if ('environment' in want && want.environment !== lease.granted[i])
        yield `L11: ${lease.id} asked for ${want.environment} and holds ${lease.granted[i]}`;
    }
  }
}

/** L6, L8, L9: nobody who could go on is left waiting, and nobody who is gone is left holding. */
function* waiterFaults(state: State, tick: number, slack: Slack): Generator<string> {
  for (const id of state.waiting) {
    if (state.queue.isFull(id) && state.presence.get(id)?.open === true)
      yield `L8: everything is set aside for ${id}, its client is there, and it still waits`;
  }
  for (const place of state.queue.places.values()) {
    if (freeSlots(place) <= 0) continue;
    for (const line of place.lines) {
      const unit = line.first((candidate) => !candidate.request.at.has(place), 1_000);
      if (unit !== null) yield `L8: ${place.name} has a free slot that ${unit.request.id} could use and waits for`;
    }
  }
  for (const lease of state.leases.values()) {
    const deadline = due(state, lease);
    if (deadline !== null && deadline.tick + slack.deadlineMs < tick) {
      yield `${deadline.how === 'absent' ? 'L9' : 'L6'}: ${lease.id} was over (${deadline.how}) ${tick - deadline.tick} ms ago`;
    }
  }
}

/** L4: one idempotency key, one lease. */
function* idempotencyFaults(state: State): Generator<string> {
  const seen = new Map<string, string>();
  for (const lease of state.leases.values()) {
    if (lease.idempotency === null) continue;
    const key = `${lease.owner.length} ${lease.owner} ${lease.idempotency.route} ${lease.idempotency.key}`;
    const other = seen.get(key);
    if (other !== undefined) yield `L4: ${lease.id} and ${other} were made by one idempotency key`;
    seen.set(key, lease.id);
  }
}

/** Watches turn after turn, over restarts too, for what one state alone cannot show (L1, L2, L3, L5, L7). */
export class Watch {
  readonly #lastFence = new Map<string, number>();
  /** Log time of the last renewal that was acknowledged, by lease. */
  readonly #renewed = new Map<string, number>();

  /** Call after a turn is durable; says what was wrong with it. */
  faults(turn: Turn): string[] {
    const found: string[] = [];
    turn.changes.forEach((change, i) => {
      if (change.kind !== 'lease' || change.row === null) return;
      const before = turn.rowBefore(i) as LeaseRow | null;
      const after = change.row;
      if (before?.state !== 'held' && after.state === 'held') found.push(...this.#grantFaults(turn, after));
      if (before !== null && before.state !== 'waiting' && before.state !== 'held' && before.state !== after.state) {
        found.push(`L3: ${after.id} had ended (${before.state}) and became ${after.state}`);
      }
      if (after.state === 'held' && after.ttlMs !== null && after.renewal === after.seq)
        this.#renewed.set(after.id, turn.moment.tick);
      if (after.end?.how === 'expired' && before?.state === 'held') {
        const lived = turn.moment.tick - (this.#renewed.get(after.id) ?? Number.NEGATIVE_INFINITY);
        if (lived < (after.ttlMs ?? 0))
          found.push(`L5: ${after.id} expired ${lived} ms after its last renewal, its ttl is ${after.ttlMs} ms`);
      }
    });
    return found;
  }

  #grantFaults(turn: Turn, lease: LeaseRow): string[] {
    const found: string[] = [];
    const { state } = turn;
    for (const name of lease.granted) {
      const environment = state.environments.get(name);
      if (environment === undefined) continue;
      const used = (state.holders.get(name)?.size ?? 0) + environment.dirty.length;
      // Only a turn that also changed the environment can leave it over capacity although it was not when this was granted.
      const changedToo = turn.changes.some((change) => change.kind === 'environment' && change.id === name);
      if (used > environment.capacity && !changedToo)
        found.push(`L1: ${name} has ${used} slots in use of ${environment.capacity} after granting ${lease.id}`);
      const last = this.#lastFence.get(name) ?? 0;
      if ((lease.fence ?? 0) <= last) found.push(`L2: ${name} was granted with fence ${lease.fence} after ${last}`);
      this.#lastFence.set(name, lease.fence ?? 0);
    }
    for (const [i, want] of unitsOf(lease).entries()) {
      const name = lease.granted[i] ?? '';
      const environment = state.environments.get(name);
      if ('environment' in want || environment === undefined) continue;
      const fits = labelsMatch(want.labels, environment.labels) && globsMatch(lease.globs, name);
      const relabelled = turn.changes.some((change) => change.kind === 'environment' && change.id === name);
      if (!fits && !relabelled)
        found.push(`L11: ${lease.id} was granted ${name}, which does not carry what it asked for`);
    }
    found.push(...overtaken(turn, lease));
    return found;
  }
}

/** L7 for requests that ask for one environment by name: none of the same line that was there before is left behind. */
function* overtaken(turn: Turn, granted: LeaseRow): Generator<string> {
  const { state } = turn;
  const [want, ...others] = granted.wants;
  if (want === undefined || others.length > 0 || !('environment' in want)) return;
  // What was set aside then may have been taken back since.
  if (turn.changes.some(({ kind, id }) => kind === 'freeze' || (kind === 'environment' && id === want.environment)))
    return;
  for (const id of state.waiting) {
    const other = state.leases.get(id) as LeaseRow;
    const [same, ...more] = other.wants;
    if (same === undefined || more.length > 0 || !('environment' in same) || same.environment !== want.environment)
      continue;
    const earlier = level(other) > level(granted) || (level(other) === level(granted) && other.order < granted.order);
    // It may have come later in the same turn.
    const wasThere = other.order < granted.seq;
    // One whose slot is set aside is only waiting for its client; it is not in anybody's way.
    if (earlier && wasThere && !state.queue.isFull(id))
      yield `L7: ${granted.id} was granted ${want.environment} before ${id}, which stands before it`;
  }
}

function level(lease: LeaseRow): number {
  return lease.ahead ? Number.POSITIVE_INFINITY : lease.priority;
}

/** One want for each environment that the lease holds or will hold. */
function unitsOf(lease: LeaseRow): Want[] {
  return lease.wants.flatMap((want): Want[] =>
    'environment' in want ? [want] : Array.from({ length: want.count }, () => want),
  );
}
