// What the outside knows of signals, barriers and waits, and how it reads it.

import type { Awaited, Mode, Standing } from '../../src/core/meet/waiting.ts';
import type { BarrierRow, EventRecord } from '../../src/core/rows.ts';

export type State3 = Standing['state'];

export interface SignalFacts {
  readonly state: 'met' | 'failed';
  /** Which set it was. */
  readonly number: number;
  readonly setServed: number;
  readonly ttlMs: number | null;
}

/** One barrier from its declaration until it is forgotten. */
export interface BarrierFacts {
  readonly fromSeq: number;
  readonly arrived: Set<string>;
  outcome: 'open' | 'broken' | null;
  endedSeq: number;
  firstServed: number;
  row: BarrierRow | null;
}

export interface SlotFacts {
  readonly awaited: Awaited;
  readonly key: string;
  state: Standing['state'];
  /** Of a signal: which set it was that was seen. */
  number: number;
  /** How it stood at some durable moment since the wait began. */
  readonly stood: Set<Standing['state']>;
}

/** A wait as it must go. */
export interface WaitFacts {
  readonly mode: Mode;
  readonly slots: readonly SlotFacts[];
  readonly begunAt: number;
  readonly hasLeft: () => boolean;
  readonly milliseconds: number;
  /** A turn is being written: how things stand can only be seen after it. */
  isLooking: boolean;
  /** The turn that was being written was taken back, or is to be taken up again; how environments stand is seen at the end of the moment. */
  isUnsure: boolean;
  /** It was ended by the turn that it had to wait for, or by the look after that: not all of it may have been looked at. */
  isPartial: boolean;
  /** It was looked at behind a turn that takes too long, which has heard of turns that its server has not told of yet. */
  isStale: boolean;
  outcome: 'met' | 'failed' | null;
}

/** What was durable at some moment. */
export interface Known {
  readonly signals: Map<string, SignalFacts>;
  readonly barriers: Map<string, BarrierFacts>;
  readonly before: Map<string, BarrierFacts[]>;
  readonly seq: number;
}

export function carries(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

export function addressOf({ subject, data }: EventRecord): string {
  return data.generation === '' ? subject : `${subject}\t${data.generation}`;
}

export function payloadOf({ row }: Standing): unknown {
  return row !== null && 'data' in row ? row.data : null;
}

export function numberOf(data: unknown): number {
  return (data as { n?: number } | null)?.n ?? 0;
}

export function outcomeOf(mode: Mode, states: readonly State3[]): 'met' | 'failed' | null {
  const some = (state: State3): boolean => states.some((one) => one === state);
  const [first, second] = mode === 'any' ? (['met', 'failed'] as const) : (['failed', 'met'] as const);
  if (mode === 'all') return some(first) ? first : some('pending') ? null : second;
  return some(first) ? first : some(second) ? second : null;
}
