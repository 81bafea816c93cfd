// A terminal: a line for each thing that is pending, redrawn in place at most four times a second, and lasting lines above them.
//
// Must always hold: no redrawn line is longer than the terminal is wide, and there are never more of them than it is high (they
// could not be erased); they are gone before anything else is written.

import { cut } from '../speech/tty.ts';
import { formatDuration } from '../text/durations.ts';
import type { Mark, Pending, Voice, VoiceOptions } from './voice.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const redrawMs = 250;
const colours: Readonly<Record<Mark, number>> = { '✓': 32, '✗': 31, '!': 33 };
/** More would push away what a person wants to keep in sight. */
const mostLines = 12;

export class TtyVoice implements Voice {
  readonly aligns = true;
  readonly #options: VoiceOptions;
  #pending: readonly Pending[] = [];
  #width = 0;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #drawnLines = 0;
  #frame = 0;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  begin(_what: string, pending: readonly Pending[], atMs: number): void {
    this.#width = Math.max(0, ...pending.map(({ name }) => name.length));
    this.stands(pending, atMs);
  }

  stands(pending: readonly Pending[], atMs: number): void {
    this.#pending = pending;
    this.tick(atMs);
  }

  say(symbol: Mark, text: string): void {
    this.#erase();
    const code = colours[symbol];
    const shown = this.#options.colours ? `\u001b[${code}m${symbol}\u001b[39m` : symbol;
    this.#options.write(`${shown} ${text}\n`);
  }

  summary(): void {}

  wrong(_code: string, [first = '', ...more]: readonly string[]): void {
    this.say('✗', first);
    for (const line of more) this.#options.write(`  ${line}\n`);
  }

  tick(atMs: number): void {
    if (this.#pending.length > 0 && atMs - this.#drawnAtMs >= redrawMs) this.#draw(atMs);
  }

  close(): void {
    this.#pending = [];
    this.#erase();
  }

  #draw(atMs: number): void {
    const room = Math.max(1, Math.min(mostLines, this.#options.rows() - 2));
    const shown = this.#pending.length <= room ? this.#pending : this.#pending.slice(0, Math.max(1, room - 1));
    const frame = frames[this.#frame++ % frames.length];
    const lines = shown.map((each) => `${frame} ${each.name.padEnd(this.#width)}  ${stateWords(each, atMs)}`.trimEnd());
    if (shown.length < this.#pending.length && room > 1)
      lines.push(`  and ${this.#pending.length - shown.length} more`);
    this.#erase();
    const columns = this.#options.columns() - 1;
    this.#options.write(lines.map((line) => cut(line, columns)).join('\n'));
    this.#drawnLines = lines.length;
    this.#drawnAtMs = atMs;
  }

  #erase(): void {
    if (this.#drawnLines === 0) return;
    const up = this.#drawnLines > 1 ? `\u001b[${this.#drawnLines - 1}A` : '';
    this.#options.write(`\r${up}\u001b[J`);
    this.#drawnLines = 0;
  }
}

/** `503 Service Unavailable since 1m40s (12 tries)`. */
export function stateWords({ state, sinceMs, tries }: Pending, atMs: number): string {
  const since = sinceMs === null || atMs - sinceMs < 1000 ? '' : ` since ${formatDuration(atMs - sinceMs)}`;
  const tried = tries === null || tries < 2 ? '' : ` (${tries} tries)`;
  return `${state}${since}${tried}`;
}
