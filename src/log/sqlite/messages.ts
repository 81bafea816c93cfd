// What the main thread asks its workers. Rows and data cross as JSON text that is made on the main thread, so that the
// worker only binds values; and a turn crosses as two flat arrays of plain values, which cost the least to copy.

import type { EventQuery } from '../log.ts';

/** Row after row: kind, id, seq, body. A body of null deletes. */
export type ItemValues = readonly (string | number | null)[];
export const ITEM_COLUMNS = 4;

/** Event after event: seq, at, kind, subject, actor, data. */
export type EventValues = readonly (string | number)[];
export const EVENT_COLUMNS = 6;
export const EVENT_SUBJECT = 3;

export interface StoreOptions {
  readonly path: string;
  readonly ballastBytes: number;
  /** The most pages that the database may have; null = as many as fit. */
  readonly maxPages: number | null;
}

export interface StoreState {
  readonly seq: number;
  readonly tick: number;
  readonly epoch: number;
  readonly secret: string;
  readonly full: boolean;
}

/** A part of the current rows: JSON text of an array of changes, and where the next part begins (null: there is none). */
export interface RowsPart {
  readonly text: string;
  readonly next: number | null;
}

export type WriterAsks = {
  /** Says whether the store is new. */
  open: { question: StoreOptions; answer: boolean };
  state: { question: null; answer: StoreState };
  rows: { question: number; answer: RowsPart };
  /** Says whether it was kept; if not, there is no room. */
  turn: {
    question: { seq: number; tick: number; items: ItemValues; events: EventValues };
    answer: boolean;
  };
  beat: { question: number; answer: boolean };
  /** How many went; null when there is no room to do it. */
  prune: { question: { beforeAt: number; limit: number }; answer: number | null };
  /** Tries to set the ballast aside again. Says whether it is there. */
  takeBallast: { question: null; answer: boolean };
  close: { question: null; answer: null };
};

export type HistoryAsks = {
  open: { question: string; answer: null };
  /** Events as JSON text of an array. */
  events: { question: EventQuery; answer: string };
  oldest: { question: null; answer: number | null };
  close: { question: null; answer: null };
};
