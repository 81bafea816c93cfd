// What works on the machines of each space that is open: a builder, and whoever looks whether all is as it is known.

import { randomText } from '../replica/ids.ts';
import type { Space, Spaces } from '../replica/spaces.ts';
import { Builder, type BuilderOptions } from './builder.ts';
import { Reconciler } from './reconciler.ts';

type Worker = Pick<Builder, 'stop'>;

export class Builders {
  readonly #bySpace = new Map<Space, readonly Worker[]>();

  constructor(spaces: Spaces, options: Omit<BuilderOptions, 'replica' | 'tag'>) {
    spaces.onOpen((space) => {
      const { name, mark, replica, shut } = space;
      // Several installations may share what their driver lists.
      const given = { ...options, replica, tag: `${name}-${mark}` };
      const newId = () => `in_${randomText(12)}`;
      this.#bySpace.set(space, [new Builder(given), new Reconciler({ ...given, newId })]);
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
