// Clients on the line for a lease, over any number of connections. What always holds: a lease counts as present from its first
// open poll to the end of its last one; what a poll returns is durable and is how the lease stands then, not how it stood.

import { grantSeq } from '../core/lease/grant.ts';
import { collect, contact } from '../core/lease/hold.ts';
import type { LeaseRow } from '../core/rows.ts';
import type { Clock } from './clock.ts';
import { StoreAway } from './command.ts';
import type { Replica } from './replica.ts';
import { Waiters } from './waiters.ts';

export interface Patience {
  readonly milliseconds: number;
  /** Whether whoever waits is the client of the lease; an onlooker's poll keeps no place and collects no grant. */
  readonly isClient: boolean;
  /** Return as soon as the lease's seq is beyond this; null = as soon as it no longer waits. */
  readonly after: number | null;
  /** The client has gone, or the server is stopping. */
  readonly signal: AbortSignal;
}

/** How long after the store was away it is told that a grant has arrived. */
const toldAgainAfterMs = 500;

export class Polls {
  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #waiters: Waiters;
  readonly #open = new Map<string, number>();
  #stopping = false;

  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica;
    this.#clock = clock;
    this.#waiters = new Waiters(clock);
    replica.onTurn((turn) => this.#waiters.turned(turn));
    replica.onReload(() => this.#waiters.wakeAll());
  }

  /** Polls that are being held now. */
  get count(): number {
    return this.#waiters.count;
  }

  /** A request has named the lease: it keeps its place, and may collect its grant. Undefined when there is no such lease. */
  async touch(id: string): Promise<LeaseRow | undefined> {
    this.#enter(id);
    try {
      return await this.#contact(id);
    } catch (error) {
      const lease = await this.#row(id);
      // How it stood is an answer as well: while the store is away no place is lost. Not where the mark of its grant is missing.
      if (error instanceof StoreAway && !(lease?.state === 'held' && lease.ttlMs === null)) return lease;
      throw error;
    } finally {
      this.#exit(id);
    }
  }

  /** Stays on the line until the lease has changed as asked, patience ends, or the client goes. */
  async wait(id: string, patience: Patience): Promise<LeaseRow | undefined> {
    if (patience.isClient) this.#enter(id);
    let woken = false;
    let resume = (): void => undefined;
    const wake = (): void => {
      woken = true;
      resume();
    };
    // Waits before it looks, so that nothing is missed in between.
    let stop = this.#waiters.add(id, patience.after, wake);
    let isOver = false;
    const timer = this.#clock.after(patience.milliseconds, () => {
      isOver = true;
      wake();
    });
    patience.signal.addEventListener('abort', wake, { once: true });
    try {
      let lease = await (patience.isClient ? this.#contact(id) : this.#row(id));
      while (lease !== undefined && !patience.signal.aborted && !(await this.#answers(lease, patience.after))) {
        if (!woken) await new Promise<void>((resolve) => (resume = resolve));
        woken = false;
        if (patience.signal.aborted || this.#stopping || isOver) break;
        stop();
        stop = this.#waiters.add(id, patience.after, wake);
        lease = await this.#row(id);
      }
      return await this.#row(id);
    } finally {
      stop();
      this.#clock.cancel(timer);
      patience.signal.removeEventListener('abort', wake);
      if (patience.isClient) this.#exit(id);
    }
  }

  /** The reply that tells of a grant was written completely. */
  delivered(lease: LeaseRow): void {
    if (lease.state !== 'held') return;
    if (this.#replica.arrived(lease.id)) this.#tellArrival(lease.id);
  }

  /** Should the server end before it can, the lease is treated as one whose grant never arrived, unless its client is heard of. */
  #tellArrival(id: string): void {
    this.#replica
      .decide((turn) => {
        const now = turn.state.leases.get(id);
        if (now !== undefined) collect(turn, now);
      })
      .catch(() => {
        if (!this.#stopping) this.#clock.after(toldAgainAfterMs, () => this.#tellArrival(id));
      });
  }

  /** Everybody is answered with how their lease stands, and nobody is kept on the line any more: the server is stopping. */
  stop(): void {
    this.#stopping = true;
    this.#waiters.wakeAll();
  }

  async #contact(id: string): Promise<LeaseRow | undefined> {
    const { durableSeq } = this.#replica;
    const lease = await this.#row(id);
    if (lease?.state !== 'waiting' && !(lease?.state === 'held' && !lease.collected)) return lease;
    return this.#replica.decide((turn) => {
      const now = turn.state.leases.get(id);
      // Granted since this request came: its client could not know of that, and only the reply will tell it.
      if (now === undefined || (now.state === 'held' && grantSeq(now) > durableSeq)) return now;
      return contact(turn, now);
    });
  }

  #row(id: string): LeaseRow | undefined | Promise<LeaseRow | undefined> {
    return this.#replica.look((state) => state.leases.get(id));
  }

  #answers(lease: LeaseRow, after: number | null): boolean | Promise<boolean> {
    return after === null ? lease.state !== 'waiting' : this.#replica.look((state) => state.movedSeq(lease) > after);
  }

  #enter(id: string): void {
    this.#open.set(id, (this.#open.get(id) ?? 0) + 1);
    this.#replica.onLine(id);
  }

  #exit(id: string): void {
    const left = (this.#open.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#open.set(id, left);
      return;
    }
    this.#open.delete(id);
    this.#replica.hungUp(id);
  }
}
