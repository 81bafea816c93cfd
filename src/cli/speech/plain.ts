// The log: whole lines, each beginning with `signalbox: `, never a carriage return of ours except in GitLab's fold marks.
//
// Must always hold: something is said at once when it queues, when the place or the blocker changes (not more often than every
// 10 s, and then the last state), and else after 1, 2, 5 minutes and every 5 minutes, because several CIs end a step that is
// silent for 10 minutes; and the fold around the waiting is closed before anything that matters is said.

import type { Lease } from '../../client/types.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import type { Ahead, RunEvent } from './events.ts';
import { fold, githubError } from './folds.ts';
import { endsWait, lastingLines } from './lasting.ts';
import type { Mouth, MouthOptions } from './mouth.ts';
import * as words from './words.ts';

const changesEveryMs = 10_000;
const quietForMs = [60_000, 120_000, 300_000];
const laterEveryMs = 300_000;

export class PlainMouth implements Mouth {
  readonly #options: MouthOptions;
  #wait: Wait | null = null;
  #foldOpen = false;
  #foldOpenedAtS = 0;
  /** Buildkite: the next line is a heading, which ends the fold. */
  #heading = '';

  constructor(options: MouthOptions) {
    this.#options = options;
  }

  hear(event: RunEvent, atMs: number): void {
    if (event.kind === 'queued') this.#queued(event.lease, event.ahead, atMs);
    if (event.kind === 'moved' || event.kind === 'back') this.#moved(event.lease, atMs, event.kind === 'back');
    if (endsWait.has(event.kind)) this.#endWait();
    if (event.kind === 'granted') {
      const { id, page } = event.lease;
      const parts = [words.yours(this.#options.what, event.lease, event.waitedMs), `lease ${foreign(id)}`];
      this.#line([...parts, ...(page ? [foreign(page, 300)] : [])].join(' · '));
    }
    for (const { symbol, text } of lastingLines(this.#options, event)) {
      this.#line(symbol === ' ' ? `  ${text}` : text);
      if (event.kind === 'lost' && this.#options.style === 'github') {
        this.#raw(githubError(`Signalbox lost ${this.#options.what}`, text));
      }
    }
  }

  tick(atMs: number): void {
    const wait = this.#wait;
    if (wait === null) return;
    const now = look(wait.lease);
    const changed = now !== wait.said && atMs - wait.saidAtMs >= changesEveryMs;
    if (!changed && atMs < wait.nextAtMs) return;
    const blocker = words.mainBlocker(wait.lease);
    const url = blocker?.holder?.url ?? null;
    const parts = [`waited ${formatDuration(atMs - wait.sinceMs)}`, words.place(wait.lease.position)];
    if (blocker) parts.push(words.blockedWords(blocker));
    this.#line(`${parts.join(' · ')}${url !== null && url !== wait.saidUrl ? `  ${foreign(url, 300)}` : ''}`);
    wait.said = now;
    wait.saidUrl = url ?? wait.saidUrl;
    wait.saidAtMs = atMs;
    wait.nextAtMs = nextSilenceAt(wait.sinceMs, atMs);
  }

  close(_atMs: number): void {
    this.#endWait();
  }

  #queued(lease: Lease, ahead: readonly Ahead[], atMs: number): void {
    const { what } = this.#options;
    this.#line(`${words.whyWaiting(what, lease)}, ${words.place(lease.position)} (waited 0s)`);
    this.#fold(`Waiting for ${what}`);
    const blocker = words.mainBlocker(lease);
    const url = blocker?.holder?.url ?? null;
    if (blocker) {
      const since = blocker.since ? ` since ${words.utc(blocker.since, this.#options.wallMs())}` : '';
      const eta = words.about(lease.etaSeconds);
      const tail = `${eta === null ? '' : `, ${eta} left`}${url === null ? '' : `  ${foreign(url, 300)}`}`;
      this.#line(`${words.blockedWords(blocker)}${since}${tail}`);
    }
    if (ahead.length > 1) {
      const list = ahead.map(({ name, holds }, index) => `${index + 1}. ${foreign(name)}${holds ? ' (holds)' : ''}`);
      this.#line(`ahead of you: ${list.join('  ')}`);
    }
    const said = { said: look(lease), saidUrl: url, saidAtMs: atMs, nextAtMs: nextSilenceAt(atMs, atMs) };
    this.#wait = { sinceMs: atMs, lease, ...said };
  }

  /** `told`: the line about it says the place already. */
  #moved(lease: Lease, atMs: number, told: boolean): void {
    if (this.#wait === null) return;
    this.#wait.lease = lease;
    if (told) this.#wait.said = look(lease);
    else this.tick(atMs);
  }

  #endWait(): void {
    this.#wait = null;
    this.#unfold();
  }

  #fold(title: string): void {
    this.#foldOpenedAtS = Math.floor(this.#options.wallMs() / 1000);
    const { open } = fold(this.#options.style, title, this.#foldOpenedAtS, this.#foldOpenedAtS);
    if (open !== null) this.#raw(open);
    this.#foldOpen = open !== null;
  }

  #unfold(): void {
    if (!this.#foldOpen) return;
    this.#foldOpen = false;
    const closedAtS = Math.floor(this.#options.wallMs() / 1000);
    const { close, heading } = fold(this.#options.style, '', this.#foldOpenedAtS, closedAtS);
    if (close !== null) this.#raw(close);
    this.#heading = heading;
  }

  #line(text: string): void {
    this.#raw(`${this.#heading}signalbox: ${text}`);
    this.#heading = '';
  }

  #raw(line: string): void {
    this.#options.write(`${line}\n`);
  }
}

/** A wait that is under way: its latest state, what was last said of it and when, and when something is due. */
interface Wait {
  readonly sinceMs: number;
  lease: Lease;
  said: string;
  saidUrl: string | null;
  saidAtMs: number;
  nextAtMs: number;
}

/** When something has to be said at the latest: after 1, 2, 5, 10, 15 … minutes of waiting. */
export function nextSilenceAt(sinceMs: number, nowMs: number): number {
  const waitedMs = nowMs - sinceMs;
  const early = quietForMs.find((ms) => ms > waitedMs);
  return sinceMs + (early ?? (Math.floor(waitedMs / laterEveryMs) + 1) * laterEveryMs);
}

/** What a reader would notice: place, and who stands before. */
function look(lease: Lease): string {
  const blocker = words.mainBlocker(lease);
  return `${words.place(lease.position)} ${blocker ? words.blockedWords(blocker) : ''}`;
}
