// The state of a space: its rows, and indexes over them. What always holds: the state is a function of its rows, `apply` is
// the only thing that changes them, and applying the opposite of a change takes it back (so a turn can be undone).
//
// Beside the rows stands what is true only for this run of the servers and is never written: who is on the line now
// (`presence`), and which grants are known not to have reached their client (`unsent`).

import { Queue } from './queue/queue.ts';
import type {
  BarrierRow,
  BuildRow,
  Change,
  EnvironmentRow,
  FreezeRow,
  ImageRow,
  InstanceRow,
  JobRow,
  KeyRow,
  Kind,
  LeaseRow,
  PoolRow,
  Rows,
  ServerRow,
  SignalRow,
  SpaceRow,
  Want,
} from './rows.ts';
import { labelsMatch, selectorText } from './selectors.ts';

export interface Settings {
  /** Names that nobody declared are refused instead of made at first use. */
  readonly declaredOnly: boolean;
  /** How long a waiting client may be gone before it loses its place. */
  readonly graceMs: number;
  /** How long ended leases, and with them idempotency keys, are kept. At least 24 h. */
  readonly retentionMs: number;
  /** How long an environment that was made by first use outlives its last lease. */
  readonly unusedMs: number;
  readonly maxWaitingPerLine: number;
  readonly maxWaiting: number;
  readonly maxEnvironments: number;
  readonly maxKeys: number;
  /** Whether somebody has all rights without a key of the store, so that the first of these may be any. */
  readonly hasAdminElsewhere: boolean;
  readonly maxFreezes: number;
  readonly maxSignals: number;
  /** Bytes of the payloads of all signals. */
  readonly maxSignalBytes: number;
  readonly maxBuilds: number;
  /** Machines in all, however many are asked for at once. */
  readonly maxInstances: number;
  /** Failed tries after which a job is given up. */
  readonly maxTries: number;
  /** Builds and ends of machines come to their workers through Redis. */
  readonly jobsThroughRedis: boolean;
  readonly maxPools: number;
  readonly maxImages: number;
  /** How long after the last launch of a build its machines may fetch their init script. */
  readonly scriptMs: number;
  /** How long after a look at what the driver lists the next one is due. */
  readonly lookEveryMs: number;
  /** Who is told of machines and builds, and of which events. */
  readonly sinks: readonly Sink[];
  readonly maxSpaces: number;
  readonly maxBarriers: number;
  /** Parties of all barriers: each has a name that is kept, and may have a thousand. */
  readonly maxParties: number;
  /** Units that a search for an exchange of set-aside slots visits at most. */
  readonly searchBound: number;
}

export interface Sink {
  readonly name: string;
  readonly events: readonly string[];
}

const day = 24 * 60 * 60 * 1000;

export const defaultSettings: Settings = {
  declaredOnly: false,
  graceMs: 60_000,
  retentionMs: day,
  unusedMs: 7 * day,
  maxWaitingPerLine: 10_000,
  maxWaiting: 100_000,
  maxEnvironments: 100_000,
  maxKeys: 10_000,
  hasAdminElsewhere: true,
  maxFreezes: 1_000,
  maxSignals: 100_000,
  maxSignalBytes: 128 * 1024 * 1024,
  maxBuilds: 10_000,
  maxInstances: 1_000,
  // With pauses of a minute at most: longer than a cloud is away.
  maxTries: 100,
  jobsThroughRedis: false,
  maxPools: 1_000,
  maxImages: 10_000,
  scriptMs: 600_000,
  // What vanished must have left within a minute (B5).
  lookEveryMs: 20_000,
  sinks: [],
  maxSpaces: 10_000,
  maxBarriers: 50_000,
  maxParties: 500_000,
  searchBound: 256,
};

/** Contact of the client of a waiting lease: on the line, or gone since a log time. */
export interface Presence {
  readonly open: boolean;
  readonly sinceTick: number;
}

/** Holds that are remembered per environment, for the estimate of how long the next will take. */
const holdsRemembered = 20;

export class State {
  readonly settings: Settings;
  /** Seq of the last change or event that was applied. */
  seq = 0;
  epoch = 0;
  readonly environments = new Map<string, EnvironmentRow>();
  readonly leases = new Map<string, LeaseRow>();
  readonly freezes = new Map<string, FreezeRow>();
  readonly keys = new Map<string, KeyRow>();
  readonly signals = new Map<string, SignalRow>();
  /** By `barrierId`. */
  readonly barriers = new Map<string, BarrierRow>();
  readonly builds = new Map<string, BuildRow>();
  readonly instances = new Map<string, InstanceRow>();
  readonly jobs = new Map<string, JobRow>();
  readonly pools = new Map<string, PoolRow>();
  readonly images = new Map<string, ImageRow>();
  /** The spaces beside `main`; only `main` has any. */
  readonly spaces = new Map<string, SpaceRow>();
  /** The servers that share the store; empty where there is only one. */
  readonly servers = new Map<string, ServerRow>();
  /** Which of them this is; null where there is only one. */
  server: string | null = null;
  /** Bytes of the payloads of all signals. */
  signalBytes = 0;
  /** Parties of all barriers, whether they have come or not. */
  parties = 0;

  readonly queue: Queue;
  /** Ids of held leases by environment, in the order of their grants. */
  readonly holders = new Map<string, Set<string>>();
  readonly waiting = new Set<string>();
  /** Ids of ended leases, oldest end first. */
  readonly ended = new Set<string>();
  /**
   * By lease, from the ask to the end of it (not of held leases that a restart has found: only waiting ones need it). Its end
   * must be durable: a turn that is taken back may make it wait again.
   */
  readonly presence = new Map<string, Presence>();
  readonly unsent = new Map<string, number>();
  /** Grants that are known to have reached their client, so that another reply that gets lost says nothing any more. */
  readonly arrived = new Set<string>();
  readonly #byIdempotency = new Map<string, string>();
  readonly #holds = new Map<string, number[]>();
  /** Log time at which the last lease of an environment ended. */
  readonly #freed = new Map<string, number>();
  /** Seq of the last change in each line, so that a waiter can ask to be told when its place moves. */
  readonly #moved = new Map<string, number>();

  /** Rows without any index over them. */
  readonly #plain = {
    ...{ key: this.keys, server: this.servers, space: this.spaces },
    ...{ build: this.builds, instance: this.instances, job: this.jobs },
    ...{ pool: this.pools, image: this.images },
  };
  readonly #rows = {
    ...this.#plain,
    ...{ lease: this.leases, environment: this.environments, freeze: this.freezes },
    ...{ signal: this.signals, barrier: this.barriers },
  };

  constructor(settings: Settings = defaultSettings) {
    this.settings = settings;
    this.queue = new Queue(settings.searchBound);
  }

  /** Takes over the rows of a store. Environments first, holders next, then waiters, so that nothing is set aside twice. */
  load(rows: readonly Change[], seq: number, epoch: number): void {
    this.epoch = epoch;
    const stage = (change: Change): number => {
      if (change.kind === 'freeze') return 0;
      if (change.kind === 'environment') return 1;
      return change.kind === 'lease' && change.row?.state === 'waiting' ? 3 : 2;
    };
    const arrival = (change: Change): number =>
      change.kind === 'lease'
        ? (change.row?.endedTick ?? change.row?.fence ?? change.row?.order ?? change.seq)
        : change.seq;
    for (const change of rows.toSorted((a, b) => stage(a) - stage(b) || arrival(a) - arrival(b))) {
      this.apply(change);
      if (change.kind === 'lease' && change.row?.end != null) this.#rememberHold(change.row);
    }
    this.seq = seq;
  }

  /** Puts or deletes one row and keeps every index in step with it. */
  apply(change: Change): void {
    this.seq = Math.max(this.seq, change.seq);
    switch (change.kind) {
      case 'lease':
        this.#applyLease(change.id, change.row, change.seq);
        break;
      case 'environment':
        this.#applyEnvironment(change.id, change.row);
        break;
      case 'freeze':
        this.#applyFreeze(change.id, change.row);
        break;
      case 'signal':
        this.#applySignal(change.id, change.row);
        break;
      case 'barrier':
        this.#applyBarrier(change.id, change.row);
        break;
      default: {
        const rows = this.#plain[change.kind] as Map<string, Rows[typeof change.kind]>;
        if (change.row === null) rows.delete(change.id);
        else rows.set(change.id, change.row);
      }
    }
  }

  row<K extends Kind>(kind: K, id: string): Rows[K] | undefined {
    return (this.#rows[kind] as unknown as ReadonlyMap<string, Rows[K]>).get(id);
  }

  /** Names of the freezes by selector that hold this environment. */
  frozenBy(environment: EnvironmentRow): string[] {
    const names: string[] = [];
    for (const freeze of this.freezes.values())
      if (labelsMatch(freeze.labels, environment.labels)) names.push(freeze.name);
    return names;
  }

  heldBy(environment: string): LeaseRow[] {
    return Array.from(this.holders.get(environment) ?? [], (id) => this.leases.get(id) as LeaseRow);
  }

  leaseOfIdempotencyKey(owner: string, route: string, key: string): LeaseRow | undefined {
    const id = this.#byIdempotency.get(idempotencyIndex(owner, route, key));
    return id === undefined ? undefined : this.leases.get(id);
  }

  /** How long an environment is held, typically (the median of the last holds), in milliseconds; null while unknown. */
  typicalHoldMs(environment: string): number | null {
    const holds = this.#holds.get(environment);
    if (holds === undefined) return null;
    return holds.toSorted((a, b) => a - b)[Math.floor(holds.length / 2)] as number;
  }

  /** Log time at which the last lease of an environment ended, as far as it is still kept. */
  lastEndTick(environment: string): number | undefined {
    return this.#freed.get(environment);
  }

  /** Seq at which a waiting lease last changed or its place in line may have. */
  movedSeq(lease: LeaseRow): number {
    let seq = lease.seq;
    if (lease.state === 'waiting')
      for (const want of lease.wants) seq = Math.max(seq, this.#moved.get(lineKey(want)) ?? 0);
    return seq;
  }

  /** Seq at which an environment, who holds it or who waits for it last changed. */
  environmentSeq(environment: EnvironmentRow): number {
    return Math.max(environment.seq, this.#moved.get(environment.name) ?? 0);
  }

  /** A lease has ended for good: who was on the line for it no longer matters. */
  forgetClient(id: string): void {
    this.presence.delete(id);
    this.unsent.delete(id);
    this.arrived.delete(id);
  }

  #applySignal(name: string, after: SignalRow | null): void {
    this.signalBytes += (after?.bytes ?? 0) - (this.signals.get(name)?.bytes ?? 0);
    if (after === null) this.signals.delete(name);
    else this.signals.set(name, after);
  }

  #applyBarrier(id: string, after: BarrierRow | null): void {
    this.parties += (after?.count ?? 0) - (this.barriers.get(id)?.count ?? 0);
    if (after === null) this.barriers.delete(id);
    else this.barriers.set(id, after);
  }

  #applyLease(id: string, after: LeaseRow | null, seq: number): void {
    const before = this.leases.get(id) ?? null;
    if (after === null) this.leases.delete(id);
    else this.leases.set(id, after);
    const was = phase(before);
    const is = phase(after);
    if (was === 'held' && is !== 'held') this.#unhold(before as LeaseRow, after);
    if (was === 'waiting' && is === 'held') this.queue.grant(id, (after as LeaseRow).granted);
    else if (was === 'waiting' && is !== 'waiting') this.queue.leave(id);
    else if (is === 'held' && was !== 'held') this.queue.occupy((after as LeaseRow).granted);
    if (was !== is) {
      if (is === 'waiting') this.#queueUp(after as LeaseRow);
      else this.waiting.delete(id);
      if (is === 'held') this.#hold(after as LeaseRow);
      if (is === 'ended') this.ended.add(id);
      else this.ended.delete(id);
      if (is === 'gone') this.forgetClient(id);
      this.#noteMove((after ?? before) as LeaseRow, seq);
    }
    const row = before ?? after;
    if (row?.idempotency != null && (before === null || after === null)) {
      const index = idempotencyIndex(row.owner, row.idempotency.route, row.idempotency.key);
      if (after === null) this.#byIdempotency.delete(index);
      else this.#byIdempotency.set(index, id);
    }
  }

  #queueUp(lease: LeaseRow): void {
    this.waiting.add(lease.id);
    const level = lease.ahead ? Number.POSITIVE_INFINITY : lease.priority;
    this.queue.arrive({ id: lease.id, level, order: lease.order, wants: lease.wants, globs: lease.globs });
  }

  #hold(lease: LeaseRow): void {
    for (const name of lease.granted) {
      const ids = this.holders.get(name);
      if (ids === undefined) this.holders.set(name, new Set([lease.id]));
      else ids.add(lease.id);
    }
  }

  #unhold(lease: LeaseRow, after: LeaseRow | null): void {
    for (const name of lease.granted) {
      const ids = this.holders.get(name);
      ids?.delete(lease.id);
      if (ids?.size === 0) this.holders.delete(name);
    }
    if (after !== null) this.#rememberHold(after);
    this.queue.vacate(lease.granted);
  }

  #rememberHold({ granted, grantedTick, endedTick }: LeaseRow): void {
    if (grantedTick === null || endedTick === null) return;
    for (const name of granted) {
      if (!this.environments.has(name)) continue;
      const holds = this.#holds.get(name) ?? [];
      this.#freed.set(name, endedTick);
      holds.push(endedTick - grantedTick);
      if (holds.length > holdsRemembered) holds.shift();
      this.#holds.set(name, holds);
    }
  }

  #noteMove(lease: LeaseRow, seq: number): void {
    for (const want of lease.wants) this.#moved.set(lineKey(want), seq);
    for (const name of lease.granted) this.#moved.set(name, seq);
  }

  #applyEnvironment(name: string, row: EnvironmentRow | null): void {
    if (row === null) {
      this.environments.delete(name);
      this.queue.removePlace(name);
      this.#moved.delete(name);
      this.#holds.delete(name);
      this.#freed.delete(name);
      return;
    }
    this.environments.set(name, row);
    const closed = row.state !== 'open' || (this.freezes.size > 0 && this.frozenBy(row).length > 0);
    this.queue.setPlace(name, { capacity: row.capacity, dirty: row.dirty.length, closed, labels: row.labels });
    this.#moved.set(name, row.seq);
  }

  #applyFreeze(name: string, row: FreezeRow | null): void {
    const before = this.freezes.get(name);
    if (row === null) this.freezes.delete(name);
    else this.freezes.set(name, row);
    for (const freeze of [before, row]) {
      if (freeze == null) continue;
      for (const place of this.queue.matching(freeze.labels, null)) {
        const environment = this.environments.get(place.name);
        if (environment !== undefined) this.#applyEnvironment(place.name, environment);
      }
    }
  }
}

type Phase = 'waiting' | 'held' | 'ended' | 'gone';

function phase(lease: LeaseRow | null): Phase {
  if (lease === null) return 'gone';
  return lease.state === 'waiting' || lease.state === 'held' ? lease.state : 'ended';
}

/** Length first, so that no choice of keys can make two callers meet. */
function idempotencyIndex(owner: string, route: string, key: string): string {
  return `${owner.length} ${owner} ${route} ${key}`;
}

function lineKey(want: Want): string {
  return 'environment' in want ? want.environment : `labels ${selectorText(want.labels)}`;
}
