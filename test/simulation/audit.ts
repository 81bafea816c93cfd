// The outside's own account of what happened. It reads each durable turn as the log kept it, in order and over all server
// lives, and knows what clients were told and when they were there. It shares no code with the core that decides.
//
// Time is `served` time: downtime and stalls are not in it (L5). One millisecond is allowed, as log time counts whole ones.

import type { Change, EnvironmentRow, FreezeRow, Labels, LeaseRow, Want } from '../../src/core/rows.ts';
import type { Draft } from '../../src/log/log.ts';
import type { Decided } from './faulty-log.ts';

/** A moment of served time, and how many stalls there had been: log time may lag by what it does not count of each. */
export interface Instant {
  /** World time. */
  readonly now: number;
  readonly served: number;
  readonly stalls: number;
}

/** A request that is with a server. */
export interface Contact {
  readonly at: object;
  readonly since: number;
}

/** What is known of one lease from outside. */
export interface LeaseFacts {
  /** Requests that name it and are with a server now: with which, and since when (world time). */
  readonly contacts: Map<object, Contact>;
  /** When the last of them ended; the start of this server life if there was none since. */
  contactEnd: Instant;
  /** Served time at which the last of them ended that was with the server that judges the client, as everybody knows. */
  heardServed: number;
  /** Served time at which the last good renewal (or the grant) was with the server. */
  renewedServed: number;
  grantedServed: number;
  queuedServed: number;
  /** Served time of the restart that had to give it min(ttl, 10 s), since the last renewal. */
  creditServed: number | null;
  /** A reply that tells of the grant went out whole, as far as a server can know, or a request has named the held lease. */
  heardOf: boolean;
  /** The client has read that it holds. */
  told: boolean;
  /** Since when the grant's reply is known not to have been written; null when it was, or there was contact since. */
  notSent: Instant | null;
  /** Somebody took it away at once. */
  passedOnNow: boolean;
}

const creditMs = 10_000;
const rounding = 1;

export class Audit {
  readonly faults: string[] = [];
  readonly facts = new Map<string, LeaseFacts>();
  readonly environments = new Map<string, EnvironmentRow>();
  readonly freezes = new Map<string, FreezeRow>();
  readonly leases = new Map<string, LeaseRow>();
  readonly #held = new Map<string, Set<string>>();
  readonly #lastFence = new Map<string, number>();
  readonly #graceMs: number;
  /** By how much log time may be behind at the server where a client hangs up; 0 where there is only one. */
  readonly #behindMs: number;
  /** The turn that is being read. */
  #draft: Draft | null = null;
  readonly allowed: (since: number) => number;
  grants = 0;
  ends = new Map<string, number>();

  /** `allowed`: by how much more than rounding what began at a served time may be over early. */
  constructor(graceMs: number, behindMs = 0, allowed: (since: number) => number = () => 0) {
    this.allowed = (since) => rounding + allowed(since);
    this.#graceMs = graceMs;
    this.#behindMs = behindMs;
  }

  of(id: string): LeaseFacts {
    let facts = this.facts.get(id);
    if (facts === undefined) {
      facts = {
        contacts: new Map(),
        contactEnd: { now: Number.NEGATIVE_INFINITY, served: Number.NEGATIVE_INFINITY, stalls: 0 },
        ...{ renewedServed: 0, grantedServed: 0, queuedServed: 0, creditServed: null },
        ...{ heardServed: Number.NEGATIVE_INFINITY, heardOf: false, told: false, notSent: null, passedOnNow: false },
      };
      this.facts.set(id, facts);
    }
    return facts;
  }

  /** A server has begun its life: everyone whose client is not on the line has the whole grace again. */
  serverStarted(now: Instant): void {
    for (const [id, facts] of this.facts) {
      if (!this.leases.has(id)) this.facts.delete(id);
      facts.contacts.clear();
      facts.contactEnd = now;
      facts.notSent = null;
    }
  }

  /** A server is gone, and with it everybody who was on the line there; what it knew of lost replies nobody knows. */
  serverGone(door: object, now: Instant): void {
    for (const facts of this.facts.values()) {
      for (const [contact, { at }] of facts.contacts) {
        if (at !== door) continue;
        facts.contacts.delete(contact);
        facts.contactEnd = now;
      }
      facts.notSent = null;
    }
  }

  /** A turn has become durable. */
  kept({ draft, served, present, isAfterOutage }: Decided): void {
    const resumes = isAfterOutage === true || draft.events.some((event) => event.kind === 'server.started');
    if (resumes) this.#giveCredit(served);
    this.#draft = draft;
    for (const change of this.#stepByStep(draft)) {
      if (change.kind === 'environment') keepRow(this.environments, change.id, change.row);
      else if (change.kind === 'freeze') keepRow(this.freezes, change.id, change.row);
      else if (change.kind === 'lease') this.#lease(change.id, change.row, served, present);
    }
    this.#historyFaults(draft);
  }

  /** A turn says only how each row is after it. What a lease must have been in between follows from its row. */
  #stepByStep(draft: Draft): Change[] {
    const steps: Change[] = [];
    const put = (row: LeaseRow): number => steps.push({ kind: 'lease', id: row.id, seq: row.seq, row });
    for (const change of draft.changes) {
      if (change.kind !== 'lease' || change.row === null) {
        steps.push(change);
        continue;
      }
      const { row } = change;
      if (row.order > draft.prev && row.order < row.seq) {
        put({
          ...row,
          seq: row.order,
          state: 'waiting',
          granted: [],
          fence: null,
          collected: false,
          revoking: null,
          end: null,
        });
      }
      if (row.fence !== null && row.fence > draft.prev && row.fence < row.seq) {
        put({ ...row, seq: row.fence, state: 'held', collected: false, revoking: null, end: null });
      }
      put(row);
    }
    return steps.sort((one, other) => one.seq - other.seq);
  }

  /** Whether this turn changes the row again after a moment of it: how it was then is not in the draft. */
  #changesLater(kind: Change['kind'], id: string, seq: number): boolean {
    return this.#draft?.changes.some((change) => change.kind === kind && change.id === id && change.seq > seq) === true;
  }

  #lease(id: string, after: LeaseRow | null, served: number, present: ReadonlyMap<string, boolean>): void {
    const before = this.leases.get(id) ?? null;
    keepRow(this.leases, id, after);
    if (after === null) {
      if (before?.state === 'waiting' || before?.state === 'held')
        this.#fault(`L11: ${id} went while it was ${before.state}`);
      this.facts.delete(id);
      return;
    }
    if (before === null) {
      if (after.state !== 'waiting') this.#fault(`L11: ${id} began as ${after.state}`);
      this.of(id).queuedServed = served;
      return;
    }
    if (before.seq === after.seq && sameButSeat(before, after)) return;
    if (before.seq >= after.seq) this.#fault(`L3: ${id} went from seq ${before.seq} to ${after.seq}`);
    const facts = this.of(id);
    if (before.state === 'waiting' && after.state === 'held') this.#granted(after, facts, served, present);
    else if (before.state === 'held' && after.state === 'held') this.#stillHeld(before, after, facts, served);
    else if (after.end !== null && before.end === null) this.#ended(before, after, facts, served, present);
    else if (before.state !== after.state) this.#fault(`L3: ${id} went from ${before.state} to ${after.state}`);
  }

  #granted(lease: LeaseRow, facts: LeaseFacts, served: number, present: ReadonlyMap<string, boolean>): void {
    this.grants++;
    facts.grantedServed = served;
    facts.renewedServed = served;
    facts.creditServed = null;
    if (present.get(lease.id) !== true) this.#fault(`L9: ${lease.id} was granted although its client was not there`);
    const units = lease.wants.flatMap((want) => ('environment' in want ? [want] : new Array(want.count).fill(want)));
    if (units.length !== lease.granted.length)
      this.#fault(`L11: ${lease.id} was granted ${lease.granted.length} of ${units.length}`);
    for (const [i, name] of lease.granted.entries()) {
      const environment = this.environments.get(name);
      if (this.#changesLater('environment', name, lease.seq)) this.#hold(name, lease.id);
      else if (environment === undefined) this.#fault(`L11: ${lease.id} was granted ${name}, which does not exist`);
      else this.#grantedOne(lease, units[i], environment);
      const last = this.#lastFence.get(name) ?? 0;
      if (!((lease.fence ?? 0) > last)) this.#fault(`L2: ${name} has fence ${lease.fence} after ${last}`);
      this.#lastFence.set(name, lease.fence ?? 0);
    }
  }

  #grantedOne(lease: LeaseRow, want: Want | undefined, environment: EnvironmentRow): void {
    const { name } = environment;
    const fits =
      want === undefined ||
      ('environment' in want ? want.environment === name : carries(want.labels, environment.labels));
    if (!fits) this.#fault(`L11: ${lease.id} was granted ${name}, which is not what it asked for`);
    if (environment.state !== 'open') this.#fault(`${lease.id} was granted ${name}, which is ${environment.state}`);
    for (const freeze of this.freezes.values()) {
      if (this.#changesLater('freeze', freeze.name, lease.seq)) continue;
      if (carries(freeze.labels, environment.labels))
        this.#fault(`${lease.id} was granted ${name}, which ${freeze.name} froze`);
    }
    const used = this.#hold(name, lease.id) + environment.dirty.length;
    if (used > environment.capacity) {
      this.#fault(`L1: ${name} has ${used} of ${environment.capacity} slots in use after ${lease.id}`);
    }
  }

  /** How many hold it now. */
  #hold(name: string, id: string): number {
    const held = this.#held.get(name) ?? new Set<string>();
    this.#held.set(name, held.add(id));
    return held.size;
  }

  #stillHeld(before: LeaseRow, after: LeaseRow, facts: LeaseFacts, served: number): void {
    if (before.fence !== after.fence || before.granted !== after.granted) {
      if (JSON.stringify([before.fence, before.granted]) !== JSON.stringify([after.fence, after.granted])) {
        this.#fault(`L2: the fence or the environments of ${after.id} changed while it was held`);
      }
    }
    // A server has found that nobody could renew, even if nobody else knows.
    if (after.resumed && !before.resumed) facts.creditServed ??= served;
    if (after.renewal === before.renewal) return;
    if (before.revoking !== null) this.#fault(`L3: ${after.id} was renewed although it is being taken away`);
    facts.renewedServed = served;
    facts.creditServed = null;
  }

  #ended(
    before: LeaseRow,
    after: LeaseRow,
    facts: LeaseFacts,
    served: number,
    present: ReadonlyMap<string, boolean>,
  ): void {
    const how = after.end?.how ?? '';
    this.ends.set(how, (this.ends.get(how) ?? 0) + 1);
    for (const name of before.granted) this.#held.get(name)?.delete(after.id);
    const early = (since: number, least: number, law: string): void => {
      if (served - since < least - this.allowed(since))
        this.#fault(`${law}: ${after.id} ended (${how}) after ${served - since} of ${least} ms`);
    };
    if (before.state === 'waiting') {
      if (how === 'queue_timeout') early(facts.queuedServed, before.queueMs ?? Number.POSITIVE_INFINITY, 'L5');
      if (how === 'absent') this.#earlyAbsence(facts, served, early);
      if (how === 'absent' && present.get(after.id) === true)
        this.#fault(`L9: ${after.id} ended as absent while its client was there`);
      return;
    }
    if (how === 'max_hold') early(facts.grantedServed, before.maxHoldMs ?? Number.POSITIVE_INFINITY, 'L5');
    if (how === 'absent' && facts.told && (before.ttlMs !== null || before.collected)) {
      this.#fault(`L5: ${after.id} ended as absent although its client knows that it holds`);
    }
    const byTime = how === 'expired' || ((how === 'revoked' || how === 'stolen') && !facts.passedOnNow);
    if (!byTime) return;
    const ttl = before.ttlMs ?? Number.POSITIVE_INFINITY;
    early(facts.renewedServed, ttl, 'L5');
    if (facts.creditServed !== null) early(facts.creditServed, Math.min(ttl, creditMs), 'L5 after a restart');
    for (const name of before.granted) this.#dirtyFaults(name, after, how);
  }

  /**
   * Of several servers one judges, and others whom its client meets say so in a turn: a contact that no turn knows of is one that
   * nobody has heard of. Nor has any turn heard of what came after it was decided: a client may come and be sent away while it is
   * being written, by a log that takes too long.
   */
  #earlyAbsence(facts: LeaseFacts, served: number, early: (since: number, least: number, law: string) => void): void {
    const heard = this.#behindMs === 0 ? facts.contactEnd.served : facts.heardServed;
    if (heard <= served) early(heard, this.#graceMs - this.#behindMs, 'L9');
  }

  /** onExpire: hold keeps the slot of a holder that went without a word. */
  #dirtyFaults(name: string, lease: LeaseRow, how: string): void {
    const environment = this.environments.get(name);
    if (environment?.onExpire !== 'hold' || how === 'stolen' || this.#changesLater('environment', name, lease.seq))
      return;
    if (!environment.dirty.some((slot) => slot.lease === lease.id))
      this.#fault(`${name} is not dirty after ${lease.id} ended (${how})`);
  }

  /** Who did what is in the history, in the turn that did it. */
  #historyFaults(draft: Draft): void {
    const told = new Set(draft.events.map((event) => `${event.kind} ${event.data.lease}`));
    for (const change of draft.changes) {
      if (change.kind !== 'lease' || change.row === null) continue;
      const { id, state, fence, end } = change.row;
      if (fence !== null && fence > draft.prev && !told.has(`lease.granted ${id}`))
        this.#fault(`the history misses the grant of ${id}`);
      if (end !== null && !told.has(`lease.${state} ${id}`)) this.#fault(`the history misses the end of ${id}`);
    }
  }

  #giveCredit(served: number): void {
    for (const lease of this.leases.values()) {
      const facts = this.of(lease.id);
      if (lease.state === 'held' && facts.creditServed === null) facts.creditServed = served;
    }
  }

  #fault(text: string): void {
    this.faults.push(text);
  }
}

function carries(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Its client has been heard of at another server; nothing else is new. */
function sameButSeat(before: LeaseRow, after: LeaseRow): boolean {
  return JSON.stringify({ ...before, seat: null }) === JSON.stringify({ ...after, seat: null });
}

function keepRow<T>(rows: Map<string, T>, id: string, row: T | null): void {
  if (row === null) rows.delete(id);
  else rows.set(id, row);
}
