// Who tells a wait for signals, barriers and probes: a terminal, a log, or almost nobody. A voice is fed with what is pending and
// with the time, and writes to stderr only; it starts no timer and reads no clock.

import type { LogStyle } from '../speech/folds.ts';

/** Something that is not there yet, made fit to be shown. */
export interface Pending {
  readonly name: string;
  /** How it stands: `503 Service Unavailable`, `4 of 5 · missing shard-3`; empty: not known yet. */
  readonly state: string;
  /** Since when it stands so, monotonic; null: that says nothing. */
  readonly sinceMs: number | null;
  /** How often it was tried; null: it is not tried. */
  readonly tries: number | null;
}

export type Mark = '✓' | '✗' | '!';

export interface Voice {
  /** Whether its lines stand under one another. */
  readonly aligns: boolean;
  /** Once, at the beginning. `what`: `signal:migrated, tcp:db:5432 (at most 2m)`. */
  begin(what: string, pending: readonly Pending[], atMs: number): void;
  /** How things stand now. */
  stands(pending: readonly Pending[], atMs: number): void;
  /** A line that stays, while the waiting goes on or, after `close`, about its end. */
  say(symbol: Mark, text: string): void;
  /** After `close`: said only where what came before was folded away. */
  summary(text: string): void;
  /** After `close`: what went wrong. The first line ends with the code in a log; the others say more. */
  wrong(code: string, lines: readonly string[]): void;
  /** Called about four times a second while waiting. */
  tick(atMs: number): void;
  /** The waiting is over: leaves the log or terminal as it was. May be called more than once. */
  close(): void;
}

export interface VoiceOptions {
  readonly write: (text: string) => void;
  readonly style: LogStyle;
  /** For the names of folds. */
  readonly wallMs: () => number;
  readonly colours: boolean;
  readonly columns: () => number;
  readonly rows: () => number;
}
