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
  /** The pool that it was built for. */
  readonly pool: string | null;
  /** What it is called there as an environment. */
  readonly environment: string | null;
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
  /** The pool that has asked for it. */
  readonly pool: string | null;
  /** Of its last change: `after` of the next look. */
  readonly seq: number;
  readonly by: string;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

export interface Job {
  readonly id: string;
  readonly kind: 'build' | 'terminate' | 'reconcile' | 'notify';
  /** Id of the build, or of the machine. */
  readonly subject: string;
  /** `dead`: given up. */
  readonly state: 'waiting' | 'claimed' | 'dead';
  /** That have failed. */
  readonly tries: number;
  readonly worker: string | null;
  readonly error: string | null;
  readonly dueInSeconds: number;
  /** Of `reconcile`: what the last look at the driver has set right. */
  readonly report: LookReport | null;
  /** Of `notify`: who is told of what. */
  readonly notice: { readonly sink: string; readonly event: string } | null;
  readonly createdAt: string;
}

export interface LookReport {
  readonly at: string;
  /** Machines of ours that the driver lists. */
  readonly listed: number;
  readonly adopted: readonly string[];
  readonly ending: readonly string[];
  readonly gone: readonly string[];
  /** What machines had shared. */
  readonly removed: readonly string[];
}

export interface Image {
  readonly id: string;
  readonly role: string | null;
  readonly name: string | null;
  readonly active: boolean;
  readonly state: string;
  readonly source: 'api' | 'file' | 'driver';
  readonly createdAt: string;
}

export interface ImageRequest {
  readonly role?: string | null;
  readonly name?: string | null;
  readonly active?: boolean;
}

export interface PoolRequest {
  readonly labels: Readonly<Record<string, string>>;
  readonly min?: number;
  readonly max: number;
  readonly idle?: number;
  readonly idleForSeconds?: number;
  readonly maxAgeSeconds?: number | null;
  readonly once?: boolean;
  readonly readyWhen?: 'finished' | 'started';
  readonly readyWithinSeconds?: number;
  readonly build: Omit<BuildRequest, 'id' | 'count'>;
}

export interface Pool {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly min: number;
  readonly max: number;
  readonly idle: number;
  readonly idleForSeconds: number;
  readonly maxAgeSeconds: number | null;
  readonly once: boolean;
  readonly readyWhen: 'finished' | 'started';
  readonly readyWithinSeconds: number;
  readonly build: Readonly<Record<string, string | null>>;
  readonly source: 'api' | 'file';
  readonly machines: {
    readonly there: number;
    readonly building: number;
    readonly free: number;
    readonly held: number;
    readonly ending: number;
  };
  /** Environments that requests in the queue want of it. */
  readonly waiting: number;
  readonly pausedForSeconds: number | null;
  readonly createdAt: string;
}

/** A job as its worker sees it: all that it needs to do it, tokens included. */
export interface Task {
  readonly job: string;
  /** Of the claim: what is told in its name counts as long as it is the last one. */
  readonly number: number;
  readonly kind: Job['kind'];
  readonly subject: string;
  readonly tries: number;
  readonly tick: number;
  /** Before our ids where the driver is concerned. */
  readonly tag: string;
  readonly build: {
    readonly id: string;
    readonly spec: Readonly<Record<string, unknown>>;
    readonly steps: readonly { readonly name: string; readonly done: boolean; readonly facts: Facts }[];
    readonly cancelling: boolean;
  } | null;
  readonly machines: readonly {
    readonly id: string;
    readonly state: Instance['state'];
    readonly name: string;
    readonly token: string;
    readonly choice: number;
    readonly cloudId: string | null;
  }[];
  readonly image: string | null;
  readonly unshared: readonly string[];
  readonly userData: string | null;
}
