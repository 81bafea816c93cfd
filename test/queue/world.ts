// What a caller of the queue knows: environments, who holds what, who waits and whose client is there. Plain data that is
// changed by the same operations as the queue, so that the specification can be asked about it.

import type { Ask, PlaceFacts } from '../../src/core/queue/queue.ts';
import type { Environment, Waiting } from './specification.ts';

export type Operation =
  | { readonly kind: 'arrive'; readonly ask: Ask; readonly present: boolean }
  | { readonly kind: 'leave'; readonly id: string }
  | { readonly kind: 'contact'; readonly id: string; readonly present: boolean }
  | { readonly kind: 'release'; readonly id: string; readonly names: readonly string[] }
  | { readonly kind: 'change'; readonly name: string; readonly facts: PlaceFacts }
  | { readonly kind: 'remove'; readonly name: string }
  /** Another server granted it, perhaps with other environments than are set aside here. */
  | { readonly kind: 'granted'; readonly id: string; readonly names: readonly string[] }
  /** A grant is taken back, because it could not be made durable: the holder waits again, where it stood. */
  | { readonly kind: 'undo'; readonly ask: Ask; readonly names: readonly string[]; readonly present: boolean }
  /** A lease that is known from the store as held. */
  | { readonly kind: 'occupy'; readonly id: string; readonly names: readonly string[] };

export interface Waiter extends Waiting {
  present: boolean;
}

export class World {
  readonly environments = new Map<string, { facts: PlaceFacts; held: number }>();
  readonly waiting = new Map<string, Waiter>();
  /** Who holds what, and as what it waited. */
  readonly held = new Map<string, { names: readonly string[]; request: Waiter | null }>();

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'arrive':
        for (const want of operation.ask.wants) if ('environment' in want) this.#firstUse(want.environment);
        this.waiting.set(operation.ask.id, { ...operation.ask, present: operation.present });
        break;
      case 'undo':
        this.#giveBack(operation.ask.id, operation.names);
        this.waiting.set(operation.ask.id, { ...operation.ask, present: operation.present });
        break;
      case 'leave':
        this.waiting.delete(operation.id);
        break;
      case 'contact':
        this.#waiter(operation.id).present = operation.present;
        break;
      case 'release':
        this.#giveBack(operation.id, operation.names);
        break;
      case 'change':
        this.environments.set(operation.name, {
          facts: operation.facts,
          held: this.environments.get(operation.name)?.held ?? 0,
        });
        break;
      case 'remove':
        this.environments.delete(operation.name);
        break;
      case 'granted':
      case 'occupy':
        this.held.set(operation.id, { names: operation.names, request: this.waiting.get(operation.id) ?? null });
        this.waiting.delete(operation.id);
        for (const name of operation.names) this.#environment(name).held++;
        break;
    }
  }

  /** As the specification wants to see it. */
  view(): Environment[] {
    return Array.from(this.environments, ([name, { facts, held }]) => ({
      name,
      slots: facts.capacity - facts.dirty - held,
      closed: facts.closed,
      labels: facts.labels,
    }));
  }

  #firstUse(name: string): void {
    if (!this.environments.has(name)) {
      this.environments.set(name, { facts: { capacity: 0, dirty: 0, closed: false, labels: {} }, held: 0 });
    }
  }

  #giveBack(id: string, names: readonly string[]): void {
    for (const name of names) this.#environment(name).held--;
    this.held.delete(id);
  }

  #environment(name: string): { facts: PlaceFacts; held: number } {
    const environment = this.environments.get(name);
    if (environment === undefined) throw new Error(`the test uses ${name}, which is not there`);
    return environment;
  }

  #waiter(id: string): Waiter {
    const waiter = this.waiting.get(id);
    if (waiter === undefined) throw new Error(`the test speaks of ${id}, which does not wait`);
    return waiter;
  }
}
