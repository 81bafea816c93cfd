// What the server answers over /v1, as the client sees it. Times are RFC 3339 UTC strings and for people only; whoever must act
// in time counts `expiresInSeconds` on a monotonic clock of its own, because clocks of two machines differ.

export interface Holder {
  readonly name: string | null;
  readonly url: string | null;
  readonly ref: string | null;
}

export type Labels = Readonly<Record<string, string>>;
export type Want = { readonly environment: string } | { readonly labels: Labels; readonly count: number };

export type LeaseState = 'waiting' | 'held' | 'released' | 'expired' | 'revoked' | 'cancelled' | 'timed_out';

export type EndHow =
  | 'released'
  | 'expired'
  | 'max_hold'
  | 'revoked'
  | 'stolen'
  | 'absent'
  | 'queue_timeout'
  | 'cancelled'
  | 'environment_deleted'
  | 'environment_draining'
  | 'job_ended';

export interface Blocker {
  /** null where no environment matches at all. */
  readonly environment: string | null;
  readonly why: 'held' | 'frozen' | 'draining' | 'dirty' | 'queue' | 'building' | 'no_match';
  readonly holder: Holder | null;
  readonly since: string | null;
  readonly reason?: string | null;
}

export interface Lease {
  readonly id: string;
  readonly state: LeaseState;
  readonly wants: readonly Want[];
  readonly granted: readonly { readonly environment: string }[];
  readonly holder: Holder;
  readonly reason: string | null;
  readonly priority: number;
  readonly ttlSeconds: number | null;
  readonly queueSeconds: number | null;
  readonly maxHoldSeconds: number | null;
  readonly fence: number | null;
  /** Rises with every change of the lease; what `after` of a long poll is compared with. */
  readonly seq: number;
  /** 1 = next; null when it does not wait. */
  readonly position: number | null;
  readonly blockedBy: readonly Blocker[];
  readonly etaSeconds: number | null;
  readonly queuedAt: string;
  readonly grantedAt: string | null;
  readonly expiresAt: string | null;
  readonly expiresInSeconds: number | null;
  readonly endedAt: string | null;
  readonly end: { readonly how: EndHow; readonly by: string; readonly reason: string | null } | null;
  readonly revoking: { readonly by: string; readonly reason: string; readonly at: string } | null;
  /** The dashboard's page of this lease. */
  readonly page: string | null;
  /** Only to whoever asked for the lease. */
  readonly secret?: string;
  /** Only in the answer to the asking: environments that did not exist and were made now, with the nearest existing name. */
  readonly created?: readonly { readonly environment: string; readonly nearest: string | null }[];
}

/** What is asked for. Exactly one of `environment` and `wants`. Durations in seconds. */
export interface LeaseRequest {
  readonly environment?: string;
  readonly wants?: readonly ({ readonly environment: string } | { readonly labels: Labels; readonly count?: number })[];
  readonly holder?: { readonly name?: string | null; readonly url?: string | null; readonly ref?: string | null };
  readonly reason?: string | null;
  readonly priority?: number;
  /** null = until released; absent = the environment's default. */
  readonly ttlSeconds?: number | null;
  /** How long it may stay in the queue in all: null = for ever, 0 = not at all. */
  readonly queueSeconds?: number | null;
  readonly maxHoldSeconds?: number | null;
}

export interface RevokeRequest {
  readonly reason: string;
  /** Pass the slot on at once, though the old holder may still be working. */
  readonly now?: boolean;
  readonly steal?: Omit<LeaseRequest, 'environment' | 'wants'>;
}

export interface Revoked {
  readonly lease: Lease;
  readonly stolen?: Lease;
  readonly warning?: string;
}

export interface Environment {
  readonly name: string;
  readonly capacity: number;
  readonly labels: Labels;
  readonly description: string;
  readonly state: 'open' | 'draining' | 'drained' | 'frozen';
  readonly stateReason: string | null;
  readonly stateBy: string | null;
  readonly stateUntil: string | null;
  /** Names of the freezes by selector that hold it. */
  readonly frozenBy?: readonly string[];
  readonly declared: boolean;
  readonly onExpire: 'free' | 'hold';
  readonly ttlSeconds: number | null;
  readonly maxHoldSeconds: number | null;
  readonly held: readonly Lease[];
  readonly waiting: number;
  readonly free: number;
  readonly dirty: number;
  readonly oldestWaitSince: string | null;
  readonly seq: number;
  readonly createdAt: string;
  readonly page: string | null;
}

export interface EnvironmentChange {
  readonly capacity?: number;
  readonly labels?: Labels;
  readonly description?: string;
  readonly onExpire?: 'free' | 'hold';
  readonly ttlSeconds?: number | null;
  readonly maxHoldSeconds?: number | null;
  readonly state?: 'open' | 'draining' | 'frozen';
  readonly reason?: string | null;
  readonly until?: string | null;
}

export interface FenceAnswer {
  readonly current: boolean;
  readonly environment: string;
  readonly fence: number;
}

export interface Freeze {
  readonly name: string;
  readonly labels: Labels;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  readonly until: string | null;
}

export interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly maxPriority: number;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  /** The key itself: only in the answer to its making, and never again. */
  readonly key?: string;
}

export interface KeyRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly maxPriority?: number;
  readonly expiresInSeconds?: number | null;
}

export interface Me {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly maxPriority: number;
  readonly space: string;
  readonly anonymous: boolean;
  /** Whether this server asks for keys at all. */
  readonly keys: boolean;
}

export interface Space {
  readonly name: string;
  /** For people. */
  readonly description: string;
  /** Whether the server that was asked serves it now; if not, its store cannot be reached. */
  readonly open: boolean;
  /** null: it is main, which was always there. */
  readonly createdAt: string | null;
  readonly createdBy: string | null;
}

export interface SpaceRequest {
  /** Absent: as it is, or empty. */
  readonly description?: string;
}

export interface HistoryEvent {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly subject: string;
  readonly actor: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Cursor of the next page; null on the last. */
  readonly next: string | null;
  readonly asOf: { readonly seq: number; readonly at: string };
}

export interface Paging {
  readonly limit?: number;
  readonly cursor?: string;
}

// --- meeting: signals, barriers, waits

export interface Signal {
  readonly name: string;
  /** unset: only in lists, while somebody waits for it. */
  readonly state: 'set' | 'failed' | 'unset';
  /** Any JSON; null: none. Lists and streams leave out what is above 1 KiB. */
  readonly data: unknown;
  /** Of the payload as JSON. */
  readonly bytes: number;
  readonly failure: { readonly reason: string } | null;
  readonly by: string | null;
  readonly holder: Holder;
  readonly at: string | null;
  readonly ttlSeconds: number | null;
  readonly expiresAt: string | null;
  readonly expiresInSeconds: number | null;
  readonly seq: number | null;
  /** How many wait for it on the server that was asked. */
  readonly waiting: number;
  /** The first ten of them. */
  readonly waiters: readonly { readonly by: string; readonly holder: Holder; readonly since: string }[];
}

/** `data` or `failure`, or neither. */
export interface SignalRequest {
  readonly data?: unknown;
  readonly failure?: { readonly reason: string };
  /** null = until it is cleared; absent = seven days. */
  readonly ttlSeconds?: number | null;
  readonly holder?: Partial<Holder>;
}

export interface Barrier {
  readonly name: string;
  readonly generation: string;
  readonly state: 'waiting' | 'open' | 'broken';
  readonly parties: number;
  /** How many have come. */
  readonly arrived: number;
  /** More than a hundred parties, in a list, a stream or the answer to an arrival: nobody is named below. */
  readonly namesLeftOut: boolean;
  /** Who they are, where that was said. */
  readonly names: readonly string[] | null;
  readonly arrivals: readonly { readonly party: string; readonly at: string; readonly by: string }[];
  /** null: nobody can say who, only how many. */
  readonly missing: readonly string[] | null;
  readonly missingCount: number;
  readonly missingText: string;
  readonly timeoutSeconds: number;
  readonly breaksAt: string | null;
  readonly breaksInSeconds: number | null;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly endedAt: string | null;
  readonly end: {
    readonly how: 'opened' | 'failed' | 'timed_out' | 'cancelled';
    readonly by: string;
    readonly reason: string | null;
    /** Who has failed; not among those who are missing. */
    readonly party: string | null;
  } | null;
  readonly seq: number;
}

export interface BarrierRequest {
  /** How many, or who. */
  readonly parties: number | readonly string[];
  /** From the first arrival on; absent = as it is, else six hours. */
  readonly timeoutSeconds?: number;
}

export interface ArrivalRequest {
  readonly party: string;
  /** The party has failed, so nobody may pass. */
  readonly failure?: { readonly reason: string };
}

export interface WaitCondition {
  /** `signal:NAME`, `barrier:NAME`, `env:NAME`, `lease:ID`, `instance:ID`, `tcp:HOST:PORT`, `http://…`, `postgres:NAME` … */
  readonly target: string;
  /** Of a barrier. */
  readonly generation?: string;
  /** The rest is of probes. */
  readonly successes?: number;
  readonly invert?: boolean;
  readonly intervalSeconds?: number;
  readonly connectTimeoutSeconds?: number;
  readonly status?: string;
  readonly contains?: string;
  readonly insecure?: boolean;
}

/** Exactly one of `any` and `all`. */
export interface WaitRequest {
  readonly any?: readonly (string | WaitCondition)[];
  readonly all?: readonly (string | WaitCondition)[];
  readonly timeoutSeconds?: number;
  readonly holder?: Partial<Holder>;
}

export interface ConditionReply {
  readonly target: string;
  readonly state: 'pending' | 'met' | 'failed';
  /** For people: `not set`, `503 Service Unavailable`, the reason of a failure. */
  readonly detail: string;
  readonly by: string | null;
  /** The payload of a signal; null: none. */
  readonly data: unknown;
  readonly since: string;
  readonly settledAt: string | null;
  /** Of a probe. */
  readonly tries: number | null;
  readonly triedAt: string | null;
  /** Of a signal that did not come: one that is set and has a similar name. */
  readonly nearest: string | null;
}

export interface WaitReply {
  readonly outcome: 'met' | 'timed_out' | 'failed';
  readonly waitedSeconds: number;
  readonly conditions: readonly ConditionReply[];
}

export interface OpenWait {
  readonly id: string;
  readonly mode: 'any' | 'all';
  readonly by: string;
  readonly holder: Holder;
  readonly since: string;
  readonly until: string;
  readonly conditions: readonly {
    readonly target: string;
    readonly state: ConditionReply['state'];
    readonly detail: string;
    readonly settledAt: string | null;
  }[];
}

/** Who waits for what on the server that was asked, what was waited for in vain, and what is being tried. */
export interface WaitList extends Page<OpenWait> {
  readonly timedOut: readonly {
    readonly target: string;
    readonly detail: string;
    readonly by: string;
    readonly holder: Holder;
    readonly since: string;
    readonly at: string;
  }[];
  /** How many there are: the list above has the latest hundred, as has that of the probes. */
  readonly timedOutCount: number;
  readonly probes: readonly {
    readonly target: string;
    readonly state: 'up' | 'unready' | 'down' | 'misconfigured' | null;
    readonly detail: string | null;
    readonly waiting: number;
    readonly since: string;
    readonly tries: number;
    readonly triedAt: string | null;
  }[];
  readonly probesCount: number;
}
