// What the command line knows of a command before its code is loaded.

import type { Command } from 'commander';

export interface Entry {
  readonly name: string;
  /** Another name for the same command. */
  readonly alias?: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface Group {
  readonly title: string;
  readonly entries: readonly Entry[];
}
