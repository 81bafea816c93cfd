// The invariants of leases, signals and barriers (docs/architecture.md, L1-L11, S1, S3), as functions that find what breaks them;
// those of machines are in machines/invariants.ts. Tests and the simulation call them after every step; they look at everything, so they are not for production.

import { due } from './lease/end.ts';
import { grantSeq } from './lease/grant.ts';
import { MachineWatch, machineFaults } from './machines/invariants.ts';
import { barrierId, breaksTick } from './meet/barrier.ts';
import { freeSlots, openSlots } from './queue/units.ts';
import type { BarrierRow, LeaseRow, SignalRow, Want } from './rows.ts';
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
    ...signalFaults(state, tick, slack),
    ...barrierFaults(state, tick, slack),
    ...machineFaults(state),
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

/** S1: a signal stays set until its ttl ends, and not for longer; what its payloads take is counted. */
function* signalFaults(state: State, tick: number, slack: Slack): Generator<string> {
  let bytes = 0;
  for (const [name, signal] of state.signals) {
    bytes += signal.bytes;
    if (signal.name !== name) yield `index: the signal ${name} calls itself ${signal.name}`;
    if (signal.failure !== null && signal.failure.reason.trim() === '') yield `S1: ${name} has failed without a reason`;
    if ((signal.ttlMs === null) !== (signal.ttlTick === null)) yield `S1: ${name} has a ttl and no end, or an end only`;
    if (signal.ttlTick !== null && signal.ttlTick + slack.deadlineMs < tick)
      yield `S1: the ttl of signal ${name} ended ${tick - signal.ttlTick} ms ago`;
  }
  if (bytes !== state.signalBytes)
    yield `index: the payloads have ${bytes} bytes, and ${state.signalBytes} are counted`;
}

/** S3: nobody counts twice, it is open exactly when all have come, it does not wait for longer than it was to; all are counted. */
function* barrierFaults(state: State, tick: number, slack: Slack): Generator<string> {
  let parties = 0;
  for (const [id, barrier] of state.barriers) {
    const { name, generation, count, names, arrivals, end } = barrier;
    parties += count;
    if (barrierId(name, generation) !== id) yield `index: the barrier ${id} calls itself ${name} of "${generation}"`;
    const arrived = new Set(arrivals.map(({ party }) => party));
    if (arrived.size !== arrivals.length) yield `S3: a party of ${id} counts twice`;
    if (names !== null && (names.length !== count || arrivals.some(({ party }) => !names.includes(party))))
      yield `S3: ${id} is for ${names.join(', ')}, and counts somebody else`;
    if ((barrier.state === 'open') !== arrived.size >= count)
      yield `S3: ${id} is ${barrier.state} with ${arrived.size} of ${count}`;
    if ((barrier.state === 'waiting') !== (end === null) || (barrier.state === 'open') !== (end?.how === 'opened'))
      yield `S3: ${id} is ${barrier.state}, and ended as ${end?.how}`;
    if ((barrier.firstTick === null) !== (arrivals.length === 0)) yield `S3: ${id} does not know when the first came`;
    // Declared anew with less time than has passed, it is over from then on.
    const breaks = breaksTick(barrier) === null ? null : Math.max(breaksTick(barrier) ?? 0, barrier.idleTick);
    if (breaks !== null && breaks + slack.deadlineMs < tick)
      yield `S3: the time of ${id} was over ${tick - breaks} ms ago`;
  }
  if (parties !== state.parties) yield `index: the barriers have ${parties} parties, and ${state.parties} are counted`;
}

/** Watches turn after turn, over restarts too, for what one state alone cannot show (L1, L2, L3, L5, L7, S1, S3). */
/** A turn as it was, whoever decided it. */
type Decided = Pick<Turn, 'state' | 'moment' | 'changes' | 'events' | 'rowBefore'>;

export class Watch {
  readonly #lastFence = new Map<string, number>();
  /** Log time at which a signal was last set. */
  readonly #set = new Map<string, number>();
  /** Log time at which the first party came, by barrier; of turns that a dying server wrote nothing is known here. */
  readonly #first = new Map<string, number>();
  /** Log time of the last renewal that was acknowledged, by lease. */
  readonly #renewed = new Map<string, number>();

  readonly #machines = new MachineWatch();

  /** Call after a turn is durable; says what was wrong with it. */
  faults(turn: Decided): string[] {
    const found: string[] = this.#machines.faults(turn);
    turn.changes.forEach((change, i) => {
      if (change.kind === 'signal') found.push(...this.#signalFaults(turn, change.id, change.seq, change.row));
      if (change.kind === 'barrier')
        found.push(...this.#barrierFaults(turn, change.id, turn.rowBefore(i) as BarrierRow | null, change.row));
      if (change.kind !== 'lease' || change.row === null) return;
      const before = turn.rowBefore(i) as LeaseRow | null;
      const after = change.row;
      if (before?.state !== 'held' && after.state === 'held') found.push(...this.#grantFaults(turn, after));
      if (before !== null && before.state !== 'waiting' && before.state !== 'held' && before.state !== after.state) {
        found.push(`L3: ${after.id} had ended (${before.state}) and became ${after.state}`);
      }
      const isRenewed = before?.state !== 'held' || before.renewal !== after.renewal;
      if (after.state === 'held' && after.ttlMs !== null && isRenewed) this.#renewed.set(after.id, turn.moment.tick);
      if (after.end?.how === 'expired' && before?.state === 'held') {
        const lived = turn.moment.tick - (this.#renewed.get(after.id) ?? Number.NEGATIVE_INFINITY);
        if (lived < (after.ttlMs ?? 0))
          found.push(`L5: ${after.id} expired ${lived} ms after its last renewal, its ttl is ${after.ttlMs} ms`);
      }
    });
    return found;
  }

  /** S1: nothing but time or somebody's word ends a signal, and time not before its ttl. */
  *#signalFaults(turn: Decided, name: string, seq: number, after: SignalRow | null): Generator<string> {
    const { tick } = turn.moment;
    if (after !== null) {
      this.#set.set(name, tick);
      if (after.ttlTick !== null && after.ttlTick !== tick + (after.ttlMs ?? 0))
        yield `S1: signal ${name} was set at ${tick} for ${after.ttlMs} ms and ends at ${after.ttlTick}`;
      return;
    }
    const told = turn.events.find((event) => event.seq === seq + 1);
    if (told?.subject !== name) yield `S1: the history does not say why signal ${name} went`;
    const index = turn.changes.findIndex((change) => change.seq === seq);
    const before = turn.rowBefore(index) as SignalRow | null;
    const lived = tick - (this.#set.get(name) ?? Number.NEGATIVE_INFINITY);
    if (told?.kind === 'signal.expired' && lived < (before?.ttlMs ?? Number.POSITIVE_INFINITY))
      yield `S1: signal ${name} went ${lived} ms after it was set, its ttl is ${before?.ttlMs} ms`;
    this.#set.delete(name);
  }

  /** S3: what has ended stays as it is until it is forgotten, and nobody who has come is lost. */
  *#barrierFaults(turn: Decided, id: string, before: BarrierRow | null, after: BarrierRow | null): Generator<string> {
    if (after === null) {
      this.#first.delete(id);
      return;
    }
    const came = before?.arrivals ?? [];
    if (came.some(({ party }, i) => after.arrivals[i]?.party !== party)) yield `S3: ${id} has lost somebody who came`;
    if (came.length === 0 && after.arrivals.length > 0) this.#first.set(id, turn.moment.tick);
    if (before !== null && before.state !== 'waiting') yield `S3: ${id} was ${before.state} and is now ${after.state}`;
    const waited = turn.moment.tick - (this.#first.get(id) ?? Number.NEGATIVE_INFINITY);
    if (after.end?.how === 'timed_out' && waited < after.timeoutMs)
      yield `S3: ${id} broke ${waited} ms after the first came, it was to wait for ${after.timeoutMs} ms`;
  }

  #grantFaults(turn: Decided, lease: LeaseRow): string[] {
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
function* overtaken(turn: Decided, granted: LeaseRow): Generator<string> {
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
    const wasThere = other.order < grantSeq(granted);
    // One whose slot is set aside is only waiting for its client; it is not in anybody's way.
    if (earlier && wasThere && !state.queue.isFull(id) && !tookItsSlot(turn, granted, other))
      yield `L7: ${granted.id} was granted ${want.environment} before ${id}, which stands before it`;
  }
}

/** Whether one that stands before both was granted the same later in the turn: the slot that was set aside till then went to it. */
function tookItsSlot(turn: Decided, granted: LeaseRow, other: LeaseRow): boolean {
  return turn.changes.some(
    ({ kind, row }) =>
      kind === 'lease' &&
      row !== null &&
      (row.fence ?? 0) > (granted.fence ?? 0) &&
      row.granted.some((name) => granted.granted.includes(name)) &&
      level(row) > level(other),
  );
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
