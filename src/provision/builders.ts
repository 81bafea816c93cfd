// What works on the machines of each space that is open: a worker where this server has a driver, and whoever keeps the pools.

import { keepLooking } from '../core/machines/reconcile.ts';
import { randomText } from '../replica/ids.ts';
import type { Space, Spaces } from '../replica/spaces.ts';
import { LocalDesk, type LocalDeskOptions } from './desk.ts';
import type { Driver } from './driver.ts';
import { PoolKeeper } from './pool-keeper.ts';
import { Worker, type WorkerOptions } from './worker.ts';

export interface BuildersOptions extends Omit<WorkerOptions, 'desk' | 'driver'> {
  /** null: workers beside the server do it. */
  readonly driver: Driver | null;
  readonly userDataFor: (space: Space) => LocalDeskOptions['userDataFor'];
}

export class Builders {
  readonly #bySpace = new Map<Space, readonly { stop(): Promise<void> }[]>();

  constructor(spaces: Spaces, options: BuildersOptions) {
    const { driver, userDataFor, onTrouble, clock } = options;
    spaces.onOpen((space) => {
      const { replica, shut } = space;
      const newId = () => `in_${randomText(12)}`;
      const workers: { stop(): Promise<void> }[] = [new PoolKeeper({ replica, clock, onTrouble })];
      if (driver !== null) {
        const desk = new LocalDesk({ replica, tag: tagOf(space), newId, userDataFor: userDataFor(space) });
        workers.push(new Worker({ ...options, driver, desk }));
      }
      void Promise.resolve(replica.decide((turn) => keepLooking(turn, `jb_${randomText(12)}`))).catch((error: Error) =>
        onTrouble('the look at the driver is not on its way', error),
      );
      this.#bySpace.set(space, workers);
      shut.addEventListener('abort', () => {
        for (const worker of this.#bySpace.get(space) ?? []) void worker.stop();
        this.#bySpace.delete(space);
      });
    });
  }

  /** What is under way is left as it is, and taken up again by the next start or by another server. */
  async stop(): Promise<void> {
    await Promise.all([...this.#bySpace.values()].flat().map((worker) => worker.stop()));
  }
}

/** Before our ids where the driver is concerned: several spaces and installations may share what it lists. */
export function tagOf({ name, mark }: Pick<Space, 'name' | 'mark'>): string {
  return `${name}-${mark}`;
}
