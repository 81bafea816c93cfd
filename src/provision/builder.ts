// Takes jobs and does them: builds machines and ends them through a driver, one step after the other, each written down before and
// after. What always holds:
//   - nothing is asked of the driver before the intent is durable (B1), and nothing is believed of it before its answer is;
//   - who has lost a claim stops, and nothing that it writes afterwards counts;
//   - it may die at any point: whoever claims the job next begins where its rows say, and asks again with the same token (B2).

import type { Outcome } from '../core/errors.ts';
import {
  beginLaunch,
  beginStep,
  endBuild,
  endCancelled,
  endLaunch,
  endStep,
  failStep,
  toEnd,
} from '../core/machines/build.ts';
import { ended } from '../core/machines/instance.ts';
import { type Claim, claimed, claimJob, failTry, keepJob, nextDue } from '../core/machines/job.ts';
import type { BuildRow, InstanceRow, JobRow } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import type { Replica } from '../replica/replica.ts';
import { type Driver, DriverError } from './driver.ts';

export interface BuilderOptions {
  readonly replica: Pick<Replica, 'decide' | 'look' | 'onTurn'>;
  readonly driver: Driver;
  /** What its machines are tagged with, before their ids: of this space of this installation alone. */
  readonly tag: string;
  readonly clock: Clock;
  /** This worker among others. */
  readonly worker: string;
  readonly onTrouble: (message: string, error: Error) => void;
  /** How long a job stays with a worker that is not heard of. Default 15 s. */
  readonly holdMs?: number;
}

const usualHoldMs = 15_000;
const jobsAtOnce = 4;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** How often it is looked for jobs that nobody has told of. */
const lookEveryMs = 5_000;

/** The claim has passed to somebody else, or the server is stopping: whatever was under way is left as it is. */
class Lost extends Error {}

/** Thrown on the way of a job: which step, and what the driver says of it. */
class StepFailed extends Error {
  readonly step: string;
  readonly trouble: DriverError;

  constructor(step: string, trouble: DriverError) {
    super(trouble.message, { cause: trouble });
    this.step = step;
    this.trouble = trouble;
  }
}

export class Builder {
  readonly #options: BuilderOptions;
  readonly #holdMs: number;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #timer: Timer = null;
  #isLooking = false;

  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#holdMs = options.holdMs ?? usualHoldMs;
    this.#unsubscribe = options.replica.onTurn(({ changes }) => {
      if (changes.some(({ kind }) => kind === 'job')) this.#look();
    });
    this.#look();
  }

  /** What is under way is left as it is: it is taken up again by whoever claims it next. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#options.clock.cancel(this.#timer);
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  #look(): void {
    if (this.#isLooking || this.#stopping.signal.aborted) return;
    this.#isLooking = true;
    void this.#claimAll()
      .catch((error: Error) => this.#options.onTrouble('jobs cannot be claimed', error))
      .finally(() => {
        this.#isLooking = false;
        if (!this.#stopping.signal.aborted) this.#lookAgain();
      });
  }

  #lookAgain(): void {
    const { clock } = this.#options;
    clock.cancel(this.#timer);
    this.#timer = clock.after(Math.min(lookEveryMs, this.#holdMs), () => this.#look());
  }

  async #claimAll(): Promise<void> {
    const { replica, worker } = this.#options;
    while (this.#running.size < jobsAtOnce && !this.#stopping.signal.aborted) {
      // Asked first, so that a turn is taken only where there is something to do.
      const isDue = await replica.look(
        ({ jobs }, { tick }) => (nextDue(jobs.values()) ?? Number.POSITIVE_INFINITY) <= tick,
      );
      if (!isDue) return;
      const next = await replica.decide((turn) => claimJob(turn, worker, this.#holdMs));
      if (next === null) return;
      const run = this.#run(next.job, next.claim).finally(() => {
        this.#running.delete(run);
        this.#look();
      });
      this.#running.add(run);
    }
  }

  async #run(job: JobRow, claim: Claim): Promise<void> {
    const { clock, replica } = this.#options;
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.#stopping.signal]);
    let timer: Timer = null;
    const keep = (): void => {
      timer = clock.after(this.#holdMs / 3, () => {
        replica
          .decide((turn) => keepJob(turn, claim, this.#holdMs))
          .then(
            (kept) => (kept.ok ? keep() : lost.abort()),
            // The store is away: the claim may lapse meanwhile, and then somebody else has it.
            () => keep(),
          );
      });
    };
    keep();
    try {
      if (job.kind === 'build') await this.#build(job.subject, claim, signal);
      else await this.#terminate(job.subject, claim, signal);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Lost)) await this.#failed(job, claim, error as Error);
    } finally {
      clock.cancel(timer);
    }
  }

  async #build(id: string, claim: Claim, signal: AbortSignal): Promise<void> {
    for (let at = 0; ; at++) {
      const build = await this.#read((state) => state.builds.get(id), signal);
      if (build.cancelling !== null) return this.#cancel(claim, signal);
      const machine = build.instances[at];
      if (machine === undefined) break;
      await this.#launch(build, machine, `launch ${at + 1}/${build.instances.length}`, claim, signal);
    }
    await this.#decide((turn) => endBuild(turn, claim), signal);
  }

  async #launch(build: BuildRow, id: string, step: string, claim: Claim, signal: AbortSignal): Promise<void> {
    const { driver } = this.#options;
    if ((await this.#decide((turn) => beginStep(turn, claim, step), signal)).doneAt !== null) return;
    const known = await this.#read((state) => state.instances.get(id), signal);
    for (let { choice } = known; ; choice++) {
      const machine = await this.#decide((turn) => beginLaunch(turn, claim, id, choice), signal);
      if (machine.cloudId !== null) break;
      const instance = tagOf(this.#options.tag, id);
      const ask = {
        ...{ token: tokenOf(machine), instance, build: tagOf(this.#options.tag, build.id), spec: build.spec, choice },
        ...{ name: id, image: build.spec.image, prepared: {}, userData: null },
      };
      try {
        const { cloudId, facts } = await driver.create(ask, signal);
        await this.#decide((turn) => endLaunch(turn, claim, id, { cloudId, facts }), signal);
        break;
      } catch (error) {
        const hasMore = choice + 1 < driver.choices(build.spec);
        if (error instanceof DriverError && error.verdict === 'next choice' && hasMore) continue;
        throw error instanceof DriverError ? new StepFailed(step, error) : error;
      }
    }
    const { cloudId } = await this.#read((state) => state.instances.get(id), signal);
    await this.#decide((turn) => endStep(turn, claim, step, { cloudId: cloudId ?? '' }), signal);
  }

  async #cancel(claim: Claim, signal: AbortSignal): Promise<void> {
    const left = await this.#decide((turn) => toEnd(turn, claim), signal);
    for (const machine of left) await this.#end(machine, claim, signal);
    await this.#decide((turn) => endCancelled(turn, claim), signal);
  }

  async #terminate(id: string, claim: Claim, signal: AbortSignal): Promise<void> {
    const machine = await this.#read((state) => state.instances.get(id), signal);
    await this.#end(machine, claim, signal);
  }

  /** Ends it at the driver; of one whose ask was not answered it is looked first whether there is one. */
  async #end({ id, cloudId }: InstanceRow, claim: Claim, signal: AbortSignal): Promise<void> {
    const { driver } = this.#options;
    try {
      const there = cloudId ?? (await driver.find(tagOf(this.#options.tag, id), signal))?.cloudId;
      if (there !== undefined) await driver.delete(there, signal);
    } catch (error) {
      throw error instanceof DriverError ? new StepFailed('terminate', error) : error;
    }
    await this.#decide((turn) => ended(turn, claim, id, null), signal);
  }

  async #failed(job: JobRow, claim: Claim, error: Error): Promise<void> {
    const { replica, onTrouble } = this.#options;
    const trouble = error instanceof StepFailed ? error.trouble : null;
    const step = error instanceof StepFailed ? error.step : '';
    if (trouble === null) onTrouble(`job ${job.id} (${job.kind} ${job.subject}) has failed`, error);
    const failure = {
      reason: error.message.slice(0, 500),
      againAfterMs: Math.min(longestPauseMs, firstPauseMs * 2 ** job.tries),
      // Ending a machine is never given up because of what the driver says: it costs money.
      isFinal: job.kind === 'build' && trouble !== null && trouble.verdict !== 'again',
    };
    await replica
      .decide((turn) => {
        if (job.kind === 'build') return failStep(turn, claim, { ...failure, step });
        const found = claimed(turn, claim);
        return found.ok ? failTry(turn, found.value, failure) : found;
      })
      // The claim lapses, and the job is taken up again.
      .catch((failed: Error) => onTrouble(`the failure of job ${job.id} could not be written down`, failed));
  }

  async #decide<T>(command: (turn: Turn) => Outcome<T>, signal: AbortSignal): Promise<T> {
    const outcome = await this.#options.replica.decide(command);
    // What was decided stands; whatever would follow is somebody else's.
    if (!outcome.ok || signal.aborted) throw new Lost();
    return outcome.value;
  }

  async #read<T>(reader: (state: State) => T | undefined, signal: AbortSignal): Promise<T> {
    const found = await this.#options.replica.look(reader);
    if (found === undefined || signal.aborted) throw new Lost();
    return found;
  }
}

/** What a machine is tagged with. */
export function tagOf(tag: string, id: string): string {
  return `${tag}/${id}`;
}

/** Each choice has a token of its own: the same one with other parameters would be refused. */
function tokenOf({ token, choice }: InstanceRow): string {
  return choice === 0 ? token : `${token}-${choice}`;
}
