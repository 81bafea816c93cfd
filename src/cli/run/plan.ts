// What a run is asked to do, read from flags and environment and checked before anything is asked of a server.

import type { LeaseRequest } from '../../client/types.ts';

export interface RunPlan {
  readonly request: LeaseRequest;
  readonly idempotencyKey: string;
  /** How people call what is asked for: `uat`, `uat + db`, `kind=uat ×2`; made fit to be shown. */
  readonly what: string;
  readonly command: readonly [string, ...string[]];
  /** The command's name, made fit to be shown. */
  readonly commandShown: string;
  readonly ttlMs: number;
  readonly waitMs: number | null;
  readonly killAfterMs: number | null;
  readonly firstContactMs: number;
  readonly maxAwayMs: number | null;
  readonly pollSeconds: number;
  /** Nobody sits at a terminal: shorter stop time, the parent is watched, no terminal for the child. */
  readonly ci: boolean;
  readonly leave: boolean;
  readonly keepRunning: boolean;
  readonly resultFile: string | null;
  readonly eventsFile: string | null;
  /** Whether there is room to list those who are ahead. */
  readonly listAhead: boolean;
}
