// Builds, machines and jobs as the client sees them; see types.ts for what holds of times.

/** Facts of a driver: `ip`, `privateIp`, `type`, `zone`, and what else it knows. */
export type Facts = Readonly<Record<string, string>>;

export interface BuildRequest {
  /** Of your own: a second ask with the same id is the same build, whatever else it says. */
  readonly id?: string;
  readonly site: string;
  readonly env: string;
  readonly queue: string;
  readonly role?: string;
  readonly instanceType: string;
  readonly count?: number;
  readonly image?: string;
  readonly nameTemplate?: string;
  readonly subnet?: string;
  readonly securityGroup?: string;
  readonly slackChannel?: string;
}

export interface BuildStep {
  readonly name: string;
  readonly begunAt: string;
  /** null: it is under way, or to be tried again. */
  readonly doneAt: string | null;
  readonly facts: Facts;
}

export interface Instance {
  readonly id: string;
  readonly build: string | null;
  readonly state: 'planned' | 'launching' | 'running' | 'ready' | 'ending' | 'gone';
  /** As the driver calls it; null: it has not said yet that there is one. */
  readonly cloudId: string | null;
  readonly facts: Facts;
  readonly by: string;
  readonly launchedAt: string | null;
  readonly endedAt: string | null;
}

export interface Build {
  readonly id: string;
  /** `started`: all its machines run. `finished`: all have said that they are ready. */
  readonly state: 'pending' | 'building' | 'started' | 'finished' | 'failed' | 'cancelled';
  readonly site: string;
  readonly env: string;
  readonly queue: string;
  readonly role: string;
  readonly instanceType: string;
  readonly count: number;
  readonly image: string | null;
  readonly nameTemplate: string | null;
  readonly subnet: string | null;
  readonly securityGroup: string | null;
  readonly slackChannel: string | null;
  readonly steps: readonly BuildStep[];
  readonly instances: readonly Instance[];
  /** Not null: its machines are being ended, or are gone. */
  readonly cancelling: { readonly by: string; readonly reason: string | null; readonly at: string } | null;
  /** The last failure; while the state is not `failed` it is tried again. */
  readonly failure: { readonly step: string; readonly reason: string; readonly tries: number } | null;
  readonly by: string;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

export interface Job {
  readonly id: string;
  readonly kind: 'build' | 'terminate';
  /** Id of the build, or of the machine. */
  readonly subject: string;
  /** `dead`: given up. */
  readonly state: 'waiting' | 'claimed' | 'dead';
  /** That have failed. */
  readonly tries: number;
  readonly worker: string | null;
  readonly error: string | null;
  readonly dueInSeconds: number;
  readonly createdAt: string;
}
