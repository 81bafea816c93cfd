// A cloud in memory, with faults that can be switched on: answers that get lost after the machine was made, no room, refusals.

import type { BuildSpec } from '../../src/core/rows.ts';
import { type CreateAsk, type Driver, DriverError, type Made } from '../../src/provision/driver.ts';

export interface Machine extends Made {
  readonly token: string;
  readonly choice: number;
  isThere: boolean;
}

export class FakeCloud implements Driver {
  readonly name = 'fake';
  readonly images = null;
  readonly shared = null;
  readonly machines: Machine[] = [];
  /** Called before each ask; may throw. */
  onCreate: (ask: CreateAsk) => void = () => undefined;
  /** Called once the machine is there: what it throws is an answer that got lost. */
  afterCreate: (ask: CreateAsk) => void = () => undefined;
  onDelete: (cloudId: string) => void = () => undefined;
  choicesOf: (spec: BuildSpec) => number = () => 1;

  get there(): Machine[] {
    return this.machines.filter(({ isThere }) => isThere);
  }

  choices(spec: BuildSpec): number {
    return this.choicesOf(spec);
  }

  async create(ask: CreateAsk): Promise<Made> {
    const known = this.machines.find(({ token }) => token === ask.token);
    if (known !== undefined) return known;
    this.onCreate(ask);
    const { token, choice, instance } = ask;
    const cloudId = `i-${this.machines.length + 1}`;
    const machine = { token, choice, instance, cloudId, facts: { type: ask.spec.instanceType }, isThere: true };
    this.machines.push(machine);
    this.afterCreate(ask);
    return machine;
  }

  async get(cloudId: string): Promise<Made | null> {
    return this.there.find((machine) => machine.cloudId === cloudId) ?? null;
  }

  async find(instance: string): Promise<Made | null> {
    return this.there.find((machine) => machine.instance === instance) ?? null;
  }

  async list(): Promise<readonly Made[]> {
    return this.there;
  }

  async delete(cloudId: string): Promise<void> {
    this.onDelete(cloudId);
    const machine = this.machines.find((each) => each.cloudId === cloudId);
    if (machine !== undefined) machine.isThere = false;
  }
}

/** What an ask is where nothing of it matters. */
export const bareAsk = { build: 'bd_1', choice: 0, name: 'm', image: null, prepared: {}, userData: null };

export const noRoom = () => new DriverError('next choice', 'no capacity');
export const hiccup = () => new DriverError('again', 'timeout');
export const refusal = () => new DriverError('give up', 'no such image');
