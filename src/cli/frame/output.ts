// The two mouths of a command: stdout is the answer, stderr is the talk. Colours only on a terminal and without NO_COLOR.

import pc from 'picocolors';
import { type Variables, variable, variables } from '../../config.ts';

export type Colours = ReturnType<typeof pc.createColors>;

/** What every command understands, as commander hands it over. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

export class Output {
  /** Answers are objects in the API's shape. */
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Whether a person reads the answer (stdout) or the talk (stderr) on a terminal. */
  readonly answersTerminal: boolean;
  readonly talksTerminal: boolean;
  /** For the answer; none in a pipe. */
  readonly colours: Colours;
  readonly width: number;

  constructor(flags: OutputFlags, env: Variables = variables()) {
    this.json = flags.json === true;
    this.quiet = flags.quiet === true;
    this.debug = flags.debug === true;
    this.answersTerminal = process.stdout.isTTY === true && !this.json;
    this.talksTerminal = process.stderr.isTTY === true;
    this.colours = pc.createColors(this.answersTerminal && variable(env, 'NO_COLOR') === null && env.TERM !== 'dumb');
    // A terminal that does not know its width says 0.
    this.width = process.stdout.columns || 80;
  }

  /** Lines of the answer. */
  answer(...lines: readonly string[]): void {
    for (const line of lines) process.stdout.write(`${line}\n`);
  }

  /** The answer as one JSON value: on a terminal indented, in a pipe one line. */
  object(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)}\n`);
  }

  /** One JSON value of an answer that goes on: always one line. */
  objectLine(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A line about what goes on. In a log it says who speaks; `symbol` stands before it on a terminal. */
  talk(line: string, symbol = ''): void {
    if (this.quiet) return;
    process.stderr.write(this.talksTerminal ? `${symbol === '' ? '' : `${symbol} `}${line}\n` : `signalbox: ${line}\n`);
  }
}

/** `signalbox history | head`: a reader that has seen enough is no error. */
export function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}
