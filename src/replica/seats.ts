// Leases whose clients are on the line at this server, and that it goes on judging them. What always holds: as long as a client is on
// the line here, this server says so again when another one has heard of it since, or has taken this server for gone.

import { contact } from '../core/lease/hold.ts';
import type { LeaseRow } from '../core/rows.ts';
import { isNeeded, isOrphan, signIn } from '../core/servers.ts';
import type { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import type { Clock } from './clock.ts';
import type { Happened } from './learned.ts';

interface Place {
  readonly clock: Clock;
  readonly state: () => State;
  readonly decide: (command: (turn: Turn) => void) => Promise<void>;
  /** Nothing can be decided any more. */
  readonly isOver: () => boolean;
}

/** How long after a client on the line here was heard of elsewhere it is said that it is still here. */
const sitAgainAfterMs = 250;

export class Seats {
  readonly #place: Place;
  /** Leases whose clients are on the line here. */
  readonly onLine = new Set<string>();
  /** Of these, whose seat another server has taken. */
  readonly #unseated = new Set<string>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Turns that other servers have taken. */
  told(learned: readonly Happened[]): void {
    const { server } = this.#place.state();
    for (const { changes } of learned)
      for (const { kind, id, row } of changes)
        if (kind === 'lease' && row?.state === 'waiting' && row.seat !== server && this.onLine.has(id))
          this.#mayRise(id);
  }

  /** Everything was loaded anew, and with it perhaps turns that would have said so. */
  reloaded(): void {
    const { server, leases } = this.#place.state();
    for (const id of this.onLine) {
      const lease = leases.get(id);
      if (lease?.state === 'waiting' && lease.seat !== server) this.#mayRise(id);
    }
  }

  /** Others may have taken this server for gone, or a client for one of theirs, while it was on the line here. */
  rejoin(): void {
    const { server, servers } = this.#place.state();
    if (server === null || servers.has(server) || this.#place.isOver()) return;
    if (this.onLine.size === 0 && !isNeeded(this.#place.state())) return;
    this.#place
      .decide((turn) => {
        signIn(turn, server);
        // Not those that have gone to another server meanwhile.
        this.#say(turn, this.onLine, (lease) => lease.seat === server || isOrphan(turn.state, lease));
      })
      .catch(() => undefined);
  }

  /** A client may be on the line twice, here and elsewhere: whoever heard of it last judges it, and it hangs up there perhaps first. */
  #mayRise(id: string): void {
    if (this.#unseated.size === 0) this.#place.clock.after(sitAgainAfterMs, () => this.#sitAgain());
    this.#unseated.add(id);
  }

  #sitAgain(): void {
    const ids = [...this.#unseated].filter((id) => this.onLine.has(id));
    this.#unseated.clear();
    if (ids.length === 0 || this.#place.isOver()) return;
    // Where the store is away: once it is back.
    this.#place
      .decide((turn) => this.#say(turn, ids, () => true))
      .catch(() => {
        if (!this.#place.isOver()) for (const id of ids) this.#mayRise(id);
      });
  }

  #say(turn: Turn, ids: Iterable<string>, isOurs: (lease: LeaseRow) => boolean): void {
    for (const id of ids) {
      const lease = turn.state.leases.get(id);
      if (this.onLine.has(id) && lease?.state === 'waiting' && isOurs(lease)) contact(turn, lease);
    }
  }
}
