// The background jobs of a server in the form of Sidekiq: what pushes them, for each space that is open, and, where the server has a
// driver, what takes them.

import type { Driver } from '../provision/driver.ts';
import type { Clock } from '../replica/clock.ts';
import type { Space, Spaces } from '../replica/spaces.ts';
import { type Ledger, NoSuchSpace } from './ledger.ts';
import { Names } from './names.ts';
import { Presence } from './presence.ts';
import { Pusher } from './pusher.ts';
import { Redis } from './redis.ts';
import { jobsAtOnce, Taker, type TakerOptions } from './taker.ts';

export interface TakingOptions
  extends Pick<TakerOptions, 'driver' | 'worker' | 'ledgerOf' | 'onTrouble' | 'onAttempt'> {
  readonly redis: Redis;
  readonly names: Names;
  readonly clock: Clock;
  readonly version: string;
}

export interface SidekiqOptions extends Omit<TakingOptions, 'redis' | 'names' | 'driver' | 'ledgerOf'> {
  /** May hold a password: never shown. */
  readonly url: string;
  readonly namespace: string;
  /** null: workers beside the server take. */
  readonly driver: Driver | null;
  readonly ledgerOf: (space: Space) => Ledger;
  readonly onNote: (line: string) => void;
}

/** What takes jobs, wherever it runs. */
export function startTaking(options: TakingOptions): Taker {
  const presence = new Presence({ ...options, concurrency: jobsAtOnce });
  return new Taker({ ...options, presence });
}

export class Sidekiq {
  readonly #redis: Redis;
  readonly #pushers = new Map<Space, Pusher>();
  readonly #taker: Taker | null;

  constructor(spaces: Spaces, options: SidekiqOptions) {
    const { driver, clock, onTrouble } = options;
    const redis = new Redis(options);
    this.#redis = redis;
    const names = new Names(options.namespace);
    spaces.onOpen((space) => {
      const pusher = new Pusher({ redis, names, space, clock, onTrouble });
      this.#pushers.set(space, pusher);
      space.shut.addEventListener('abort', () => {
        void pusher.stop();
        this.#pushers.delete(space);
      });
    });
    const ledgerOf = async (name: string | null): Promise<Ledger | null> => {
      const space = name === null ? spaces.main : spaces.get(name);
      if (name !== null && !spaces.has(name)) throw new NoSuchSpace(`There is no space ${name}.`);
      return space === undefined ? null : options.ledgerOf(space);
    };
    this.#taker = driver === null ? null : startTaking({ ...options, redis, names, driver, ledgerOf });
  }

  async stop(): Promise<void> {
    await this.#taker?.stop();
    await Promise.all([...this.#pushers.values()].map((pusher) => pusher.stop()));
    this.#redis.close();
  }
}
