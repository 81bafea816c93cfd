// Every error is three things: what happened (with the names involved), why if known, what to do next. The first line ends
// with the stable code in brackets. A command throws a `Failure`; main.ts prints it and exits with its code, nothing else does.

import { exitCodeOf } from './exit-codes.ts';

export interface FailureParts {
  /** One sentence with the names involved, foreign text already made fit to be shown. */
  readonly what: string;
  readonly code: string;
  /** Why, and what to do next: one line each. */
  readonly more?: readonly string[];
  /** Only where it is not what the table says for the code. */
  readonly exitCode?: number;
  /** The problem object as the server sent it: what `--json` prints. */
  readonly problem?: Readonly<Record<string, unknown>>;
  /** What it came from, for `--debug`. */
  readonly cause?: unknown;
}

export class Failure extends Error {
  readonly code: string;
  readonly more: readonly string[];
  readonly exitCode: number;
  readonly problem: Readonly<Record<string, unknown>> | null;

  constructor(parts: FailureParts) {
    super(parts.what, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'Failure';
    this.code = parts.code;
    this.more = parts.more ?? [];
    this.problem = parts.problem ?? null;
    const status = this.problem?.status;
    this.exitCode = parts.exitCode ?? exitCodeOf(parts.code, typeof status === 'number' ? status : undefined);
  }
}

/** Wrong usage: exit 64. `more` says how it is meant. */
export function usage(what: string, ...more: string[]): Failure {
  return new Failure({ what, code: 'usage', more });
}

/**
 * The lines of an error. In a log (not a terminal) each begins with `signalbox: `, so that it can be told from the lines of a
 * child that writes to the same place.
 */
export function errorLines(
  failure: Failure,
  options: { readonly terminal: boolean; readonly debug: boolean },
): string[] {
  const lines = [`${failure.message} [${failure.code}]`, ...failure.more.map((line) => `  ${line}`)];
  if (options.debug) lines.push(...debugLines(failure));
  return lines.map((line, index) => (index === 0 || !options.terminal ? `signalbox: ${line}` : line));
}

/** What `--json` prints on stdout: the server's problem, or one of the same shape. */
export function errorObject(failure: Failure): Readonly<Record<string, unknown>> {
  if (failure.problem !== null) return failure.problem;
  return { code: failure.code, title: failure.message, detail: [failure.message, ...failure.more].join(' ') };
}

/** Anything that was thrown: a `Failure` as it is, everything else as a mistake of ours. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Failure({
    what: `unexpected: ${message.split('\n', 1)[0] ?? ''}`,
    code: 'internal',
    more: ['This is a mistake in Signalbox. Run it again with --debug and report what it prints.'],
    cause: thrown,
  });
}

function debugLines(failure: Failure): string[] {
  const lines: string[] = [];
  const requestId = failure.problem?.requestId;
  if (typeof requestId === 'string') lines.push(`  request id: ${requestId}`);
  const origin = failure.cause instanceof Error ? failure.cause : failure;
  for (const line of (origin.stack ?? String(origin)).split('\n')) lines.push(`  ${line}`);
  return lines;
}
