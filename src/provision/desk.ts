// Where a worker gets its jobs, and tells what it does: the space itself inside a server (LocalDesk), or a server over HTTP
// (remote-desk.ts). What always holds: what was told is durable once it is answered; a refusal means that the job is somebody
// else's now.

import type { Outcome } from '../core/errors.ts';
import { nextDue, workerKinds } from '../core/machines/job.ts';
import { keepLooking, looksAround } from '../core/machines/reconcile.ts';
import { claimWork, tellWork, type WorkCommand } from '../core/machines/work.ts';
import type { BuildSpec } from '../core/rows.ts';
import type { Replica } from '../replica/replica.ts';
import { type Task, taskOf } from './task.ts';

export interface Desk {
  /** The next job that is due, or the one with this id, claimed; null: none is. */
  claim(worker: string, holdMs: number, id?: string): Promise<Task | null>;
  tell(claim: Pick<Task, 'job' | 'number'>, command: WorkCommand): Promise<Outcome<Task>>;
  /** Calls when there may be something to claim; returns what ends that. */
  onWork(listener: () => void): () => void;
}

export interface LocalDeskOptions {
  readonly replica: Pick<Replica, 'decide' | 'look' | 'onTurn'>;
  /** What its machines are tagged with, before their ids: of this space of this installation alone. */
  readonly tag: string;
  readonly newId: () => string;
  readonly userDataFor: (build: { readonly id: string; readonly spec: BuildSpec }) => string | null;
}

export class LocalDesk implements Desk {
  readonly #options: LocalDeskOptions;

  constructor(options: LocalDeskOptions) {
    this.#options = options;
  }

  async claim(worker: string, holdMs: number, id?: string): Promise<Task | null> {
    const { replica, tag, userDataFor } = this.#options;
    // Asked first, so that a turn is taken only where there is something to do.
    const isDue = await replica.look(
      (state, { tick }) => !looksAround(state) || (nextDue(state, workerKinds) ?? Number.POSITIVE_INFINITY) <= tick,
    );
    if (!isDue && id === undefined) return null;
    const work = await replica.decide((turn) => {
      // From the first worker on: without one nobody could look.
      keepLooking(turn, `jb_${this.#options.newId()}`);
      return claimWork(turn, worker, holdMs, workerKinds, id);
    });
    return work === null ? null : taskOf(work, tag, userDataFor);
  }

  async tell({ job, number }: Pick<Task, 'job' | 'number'>, command: WorkCommand): Promise<Outcome<Task>> {
    const { replica, tag, newId, userDataFor } = this.#options;
    const outcome = await replica.decide((turn) => tellWork(turn, { job, number }, command, newId));
    return outcome.ok ? { ok: true, value: taskOf(outcome.value, tag, userDataFor) } : outcome;
  }

  onWork(listener: () => void): () => void {
    return this.#options.replica.onTurn(({ changes }) => {
      if (changes.some(({ kind }) => kind === 'job')) listener();
    });
  }
}
