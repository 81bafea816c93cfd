// Measures work without a clock: how much of the code in src/core/queue was run, by V8's own counters. The unit is one
// character of source, run once: V8 joins blocks that ran equally often, so that counting blocks would not be exact. What
// happens within a built-in (a Set, a Map) is not seen.

import { Session } from 'node:inspector/promises';
import { setFlagsFromString } from 'node:v8';

export class Steps {
  readonly #session = new Session();

  /** To be called before the queue is imported: V8 counts the blocks of what it compiles from now on. */
  async begin(): Promise<void> {
    // An optimizer that puts one function into another would hide its calls.
    for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  async of(work: () => void): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage'); // Sets the counters to zero.
    work();
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ url }) => url.includes('/src/core/queue/'))
      .flatMap(({ functions }) => functions.map(({ ranges }) => charactersRun(ranges)))
      .reduce((sum, count) => sum + count, 0);
  }

  async end(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** A function comes first, and a block before the blocks within it, which have counts of their own. */
function charactersRun(ranges: readonly Range[]): number {
  let run = 0;
  const open: Range[] = [];
  for (const range of ranges) {
    while (open.length > 0 && (open.at(-1) as Range).endOffset <= range.startOffset) open.pop();
    run += (range.endOffset - range.startOffset) * (range.count - (open.at(-1)?.count ?? 0));
    open.push(range);
  }
  return run;
}
