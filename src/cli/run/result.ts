// What a run tells to scripts: `--result FILE`, one JSON object when it ends, because the child's own exit code may be the same
// number as one of ours; and `--events FILE`, one JSON object per line as it goes.
//
// Must always hold: a file that cannot be written is found out before a place in the queue is asked for, and never changes the
// exit code afterwards.

import { appendFileSync, closeSync, openSync, writeFileSync } from 'node:fs';
import type { RunEvent } from '../speech/events.ts';
import { EXIT } from '../text/exit-codes.ts';

export interface RunResult {
  readonly outcome: 'ran' | 'lost' | 'not_granted' | 'refused' | 'unreachable' | 'stopped' | 'not_started' | 'usage';
  /** What `run` exits with. */
  readonly exitCode: number;
  /** What the command ended with, however `run` exits; null: it was not run. */
  readonly commandExitCode: number | null;
  readonly lease: string | null;
  readonly fence: number | null;
  readonly environments: readonly string[];
  readonly waitedSeconds: number | null;
  readonly heldSeconds: number | null;
  /** The stable code of the error or the kind of loss; null: neither. */
  readonly code: string | null;
}

/** The result of a run in which no command ran; the caller puts in the outcome. */
export function nothingRun(waitedMs: number | null): RunResult {
  return {
    outcome: 'usage',
    exitCode: EXIT.usage,
    commandExitCode: null,
    lease: null,
    fence: null,
    environments: [],
    waitedSeconds: waitedMs === null ? null : seconds(waitedMs),
    heldSeconds: null,
    code: null,
  };
}

/** Why it cannot be written, or null. */
export function checkWritable(file: string): string | null {
  try {
    closeSync(openSync(file, 'a'));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

export function writeResult(file: string, result: RunResult): void {
  try {
    writeFileSync(file, `${JSON.stringify(result)}\n`);
  } catch {
    // It could be written when the run began; now its code matters more.
  }
}

/** A line of `--events`; null: this event is for people only. */
export function eventLine(event: RunEvent, at: Date): string | null {
  const line = eventFields(event);
  return line === null ? null : `${JSON.stringify({ at: at.toISOString(), ...line })}\n`;
}

function eventFields(event: RunEvent): Readonly<Record<string, unknown>> | null {
  switch (event.kind) {
    case 'queued':
    case 'moved': {
      const { id, position, blockedBy, etaSeconds } = event.lease;
      return { event: event.kind, lease: id, position, blockedBy, etaSeconds };
    }
    case 'granted': {
      const { id, fence, granted, page } = event.lease;
      const environments = granted.map(({ environment }) => environment);
      return { event: 'granted', lease: id, fence, environments, waitedSeconds: seconds(event.waitedMs), page };
    }
    case 'renewed':
      return { event: 'renewed', expiresInSeconds: seconds(event.expiresInMs) };
    case 'lost': {
      const { kind, ...loss } = event.loss;
      return { event: 'lost', why: kind, ...loss, heldSeconds: seconds(event.heldMs) };
    }
    case 'ended':
      if (event.ending.release !== 'released') return null;
      return { event: 'released', heldSeconds: seconds(event.ending.heldMs), exitCode: event.ending.exitCode };
    default:
      return null;
  }
}

export function appendEvent(file: string, event: RunEvent, at: Date): void {
  const line = eventLine(event, at);
  if (line === null) return;
  try {
    appendFileSync(file, line);
  } catch {
    // See above.
  }
}

/** Milliseconds as seconds with at most three digits. */
export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
