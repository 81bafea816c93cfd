// A queue and its caller, for examples: says who asks, who releases, and who then holds what.

import { Queue } from '../../src/core/queue/queue.ts';
import type { Labels, LabelWant, Want } from '../../src/core/rows.ts';

export interface Facts {
  capacity?: number;
  dirty?: number;
  closed?: boolean;
  labels?: Labels;
}

export interface Manner {
  level?: number;
  absent?: boolean;
  globs?: readonly string[];
  /** Where it stood before; otherwise it comes last. */
  order?: number;
}

/** `count` environments of this pool. */
export function any(kind: string, count = 1): LabelWant {
  return { labels: { kind }, count };
}

/** An environment that belongs to this pool. */
export function member(kind: string, capacity = 1): Facts {
  return { capacity, labels: { kind } };
}

export class Scene {
  readonly queue: Queue;
  readonly #facts = new Map<string, Facts>();
  readonly #held = new Map<string, readonly string[]>();
  readonly #absent = new Set<string>();
  #arrivals = 0;

  /** Environments by name; all have one slot where nothing else is said. */
  constructor(environments: Record<string, Facts>, searchBound?: number) {
    this.queue = new Queue(searchBound);
    for (const [name, facts] of Object.entries(environments)) this.change(name, facts);
  }

  /** Who holds what. */
  get held(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.#held].sort());
  }

  /** Who waits, and what is set aside for it; '' for what it misses. */
  get waiting(): Record<string, readonly string[]> {
    return Object.fromEntries(Array.from(this.queue.requests.keys(), (id) => [id, this.queue.setAside(id)]));
  }

  ask(id: string, wants: readonly (string | Want)[], manner: Manner = {}): void {
    const { level = 0, absent = false, globs = null, order = ++this.#arrivals } = manner;
    if (absent) this.#absent.add(id);
    const asked = wants.map((want) => (typeof want === 'string' ? { environment: want } : want));
    this.queue.arrive({ id, level, order, wants: asked, globs });
    this.grantReady();
  }

  /** All in one command: grants are decided at the end of it. */
  release(...ids: string[]): void {
    for (const id of ids) {
      this.queue.vacate(this.#held.get(id) ?? []);
      this.#held.delete(id);
    }
    this.grantReady();
  }

  /** A waiting request leaves. */
  leave(id: string): void {
    this.queue.leave(id);
    this.grantReady();
  }

  /** An absent client comes back. */
  returns(id: string): void {
    this.#absent.delete(id);
    if (this.queue.isFull(id)) this.#grant(id);
  }

  change(name: string, facts: Facts): void {
    const { capacity = 1, dirty = 0, closed = false, labels = {} } = { ...this.#facts.get(name), ...facts };
    this.#facts.set(name, { capacity, dirty, closed, labels });
    this.queue.setPlace(name, { capacity, dirty, closed, labels });
    this.grantReady();
  }

  remove(name: string): void {
    this.#facts.delete(name);
    this.queue.removePlace(name);
    this.grantReady();
  }

  grantReady(): void {
    for (const { id } of this.queue.takeReady()) if (!this.#absent.has(id)) this.#grant(id);
  }

  #grant(id: string): void {
    const names = this.queue.setAside(id);
    this.queue.grant(id, names);
    this.#held.set(id, names);
  }
}
