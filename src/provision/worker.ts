// Takes jobs and does them through a driver. What always holds:
//   - nothing is asked of the driver before the intent is durable (B1), and nothing is believed of it before its answer is;
//   - who has lost a claim stops, and nothing that it writes afterwards counts;
//   - it may die at any point: whoever claims the job next begins where its rows say, and asks again with the same token (B2).

import type { Clock, Timer } from '../replica/clock.ts';
import type { Desk } from './desk.ts';
import type { Driver } from './driver.ts';
import { Lost, Run, StepFailed } from './run.ts';
import type { Task } from './task.ts';

export interface WorkerOptions {
  readonly desk: Desk;
  readonly driver: Driver;
  readonly clock: Clock;
  /** This worker among others. */
  readonly worker: string;
  readonly onTrouble: (message: string, error: Error) => void;
  /** How long a job stays with a worker that is not heard of. Default 15 s. */
  readonly holdMs?: number;
  /** How often it is looked for jobs that nobody has told of. Default 5 s. */
  readonly lookEveryMs?: number;
}

const usualHoldMs = 15_000;
const jobsAtOnce = 8;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
const usualLookEveryMs = 5_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #holdMs: number;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  /** Something may have come up since the last look began. */
  #isWoken = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#holdMs = options.holdMs ?? usualHoldMs;
    this.#unsubscribe = options.desk.onWork(() => this.#look());
    this.#look();
  }

  /** What is under way is left as it is: it is taken up again by whoever claims it next. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#options.clock.cancel(this.#timer);
    this.#stopping.abort();
    await this.#looking;
    await Promise.all(this.#running);
  }

  #look(): void {
    this.#isWoken = true;
    if (this.#looking !== null || this.#stopping.signal.aborted) return;
    this.#looking = this.#claimAll()
      .catch((error: Error) => {
        if (!this.#stopping.signal.aborted) this.#options.onTrouble('jobs cannot be claimed', error);
      })
      .finally(() => {
        this.#looking = null;
        if (this.#stopping.signal.aborted) return;
        if (this.#isWoken && this.#running.size < jobsAtOnce) this.#look();
        else this.#lookAgain();
      });
  }

  #lookAgain(): void {
    const { clock, lookEveryMs = usualLookEveryMs } = this.#options;
    clock.cancel(this.#timer);
    this.#timer = clock.after(Math.min(lookEveryMs, this.#holdMs), () => this.#look());
  }

  async #claimAll(): Promise<void> {
    const { desk, worker } = this.#options;
    while (this.#running.size < jobsAtOnce && !this.#stopping.signal.aborted) {
      this.#isWoken = false;
      const task = await desk.claim(worker, this.#holdMs);
      if (task === null) {
        if (this.#isWoken) continue;
        return;
      }
      const run = this.#run(task).finally(() => {
        this.#running.delete(run);
        this.#look();
      });
      this.#running.add(run);
    }
  }

  async #run(task: Task): Promise<void> {
    const { clock, desk, driver, onTrouble } = this.#options;
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.#stopping.signal]);
    let timer: Timer = null;
    const keep = (): void => {
      timer = clock.after(this.#holdMs / 3, () => {
        desk.tell(task, { do: 'keep', holdMs: this.#holdMs }).then(
          (kept) => (kept.ok ? keep() : lost.abort()),
          // The store is away: the claim may lapse meanwhile, and then somebody else has it.
          () => keep(),
        );
      });
    };
    keep();
    const run = new Run({ desk, driver, task, signal, onTrouble });
    try {
      await run.do();
    } catch (error) {
      if (!signal.aborted && !(error instanceof Lost)) await this.#failed(task, error as Error);
    } finally {
      clock.cancel(timer);
      timer = null;
      lost.abort();
    }
  }

  async #failed(task: Task, error: Error): Promise<void> {
    const { desk, onTrouble } = this.#options;
    const trouble = error instanceof StepFailed ? error.trouble : null;
    if (trouble === null || task.kind === 'reconcile')
      onTrouble(`job ${task.job} (${task.kind} ${task.subject}) has failed`, error);
    const failure = {
      step: error instanceof StepFailed ? error.step : '',
      reason: error.message.slice(0, 500),
      againAfterMs: Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(task.tries, 10)),
      // Ending a machine is never given up because of what the driver says: it costs money.
      isFinal:
        task.kind === 'build' &&
        trouble !== null &&
        trouble.verdict !== 'again' &&
        (error as StepFailed).step !== 'terminate',
    };
    await desk
      .tell(task, { do: 'failed', ...failure })
      // The claim lapses, and the job is taken up again.
      .catch((failed: Error) => onTrouble(`the failure of job ${task.job} could not be written down`, failed));
  }
}
