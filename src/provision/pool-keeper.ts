// Brings the pools of a space to what they are to be, a step after whatever may have changed that, and now and then: what is idle
// for too long, or too old, changes nothing. Every server does it; who comes second finds nothing to do.

import { keepPools, type NewIds, poolsNeed } from '../core/machines/pool.ts';
import type { Kind } from '../core/rows.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import { machineIds } from '../replica/ids.ts';
import type { Replica } from '../replica/replica.ts';

export interface PoolKeeperOptions {
  readonly replica: Pick<Replica, 'decide' | 'look' | 'onTurn'>;
  readonly clock: Clock;
  readonly onTrouble: (message: string, error: Error) => void;
  /** Of what it asks for. Default: random ones. */
  readonly newIds?: NewIds;
}

const kinds: ReadonlySet<Kind> = new Set<Kind>(['lease', 'environment', 'instance', 'build', 'pool']);
/** Changes that come together are looked at together. */
const gatherMs = 50;
const lookEveryMs = 1_000;

export class PoolKeeper {
  readonly #options: PoolKeeperOptions;
  readonly #unsubscribe: () => void;
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  #isDue = false;
  #isStopped = false;

  constructor(options: PoolKeeperOptions) {
    this.#options = options;
    this.#unsubscribe = options.replica.onTurn(({ changes, state }) => {
      if ((state.pools.size > 0 || hasPools(changes)) && changes.some(({ kind }) => kinds.has(kind)))
        this.#soon(gatherMs);
    });
    this.#soon(gatherMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#options.clock.cancel(this.#timer);
    await this.#looking;
  }

  #soon(ms: number): void {
    if (this.#isDue && ms === gatherMs) return;
    this.#isDue = ms === gatherMs;
    this.#options.clock.cancel(this.#timer);
    this.#timer = this.#options.clock.after(ms, () => {
      this.#isDue = false;
      if (this.#looking !== null) return;
      this.#looking = this.#look()
        .catch((error: Error) => {
          if (!this.#isStopped) this.#options.onTrouble('the pools cannot be kept', error);
        })
        .finally(() => {
          this.#looking = null;
          if (!this.#isStopped && !this.#isDue) this.#soon(lookEveryMs);
        });
    });
  }

  async #look(): Promise<void> {
    const { replica, newIds = machineIds } = this.#options;
    if (!(await replica.look((state, { tick }) => poolsNeed(state, tick)))) return;
    await replica.decide((turn) => keepPools(turn, newIds));
  }
}

function hasPools(changes: readonly { readonly kind: Kind }[]): boolean {
  return changes.some(({ kind }) => kind === 'pool');
}
