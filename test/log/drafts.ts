// Turns as a replica would make them, without a core: rows with little in them, and events.

import type { Change, EventRecord, Kind } from '../../src/core/rows.ts';
import type { Draft, Log, TurnOutcome } from '../../src/log/log.ts';

export interface Put {
  readonly kind?: Kind;
  readonly id: string;
  /** What the row holds beside its id and seq; null deletes it. */
  readonly row?: Readonly<Record<string, unknown>> | null;
}

export type Happened = Partial<Omit<EventRecord, 'seq'>>;

/** A log with a hand on it that knows where it is, as a replica does. */
export class Hand {
  readonly log: Log;
  seq: number;
  tick: number;

  constructor(log: Log, at: { seq: number; tick: number } = { seq: 0, tick: 0 }) {
    this.log = log;
    this.seq = at.seq;
    this.tick = at.tick;
  }

  static async on(log: Log): Promise<Hand> {
    return new Hand(log, await log.load());
  }

  /** The next turn, not taken yet. */
  draft(puts: readonly Put[], happened: readonly Happened[] = []): Draft {
    let seq = this.seq;
    const changes = puts.map(({ kind = 'lease', id, row = {} }) => {
      seq++;
      return { kind, id, seq, row: row === null ? null : { id, seq, ...row } } as unknown as Change;
    });
    const events = happened.map((event) => {
      seq++;
      return { seq, at: 1_000, kind: 'lease.granted', subject: 'uat', actor: 'anna', data: {}, ...event };
    });
    return { id: `turn-${seq}`, prev: this.seq, seq, tick: this.tick + 1, at: 1_000, changes, events };
  }

  async take(puts: readonly Put[], happened: readonly Happened[] = []): Promise<TurnOutcome> {
    const draft = this.draft(puts, happened);
    // A test that was stalled in a turn may lose it to a database, and takes it again as a replica does.
    let outcome: TurnOutcome;
    do outcome = await this.log.turn(this.seq, () => draft);
    while (outcome.outcome === 'lost');
    if (outcome.outcome === 'durable') {
      this.seq = draft.seq;
      this.tick = draft.tick;
    }
    return outcome;
  }
}

/** Current rows as `id: row without its seq`. */
export async function rowsOf(log: Log): Promise<Record<string, unknown>> {
  const { rows } = await log.load();
  return Object.fromEntries(
    rows.map(({ id, row }) => {
      const { seq: _, id: __, ...rest } = row as unknown as Record<string, unknown>;
      return [id, rest];
    }),
  );
}
