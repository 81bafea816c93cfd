// The log: whole lines, each beginning with `signalbox: `, never a carriage return of ours except in GitLab's fold marks.
//
// Must always hold: what is waited for is said at once; how it stands when that changes (not more often than every 10 s, and then
// the last state), and else after 1, 2, 5 minutes and every 5 minutes, because several CIs end a step that is silent for 10; and
// the fold around the waiting is closed before its end is told. A wait of which nothing is told has no fold.

import { fold } from '../speech/folds.ts';
import { nextSilenceAt } from '../speech/plain.ts';
import { formatDuration } from '../text/durations.ts';
import { logLines } from './log-lines.ts';
import { stateWords } from './tty.ts';
import type { Mark, Pending, Voice, VoiceOptions } from './voice.ts';

const changesEveryMs = 10_000;
/** Of a long list the first ones are enough to know what is meant. */
const mostNamed = 5;

export class PlainVoice implements Voice {
  readonly aligns = false;
  readonly #options: VoiceOptions;
  #pending: readonly Pending[] = [];
  #waiting: { sinceMs: number; said: string; saidAtMs: number; nextAtMs: number } | null = null;
  #foldOpenedAtS: number | null = null;
  #folded = false;
  /** Buildkite: the next line is a heading, which ends the fold. */
  #heading = '';

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  begin(what: string, pending: readonly Pending[], atMs: number): void {
    this.#line(`waiting for ${what}`);
    this.#pending = pending;
    this.#waiting = { sinceMs: atMs, said: look(pending), saidAtMs: atMs, nextAtMs: nextSilenceAt(atMs, atMs) };
  }

  stands(pending: readonly Pending[], atMs: number): void {
    this.#pending = pending;
    this.tick(atMs);
  }

  say(_symbol: Mark, text: string): void {
    this.#openFold();
    this.#line(text);
  }

  summary(text: string): void {
    if (this.#folded) this.#line(text);
  }

  wrong(code: string, lines: readonly string[]): void {
    this.#options.write(`${this.#heading}${logLines(code, lines)}`);
    this.#heading = '';
  }

  tick(atMs: number): void {
    const waiting = this.#waiting;
    if (waiting === null || this.#pending.length === 0) return;
    const now = look(this.#pending);
    const changed = now !== waiting.said && atMs - waiting.saidAtMs >= changesEveryMs;
    if (!changed && atMs < waiting.nextAtMs) return;
    this.#openFold();
    this.#line(`waited ${formatDuration(atMs - waiting.sinceMs)} · ${listed(this.#pending, atMs)}`);
    waiting.said = now;
    waiting.saidAtMs = atMs;
    waiting.nextAtMs = nextSilenceAt(waiting.sinceMs, atMs);
  }

  close(): void {
    this.#waiting = null;
    if (this.#foldOpenedAtS === null) return;
    const { close, heading } = fold(this.#options.style, '', this.#foldOpenedAtS, this.#nowS());
    if (close !== null) this.#options.write(`${close}\n`);
    this.#heading = heading;
    this.#foldOpenedAtS = null;
  }

  /** While it waits; not for what is said about its end. */
  #openFold(): void {
    if (this.#waiting === null || this.#foldOpenedAtS !== null) return;
    const nowS = this.#nowS();
    const { open } = fold(this.#options.style, 'Waiting', nowS, nowS);
    if (open === null) return;
    this.#options.write(`${open}\n`);
    this.#foldOpenedAtS = nowS;
    this.#folded = true;
  }

  #nowS(): number {
    return Math.floor(this.#options.wallMs() / 1000);
  }

  #line(text: string): void {
    this.#options.write(`${this.#heading}signalbox: ${text}\n`);
    this.#heading = '';
  }
}

/** What a reader would notice. */
function look(pending: readonly Pending[]): string {
  return pending.map(({ name, state }) => `${name} ${state}`).join('\n');
}

function listed(pending: readonly Pending[], atMs: number): string {
  const named = pending.slice(0, mostNamed).map((each) => `${each.name}: ${stateWords(each, atMs)}`.replace(/: $/, ''));
  const more = pending.length - named.length;
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
