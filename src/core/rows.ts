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
  /** The machine that it is; absent where it is none. `once`: it serves one lease. */
  readonly machine?: { readonly instance: string; readonly once: boolean };
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
  /** The server on which its client was on the line last; null where there is only one server. */
  readonly seat: string | null;
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

/** A named latch: set, perhaps with a payload, or failed with a reason; there is no row while it is not set. */
export interface SignalRow {
  readonly name: string;
  readonly seq: number;
  /** The payload, any JSON; null = none. */
  readonly data: unknown;
  /** Size of the payload as JSON in UTF-8. */
  readonly bytes: number;
  readonly failure: { readonly reason: string } | null;
  readonly by: string;
  readonly holder: Holder;
  readonly at: number;
  readonly ttlMs: number | null;
  /** Log time at which it ends by itself; null = only when it is cleared. */
  readonly ttlTick: number | null;
}

export type BarrierState = 'waiting' | 'open' | 'broken';

export interface Arrival {
  readonly party: string;
  readonly at: number;
  readonly by: string;
}

/** Where parties meet, once for each generation: it opens for all, or breaks for all, and stays so until it is forgotten. */
export interface BarrierRow {
  readonly name: string;
  readonly generation: string;
  readonly seq: number;
  readonly state: BarrierState;
  /** How many distinct parties must arrive. */
  readonly count: number;
  /** Who they are, where that was said; null = any `count` of them. */
  readonly names: readonly string[] | null;
  readonly arrivals: readonly Arrival[];
  /** How long it waits from the first arrival on. */
  readonly timeoutMs: number;
  readonly firstTick: number | null;
  readonly createdAt: number;
  readonly createdBy: string;
  /** Log time of the last arrival or change; one that nobody comes to goes in the end. */
  readonly idleTick: number;
  readonly endedAt: number | null;
  readonly endedTick: number | null;
  readonly end: {
    readonly how: 'opened' | 'failed' | 'timed_out' | 'cancelled';
    readonly by: string;
    readonly reason: string | null;
    /** Who has failed; it has not arrived, and is not missing. */
    readonly party: string | null;
  } | null;
}

/** One of several servers on one store. */
export interface ServerRow {
  readonly id: string;
  readonly seq: number;
  readonly startedAt: number;
  /** Log time at which it last said that it is there. */
  readonly aliveTick: number;
}

/** Text by name, for people and for later steps. */
export type Facts = Readonly<Record<string, string>>;

/** What machines are asked for; the words of the older system, which its users and their scripts know. */
export interface BuildSpec {
  readonly site: string;
  readonly env: string;
  readonly queue: string;
  readonly role: string;
  readonly instanceType: string;
  /** How many machines. */
  readonly count: number;
  /** null: the newest active one of the role. */
  readonly image: string | null;
  readonly nameTemplate: string | null;
  readonly subnet: string | null;
  readonly securityGroup: string | null;
  readonly slackChannel: string | null;
}

export interface BuildStep {
  /** `image`, `group`, `script`, or `launch 2/3`. */
  readonly name: string;
  readonly begunAt: number;
  /** null: it is under way, or was when its worker died. */
  readonly doneAt: number | null;
  /** What later steps, and people, need of it. */
  readonly facts: Facts;
}

/** One request for machines: a sequence of steps that is taken up again wherever it was left. */
export interface BuildRow {
  readonly id: string;
  readonly seq: number;
  readonly state: 'pending' | 'building' | 'started' | 'finished' | 'failed' | 'cancelled';
  readonly spec: BuildSpec;
  /** In the order in which they were begun. */
  readonly steps: readonly BuildStep[];
  /** Ids of its machines; as many as `spec.count`, from the beginning on (B2). */
  readonly instances: readonly string[];
  /** Log time until which its machines may fetch their init script; null: not yet, or they have none. */
  readonly scriptUntilTick: number | null;
  /** It is to end, and its machines with it. */
  readonly cancelling: { readonly by: string; readonly reason: string | null; readonly at: number } | null;
  readonly failure: { readonly step: string; readonly reason: string; readonly tries: number } | null;
  /** The pool that has asked for it. */
  readonly pool: string | null;
  readonly owner: string;
  readonly by: string;
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** Log time from which on it is kept for a while. */
  readonly endedTick: number | null;
}

/** A machine, from before anybody was asked for it until it is gone. */
export interface InstanceRow {
  readonly id: string;
  readonly seq: number;
  /** null: nobody here has asked for it, but it carries our tag. */
  readonly build: string | null;
  readonly state: 'planned' | 'launching' | 'running' | 'ready' | 'ending' | 'gone';
  /** By which the driver tells a repeated ask from another one; kept before it is asked (B1). */
  readonly token: string;
  /** Which of the driver's choices (types, subnets) is tried; each has a token of its own. */
  readonly choice: number;
  /** As the driver calls it; null until it has said so. */
  readonly cloudId: string | null;
  readonly facts: Facts;
  /** Looks in a row that did not find it, and the log time of the first of them. */
  readonly missed: { readonly looks: number; readonly sinceTick: number } | null;
  /** The pool it was built for, and its environment there while it is a member. */
  readonly pool: string | null;
  readonly environment: string | null;
  readonly by: string;
  readonly launchedTick: number | null;
  readonly launchedAt: number | null;
  readonly endedAt: number | null;
  readonly endedTick: number | null;
}

/** What a pool is to be: environments that are machines, made and ended as they are needed. */
export interface PoolSpec {
  /** What its environments carry, and what a lease asks for. */
  readonly labels: Labels;
  /** Machines that are there whether anybody wants one or not, and the most that there may be. */
  readonly min: number;
  readonly max: number;
  /** Machines that wait for the next lease, as long as `max` allows it. */
  readonly idle: number;
  /** How long one that nobody wants is kept beyond that. */
  readonly idleForMs: number;
  /** After how long a machine is taken out and ended, once nobody holds it; null: never. */
  readonly maxAgeMs: number | null;
  /** Whether a machine is ended after its first lease. */
  readonly once: boolean;
  /** When a machine becomes an environment: once it has said that it is finished, or as soon as it runs. */
  readonly readyWhen: 'finished' | 'started';
  /** How long after its launch a machine may take to say so, until it is ended as one that never will. */
  readonly readyWithinMs: number;
  readonly build: Omit<BuildSpec, 'count'>;
}

/** Who said it: somebody through the API, the file of the server, or the driver. */
export type Source = 'api' | 'file' | 'driver';

export interface PoolRow extends PoolSpec {
  readonly name: string;
  readonly seq: number;
  readonly source: Source;
  /** Log time before which nothing is built: its last build has failed. */
  readonly pausedUntilTick: number | null;
  readonly createdAt: number;
}

/** What machines are made from. */
export interface ImageRow {
  readonly id: string;
  readonly seq: number;
  readonly role: string | null;
  readonly name: string | null;
  /** Whether a build of its role that names no image may take it: the newest of these. */
  readonly isActive: boolean;
  /** As the driver says; `available` where nobody asked it. */
  readonly state: string;
  readonly createdAt: number;
  readonly source: Source;
}

/** What somebody outside is told of, once for each sink. */
export interface Notice {
  /** Name of the sink, from the server's settings. */
  readonly sink: string;
  /** As in the history: `instance.launched`. */
  readonly event: string;
  readonly build: string | null;
  /** Our id of the machine, and the driver's; null where it is about the build. */
  readonly instance: string | null;
  readonly cloudId: string | null;
  /** Where the build, or whoever asked, wants it told; null: where the sink says. */
  readonly channel: string | null;
  readonly reason: string | null;
  readonly at: number;
}

export interface LookReport {
  readonly at: number;
  /** How many machines of ours the driver lists. */
  readonly listed: number;
  /** Driver's ids of what was set right. */
  readonly adopted: readonly string[];
  readonly ending: readonly string[];
  readonly gone: readonly string[];
  /** What machines had shared and was removed. */
  readonly removed: readonly string[];
}

/** Something that a worker is to do outside. */
export interface JobRow {
  readonly id: string;
  readonly seq: number;
  /** Build or end a build; end a machine; hold what the driver lists against what is known; tell somebody of an event. */
  readonly kind: 'build' | 'terminate' | 'reconcile' | 'notify';
  /** Id of the build, or of the machine; of a look at the driver: ''. */
  readonly subject: string;
  /** What is to be told; null where nothing is. */
  readonly notice: Notice | null;
  /** What the last look at the driver has found; null before it, and of other jobs. */
  readonly report: LookReport | null;
  readonly state: 'waiting' | 'claimed' | 'dead';
  /** Tries that have failed. */
  readonly tries: number;
  /** Log time from which on it may be claimed. */
  readonly dueTick: number;
  /** `number` grows with each claim: whoever has an older one has lost the job. */
  readonly claim: { readonly worker: string; readonly number: number; readonly untilTick: number } | null;
  readonly claims: number;
  /** Log time at which it was put into Redis; null: not, or it is to be put there again. */
  readonly pushedTick: number | null;
  readonly error: string | null;
  readonly createdAt: number;
}

/** A team's own world. Stands in `main`; what the space holds is in a log of its own. `main` itself has no row. */
export interface SpaceRow {
  readonly id: string;
  readonly seq: number;
  readonly description: string;
  readonly createdAt: number;
  readonly createdBy: string;
  /** By which its store is known again; null until it was first opened. */
  readonly mark: string | null;
  /** It is not served; what is known of its store is kept, for when it is made again. */
  readonly removed: boolean;
  /** The highest epoch in which it was opened: a store that is behind it is a copy that was left behind. */
  readonly epoch: number;
}

export interface Rows {
  environment: EnvironmentRow;
  lease: LeaseRow;
  freeze: FreezeRow;
  key: KeyRow;
  signal: SignalRow;
  barrier: BarrierRow;
  server: ServerRow;
  space: SpaceRow;
  build: BuildRow;
  instance: InstanceRow;
  job: JobRow;
  pool: PoolRow;
  image: ImageRow;
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
