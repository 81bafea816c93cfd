// Stops the child: INT, TERM, KILL, each at most as late as the first who asked for it wanted. Many can ask at once (a revocation,
// a cancelled job, a second Ctrl-C); whoever wants it sooner wins.
//
// Must always hold: once a KILL has an instant, it never moves later.

import { type RunProcesses, signalRun } from './processes.ts';

export type Sent = 'INT' | 'TERM' | 'KILL';

export class Stopper {
  readonly #run: RunProcesses;
  readonly #nowMs: () => number;
  readonly #sent: Sent[] = [];
  #killAtMs = Number.POSITIVE_INFINITY;
  #killTimer: NodeJS.Timeout | null = null;
  #termTimer: NodeJS.Timeout | null = null;
  #firstAtMs: number | null = null;
  #over = false;

  constructor(run: RunProcesses, nowMs: () => number) {
    this.#run = run;
    this.#nowMs = nowMs;
  }

  /** What was sent so far, in order. */
  get sent(): readonly Sent[] {
    return this.#sent;
  }

  /** When the first of them was sent; null: none was. */
  get firstAtMs(): number | null {
    return this.#firstAtMs;
  }

  /** INT now; TERM `termInMs` later, and KILL `killInMs` after that. */
  interrupt(termInMs: number, killInMs: number): void {
    if (this.#over || this.#sent.length > 0) return;
    this.#send('INT');
    this.#termTimer = setTimeout(() => this.terminate(this.#nowMs() + killInMs), termInMs);
  }

  /** TERM now unless it was sent; KILL at this instant or at an earlier one that was asked for. */
  terminate(killAtMs: number): void {
    if (this.#over) return;
    if (!this.#sent.includes('TERM') && !this.#sent.includes('KILL')) this.#send('TERM');
    if (killAtMs >= this.#killAtMs) return;
    this.#killAtMs = killAtMs;
    if (this.#killTimer !== null) clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => this.kill(), Math.max(killAtMs - this.#nowMs(), 0));
  }

  kill(): void {
    if (this.#over) return;
    if (this.#sent.includes('KILL')) signalRun(this.#run, 'SIGKILL');
    else this.#send('KILL');
  }

  /** Nothing is left to be stopped. */
  done(): void {
    this.#over = true;
    if (this.#killTimer !== null) clearTimeout(this.#killTimer);
    if (this.#termTimer !== null) clearTimeout(this.#termTimer);
  }

  #send(signal: Sent): void {
    this.#firstAtMs ??= this.#nowMs();
    this.#sent.push(signal);
    signalRun(this.#run, `SIG${signal}`);
  }
}
