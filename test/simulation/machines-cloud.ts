// A cloud that does everything that a driver's contract allows: answers that are lost after the machine was made, asks that are
// obeyed long after nobody waits for them any more, lists that are behind, no room, throttling, machines that vanish. It also sees
// what no row can show: what it was asked for, by whom, and what it has.

import { type CreateAsk, type Driver, DriverError, type Made } from '../../src/provision/driver.ts';
import type { Random } from './random.ts';
import type { Timeline, VirtualClock } from './virtual-clock.ts';

export interface CloudFaults {
  /** Per call. */
  readonly throttled: number;
  readonly askLost: number;
  readonly answerLost: number;
  readonly late: number;
  /** Per machine that is asked for. */
  readonly noRoom: number;
  readonly refused: number;
  /** Milliseconds for which what is new, or gone, may be shown otherwise. */
  readonly behindMs: number;
  /** Per machine of each list: it is left out. */
  readonly leftOut: number;
}

export const noCloudFaults: CloudFaults = {
  ...{ throttled: 0, askLost: 0, answerLost: 0, late: 0, noRoom: 0, refused: 0, behindMs: 0, leftOut: 0 },
};

export interface CloudMachine extends Made {
  readonly token: string;
  readonly choice: number;
  /** Our id of its build, without the tag. */
  readonly build: string;
  readonly group: string | null;
  /** When lists, searches and questions by id show that it is there, and that it is gone. */
  readonly shownFrom: { readonly list: number; readonly find: number; readonly get: number };
  isThere: boolean;
  goneShownFrom: number;
  /** Somebody has ended it by hand. */
  vanished: boolean;
}

const timeoutMs = 5_000;

export class Cloud {
  readonly machines: CloudMachine[] = [];
  readonly groups = new Map<string, { readonly build: string }>();
  readonly timeline: Timeline;
  readonly tag: string;
  readonly choices: number;
  readonly hasGroups: boolean;
  readonly hasImages: boolean;
  faults: CloudFaults;
  /** Told of each ask as it is made, before anything is done. */
  onAsk: (what: 'create' | 'delete' | 'delete group', of: string, ask: CreateAsk | null) => void = () => undefined;
  onMade: (machine: CloudMachine) => void = () => undefined;
  onFault: (fault: string) => void = () => undefined;
  onCount: (what: string) => void = () => undefined;
  #ids = 0;

  constructor(timeline: Timeline, tag: string, faults: CloudFaults) {
    const { random } = timeline;
    this.timeline = timeline;
    this.tag = tag;
    this.faults = faults;
    this.choices = random.between(1, 3);
    this.hasGroups = random.chance(0.6);
    this.hasImages = random.chance(0.4);
  }

  get #random(): Random {
    return this.timeline.random;
  }

  /** Machines of ours that are there. */
  get ours(): CloudMachine[] {
    return this.machines.filter(({ isThere, instance }) => isThere && instance.startsWith(`${this.tag}/`));
  }

  /** Somebody else's, which nobody of ours may touch. */
  addForeign(instance: string): void {
    this.#make({ token: `foreign ${instance}`, instance, build: 'other/bd', choice: 0, group: null });
  }

  vanish(): void {
    const there = this.ours;
    if (there.length === 0) return;
    const machine = this.#random.pick(there);
    machine.vanished = true;
    this.#end(machine);
    this.onCount('vanished');
  }

  /** As one worker sees it: what it is answered comes by its clock. */
  driver(clock: VirtualClock): Driver {
    const call = <T>(what: string, signal: AbortSignal, act: () => T): Promise<T> =>
      this.#call(clock, signal, what, act);
    return {
      name: 'simulation',
      images: this.hasImages
        ? {
            list: (signal) =>
              call('images', signal, () => [
                {
                  id: 'ami-1',
                  role: 'worker',
                  name: null,
                  isActive: true,
                  state: 'available',
                  createdAt: '2026-01-01',
                },
              ]),
            get: (id, signal) =>
              call('image', signal, () =>
                id === 'ami-1'
                  ? { id, role: null, name: null, isActive: true, state: 'available', createdAt: '' }
                  : null,
              ),
          }
        : null,
      shared: this.hasGroups
        ? {
            prepare: ({ build }, signal) => call('prepare', signal, () => ({ group: this.#prepare(build) })),
            list: (signal) => call('groups', signal, () => [...this.groups].map(([id, { build }]) => ({ id, build }))),
            delete: (id, signal) => {
              this.onAsk('delete group', id, null);
              return call('delete group', signal, () => this.#deleteGroup(id));
            },
          }
        : null,
      choices: () => this.choices,
      create: (ask, signal) => {
        this.onAsk('create', ask.instance, ask);
        return call('create', signal, () => this.create(ask));
      },
      get: (cloudId, signal) =>
        call('get', signal, () => this.#shown('get').find((machine) => machine.cloudId === cloudId) ?? null),
      find: (instance, signal) =>
        call('find', signal, () => this.#shown('find').find((machine) => machine.instance === instance) ?? null),
      list: (signal) =>
        call('list', signal, () => this.#shown('list').filter(() => !this.#random.chance(this.faults.leftOut))),
      delete: (cloudId, signal) => {
        this.onAsk('delete', cloudId, null);
        return call('delete', signal, () => this.delete(cloudId));
      },
    };
  }

  create({ token, instance, build, choice, prepared }: CreateAsk): Made {
    const known = this.machines.find((machine) => machine.token === token);
    if (known !== undefined) {
      if (known.instance !== instance || known.choice !== choice)
        this.onFault(
          `B1: the token of ${known.instance} (choice ${known.choice}) was used for ${instance} (choice ${choice})`,
        );
      return known;
    }
    if (this.#random.chance(this.faults.noRoom)) throw new DriverError('next choice', 'no room');
    if (this.#random.chance(this.faults.refused)) throw new DriverError('give up', 'refused');
    const group = prepared.group ?? null;
    if (group !== null && !this.groups.has(group)) throw new DriverError('give up', `there is no group ${group}`);
    if (this.ours.some((machine) => machine.instance === instance && machine.choice === choice))
      this.onFault(`B2: there are two machines for ${instance}`);
    const made = this.#make({ token, instance, build, choice, group });
    this.onMade(made);
    return made;
  }

  delete(cloudId: string): void {
    const machine = this.machines.find((each) => each.cloudId === cloudId);
    if (machine?.instance.startsWith(`${this.tag}/`) === false) this.onFault(`B3: ${machine.instance} is not ours`);
    // It knows of nothing that is so new.
    if (machine?.isThere === true && machine.shownFrom.get <= this.timeline.now) this.#end(machine);
  }

  #make({ build, ...rest }: Pick<CloudMachine, 'token' | 'instance' | 'choice' | 'build' | 'group'>): CloudMachine {
    const { now } = this.timeline;
    const behind = (part: number): number => now + this.#random.next() * this.faults.behindMs * part;
    const machine = {
      ...{ ...rest, build: build.slice(build.indexOf('/') + 1), cloudId: `i-${++this.#ids}`, facts: { type: 'small' } },
      ...{ isThere: true, goneShownFrom: 0, vanished: false },
      shownFrom: { list: behind(1), find: behind(1), get: behind(0.5) },
    };
    this.machines.push(machine);
    return machine;
  }

  #end(machine: CloudMachine): void {
    machine.isThere = false;
    machine.goneShownFrom = this.timeline.now + this.#random.next() * this.faults.behindMs;
  }

  #shown(by: 'list' | 'find' | 'get'): CloudMachine[] {
    const { now } = this.timeline;
    return this.machines.filter((machine) =>
      machine.isThere ? machine.shownFrom[by] <= now : by === 'list' && machine.goneShownFrom > now,
    );
  }

  #prepare(build: string): string {
    for (const [id, group] of this.groups) if (group.build === build) return id;
    const id = `sg-${++this.#ids}`;
    this.groups.set(id, { build });
    return id;
  }

  #deleteGroup(id: string): void {
    if (this.machines.some(({ isThere, group }) => isThere && group === id))
      throw new DriverError('again', 'it is in use');
    this.groups.delete(id);
  }

  #call<T>(clock: VirtualClock, signal: AbortSignal, what: string, act: () => T): Promise<T> {
    const random = this.#random;
    const { throttled, askLost, answerLost, late } = this.faults;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const answer = (milliseconds: number, give: () => void): void => {
        clock.after(milliseconds, () => {
          if (isOver) return;
          isOver = true;
          give();
        });
      };
      const fail = (milliseconds: number, why: string): void => {
        this.onCount(`${what} ${why}`);
        answer(milliseconds, () => reject(new DriverError('again', `${what}: ${why}`)));
      };
      signal.addEventListener('abort', () => {
        if (!isOver) reject(new DriverError('again', `${what}: stopped`));
        isOver = true;
      });
      const obey = (): (() => void) => {
        try {
          const value = act();
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      };
      if (random.chance(throttled)) return fail(random.between(5, 200), 'throttled');
      if (random.chance(askLost)) return fail(timeoutMs, 'ask lost');
      const isLost = random.chance(answerLost);
      if (random.chance(late)) {
        this.timeline.after(random.between(timeoutMs, 15_000), obey);
        return fail(timeoutMs, 'late');
      }
      // It is on its way, whatever becomes of the worker.
      this.timeline.after(random.between(1, 300), () => {
        const give = obey();
        if (isLost) fail(timeoutMs, 'answer lost');
        else answer(random.between(1, random.chance(0.1) ? 4_000 : 400), give);
      });
    });
  }
}
