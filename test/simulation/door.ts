// What stands between the network and a replica: the part of an HTTP server that matters to leases, without HTTP. It knows
// whether a connection is still open when a reply is ready, as a server does. One door per server life.

import type { Actor } from '../../src/core/access.ts';
import type { Outcome } from '../../src/core/errors.ts';
import type { Ask } from '../../src/core/lease/acquire.ts';
import { acquire, wouldBeGranted } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import { renew } from '../../src/core/lease/hold.ts';
import type { Revocation } from '../../src/core/lease/revoke.ts';
import { revoke } from '../../src/core/lease/revoke.ts';
import { standing } from '../../src/core/lease/standing.ts';
import type { LeaseRow } from '../../src/core/rows.ts';
import type { Turn } from '../../src/core/turn.ts';
import type { Polls } from '../../src/replica/polls.ts';
import type { Replica } from '../../src/replica/replica.ts';
import { StoreFull } from '../../src/replica/replica.ts';
import type { Audit, Instant } from './audit.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface Reply {
  readonly code: string;
  readonly lease: LeaseRow | null;
  /** The lease was granted while this request was under way, so nobody was told of it before. */
  readonly tellsOfGrant: boolean;
  /** The lease of a thief, beside the one that was taken away. */
  readonly stolen: LeaseRow | null;
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

export interface OpenPoll {
  readonly id: string;
  readonly after: number | null;
}

export class Door {
  readonly replica: Replica;
  readonly polls: Polls;
  readonly #audit: Audit;
  readonly #now: () => Instant;
  readonly #turns: () => number;
  readonly openPolls = new Set<OpenPoll>();
  /** Renewals or releases that were refused for want of room. */
  readonly refusedForRoom: string[] = [];

  constructor(replica: Replica, polls: Polls, audit: Audit, now: () => Instant, turns: () => number) {
    this.replica = replica;
    this.polls = polls;
    this.#audit = audit;
    this.#now = now;
    this.#turns = turns;
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
    return this.#during(id, async () => {
      const before = this.#audit.leases.get(id)?.state;
      const lease = await this.#wait(id, connection, waitMs, after);
      if (lease === undefined) return unknownLease;
      return { code: 'ok', lease, tellsOfGrant: before === 'waiting' && lease.state === 'held', stolen: null };
    });
  }

  async touch(id: string): Promise<Reply> {
    return this.#during(id, async () => {
      const before = this.#audit.leases.get(id)?.state;
      const lease = await this.polls.touch(id);
      if (lease === undefined) return unknownLease;
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
    const work = async (): Promise<Reply> => {
      const outcome = await this.replica.decide(
        (turn) => {
          const lease = turn.state.leases.get(id);
          const done = revoke(turn, revocation);
          if (done.ok && (revocation.now || lease?.ttlMs === null)) this.#audit.of(id).passedOnNow = true;
          return done;
        },
        { needsRoom: steal !== null },
      );
      if (!outcome.ok) return refused(outcome);
      const { lease, stolen } = outcome.value;
      if (stolen === null) return { code: 'ok', lease, tellsOfGrant: false, stolen: null };
      if (stolen.lease.state === 'waiting') {
        if (steal?.polling === true) await this.#wait(stolen.lease.id, connection, waitMs, null);
        else await this.polls.touch(stolen.lease.id);
      }
      const now = await this.replica.look((state) => state.leases.get(stolen.lease.id));
      return { code: 'ok', lease: now ?? null, tellsOfGrant: now?.state === 'held', stolen: now ?? null };
    };
    return steal === null ? work() : this.#during(steal.id, work);
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
    begun.contacts.set(contact, this.#turns());
    begun.notSent = null;
    // Whoever names a lease that is held knows of it.
    if (this.#audit.leases.get(id)?.state === 'held') begun.heardOf = true;
    try {
      return await work();
    } finally {
      const facts = this.#audit.facts.get(id);
      if (facts?.contacts.delete(contact) === true) facts.contactEnd = this.#now();
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
