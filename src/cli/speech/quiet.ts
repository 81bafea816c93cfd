// `-q`: nothing unless something went wrong. The last line is said whenever the exit code is not 0, because without it nobody
// could tell the child's own 75 from ours.

import type { RunEvent } from './events.ts';
import { lastingLines } from './lasting.ts';
import type { Mouth, MouthOptions } from './mouth.ts';

export class QuietMouth implements Mouth {
  readonly #options: MouthOptions;

  constructor(options: MouthOptions) {
    this.#options = options;
  }

  hear(event: RunEvent): void {
    const wrong = event.kind === 'lost' || event.kind === 'stopped';
    if (!wrong && !(event.kind === 'ended' && event.ending.exitCode !== 0)) return;
    for (const { symbol, text } of lastingLines(this.#options, event)) {
      this.#options.write(`signalbox: ${symbol === ' ' ? '  ' : ''}${text}\n`);
    }
  }

  tick(): void {}

  close(): void {}
}
