// Takes jobs and does them through a driver. What always holds:
//   - nothing is asked of the driver before the intent is durable (B1), and nothing is believed of it before its answer is;
//   - who has lost a claim stops, and nothing that it writes afterwards counts;
//   - it may die at any point: whoever claims the job next begins where its rows say, and asks again with the same token (B2).

import type { Clock, Timer } from '../replica/clock.ts';
import { type Attempt, attempt } from './attempt.ts';
import type { Desk } from './desk.ts';
import type { Driver } from './driver.ts';
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
  /** Told of each try. */
  readonly onAttempt?: (task: Task, attempt: Attempt, tookMs: number) => void;
}

const usualHoldMs = 15_000;
const jobsAtOnce = 8;
const usualLookEveryMs = 5_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #holdMs: number;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  #isClaiming = true;
  /** Something may have come up since the last look began. */
  #isWoken = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#holdMs = options.holdMs ?? usualHoldMs;
    this.#unsubscribe = options.desk.onWork(() => this.#look());
    this.#look();
  }

  /** Claims no more, and gives what is under way so long to end; what is left is taken up again by whoever claims it next. */
  async stop(graceMs = 0): Promise<void> {
    const { clock } = this.#options;
    this.#isClaiming = false;
    this.#unsubscribe();
    clock.cancel(this.#timer);
    const giveUp = clock.after(graceMs, () => this.#stopping.abort());
    if (graceMs === 0) this.#stopping.abort();
    await this.#looking;
    await Promise.all(this.#running);
    clock.cancel(giveUp);
    this.#stopping.abort();
  }

  #look(): void {
    this.#isWoken = true;
    if (this.#looking !== null || !this.#isClaiming) return;
    this.#looking = this.#claimAll()
      .catch((error: Error) => {
        if (this.#isClaiming) this.#options.onTrouble('jobs cannot be claimed', error);
      })
      .finally(() => {
        this.#looking = null;
        if (!this.#isClaiming) return;
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
    while (this.#running.size < jobsAtOnce && this.#isClaiming) {
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
    const { onAttempt, ...options } = this.#options;
    const begunAt = options.clock.monotonic();
    const ended = await attempt(task, { ...options, holdMs: this.#holdMs, stopping: this.#stopping.signal });
    onAttempt?.(task, ended, options.clock.monotonic() - begunAt);
  }
}
