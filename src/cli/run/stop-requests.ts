// Everything that asks a run to stop: signals, and in CI the death of the process that started us, because a shell that is
// cancelled does not pass the signal on and the child would go on alone (docs/run.md, "Signals"). As process 1 of a container the
// handlers are what makes signals arrive at all, so they are there from the first moment.

import type { StopCause } from '../speech/events.ts';

const parentCheckMs = 1000;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** What `128 + n` is for each. */
export const codeOfCause: Readonly<Record<StopCause, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
  parent_gone: 143,
};

export class StopRequests {
  readonly #aborted = new AbortController();
  readonly #parent = process.ppid;
  readonly #timer: NodeJS.Timeout | null;
  #first: StopCause | null = null;
  #listener: ((cause: StopCause) => void) | null = null;

  constructor(options: { watchParent: boolean }) {
    for (const signal of signals) process.on(signal, this.#onSignal);
    this.#timer = options.watchParent ? setInterval(() => this.#checkParent(), parentCheckMs) : null;
    this.#timer?.unref();
  }

  /** Aborted by the first request. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  get first(): StopCause | null {
    return this.#first;
  }

  /** Also repeated requests; those before this call are told now. */
  listen(listener: (cause: StopCause) => void): void {
    this.#listener = listener;
    if (this.#first !== null) listener(this.#first);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#request(signal as StopCause);
  };

  #checkParent(): void {
    if (process.ppid === this.#parent) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#request('parent_gone');
  }

  #request(cause: StopCause): void {
    this.#first ??= cause;
    this.#aborted.abort();
    this.#listener?.(cause);
  }
}
