// Tells a build as it goes on: to people by a voice, and with --json one object per line, each time it has got further.
//
// Must always hold: each step is told once, when it is done, and each failed try once; the end is told once, after the voice has
// left the terminal or log as it was.

import { type BuildEvent, type BuildOutcome, buildOutcome } from '../../client/building.ts';
import type { Build } from '../../client/types-machines.ts';
import type { Output } from '../frame/output.ts';
import type { Pending, Voice } from '../meet/voice.ts';
import { after } from '../meet/words.ts';
import { awayText } from '../text/away.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import {
  cancelledText,
  doneText,
  failureText,
  machines,
  namedText,
  running,
  stateText,
  triesText,
  typed,
} from './words.ts';

/** What is over sooner needs no line that it is waited for. */
const silentForMs = 500;

export class BuildTelling {
  readonly #out: Output;
  readonly #voice: Voice;
  /** ` (at most 5m)`, or nothing. */
  readonly #limit: string;
  readonly #startedAt = performance.now();
  readonly #told = new Set<string>();
  readonly #since = new Map<string, number>();
  #build: Build;
  #shown = '';
  #begun = false;

  constructor(out: Output, voice: Voice, build: Build, limit: string) {
    this.#out = out;
    this.#voice = voice;
    this.#build = build;
    this.#limit = limit;
  }

  get waitedMs(): number {
    return performance.now() - this.#startedAt;
  }

  hear(event: BuildEvent, atMs: number): void {
    if (event.kind === 'heard') this.#heard(event.build, atMs);
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
  over(outcome: BuildOutcome, build: Build): void {
    const id = typed(build.id);
    if (outcome === 'runs') {
      const verb = build.state === 'finished' ? ['is ready', 'are ready'] : ['runs', 'run'];
      const there = namedText(running(build));
      const how = `${machines(build.count)} ${verb[build.count === 1 ? 0 : 1]} ${after(this.waitedMs)}`;
      this.#voice.say('✓', `${how}${there === '' ? '' : `: ${there}`}`);
    } else if (outcome === 'failed') {
      const why = build.failure === null ? '' : ` ${failureText(build.failure)}`;
      this.#voice.wrong('build_failed', [`build ${id} failed${why}`, ...leftLines(build)]);
    } else {
      const by = build.cancelling === null ? '' : ` ${cancelledText(build.cancelling)}`;
      const then = build.state === 'cancelled' ? 'Its machines are gone' : 'Its machines are being ended';
      this.#voice.wrong('build_cancelled', [
        `build ${id} was cancelled${by}`,
        `${then}. To look: signalbox build show ${id}`,
      ]);
    }
  }

  /** After `close`: nobody waits any longer, and it goes on. */
  timedOut(build: Build): void {
    this.#voice.wrong('wait_timed_out', [
      `timed out after ${formatDuration(this.waitedMs)}: build ${typed(build.id)} is ${stateText(build)}${standsText(build)}`,
      goesOnLine(build.id),
    ]);
  }

  #heard(build: Build, atMs: number): void {
    this.#build = build;
    const written = JSON.stringify(build);
    if (this.#out.json && written !== this.#shown) this.#out.objectLine(build);
    this.#shown = written;
    const outcome = buildOutcome(build);
    const isOver = outcome !== null;
    if (isOver) this.#voice.close();
    else this.#begin(atMs);
    // Of what is cancelled nothing that was made is there for long.
    const steps = outcome === 'cancelled' ? [] : build.steps;
    for (const step of steps)
      if (step.doneAt !== null && this.#isNew(`done ${step.name}`)) this.#voice.say('✓', doneText(step));
    const { failure } = build;
    if (!isOver && failure !== null && this.#isNew(`failed ${failure.step} ${failure.tries} ${failure.reason}`))
      this.#voice.say(
        '!',
        `${foreign(failure.step, 60) || 'it'} failed (${triesText(failure.tries)}): ${foreign(failure.reason, 300)}; trying again`,
      );
    if (!isOver) this.#voice.stands(this.#pending(atMs), atMs);
  }

  #isNew(what: string): boolean {
    const before = this.#told.size;
    return this.#told.add(what).size > before;
  }

  #begin(atMs: number): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#voice.begin(`build ${typed(this.#build.id)}${this.#limit}`, this.#pending(atMs), atMs);
  }

  /** The steps that are under way; before the first one, and between two, the build itself. */
  #pending(atMs: number): Pending[] {
    const { id, state, steps, failure } = this.#build;
    const under = steps.filter(({ doneAt }) => doneAt === null);
    if (under.length === 0) return [this.#stands(`build ${typed(id)}`, foreign(state, 20), null, atMs)];
    return under.map(({ name }) => {
      const failed = failure?.step === name ? failure : null;
      const how = failed === null ? 'under way' : `failed, trying again: ${foreign(failed.reason)}`;
      return this.#stands(foreign(name, 60), how, failed?.tries ?? null, atMs);
    });
  }

  #stands(name: string, state: string, tries: number | null, atMs: number): Pending {
    const sinceMs = this.#since.get(name) ?? atMs;
    this.#since.set(name, sinceMs);
    return { name, state, sinceMs, tries };
  }
}

/** What is to be done about a build that nobody waits for any longer. */
export function goesOnLine(id: string): string {
  return `It goes on. To look: signalbox build show ${typed(id)}. To end it: signalbox build cancel ${typed(id)}`;
}

/** Of a build that has failed: an ask whose answer was lost may have made a machine. */
function leftLines(build: Build): string[] {
  const there = running(build);
  const cancel = `signalbox build cancel ${typed(build.id)}`;
  if (there.length === 0) return [`To end whatever there is of it: ${cancel}`];
  const verb = there.length === 1 ? 'runs' : 'run';
  const it = there.length === 1 ? 'it' : 'them';
  return [`${there.length} of ${machines(build.count)} ${verb}: ${namedText(there)}. Keep ${it}, or: ${cancel}`];
}

function standsText(build: Build): string {
  const { count, failure } = build;
  const there = `, ${running(build).length} of ${machines(count)} there`;
  return `${there}${failure === null ? '' : `; it failed ${failureText(failure)}`}`;
}
