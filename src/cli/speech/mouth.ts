// Who tells the events of a run: a terminal, a log, or almost nobody. A mouth is fed with events and with the time, and writes
// to stderr only; it starts no timer and reads no clock, so that a transcript is a matter of feeding it.

import type { RunEvent } from './events.ts';
import type { LogStyle } from './folds.ts';

export interface Mouth {
  /** `atMs`: monotonic, any origin. */
  hear(event: RunEvent, atMs: number): void;
  /** Called about four times a second while waiting: for what is said because time passes. */
  tick(atMs: number): void;
  /** Leaves the log or terminal as it was, whatever happened; may be called more than once. */
  close(atMs: number): void;
}

export interface Told {
  /** What is asked for, made fit to be shown: `uat`, `uat + db`, `kind=uat ×2`. */
  readonly what: string;
  /** The command as typed, made fit to be shown. */
  readonly command: string;
  /** The ttl in words. */
  readonly ttl: string;
  /** How long the child may take to stop. */
  readonly stopMs: number;
}

export interface MouthOptions extends Told {
  readonly write: (text: string) => void;
  readonly style: LogStyle;
  /** For dates in the log. */
  readonly wallMs: () => number;
  readonly colours: boolean;
  readonly columns: () => number;
  /** Whether a Ctrl-C reaches us here. */
  readonly keyboard: boolean;
}

export type Progress = 'auto' | 'tty' | 'plain' | 'quiet';
export const progresses: readonly Progress[] = ['auto', 'tty', 'plain', 'quiet'];

/** A redrawn line only where somebody looks at a terminal that can redraw. */
export function chooseProgress(
  asked: Progress,
  seen: { quiet: boolean; stderrIsTty: boolean; term: string | undefined; ci: boolean },
): 'tty' | 'plain' | 'quiet' {
  if (seen.quiet) return 'quiet';
  if (asked !== 'auto') return asked;
  return seen.stderrIsTty && seen.term !== 'dumb' && !seen.ci ? 'tty' : 'plain';
}
