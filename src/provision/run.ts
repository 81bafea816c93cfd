// One job, from its claim to its end: a build step by step, the end of a machine, a look at what the driver lists. What always
// holds: each step is written down before and after it, and goes on from what is written, whoever began it.

import type { WorkCommand } from '../core/machines/work.ts';
import type { Facts } from '../core/rows.ts';
import type { Desk } from './desk.ts';
import { type Driver, DriverError, type Image, type Images, type Made } from './driver.ts';
import type { Task, TaskMachine } from './task.ts';

export interface RunOptions {
  readonly desk: Desk;
  readonly driver: Driver;
  readonly task: Task;
  /** Aborts when the claim has passed to somebody else, or the worker stops. */
  readonly signal: AbortSignal;
  readonly onTrouble: (message: string, error: Error) => void;
}

/** The claim has passed to somebody else, or the server is stopping: whatever was under way is left as it is. */
export class Lost extends Error {}

/** Thrown on the way of a job: which step, and what the driver says of it. */
export class StepFailed extends Error {
  readonly step: string;
  readonly trouble: DriverError;

  constructor(step: string, trouble: DriverError) {
    super(trouble.message, { cause: trouble });
    this.step = step;
    this.trouble = trouble;
  }
}

type Build = NonNullable<Task['build']>;

export class Run {
  readonly #options: RunOptions;
  /** As it was answered last. */
  #task: Task;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#task = options.task;
  }

  async do(): Promise<void> {
    const { kind, subject, build } = this.#task;
    if (kind === 'reconcile') return this.#reconcile();
    if (kind === 'terminate') return this.#end(this.#machine(subject));
    if (build === null) throw new Lost();
    return this.#build();
  }

  async #build(): Promise<void> {
    for (const step of this.#steps()) {
      if (this.#buildNow().cancelling) return this.#cancel();
      await step();
    }
    if (this.#buildNow().cancelling) return this.#cancel();
    await this.#tell({ do: 'end_build' });
    // In the last moment: it was not ended by that.
    if (this.#buildNow().cancelling) return this.#cancel();
  }

  #steps(): (() => Promise<void>)[] {
    const { driver } = this.#options;
    const { userData, image, machines } = this.#task;
    const { spec } = this.#buildNow();
    const { shared } = driver;
    const steps: (() => Promise<void>)[] = [];
    if (driver.images !== null || spec.image !== null || image !== null)
      steps.push(() => this.#step('image', async () => ({ image: await this.#image(driver.images) })));
    if (shared !== null)
      steps.push(() =>
        this.#step('group', (signal) => shared.prepare({ build: this.#tagged(this.#buildNow().id), spec }, signal)),
      );
    if (userData !== null)
      steps.push(() =>
        this.#step('script', async () => {
          await this.#tell({ do: 'open_script' });
          return {};
        }),
      );
    for (const [at, { id }] of machines.entries())
      steps.push(() => this.#step(`launch ${at + 1}/${machines.length}`, (signal) => this.#launch(id, signal)));
    return steps;
  }

  /** Once it is written down as done it is not taken again. */
  async #step(name: string, act: (signal: AbortSignal) => Promise<Facts>): Promise<void> {
    if (this.#buildNow().steps.some((step) => step.name === name && step.done)) return;
    await this.#tell({ do: 'begin_step', step: name });
    try {
      const facts = await act(this.#options.signal);
      await this.#tell({ do: 'end_step', step: name, facts });
    } catch (error) {
      throw error instanceof DriverError ? new StepFailed(name, error) : error;
    }
  }

  /** The one that was asked for must be there; else the newest active one of the role. */
  async #image(images: Images | null): Promise<string> {
    const { spec } = this.#buildNow();
    const { signal } = this.#options;
    if (spec.image !== null) {
      if (images !== null && (await images.get(spec.image, signal)) === null)
        throw new DriverError('give up', `there is no image ${spec.image}`);
      return spec.image;
    }
    const known = this.#task.image ?? newestOf(await images?.list(signal), spec.role)?.id;
    if (known === undefined) throw new DriverError('give up', `no active image has the role ${spec.role}`);
    return known;
  }

  async #launch(id: string, signal: AbortSignal): Promise<Facts> {
    const { driver } = this.#options;
    const { id: build, spec } = this.#buildNow();
    const before = this.#machine(id).choice;
    for (let choice = before; ; choice++) {
      await this.#tell({ do: 'begin_launch', instance: id, choice });
      const machine = this.#machine(id);
      if (machine.cloudId !== null || machine.state === 'gone') break;
      try {
        const made = await driver.create(
          {
            ...{ token: tokenOf(machine), instance: this.#tagged(id), build: this.#tagged(build), spec, choice },
            ...{ name: machine.name, userData: this.#task.userData },
            ...{ image: this.#facts('image').image ?? null, prepared: this.#facts('group') },
          },
          signal,
        );
        await this.#named(id, made);
        break;
      } catch (error) {
        if (!(error instanceof DriverError && error.verdict === 'next choice')) throw error;
        if (choice + 1 < driver.choices(spec)) continue;
        // No room anywhere, and certainly nothing made: all over again in a while.
        await this.#tell({ do: 'begin_launch', instance: id, choice: 0 });
        throw new DriverError('again', error.message, { cause: error });
      }
    }
    return { cloudId: this.#machine(id).cloudId ?? '' };
  }

  /** The driver has said which machine it is; what it said cannot be where that is another one already. */
  async #named(instance: string, { cloudId, facts }: Made): Promise<void> {
    const { desk, signal } = this.#options;
    const outcome = await desk.tell(this.#task, { do: 'end_launch', instance, cloudId, facts });
    if (!outcome.ok && outcome.code === 'invalid_request') throw new DriverError('again', outcome.message);
    if (!outcome.ok || signal.aborted) throw new Lost();
    this.#task = outcome.value;
  }

  async #cancel(): Promise<void> {
    await this.#tell({ do: 'begin_cancel' });
    for (const machine of this.#task.machines) if (machine.state !== 'gone') await this.#end(machine);
    await this.#tell({ do: 'end_cancel' });
  }

  /** Ends it at the driver; of one whose ask was not answered it is looked first whether there is one. */
  async #end({ id, cloudId, state }: TaskMachine): Promise<void> {
    const { driver, signal } = this.#options;
    try {
      const there = cloudId ?? (await driver.find(this.#tagged(id), signal))?.cloudId;
      if (there !== undefined && state !== 'gone') await driver.delete(there, signal);
    } catch (error) {
      throw error instanceof DriverError ? new StepFailed('terminate', error) : error;
    }
    await this.#tell({ do: 'ended', instance: id });
  }

  async #reconcile(): Promise<void> {
    const { driver, signal, onTrouble } = this.#options;
    const { tick: sinceTick, machines } = this.#task;
    const prefix = this.#tagged('');
    const listed = (await driver.list(signal))
      .filter(({ instance }) => instance.startsWith(prefix))
      .map((made) => ({ ...made, instance: made.instance.slice(prefix.length) }));
    const seen = new Set(listed.map(({ cloudId }) => cloudId));
    const notThere: string[] = [];
    for (const { id, cloudId, state } of machines) {
      if (cloudId === null || seen.has(cloudId) || (state !== 'running' && state !== 'ready')) continue;
      const made = await driver.get(cloudId, signal);
      if (made === null) notThere.push(cloudId);
      // A list that leaves it out says nothing against the source itself (B4).
      else listed.push({ ...made, instance: id });
    }
    const shared = ((await driver.shared?.list(signal)) ?? [])
      .filter(({ build }) => build.startsWith(prefix))
      .map(({ id, build }) => ({ id, build: build.slice(prefix.length) }));
    const images = (await driver.images?.list(signal))?.map(({ createdAt, ...image }) => ({
      ...image,
      createdAt: Date.parse(createdAt) || 0,
    }));
    await this.#tell({ do: 'looked', listed, notThere, shared, images: images ?? null, sinceTick });
    const removed: string[] = [];
    for (const id of this.#task.unshared) {
      try {
        await driver.shared?.delete(id, signal);
        removed.push(id);
      } catch (error) {
        // Still in use: the next look tries again.
        if (!(error instanceof DriverError && error.verdict === 'again')) onTrouble(`${id} stays`, error as Error);
      }
    }
    await this.#tell({ do: 'end_look', removed });
  }

  async #tell(command: WorkCommand): Promise<void> {
    const { desk, signal } = this.#options;
    const outcome = await desk.tell(this.#task, command);
    // What was decided stands; whatever would follow is somebody else's.
    if (!outcome.ok || signal.aborted) throw new Lost();
    this.#task = outcome.value;
  }

  #buildNow(): Build {
    if (this.#task.build === null) throw new Lost();
    return this.#task.build;
  }

  #machine(id: string): TaskMachine {
    const found = this.#task.machines.find((machine) => machine.id === id);
    if (found === undefined) throw new Lost();
    return found;
  }

  #facts(step: string): Facts {
    return this.#buildNow().steps.find(({ name }) => name === step)?.facts ?? {};
  }

  /** What the driver knows it by. */
  #tagged(id: string): string {
    return `${this.#task.tag}/${id}`;
  }
}

/** Each choice has a token of its own: the same one with other parameters would be refused. */
function tokenOf({ token, choice }: TaskMachine): string {
  return choice === 0 ? token : `${token}-${choice}`;
}

function newestOf(images: readonly Image[] | undefined, role: string): Image | undefined {
  return images
    ?.filter((image) => image.isActive && image.role === role)
    .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
}
