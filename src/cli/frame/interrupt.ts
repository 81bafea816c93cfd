// Somebody wants us to end: Ctrl-C, TERM, HUP, or, in CI, the death of the shell that started us, which does not pass the signal
// on when a job is cancelled. The first one is told by an AbortSignal, so that what was begun can be undone; the same signal
// again ends at once.

import { EXIT } from '../text/exit-codes.ts';

const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: 129 } as const;
const PARENT_CHECK_MS = 1000;

export class Interruption {
  readonly #controller = new AbortController();
  readonly #parent = process.ppid;
  #exitCode: number | null = null;

  /** `watchParent`: also when the process that started us is gone. */
  constructor(watchParent: boolean) {
    for (const [name, code] of Object.entries(SIGNALS)) {
      process.on(name, () => {
        if (this.#exitCode !== null) process.exit(code);
        this.#interrupt(code);
      });
    }
    if (!watchParent) return;
    const timer = setInterval(() => {
      if (process.ppid !== this.#parent && this.#exitCode === null) this.#interrupt(EXIT.terminated);
    }, PARENT_CHECK_MS);
    timer.unref();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What to exit with; null while nobody wants us to end. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  #interrupt(code: number): void {
    this.#exitCode = code;
    this.#controller.abort();
  }
}
