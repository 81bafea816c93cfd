// For how long the log is waited for. What always holds: only time in which this server was awake counts. One that was stopped for
// a while finds the answer of the log waiting, and must not take the store for away before it has read it, nor give up on a turn.

import type { Clock, LogTime, Timer } from './clock.ts';

/** What takes longer is behind a store that does not answer. */
const stuckAfterMs = 5_000;
const lookEveryMs = 100;

export class Asking {
  readonly #clock: Clock;
  readonly #time: LogTime;
  /** Since when the log was asked for something; null while it is not. */
  #since: number | null = null;

  constructor(clock: Clock, time: LogTime) {
    this.#clock = clock;
    this.#time = time;
  }

  /** Asks the log for something. Over as soon as it has answered: whoever goes on because of that must not find it stuck still. */
  async of<T>(question: () => Promise<T>): Promise<T> {
    this.#since = this.#time.awake();
    try {
      return await question();
    } finally {
      this.#since = null;
    }
  }

  /** The log has been asked for so long that nobody should wait behind it. */
  get isStuck(): boolean {
    return this.#since !== null && this.#time.awake() - this.#since > stuckAfterMs;
  }

  /** Resolves when `call` is called back, or after as long as that: what hangs is given up. */
  orGivenUp(call: (back: () => void) => void): Promise<void> {
    const from = this.#time.awake();
    return new Promise((resolve) => {
      let timer: Timer = null;
      call(() => {
        this.#clock.cancel(timer);
        resolve();
      });
      const look = (): void => {
        if (this.#time.awake() - from > stuckAfterMs) resolve();
        else timer = this.#clock.after(lookEveryMs, look);
      };
      look();
    });
  }
}
