// What stands between the network and a replica: the part of an HTTP server that matters to leases, without HTTP. It knows
// whether a connection is still open when a reply is ready, as a server does. One door per server life.

import type { Actor } from '../../src/core/access.ts';
import type { Outcome } from '../../src/core/errors.ts';
import type { Ask } from '../../src/core/lease/acquire.ts';
import { acquire, wouldBeGranted } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import { renew } from '../../src/core/lease/hold.ts';
import type { Revocation, Revoked } from '../../src/core/lease/revoke.ts';
import { revoke } from '../../src/core/lease/revoke.ts';
import { standing } from '../../src/core/lease/standing.ts';
import { type Arriving, arrive } from '../../src/core/meet/barrier.ts';
import { clearSignal, type SignalSetting, setSignal } from '../../src/core/meet/signal.ts';
import { type Awaited, awaitedKey, type Mode } from '../../src/core/meet/waiting.ts';
import type { BarrierRow, LeaseRow } from '../../src/core/rows.ts';
import type { Turn } from '../../src/core/turn.ts';
import { StoreFull } from '../../src/replica/command.ts';
import type { Polls } from '../../src/replica/polls.ts';
import type { Replica } from '../../src/replica/replica.ts';
import type { WaitEnd, Waits } from '../../src/replica/waits.ts';
import type { Audit, Instant } from './audit.ts';
import type { MeetAudit } from './meet-audit.ts';
import type { WaitFacts } from './meet-facts.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface Reply {
  readonly code: string;
  readonly lease: LeaseRow | null;
  /** The lease was granted while this request was under way, so nobody was told of it before. */
  readonly tellsOfGrant: boolean;
  /** The lease of a thief, beside the one that was taken away. */
  readonly stolen: LeaseRow | null;
  readonly barrier?: BarrierRow;
  readonly wait?: WaitEnd;
  /** Nothing new could be read from the store: what is shown may be old. */
  readonly isStale?: boolean;
}

/** One request of a client: open until the client hangs up or the server dies. */
export class Connection {
  #listeners: (() => void)[] = [];
  aborted = false;
  /** The server that it has reached. */
  server: VirtualClock | null = null;
  /** Where the server's own part begins: served time at which the whole request was there. */
  receivedServed = 0;

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners) listener();
  }

  /** As much of an AbortSignal as polls use, without its price. */
  get signal(): AbortSignal {
    return this as unknown as AbortSignal;
  }

  addEventListener(_type: string, listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: string, listener: () => void): void {
    this.#listeners = this.#listeners.filter((one) => one !== listener);
  }
}

/** What a door knows of the log behind it. */
interface Writes {
  /** Whether a turn is being written, so that whoever looks must wait for it. */
  readonly isWriting: boolean;
}

export interface OpenPoll {
  readonly id: string;
  readonly after: number | null;
}

export class Door {
  readonly replica: Replica;
  readonly polls: Polls;
  readonly #audit: Audit;
  readonly #now: () => Instant;
  readonly #log: Writes;
  readonly waits: Waits;
  readonly #meet: MeetAudit;
  /** Of the waits of this server. */
  readonly #waiting: MeetAudit;
  readonly #judges: (lease: LeaseRow) => boolean;
  isStopping = false;
  readonly openPolls = new Set<OpenPoll>();
  /** Renewals or releases that were refused for want of room. */
  readonly refusedForRoom: string[] = [];

  constructor(
    { replica, polls, waits, log }: { replica: Replica; polls: Polls; waits: Waits; log: Writes },
    audit: Audit,
    meet: MeetAudit,
    now: () => Instant,
    of: { waiting: MeetAudit; judges: (lease: LeaseRow) => boolean } = { waiting: meet, judges: () => true },
  ) {
    this.#waiting = of.waiting;
    this.#judges = of.judges;
    this.replica = replica;
    this.polls = polls;
    this.waits = waits;
    this.#log = log;
    this.#meet = meet;
    this.#audit = audit;
    this.#now = now;
  }

  async acquire(ask: Ask, connection: Connection, waitMs: number): Promise<Reply> {
    return this.#during(ask.id, async () => {
      const outcome = await this.replica.decide((turn) => acquire(turn, ask), { needsRoom: true });
      if (!outcome.ok) return refused(outcome);
      const { lease, replayed } = outcome.value;
      if (replayed) return ask.polling ? this.poll(lease.id, connection, waitMs, null) : this.touch(lease.id);
      // Commands behind it in the same turn may have changed it since (L10); a poll on a lease that is held by now would count
      // as the news of it having arrived.
      const now = (await this.replica.look((state) => state.leases.get(lease.id))) ?? lease;
      if (now.state !== 'waiting') return { code: 'ok', lease: now, tellsOfGrant: now.state === 'held', stolen: null };
      if (!ask.polling) return this.touch(lease.id);
      const later = await this.#wait(lease.id, connection, waitMs, null);
      return { code: 'ok', lease: later ?? null, tellsOfGrant: later?.state === 'held', stolen: null };
    });
  }

  async poll(id: string, connection: Connection, waitMs: number, after: number | null): Promise<Reply> {
    await this.replica.caughtUp();
    return this.#during(id, async () => {
      const before = this.#audit.leases.get(id)?.state;
      const lease = await this.#wait(id, connection, waitMs, after);
      if (lease === undefined) return this.#unknownLease;
      return { code: 'ok', lease, tellsOfGrant: before === 'waiting' && lease.state === 'held', stolen: null };
    });
  }

  async touch(id: string): Promise<Reply> {
    await this.replica.caughtUp();
    return this.#during(id, async () => {
      const before = this.#audit.leases.get(id)?.state;
      const lease = await this.polls.touch(id);
      if (lease === undefined) return this.#unknownLease;
      return { code: 'ok', lease, tellsOfGrant: before === 'waiting' && lease.state === 'held', stolen: null };
    });
  }

  async renew(id: string, actor: Actor, connection: Connection): Promise<Reply> {
    const reply = await this.#giveBack(`renewal of ${id}`, (turn) => renew(turn, id, actor));
    const facts = this.#audit.facts.get(id);
    if (reply.code === 'ok' && facts !== undefined) {
      facts.renewedServed = Math.max(facts.renewedServed, connection.receivedServed);
      facts.notSent = null;
    }
    return reply;
  }

  release(id: string, actor: Actor): Promise<Reply> {
    return this.#giveBack(`release of ${id}`, (turn) => release(turn, id, actor));
  }

  async revoke(revocation: Revocation, waitMs: number, connection: Connection): Promise<Reply> {
    const { id, steal } = revocation;
    const work = async (): Promise<Outcome<Revoked>> => {
      const outcome = await this.replica.decide(
        (turn) => {
          const lease = turn.state.leases.get(id);
          const done = revoke(turn, revocation);
          if (done.ok && (revocation.now || lease?.ttlMs === null)) this.#audit.of(id).passedOnNow = true;
          return done;
        },
        { needsRoom: steal !== null },
      );
      if (outcome.ok && outcome.value.stolen?.lease.state === 'waiting') {
        const thief = outcome.value.stolen.lease.id;
        if (steal?.polling === true) await this.#wait(thief, connection, waitMs, null);
        else await this.polls.touch(thief);
      }
      return outcome;
    };
    const outcome = await (steal === null ? work() : this.#during(steal.id, work));
    if (!outcome.ok) return refused(outcome);
    const { lease, stolen } = outcome.value;
    if (stolen === null) return { code: 'ok', lease, tellsOfGrant: false, stolen: null };
    // Behind the contact: what is looked up for the reply may wait for a turn, and the grace counts from the poll on.
    const now = await this.replica.look((state) => state.leases.get(stolen.lease.id));
    return { code: 'ok', lease: now ?? null, tellsOfGrant: now?.state === 'held', stolen: now ?? null };
  }

  async decide(command: (turn: Turn) => Outcome<unknown>, needsRoom: boolean): Promise<Reply> {
    const outcome = await this.replica.decide(command, { needsRoom });
    return outcome.ok ? done : refused(outcome);
  }

  async peek(ask: Ask): Promise<Reply> {
    const outcome = await this.replica.decide((turn) => wouldBeGranted(turn, ask));
    return outcome.ok ? done : refused(outcome);
  }

  async standing(id: string): Promise<Reply> {
    const found = await this.replica.look((state, moment) => {
      const lease = state.leases.get(id);
      return lease === undefined ? null : { lease, ...standing(state, lease, moment.tick) };
    });
    if (found === null) return unknownLease;
    const { lease, position, blockedBy, etaMs } = found;
    if (lease.state === 'waiting') {
      if (position === null || position < 1) this.#audit.faults.push(`${id} waits at place ${position}`);
      if (etaMs !== null && !(etaMs >= 0)) this.#audit.faults.push(`${id} is to wait for ${etaMs} ms`);
      if (blockedBy.length > 10) this.#audit.faults.push(`${id} names ${blockedBy.length} blockers`);
    }
    return { code: 'ok', lease, tellsOfGrant: false, stolen: null };
  }

  async set(name: string, setting: SignalSetting, actor: Actor): Promise<Reply> {
    const outcome = await this.replica.decide((turn) => setSignal(turn, name, setting, actor), { needsRoom: true });
    if (!outcome.ok) return refused(outcome);
    this.#meet.setAcknowledged(name, outcome.value.signal);
    return done;
  }

  clear(name: string, actor: Actor): Promise<Reply> {
    return this.decide((turn) => clearSignal(turn, name, actor), false);
  }

  async barrier(id: string, command: (turn: Turn) => Outcome<BarrierRow>, needsRoom: boolean): Promise<Reply> {
    const outcome = await this.replica.decide(command, { needsRoom });
    if (!outcome.ok) return refused(outcome);
    this.#meet.shown(id, outcome.value);
    return { ...done, barrier: outcome.value };
  }

  /** Arrives, and perhaps waits for the others. */
  async arrive(id: string, arriving: Arriving, waitMs: number, actor: Actor, connection: Connection): Promise<Reply> {
    this.#meet.sends(id, arriving.party);
    const reply = await this.barrier(id, (turn) => arrive(turn, arriving, actor), true);
    if (reply.barrier === undefined) return reply;
    this.#meet.cameAcknowledged(id, arriving.party, reply.barrier);
    if (waitMs === 0 || reply.barrier.state !== 'waiting') return reply;
    const { name, generation } = arriving;
    const later = await this.wait('all', [{ kind: 'barrier', name, generation }], waitMs, actor, connection);
    if (later.wait === undefined || !['met', 'failed'].includes(later.wait.outcome)) return { ...later, ...reply };
    const now = await this.replica.look((state) => state.barriers.get(id));
    if (now !== undefined) this.#meet.shown(id, now);
    return { ...later, barrier: now ?? reply.barrier };
  }

  async wait(
    mode: Mode,
    awaited: readonly Awaited[],
    milliseconds: number,
    actor: Actor,
    connection: Connection,
  ): Promise<Reply> {
    await this.replica.caughtUp();
    const isStale = this.replica.isAway;
    // Behind a turn that takes too long nobody waits: it is shown how things stand without it.
    let facts: WaitFacts | null = null;
    const looked = this.replica.look(() => {
      if (facts !== null && this.replica.isAway) this.#waiting.looksWithout(facts);
      return true;
    });
    const mustWait = this.#log.isWriting && looked !== true;
    facts = this.#waiting.begin({ mode, awaited, milliseconds }, mustWait, () => connection.aborted);
    if (this.#log.isWriting && !mustWait) facts.isStale = true;
    const end = await this.waits.wait({
      ...{
        mode,
        milliseconds,
        by: actor.name,
        identity: actor.identity,
        holder: { name: actor.name, url: null, ref: null },
      },
      conditions: awaited.map((one) => ({ text: awaitedKey(one), awaited: one })),
      signal: connection.signal,
    });
    if ('ok' in end) {
      this.#waiting.refused(facts);
      return refused(end);
    }
    const has = { isBroken: this.replica.broken !== null, isStopping: this.isStopping };
    this.#waiting.answered(facts, end, has);
    return { ...done, code: end.outcome, wait: end, isStale };
  }

  /** A server that cannot read what others have decided cannot say that it was never made. */
  get #unknownLease(): Reply {
    return this.replica.isAway ? { ...unknownLease, code: 'unavailable' } : unknownLease;
  }

  /** The reply went out whole, as far as a server can know. */
  written(reply: Reply): void {
    if (reply.lease === null || !reply.tellsOfGrant) return;
    this.polls.delivered(reply.lease);
    const facts = this.#audit.facts.get(reply.lease.id);
    if (facts !== undefined) facts.heardOf = true;
  }

  /** The client had gone before the reply was written. */
  notWritten(reply: Reply): void {
    if (reply.lease === null || !reply.tellsOfGrant) return;
    this.replica.notSent(reply.lease.id);
    const facts = this.#audit.facts.get(reply.lease.id);
    if (facts !== undefined && !facts.heardOf && facts.contacts.size === 0) facts.notSent = this.#now();
  }

  /** Keeps the outside's account of who is on the line. */
  async #during<T>(id: string, work: () => Promise<T>): Promise<T> {
    const contact = {};
    const begun = this.#audit.of(id);
    begun.contacts.set(contact, { at: this, since: this.#now().now });
    begun.notSent = null;
    // Whoever names a lease that is held knows of it.
    if (this.#audit.leases.get(id)?.state === 'held') begun.heardOf = true;
    try {
      return await work();
    } finally {
      const facts = this.#audit.facts.get(id);
      if (facts?.contacts.delete(contact) === true) {
        facts.contactEnd = this.#now();
        const lease = this.#audit.leases.get(id);
        if (lease !== undefined && this.#judges(lease)) facts.heardServed = facts.contactEnd.served;
      }
      // The id of an ask that made no lease is never heard of again.
      if (facts?.contacts.size === 0 && !this.#audit.leases.has(id)) this.#audit.facts.delete(id);
    }
  }

  async #wait(id: string, connection: Connection, waitMs: number, after: number | null): Promise<LeaseRow | undefined> {
    const poll: OpenPoll = { id, after };
    this.openPolls.add(poll);
    try {
      return await this.polls.wait(id, { milliseconds: waitMs, isClient: true, after, signal: connection.signal });
    } finally {
      this.openPolls.delete(poll);
    }
  }

  async #giveBack(what: string, command: (turn: Turn) => Outcome<LeaseRow>): Promise<Reply> {
    try {
      const outcome = await this.replica.decide(command);
      return outcome.ok ? { code: 'ok', lease: outcome.value, tellsOfGrant: false, stolen: null } : refused(outcome);
    } catch (error) {
      if (error instanceof StoreFull) this.refusedForRoom.push(what);
      throw error;
    }
  }
}

const done: Reply = { code: 'ok', lease: null, tellsOfGrant: false, stolen: null };
const unknownLease: Reply = { code: 'lease_unknown', lease: null, tellsOfGrant: false, stolen: null };

function refused(outcome: Outcome<unknown>): Reply {
  return { code: outcome.ok ? 'ok' : outcome.code, lease: null, tellsOfGrant: false, stolen: null };
}
