// A load generator, a process of its own, as main.ts sees it: one measurement at a time.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { end, startFork } from './children.ts';
import type { Answer, AnyJob, Figures } from './load/job.ts';

export class Generator {
  readonly #process: ChildProcess = startFork(join(import.meta.dirname, 'load.ts'));
  /** It is still at an earlier measurement, whose answer would be taken for the next one's. */
  #late = false;

  /** Throws when it failed or took longer than `limitMs`; the latter leaves the generator unusable. */
  async measure(job: AnyJob, limitMs: number): Promise<Figures> {
    if (this.#late) throw new Error('an earlier measurement did not end');
    const answer = await new Promise<Answer>((resolve) => {
      const failed = (reason: string) => finish({ outcome: 'failed', reason });
      const late = setTimeout(() => {
        this.#late = true;
        failed(`no result within ${Math.round(limitMs / 1000)} s`);
      }, limitMs);
      const gone = () => failed('the load generator ended');
      const finish = (message: Answer) => {
        clearTimeout(late);
        this.#process.off('message', finish).off('exit', gone);
        resolve(message);
      };
      this.#process.on('message', finish).once('exit', gone);
      if (this.#process.connected) this.#process.send(job);
      else gone();
    });
    if (answer.outcome === 'failed') throw new Error(answer.reason);
    return answer.figures;
  }

  stop(): void {
    end(this.#process);
  }
}
