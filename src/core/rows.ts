// The rows of a space: everything that Signalbox knows, as plain data. A row is never changed in place; a change puts a new
// row in the old one's stead, so that a turn can be undone and a row can be shown while the next turn is under way.
//
// Two kinds of time stand in rows. `…Tick` is log time in milliseconds: it counts only while a server runs and never goes
// back, and every decision is made by it (semantics: holding). `…At` is wall time in milliseconds since 1970: for people only.

/** The instant of a turn: log time for decisions, wall time for display. */
export interface Moment {
  readonly tick: number;
  readonly at: number;
}

export type Labels = Readonly<Record<string, string>>;

export interface NamedWant {
  readonly environment: string;
}

export interface LabelWant {
  readonly labels: Labels;
  /** How many different environments that carry all of these labels. */
  readonly count: number;
}

/** One part of a request: an environment by name, or any `count` environments by label. */
export type Want = NamedWant | LabelWant;

export type EnvironmentState = 'open' | 'draining' | 'frozen';

export interface DirtySlot {
  readonly lease: string;
  readonly sinceAt: number;
  readonly reason: string;
}

export interface EnvironmentRow {
  readonly name: string;
  readonly seq: number;
  readonly capacity: number;
  readonly labels: Labels;
  readonly description: string;
  readonly state: EnvironmentState;
  readonly stateReason: string | null;
  readonly stateBy: string | null;
  readonly stateAt: number | null;
  /** Wall time at which a freeze or a drain ends by itself; a date that a person chose, so wall time decides it. */
  readonly stateUntil: number | null;
  /** Whether somebody configured it; one that was only made at first use goes again when it is not used. */
  readonly declared: boolean;
  readonly onExpire: 'free' | 'hold';
  readonly ttlMs: number | null;
  readonly maxHoldMs: number | null;
  /** Slots whose holder went without releasing, kept until somebody cleans them (onExpire: hold). */
  readonly dirty: readonly DirtySlot[];
  readonly createdAt: number;
  readonly createdBy: string;
  /** Log time since which it is known to be unused; leases that are still kept may be younger. */
  readonly idleTick: number;
}

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
  | 'environment_draining';

export interface Holder {
  readonly name: string | null;
  readonly url: string | null;
  readonly ref: string | null;
}

/** Which door a lease came through: the API, or the dialect of an older system. */
export type Via = 'v1' | 'releasestatus' | 'call-me';

export interface LeaseRow {
  readonly id: string;
  readonly seq: number;
  readonly state: LeaseState;
  readonly wants: readonly Want[];
  /** Environments by name, in the order of `wants`; empty unless it is or was held. */
  readonly granted: readonly string[];
  readonly holder: Holder;
  readonly reason: string | null;
  readonly priority: number;
  /** A thief's request stands before every other (semantics: taking away). */
  readonly ahead: boolean;
  /** Globs that limit which environments a label may match, from the key that asked; null = all. */
  readonly globs: readonly string[] | null;
  /** Identity that asked; it may renew, release and collect. */
  readonly owner: string;
  /** The owner's name for people. */
  readonly by: string;
  readonly via: Via;
  readonly idempotency: { readonly key: string; readonly route: string; readonly hash: string } | null;
  readonly ttlMs: number | null;
  readonly queueMs: number | null;
  readonly maxHoldMs: number | null;
  /** Seq of the change that queued it: arrival order. */
  readonly order: number;
  readonly fence: number | null;
  readonly queuedAt: number;
  readonly queuedTick: number;
  readonly grantedAt: number | null;
  readonly grantedTick: number | null;
  /** Seq of the last acknowledged renewal (or of the grant): an expiry names it, and is void once it is no longer the last. */
  readonly renewal: number;
  /** Log time at which the ttl ends; null without ttl or while waiting. */
  readonly ttlTick: number | null;
  /** Whether a restart has already granted extra time since the last renewal. */
  readonly resumed: boolean;
  /** The grant is known to have reached its client; kept only for leases without ttl, which nothing else would end. */
  readonly collected: boolean;
  readonly revoking: {
    readonly by: string;
    readonly reason: string;
    readonly at: number;
    readonly steal: boolean;
  } | null;
  readonly endedAt: number | null;
  readonly endedTick: number | null;
  readonly end: { readonly how: EndHow; readonly by: string; readonly reason: string | null } | null;
}

export interface FreezeRow {
  readonly name: string;
  readonly seq: number;
  /** Environments that carry all of these are frozen, later ones too; empty = every environment. */
  readonly labels: Labels;
  readonly reason: string;
  readonly by: string;
  readonly at: number;
  readonly until: number | null;
}

export interface KeyRow {
  readonly id: string;
  readonly seq: number;
  readonly name: string;
  /** SHA-256 of the secret part, hex. The secret itself is shown once and never kept. */
  readonly hash: string;
  /** `scope` or `scope:glob`, as given. */
  readonly scopes: readonly string[];
  readonly maxPriority: number;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
}

export interface Rows {
  environment: EnvironmentRow;
  lease: LeaseRow;
  freeze: FreezeRow;
  key: KeyRow;
}
export type Kind = keyof Rows;

/** One row put (`row`) or deleted (`row: null`). Every change has the next seq of its space. */
export type Change = {
  [K in Kind]: { readonly kind: K; readonly id: string; readonly seq: number; readonly row: Rows[K] | null };
}[Kind];

/** What happened, for the history. `subject` is what it is about (mostly an environment's name), `actor` who did it. */
export interface EventRecord {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly subject: string;
  readonly actor: string;
  readonly data: Readonly<Record<string, unknown>>;
}
