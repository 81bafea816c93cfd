// The network between clients and whichever server is up: it delays, loses and doubles requests, loses replies, and tells
// neither side the truth about the other. What a server hands to it is held against what the log had kept by then.

import type { LeaseRow } from '../../src/core/rows.ts';
import { StoreAway } from '../../src/log/log.ts';
import type { Replica } from '../../src/replica/replica.ts';
import type { Audit } from './audit.ts';
import type { Door, Reply } from './door.ts';
import { Connection } from './door.ts';
import type { Faults } from './profile.ts';
import type { Timeline, VirtualClock } from './virtual-clock.ts';

export type Handle = (door: Door, connection: Connection) => Promise<Reply>;

/** A server that takes requests. */
export interface Listening {
  readonly door: Door;
  readonly clock: VirtualClock;
  /** Ends each connection when the server dies. */
  readonly connections: Set<() => void>;
  readonly replica: Pick<Replica, 'durableSeq'>;
  /** Whether it may find that the store is away; where nothing is said, it may at any time. */
  readonly mayBeCutOff?: () => boolean;
}

export class Wire {
  readonly #timeline: Timeline;
  readonly #audit: Audit;
  readonly #server: () => Listening | null;
  readonly #faults: () => Faults;
  /** Told of each reply that a client got. */
  onReply: (what: string, reply: Reply | null) => void = () => undefined;

  constructor(timeline: Timeline, audit: Audit, server: () => Listening | null, faults: () => Faults) {
    this.#timeline = timeline;
    this.#audit = audit;
    this.#server = server;
    this.#faults = faults;
  }

  /** Sends a request; null when no reply came within the client's patience, or the connection broke. */
  call(what: string, patienceMs: number, handle: Handle): Promise<Reply | null> {
    const { random } = this.#timeline;
    const faults = this.#faults();
    return new Promise((resolve) => {
      const connection = new Connection();
      let over = false;
      const finish = (reply: Reply | null): void => {
        if (over) return;
        over = true;
        if (reply?.lease != null && (reply.lease.state === 'held' || reply.tellsOfGrant)) this.#told(reply.lease);
        this.onReply(what, reply);
        resolve(reply);
      };
      this.#timeline.after(patienceMs, () => {
        if (over) return;
        finish(null);
        // The server hears of it later, or only from its own timeouts.
        this.#timeline.after(random.chance(0.9) ? this.#delay() : random.between(500, 5_000), () =>
          this.#hangUp(connection),
        );
      });
      if (random.chance(faults.requestTwice)) {
        const second = new Connection();
        this.#timeline.after(this.#delay() + random.between(0, 3_000), () =>
          this.#arrive(second, handle, () => undefined),
        );
        this.#timeline.after(random.between(100, 8_000), () => this.#hangUp(second));
      }
      if (random.chance(faults.requestLost)) return;
      this.#timeline.after(this.#delay(), () => this.#arrive(connection, handle, finish));
    });
  }

  #arrive(connection: Connection, handle: Handle, finish: (reply: Reply | null) => void): void {
    const server = this.#server();
    if (server === null || connection.aborted) {
      this.#timeline.after(this.#delay(), () => finish(null));
      return;
    }
    const cut = (): void => {
      this.#timeline.after(this.#delay(), () => finish(null));
    };
    server.connections.add(cut);
    connection.server = server.clock;
    // Taken in by the server when it is awake.
    server.clock.after(0, () => {
      connection.receivedServed = this.#timeline.served;
      handle(server.door, connection).then(
        (reply) => this.#answer(server, connection, reply, cut, finish),
        (error) => {
          if (error instanceof StoreAway && server.mayBeCutOff?.() === false)
            this.#audit.faults.push('the store is said to be away, and it answers');
          this.#answer(server, connection, unavailable, cut, finish);
        },
      );
    });
  }

  /** A server hears of it when it is awake. */
  #hangUp(connection: Connection): void {
    const { server } = connection;
    if (server === null) connection.abort();
    else server.after(0, () => connection.abort());
  }

  #answer(
    server: Listening,
    connection: Connection,
    reply: Reply,
    cut: () => void,
    finish: (reply: Reply | null) => void,
  ): void {
    if (server.clock.isDead) return;
    server.connections.delete(cut);
    this.#check(reply, server.replica.durableSeq);
    if (connection.aborted) {
      server.door.notWritten(reply);
      return;
    }
    server.door.written(reply);
    if (this.#timeline.random.chance(this.#faults().replyLost)) return;
    this.#timeline.after(this.#delay(), () => finish(reply));
  }

  /** L12: what a reply shows is in the log. L10: a grant that it tells of still stands, as far as its server can know. */
  #check(reply: Reply, knownSeq: number): void {
    for (const lease of [reply.lease, reply.stolen]) {
      if (lease === null) continue;
      const kept = this.#audit.leases.get(lease.id);
      if (kept === undefined) {
        if (lease.end === null)
          this.#audit.faults.push(`L12: ${lease.id} is shown as ${lease.state}, the log does not know it`);
        continue;
      }
      if (kept.seq < lease.seq)
        this.#audit.faults.push(`L12: ${lease.id} is shown at seq ${lease.seq}, the log has ${kept.seq}`);
      if (kept.seq === lease.seq && kept.state !== lease.state)
        this.#audit.faults.push(`L12: ${lease.id} is shown as ${lease.state}, the log says ${kept.state}`);
      if (reply.tellsOfGrant && kept.state !== lease.state && kept.seq <= knownSeq)
        this.#audit.faults.push(`L10: ${lease.id} is shown as ${lease.state}, it is ${kept.state}`);
    }
  }

  #told(lease: LeaseRow): void {
    const facts = this.#audit.facts.get(lease.id);
    if (facts !== undefined) facts.told = true;
  }

  #delay(): number {
    const { random } = this.#timeline;
    if (random.chance(this.#faults().slowNetwork)) return random.between(50, 2_000);
    return random.between(0, 8);
  }
}

const unavailable: Reply = { code: 'unavailable', lease: null, tellsOfGrant: false, stolen: null };
