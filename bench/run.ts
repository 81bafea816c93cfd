// The order of a run. First all servers stay up, and each measurement is made for one system after the other, beginning
// with another system in each repetition: what the machine does meanwhile hits all of them alike. Then the memory of
// waiters, each time on a server that was started for it alone.
//
// R1  A measurement that fails is noted, and the run goes on.
// R2  Nothing is begun after the plan's limit, and what is under way then is ended.

import { randomBytes } from 'node:crypto';
import { Instance } from './instance.ts';
import type { Work } from './load/job.ts';
import type { Plan } from './plan.ts';
import { Samples } from './samples.ts';
import type { System } from './systems/system.ts';

/** For one measurement, however much of the run's time is left. */
const MEASUREMENT_LIMIT_MS = 120_000;

export type Progress = (line: string) => void;

export async function run(
  plan: Plan,
  systems: readonly System[],
  directory: string,
  progress: Progress,
): Promise<{ samples: Samples; complete: boolean }> {
  const current = new Run(plan, directory, progress);
  await current.warm(systems);
  await current.fresh(systems);
  return { samples: current.samples, complete: current.leftMs() > 0 };
}

class Run {
  readonly samples = new Samples();
  readonly #plan: Plan;
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #key = randomBytes(24).toString('base64url');
  readonly #until: number;

  constructor(plan: Plan, directory: string, progress: Progress) {
    this.#plan = plan;
    this.#directory = directory;
    this.#progress = progress;
    this.#until = performance.now() + plan.limitSeconds * 1000;
  }

  leftMs(): number {
    return this.#until - performance.now();
  }

  async warm(systems: readonly System[]): Promise<void> {
    const instances = await this.#start(systems, 0);
    for (let repetition = 1; repetition <= this.#plan.repetitions; repetition++) {
      for (const work of this.#plan.warm) {
        for (const instance of rotated(instances, repetition))
          if (canDo(instance.system, work)) await this.#measure(instance, work, repetition);
      }
    }
    for (const instance of instances) instance.stop();
  }

  async fresh(systems: readonly System[]): Promise<void> {
    for (let repetition = 1; repetition <= this.#plan.freshRepetitions; repetition++) {
      for (const work of this.#plan.fresh) {
        for (const system of rotated(systems, repetition)) {
          if (!canDo(system, work)) continue;
          const [instance] = await this.#start([system], repetition);
          if (instance === undefined) continue;
          await this.#measure(instance, work, repetition);
          instance.stop();
        }
      }
    }
  }

  /** Those that started. */
  async #start(systems: readonly System[], repetition: number): Promise<Instance[]> {
    if (this.leftMs() <= 0) return [];
    const starting = systems.map(async (system) => {
      try {
        return [await Instance.start(system, this.#directory, this.#key)];
      } catch (error) {
        this.#failed(system, repetition, 'start', error as Error);
        return [];
      }
    });
    return (await Promise.all(starting)).flat();
  }

  async #measure(instance: Instance, work: Work, repetition: number): Promise<void> {
    const limitMs = Math.min(MEASUREMENT_LIMIT_MS, this.leftMs());
    if (limitMs <= 0) return;
    const { system } = instance;
    const of = this.#plan.fresh.some((one) => one === work) ? this.#plan.freshRepetitions : this.#plan.repetitions;
    const what = work.kind === 'cycles' ? `cycles, ${work.clients} clients` : `${work.kind}, ${work.waiters} waiters`;
    this.#progress(`${repetition}/${of}  ${system.name}: ${what}`);
    const count = work.kind === 'cycles' ? work.clients : work.waiters;
    try {
      const figures = await instance.measure(work, `${repetition}-${count}`, limitMs);
      this.samples.add(system.name, repetition, figures);
    } catch (error) {
      this.#failed(system, repetition, what, error as Error);
    }
  }

  #failed(system: System, repetition: number, what: string, error: Error): void {
    this.samples.failures.push({ system: system.name, repetition, what, reason: error.message });
    this.#progress(`${system.name}: ${what} failed: ${error.message}`);
  }
}

/** Whether it bears so many, and has what is measured. */
function canDo(system: System, work: Work): boolean {
  if (work.kind === 'cycles') return true;
  return work.waiters <= system.maxWaiters && (work.kind !== 'wake' || system.listening !== null);
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
