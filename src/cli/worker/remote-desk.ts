// The desk of a worker beside the server: jobs are claimed and told over HTTP. What always holds: what was told and not answered is
// said again in the name of the same claim until it is answered, however long the server is away; a claim that was not answered
// is nobody's, and lapses.

import type { Client } from '../../client/client.ts';
import type { Failure, Outcome as Reply } from '../../client/outcome.ts';
import { failureWords, isTransient } from '../../client/outcome.ts';
import { pause } from '../../client/pause.ts';
import type { Outcome, RefusalCode } from '../../core/errors.ts';
import type { WorkCommand } from '../../core/machines/work.ts';
import type { Desk } from '../../provision/desk.ts';
import type { Task } from '../../provision/task.ts';

export interface RemoteDeskOptions {
  readonly client: Pick<Client, 'claimJob' | 'tellJob'>;
  /** Ends all that it has under way. */
  readonly signal: AbortSignal;
  readonly absence: Absence;
  /** How often it is looked for jobs. Default 1 s. */
  readonly pollMs?: number;
}

const usualPollMs = 1_000;
const longestPauseMs = 4_000;

export class RemoteDesk implements Desk {
  readonly #options: RemoteDeskOptions;

  constructor(options: RemoteDeskOptions) {
    this.#options = options;
  }

  /** null also while the server is away. Throws what it refuses. */
  async claim(worker: string, holdMs: number, id?: string): Promise<Task | null> {
    const { client, signal, absence } = this.#options;
    const body = { worker, holdSeconds: holdMs / 1000, ...(id !== undefined && { job: id }) };
    const reply = await client.claimJob(body, { signal });
    if (reply.ok) {
      absence.over();
      // The client knows no more of it than its shape.
      return (reply.value as Task | null | undefined) ?? null;
    }
    if (signal.aborted) return null;
    if (!isTransient(reply)) throw new Error(refusalText(reply));
    absence.noted(failureWords(reply));
    return null;
  }

  async tell({ job, number }: Pick<Task, 'job' | 'number'>, command: WorkCommand): Promise<Outcome<Task>> {
    const { client, signal } = this.#options;
    const reply = await this.#answered(() => client.tellJob(job, { number, command }, { signal }));
    if (reply.ok) return { ok: true, value: reply.value as Task };
    if (reply.kind === 'unreachable') throw new Error('given up: the worker stops');
    const { code, detail } = reply.problem;
    return { ok: false, code: code as RefusalCode, message: detail };
  }

  onWork(listener: () => void): () => void {
    const timer = setInterval(listener, this.#options.pollMs ?? usualPollMs);
    return () => clearInterval(timer);
  }

  /** As soon as the server answers; unreachable only once the signal has ended it. */
  async #answered<T>(ask: () => Promise<Reply<T>>): Promise<Reply<T>> {
    const { signal, absence } = this.#options;
    for (let tries = 0; ; tries++) {
      const reply = await ask();
      if (reply.ok || signal.aborted || !isTransient(reply)) {
        if (reply.ok) absence.over();
        return reply;
      }
      absence.noted(failureWords(reply));
      const fullMs = Math.min(100 * 2 ** Math.min(tries, 10), longestPauseMs);
      await pause(Math.max(reply.retryAfterMs ?? 0, fullMs * (0.5 + Math.random() / 2)), signal);
    }
  }
}

/** Says once that the server is away, and once that it is back. */
export class Absence {
  readonly #say: (line: string) => void;
  #failures = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** A single broken connection is no absence. */
  noted(reason: string): void {
    if (++this.#failures === 2) this.#say(`cannot reach the server: ${reason}. It is tried again.`);
  }

  over(): void {
    if (this.#failures >= 2) this.#say('the server is back');
    this.#failures = 0;
  }
}

function refusalText(failure: Failure): string {
  return failure.kind === 'problem' ? `${failure.problem.detail} [${failure.problem.code}]` : failure.reason;
}
