// Tells a wait as it goes on: to people by a voice, and with --json one object per line.
//
// Must always hold: each condition is told once, when it is met; the end is told once, after the voice has left the terminal or
// log as it was.

import type { Conditions } from '../../client/conditions.ts';
import type { WaitReply } from '../../client/types.ts';
import type { WaitEvent } from '../../client/waiting.ts';
import type { Output } from '../frame/output.ts';
import { awayText } from '../text/away.ts';
import { formatDuration } from '../text/durations.ts';
import { jsonText } from '../text/meet.ts';
import { foreign } from '../text/sanitize.ts';
import type { Pending, Voice } from './voice.ts';
import { after, failedWords, metWords, missingWords, pendingOf } from './words.ts';

/** What is over sooner needs no line that it is waited for. */
const silentForMs = 500;

export class Telling {
  readonly #out: Output;
  readonly #voice: Voice;
  readonly #standing: Conditions;
  readonly #names: readonly string[];
  readonly #what: string;
  readonly #once: boolean;
  readonly #startedAt = performance.now();
  #begun = false;

  /** `names`: how each is called before anything is heard of it; `what`: all of them in a sentence; `once`: it is but a look. */
  constructor(
    out: Output,
    voice: Voice,
    standing: Conditions,
    { names, what, once }: { readonly names: readonly string[]; readonly what: string; readonly once: boolean },
  ) {
    this.#out = out;
    this.#voice = voice;
    this.#standing = standing;
    this.#names = names;
    this.#what = what;
    this.#once = once;
  }

  get waitedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get missing(): string[] {
    return this.#pending().map(({ name }) => name);
  }

  hear(event: WaitEvent, atMs: number): void {
    if (event.kind === 'heard') this.#heard(event.settled, atMs);
    else {
      this.#begin(atMs);
      if (event.kind === 'away') this.#voice.say('!', awayText(event.reason));
      else this.#voice.say('✓', `connected again after ${formatDuration(event.awayMs)}`);
      if (this.#out.json)
        this.#out.objectLine(
          event.kind === 'away'
            ? { event: 'away', reason: event.reason }
            : { event: 'back', awaySeconds: Math.round(event.awayMs) / 1000 },
        );
    }
  }

  tick(atMs: number): void {
    if (atMs - this.#startedAt >= silentForMs) this.#begin(atMs);
    this.#voice.tick(atMs);
  }

  close(): void {
    this.#voice.close();
  }

  /** After `close`. */
  over(reply: WaitReply): void {
    const atMs = performance.now();
    const { found, mode } = this.#standing;
    if (this.#out.json) this.#out.objectLine(reply);
    if (reply.outcome === 'met') {
      const count = mode === 'all' && found.length > 1 ? `all ${found.length} came ` : `${this.#firstMet()} came `;
      this.#voice.summary(`${count}${after(this.waitedMs)}`);
      if (!this.#out.json) this.#answer();
      return;
    }
    if (reply.outcome === 'failed') {
      const failed = found.flatMap((each) => (each?.reply.state === 'failed' ? [each.reply] : []));
      this.#voice.wrong(
        'wait_failed',
        failed.map((each) => failedWords(each, this.waitedMs)),
      );
      return;
    }
    const { missing } = this.#standing;
    const some = mode === 'any' ? `none of ${found.length} came` : `${missing.length} of ${found.length} missing`;
    const names = missing.map((index) => pendingOf(found[index] ?? null, this.#names[index] ?? '').name);
    const width = Math.max(0, ...names.map((name) => name.length));
    this.#voice.wrong('wait_timed_out', [
      `${this.#once ? 'looked once' : `timed out after ${formatDuration(this.waitedMs)}`}: ${found.length === 1 ? `${names[0]} is missing` : some}`,
      ...missing.map((index, i) => `${(names[i] ?? '').padEnd(width)}  ${missingWords(found[index] ?? null, atMs)}`),
    ]);
  }

  #heard(settled: readonly number[], atMs: number): void {
    const { found, outcome } = this.#standing;
    // How things stand after a look is told at its end.
    const isOver = outcome !== null || this.#once;
    if (isOver) this.#voice.close();
    else this.#begin(atMs);
    const names = this.#names.map((name, i) => pendingOf(found[i] ?? null, name).name.length);
    const width = this.#voice.aligns ? Math.max(0, ...names) : 0;
    for (const index of settled) {
      const reply = found[index]?.reply;
      if (reply === undefined) continue;
      if (this.#out.json) this.#out.objectLine({ event: reply.state, ...reply });
      // A failure is the end of it, and told there.
      if (reply.state === 'met') this.#voice.say('✓', metWords(reply, this.waitedMs, width));
    }
    if (!isOver) this.#voice.stands(this.#pending(), atMs);
  }

  #begin(atMs: number): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#voice.begin(this.#what, this.#pending(), atMs);
  }

  #pending(): Pending[] {
    const { found, missing } = this.#standing;
    return missing.map((index) => pendingOf(found[index] ?? null, this.#names[index] ?? ''));
  }

  #firstMet(): string {
    const met = this.#standing.found.find((each) => each?.reply.state === 'met');
    return met == null ? '' : foreign(met.reply.target);
  }

  /** What the one signal carries; with --any, what came. */
  #answer(): void {
    const { found, mode } = this.#standing;
    const met = found.flatMap((each) => (each?.reply.state === 'met' ? [each.reply] : []));
    const [only] = met;
    if (found.length > 1 && mode === 'any') this.#out.answer(...met.map(({ target }) => foreign(target, 2000)));
    else if (found.length === 1 && only !== undefined && only.data !== null)
      this.#out.answer(jsonText(only.data, this.#out.answersTerminal));
  }
}
