// What a replica is given, and the figures that it gives.

import type { Settings } from '../core/state.ts';
import type { Contents, Log } from '../log/log.ts';
import type { Clock } from './clock.ts';
import type { Ids } from './ids.ts';

export interface ReplicaOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: Settings;
  /** History older than this is dropped. */
  readonly historyMs: number;
  /** This server among others on the same store; absent where there is only one. */
  readonly server?: string;
  /** Looks at what the log holds before anything is written; throws where it is not to be used. */
  readonly accept?: (contents: Contents) => Promise<void>;
  /** What the history says about this start: version, … */
  readonly startFacts: Readonly<Record<string, unknown>>;
}

/** Figures about turns, for metrics. */
export interface TurnFigures {
  turns: number;
  commands: number;
  changes: number;
  events: number;
  fullTurns: number;
}
