// A terminal: one line that is redrawn in place while waiting, at most four times a second, and replaced by lasting lines.
//
// Must always hold: the redrawn line is never longer than the terminal is wide (it could not be erased), and it is gone before
// anything else is written, the child's output included.

import type { Lease } from '../../client/types.ts';
import { formatDuration } from '../text/durations.ts';
import type { RunEvent } from './events.ts';
import { endsWait, lastingLines } from './lasting.ts';
import type { Mouth, MouthOptions } from './mouth.ts';
import * as words from './words.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const redrawMs = 250;
const erase = '\r\u001b[2K';
const colours: Readonly<Record<string, number>> = { '✓': 32, '✗': 31, '!': 33 };

export class TtyMouth implements Mouth {
  readonly #options: MouthOptions;
  #wait: Wait | null = null;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #drawn = false;
  #frame = 0;

  constructor(options: MouthOptions) {
    this.#options = options;
  }

  hear(event: RunEvent, atMs: number): void {
    if (event.kind === 'queued') {
      this.#wait = this.#waiting(event.lease, atMs);
      this.#draw(atMs);
    }
    if (event.kind === 'moved' || (event.kind === 'back' && event.lease.state === 'waiting')) {
      this.#wait = this.#waiting(event.lease, atMs);
      this.tick(atMs);
    }
    if (endsWait.has(event.kind)) this.#endWait();
    if (event.kind === 'granted') {
      const renewed = event.waitedMs < 1000 ? '' : ` · ttl ${this.#options.ttl}, renewed for you`;
      this.#line('✓', `${words.yours(this.#options.what, event.lease, event.waitedMs)}${renewed}`);
    }
    for (const { symbol, text } of lastingLines(this.#options, event)) this.#line(symbol, text);
  }

  tick(atMs: number): void {
    if (this.#wait !== null && atMs - this.#drawnAtMs >= redrawMs) this.#draw(atMs);
  }

  close(_atMs: number): void {
    this.#endWait();
  }

  #waiting(lease: Lease, atMs: number): Wait {
    const blocker = words.mainBlocker(lease);
    const blockedForMs = blocker?.since ? this.#options.wallMs() - Date.parse(blocker.since) : Number.NaN;
    return {
      lease,
      holder: blocker ? words.blockedWords(blocker) : 'waiting',
      blockedSinceMs: Number.isNaN(blockedForMs) ? null : atMs - Math.max(blockedForMs, 0),
    };
  }

  #draw(atMs: number): void {
    if (this.#wait === null) return;
    const { lease, holder, blockedSinceMs } = this.#wait;
    const since = blockedSinceMs === null ? '' : ` ${formatDuration(atMs - blockedSinceMs)}`;
    const position = lease.position !== null && lease.position <= 1 ? 'next' : words.place(lease.position);
    const parts = [this.#options.what, position, holder.replace(/^held by/, `held${since} by`)];
    const eta = words.about(lease.etaSeconds);
    if (eta !== null) parts.push(eta);
    if (this.#options.keyboard) parts.push('Ctrl-C leaves the queue');
    const line = `${frames[this.#frame++ % frames.length]} ${parts.join(' · ')}`;
    this.#options.write(`${erase}${cut(line, this.#options.columns() - 1)}`);
    this.#drawn = true;
    this.#drawnAtMs = atMs;
  }

  #endWait(): void {
    this.#wait = null;
    this.#erase();
  }

  #erase(): void {
    if (this.#drawn) this.#options.write(erase);
    this.#drawn = false;
  }

  #line(symbol: string, text: string): void {
    this.#erase();
    this.#options.write(`${this.#coloured(symbol)} ${text}\n`);
  }

  #coloured(symbol: string): string {
    const code = this.#options.colours ? colours[symbol] : undefined;
    return code === undefined ? symbol : `\u001b[${code}m${symbol}\u001b[39m`;
  }
}

interface Wait {
  readonly lease: Lease;
  readonly holder: string;
  readonly blockedSinceMs: number | null;
}

/** At most `columns` cells. East Asian and emoji characters take two; a little too short is harmless, too long is not. */
export function cut(line: string, columns: number): string {
  let cells = 0;
  const kept: string[] = [];
  for (const character of line) {
    const code = character.codePointAt(0) ?? 0;
    const width = code >= 0x1100 && !(code >= 0x2000 && code <= 0x2e7f) ? 2 : 1;
    if (cells + width > columns) return `${kept.slice(0, -1).join('')}…`;
    cells += width;
    kept.push(character);
  }
  return line;
}
