// Where the truth about jobs is: the space itself inside a server (local-ledger.ts), or a server over HTTP
// (src/cli/worker/remote-ledger.ts).

import type { BuildSpec, JobRow } from '../core/rows.ts';
import type { Desk } from '../provision/desk.ts';

/** What became of something that was asked for. `isFinal`: it would be refused again. */
export type Fate = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly isFinal: boolean };

export interface Ledger {
  readonly desk: Desk;
  /** null: it is over, or never was. Throws where that cannot be known now. */
  standing(job: string): Promise<JobRow['state'] | null>;
  /** Again with the same id: the same build. */
  askBuild(id: string, spec: BuildSpec): Promise<Fate>;
  /** By our id, or the driver's. One that is gone already is no refusal. */
  terminate(instance: string, channel: string | null): Promise<Fate>;
}

/** Nobody ever will find the job that is asked for. */
export class NoSuchSpace extends Error {
  override readonly name = 'NoSuchSpace';
}
