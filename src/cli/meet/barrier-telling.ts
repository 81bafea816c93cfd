// What a party says while it waits at a barrier: who has come and who is missing, that the server is away and back, that it is
// open. With --json the barrier itself is printed whenever it changed.

import type { MeetEvent } from '../../client/arriving.ts';
import type { Barrier } from '../../client/types.ts';
import type { Output } from '../frame/output.ts';
import { awayText } from '../text/away.ts';
import { formatDuration, formatLeft } from '../text/durations.ts';
import { arrivedText } from '../text/meet.ts';
import { foreign } from '../text/sanitize.ts';
import type { Voice } from './voice.ts';
import { after } from './words.ts';

export class BarrierTelling {
  readonly #out: Output;
  readonly #voice: Voice;
  readonly #text: string;
  readonly #party: string;
  #barrier: Barrier | null = null;

  constructor(out: Output, voice: Voice, text: string, party: string) {
    this.#out = out;
    this.#voice = voice;
    this.#text = text;
    this.#party = foreign(party, 60);
  }

  get hasArrived(): boolean {
    return this.#barrier !== null;
  }

  hear(event: MeetEvent): void {
    if (event.kind === 'arrived') this.#arrived(event.barrier);
    else if (event.kind === 'away') this.#away(event.reason);
    else this.#back(event.awayMs);
  }

  /** After the voice was closed. */
  open(barrier: Barrier, waitedMs: number): void {
    if (this.#out.json) this.#out.objectLine(barrier);
    this.#voice.say('✓', `${this.#text} is open ${after(waitedMs)}: all ${barrier.parties} have come`);
  }

  #arrived(barrier: Barrier): void {
    const now = performance.now();
    const pending = [{ name: this.#text, state: arrivedText(barrier), sinceMs: null, tries: null }];
    const limit = barrier.breaksInSeconds === null ? '' : `, breaks in ${formatLeft(barrier.breaksInSeconds * 1000)}`;
    if (this.#barrier === null)
      this.#voice.begin(`${this.#text} as ${this.#party}: ${arrivedText(barrier)}${limit}`, pending, now);
    else this.#voice.stands(pending, now);
    this.#barrier = barrier;
    if (this.#out.json) this.#out.objectLine(barrier);
  }

  #away(reason: string): void {
    this.#voice.say('!', `${awayText(reason)}${this.hasArrived ? '; the arrival stays' : ''}`);
    if (this.#out.json) this.#out.objectLine({ event: 'away', reason });
  }

  #back(awayMs: number): void {
    this.#voice.say('✓', `connected again after ${formatDuration(awayMs)}`);
    if (this.#out.json) this.#out.objectLine({ event: 'back', awaySeconds: Math.round(awayMs) / 1000 });
  }
}
