// Who tells what is to be told, in each space that is open.

import type { Space, Spaces } from '../replica/spaces.ts';
import { Notifier, type NotifierOptions } from './notifier.ts';

export type NotifiersOptions = Omit<NotifierOptions, 'replica' | 'space'>;

export class Notifiers {
  readonly #bySpace = new Map<Space, Notifier>();

  constructor(spaces: Spaces, options: NotifiersOptions) {
    spaces.onOpen((space) => {
      const { replica, name, shut } = space;
      const notifier = new Notifier({ ...options, replica, space: name });
      this.#bySpace.set(space, notifier);
      shut.addEventListener('abort', () => {
        void notifier.stop();
        this.#bySpace.delete(space);
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#bySpace.values()].map((notifier) => notifier.stop()));
  }
}
