// A space whose every turn is looked at, so that what the history tells of an environment can be held against how it was.

import { putFreeze } from '../../../src/core/freeze.ts';
import { knownOf } from '../../../src/core/history/known.ts';
import { type Timeline, timelineOf } from '../../../src/core/history/timeline.ts';
import type { EventRecord, Labels } from '../../../src/core/rows.ts';
import type { Turn } from '../../../src/core/turn.ts';
import { admin, Space } from '../harness.ts';

/** How an environment was from a moment on. */
export interface Look {
  readonly at: number;
  readonly held: string;
  readonly dirty: number;
  readonly waiting: number;
  readonly capacity: number;
  readonly isClosed: boolean;
}

export const start = Date.UTC(2026, 0, 1);

export class Watched extends Space {
  readonly looks: Look[] = [];
  readonly #name: string;

  constructor(name: string) {
    super({ graceMs: 5_000 });
    this.#name = name;
  }

  override turn<T>(command: (turn: Turn) => T): T {
    const value = super.turn(command);
    this.looks.push(this.look());
    return value;
  }

  look(): Look {
    const { state } = this;
    const name = this.#name;
    const row = state.environments.get(name);
    const known = knownOf(state, name);
    return {
      at: this.at,
      held: textOf(state.heldBy(name).map(({ id }) => id)),
      dirty: row?.dirty.length ?? 0,
      waiting: known?.waiting.length ?? 0,
      capacity: row?.capacity ?? 0,
      isClosed: row !== undefined && (row.state !== 'open' || state.frozenBy(row).length > 0),
    };
  }

  freeze(name: string, labels: Labels, reason = 'release week'): void {
    this.turn((turn) => putFreeze(turn, name, { labels, reason, untilAt: null }, admin));
  }

  /** As the API reads it. `skip`: how many events have left the history. */
  timeline(from: number, { until = this.at, skip = 0, after = Number.POSITIVE_INFINITY } = {}): Timeline {
    const known = knownOf(this.state, this.#name);
    if (known === null) throw new Error('it is not there');
    const of = (event: EventRecord): boolean =>
      /^(lease|environment)\./.test(event.kind) && event.subject === this.#name;
    const all = this.history.slice(skip).filter((event) => of(event) && event.at >= from);
    const events = [
      ...all.filter(({ at }) => at < until || until === this.at),
      ...all.filter(({ at }) => at >= until && until !== this.at).slice(0, after),
    ];
    return timelineOf({
      ...{ events, known, name: this.#name, from, until },
      freezes: this.history.slice(skip).filter(({ kind, at }) => kind.startsWith('freeze.') && at >= from),
      isComplete: events.length === all.length,
    });
  }
}

export const textOf = (ids: readonly string[]): string => ids.toSorted().join(' ');

/** How the timeline says that it was at a moment. */
export function told({ spans, waits, capacity, closures }: Timeline, at: number): Look {
  const lasts = (one: { from: number; to: number | null }): boolean =>
    one.from <= at && (one.to === null || one.to > at);
  return {
    at,
    held: textOf(spans.filter(lasts).map(({ lease }) => String(lease))),
    dirty: spans.filter(({ to, freedAt }) => to !== null && to <= at && (freedAt === null || freedAt > at)).length,
    waiting: waits.filter(lasts).length,
    capacity: capacity.findLast((step) => step.at <= at)?.value ?? 0,
    isClosed: closures.some(lasts),
  };
}
