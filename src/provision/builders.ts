// What works on the machines of each space that is open: a worker where this server has a driver, and whoever keeps the pools.

import { machineIds } from '../replica/ids.ts';
import type { Space, Spaces } from '../replica/spaces.ts';
import { type Desk, LocalDesk, type LocalDeskOptions } from './desk.ts';
import type { Driver } from './driver.ts';
import { PoolKeeper } from './pool-keeper.ts';
import { Worker, type WorkerOptions } from './worker.ts';

export interface BuildersOptions extends Omit<WorkerOptions, 'desk' | 'driver'> {
  /** null: workers beside the server do it. */
  readonly driver: Driver | null;
  readonly deskOf: (space: Space) => Desk;
}

export class Builders {
  readonly #bySpace = new Map<Space, readonly { stop(): Promise<void> }[]>();

  constructor(spaces: Spaces, options: BuildersOptions) {
    const { driver, deskOf, onTrouble, clock } = options;
    spaces.onOpen((space) => {
      const { replica, shut } = space;
      const workers: { stop(): Promise<void> }[] = [new PoolKeeper({ replica, clock, onTrouble })];
      if (driver !== null) workers.push(new Worker({ ...options, driver, desk: deskOf(space) }));
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

/** Where the jobs of a space are claimed. Before our ids the driver sees the space and its mark: others may share what it lists. */
export function deskOf({ name, mark, replica }: Space, userDataFor: LocalDeskOptions['userDataFor']): LocalDesk {
  return new LocalDesk({ replica, tag: `${name}-${mark}`, newId: () => machineIds.instance().id, userDataFor });
}
