// One try at a job that is claimed, for whoever claims: from the log (worker.ts) or by way of Redis (src/sidekiq). What always
// holds: the claim is kept while it is worked on; who has lost it stops, and nothing that it writes afterwards counts.

import type { Clock, Timer } from '../replica/clock.ts';
import type { Desk } from './desk.ts';
import type { Driver } from './driver.ts';
import { Lost, Run, StepFailed } from './run.ts';
import type { Task } from './task.ts';

export interface AttemptOptions {
  readonly desk: Desk;
  readonly driver: Driver;
  readonly clock: Clock;
  /** How long the job stays with a worker that is not heard of. */
  readonly holdMs: number;
  /** Aborts when the worker stops: what is under way is left as it is. */
  readonly stopping: AbortSignal;
  readonly onTrouble: (message: string, error: Error) => void;
}

export type Attempt =
  | { readonly outcome: 'done' }
  /** Somebody else has it now, or it was over already, or the worker stops. */
  | { readonly outcome: 'left' }
  /** `isKept`: it was written down; else the claim lapses, and the job is taken up again. */
  | {
      readonly outcome: 'failed';
      readonly step: string;
      readonly error: Error;
      readonly againAfterMs: number;
      readonly isKept: boolean;
    };

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

export async function attempt(task: Task, options: AttemptOptions): Promise<Attempt> {
  const { clock, desk, driver, holdMs, stopping, onTrouble } = options;
  const lost = new AbortController();
  const signal = AbortSignal.any([lost.signal, stopping]);
  let timer: Timer = null;
  const keep = (): void => {
    timer = clock.after(holdMs / 3, () => {
      desk.tell(task, { do: 'keep', holdMs }).then(
        (kept) => (kept.ok ? lost.signal.aborted || keep() : lost.abort()),
        // The store is away: the claim may lapse meanwhile, and then somebody else has it.
        () => lost.signal.aborted || keep(),
      );
    });
  };
  keep();
  try {
    await new Run({ desk, driver, task, signal, onTrouble }).do();
    return { outcome: 'done' };
  } catch (error) {
    if (signal.aborted || error instanceof Lost) return { outcome: 'left' };
    return await failed(task, error as Error, options);
  } finally {
    clock.cancel(timer);
    lost.abort();
  }
}

async function failed(task: Task, error: Error, { desk, onTrouble }: AttemptOptions): Promise<Attempt> {
  const trouble = error instanceof StepFailed ? error.trouble : null;
  if (trouble === null || task.kind === 'reconcile')
    onTrouble(`job ${task.job} (${task.kind} ${task.subject}) has failed`, error);
  const step = error instanceof StepFailed ? error.step : '';
  const againAfterMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(task.tries, 10));
  // Ending a machine is never given up because of what the driver says: it costs money.
  const isFinal =
    task.kind === 'build' &&
    trouble !== null &&
    trouble.verdict !== 'again' &&
    (error as StepFailed).step !== 'terminate';
  const isKept = await desk
    .tell(task, { do: 'failed', step, reason: error.message.slice(0, 500), againAfterMs, isFinal })
    .then(
      () => true,
      (reason: Error) => {
        onTrouble(`the failure of job ${task.job} could not be written down`, reason);
        return false;
      },
    );
  return { outcome: 'failed', step, error, againAfterMs, isKept };
}
