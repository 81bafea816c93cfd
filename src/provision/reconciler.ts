// Looks now and then at what the driver lists under our tag, and sets right what is not as it is known here (core/machines/reconcile).
// What always holds: one look at a time; what cannot be asked just now changes nothing.

import { type Listed, reconcile } from '../core/machines/reconcile.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import type { Replica } from '../replica/replica.ts';
import { tagOf } from './builder.ts';
import type { Driver } from './driver.ts';

export interface ReconcilerOptions {
  readonly replica: Pick<Replica, 'decide' | 'look'>;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly newId: () => string;
  /** What machines of this space are tagged with; the driver lists those of others too, and they are none of our business. */
  readonly tag: string;
  readonly onTrouble: (message: string, error: Error) => void;
  /** Default 20 s: what vanished must have left within a minute (B5). */
  readonly everyMs?: number;
}

const usualEveryMs = 20_000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #everyMs: number;
  readonly #stopping = new AbortController();
  #timer: Timer = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? usualEveryMs;
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#options.clock.cancel(this.#timer);
    this.#stopping.abort();
    await this.#looking;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(this.#everyMs, () => {
      this.#looking = this.#look()
        .catch((error: Error) => {
          if (!this.#stopping.signal.aborted) this.#options.onTrouble('the machines cannot be listed', error);
        })
        .finally(() => {
          if (!this.#stopping.signal.aborted) this.#schedule();
        });
    });
  }

  async #look(): Promise<void> {
    const { replica, driver, newId, tag } = this.#options;
    const { signal } = this.#stopping;
    const before = await replica.look(({ instances }, { tick }) => ({
      tick,
      there: instances
        .values()
        .flatMap(({ cloudId, state }) => (state === 'running' || state === 'ready' ? [cloudId] : []))
        .toArray(),
    }));
    const prefix = tagOf(tag, '');
    const listed: Listed[] = (await driver.list(signal))
      .filter(({ instance }) => instance.startsWith(prefix))
      .map((made) => ({ ...made, instance: made.instance.slice(prefix.length) }));
    const seen = new Set(listed.map(({ cloudId }) => cloudId));
    const notThere = new Set<string>();
    for (const cloudId of before.there)
      if (cloudId !== null && !seen.has(cloudId) && (await driver.get(cloudId, signal)) === null) notThere.add(cloudId);
    const look = { listed, notThere, sinceTick: before.tick, newId };
    await replica.decide((turn) => reconcile(turn, look));
  }
}
