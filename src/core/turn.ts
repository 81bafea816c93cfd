// One turn: what the commands of one moment change in the state, as changes and events to be written. Commands take a turn,
// look at its state, and change it through `put` and `remove` alone; so all of it, or all since a mark, can be taken back.

import type { Change, EventRecord, Kind, Moment, Rows } from './rows.ts';
import type { Presence, State } from './state.ts';

export interface Mark {
  readonly changes: number;
  readonly events: number;
  readonly seq: number;
}

export class Turn {
  readonly state: State;
  /** The same instant for every command of the turn. */
  readonly moment: Moment;
  readonly prev: number;
  readonly changes: Change[] = [];
  readonly events: EventRecord[] = [];
  /** What takes each change back. */
  readonly #opposites: Change[] = [];
  /** While it is set aside: the seq behind it, and the clients of its leases. */
  #aside: { readonly seq: number; readonly presence: readonly (readonly [string, Presence])[] } | null = null;

  constructor(state: State, moment: Moment) {
    this.state = state;
    this.moment = moment;
    this.prev = state.seq;
  }

  /** Puts a row; `make` learns the seq of this change, which is also the row's seq. */
  put<K extends Kind>(kind: K, id: string, make: (seq: number) => Rows[K]): Rows[K] {
    const seq = this.state.seq + 1;
    const row = make(seq);
    this.#change({ kind, id, seq, row } as Change);
    return row;
  }

  remove(kind: Kind, id: string): void {
    this.#change({ kind, id, seq: this.state.seq + 1, row: null } as Change);
  }

  /** Writes into the history. `subject`: what it is about, mostly an environment's name. `actor`: who did it. */
  event(kind: string, subject: string, actor: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.state.seq++;
    this.events.push({ seq: this.state.seq, at: this.moment.at, kind, subject, actor, data });
  }

  /** What the row of the i-th change was before it; null when it is new. */
  rowBefore(i: number): Rows[Kind] | null {
    return this.#opposites[i]?.row ?? null;
  }

  mark(): Mark {
    return { changes: this.changes.length, events: this.events.length, seq: this.state.seq };
  }

  /** Takes back everything since the mark, newest first. */
  rollback(mark: Mark): void {
    while (this.changes.length > mark.changes) {
      this.changes.pop();
      // With the seq of the mark: whoever follows a place in line must not be told of a change that never was.
      this.state.apply({ ...(this.#opposites.pop() as Change), seq: mark.seq });
    }
    this.events.length = mark.events;
    this.state.seq = mark.seq;
  }

  /** Takes the whole turn back: its log could not keep it. */
  undo(): void {
    this.takeUp();
    this.rollback({ changes: 0, events: 0, seq: this.prev });
  }

  /** Shows the state without it, as long as nobody knows whether its log has kept it. */
  setAside(): void {
    if (this.#aside !== null) return;
    const { presence, seq } = this.state;
    const clients = this.changes.flatMap(({ id }) => {
      const client = presence.get(id);
      return client === undefined ? [] : [[id, client] as const];
    });
    this.#aside = { seq, presence: clients };
    for (const opposite of this.#opposites.toReversed()) this.state.apply({ ...opposite, seq: this.prev });
    this.state.seq = this.prev;
  }

  /** And with it again, should it have been set aside. */
  takeUp(): void {
    if (this.#aside === null) return;
    const { seq, presence } = this.#aside;
    this.#aside = null;
    for (const change of this.changes) this.state.apply(change);
    this.state.seq = seq;
    // Who asked for a lease that was gone meanwhile is still there.
    for (const [id, client] of presence) if (!this.state.presence.has(id)) this.state.presence.set(id, client);
  }

  #change(change: Change): void {
    const before = this.state.row(change.kind, change.id) ?? null;
    const opposite = { kind: change.kind, id: change.id, seq: this.prev, row: before } as Change;
    this.state.apply(change);
    this.changes.push(change);
    this.#opposites.push(opposite);
  }
}
