// One seed: the real core, replica, deadlines and polls, with clients, network, log, clock and the deaths of servers all made
// up. After every moment all invariants are looked at; then the faults stop, and everything must become live again.

import { stateFaults, Watch } from '../../src/core/invariants.ts';
import type { Change } from '../../src/core/rows.ts';
import { State } from '../../src/core/state.ts';
import { Polls } from '../../src/replica/polls.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Waits } from '../../src/replica/waits.ts';
import { Administrator, admin } from './administrators.ts';
import type { Instant } from './audit.ts';
import { Audit } from './audit.ts';
import type { World } from './clients.ts';
import { Client, pipeline } from './clients.ts';
import { Door } from './door.ts';
import { difference, dump, queueFaults } from './dump.ts';
import type { Decided } from './faulty-log.ts';
import { Disk, FaultyLog } from './faulty-log.ts';
import { MeetAudit } from './meet-audit.ts';
import type { Faults, Profile } from './profile.ts';
import { drawProfile, noFaults } from './profile.ts';
import { Fingerprint, Random } from './random.ts';
import { Several } from './several.ts';
import { microtasksDone, Timeline, VirtualClock } from './virtual-clock.ts';
import { Wire } from './wire.ts';

export interface Options {
  readonly seed: number;
  /** Things that happen before the faults stop. */
  readonly steps: number;
  /** One server, or several on one store; by the seed where nothing is said. */
  readonly servers?: 'one' | 'several';
  /** Told what happens, for a person who looks for a fault. */
  readonly trace?: (line: string) => void;
}

export interface Result {
  readonly seed: number;
  /** What was found; empty when all is well. */
  readonly faults: readonly string[];
  readonly steps: number;
  readonly fingerprint: string;
  /** How often what happened, so that a simulation in which nothing happens is seen. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Something that happens once in so many moments, by chance: a look at a state that is made anew from the rows. */
const rebuildOnceIn = 800;
/** How long after trouble deadlines and grants may be late. */
const settlingMs = 400;
const lateMs = 250;
/** How long after a log has taken too long its server finds that it does not answer. */
const foundAwayMs = 1_000;
/** An expiry that there was no room for is proposed again after this long. */
const proposedAgainMs = 1_000;

/** No client waits for longer in one request. */
const longestWaitMs = 15_000;

interface Life {
  readonly clock: VirtualClock;
  readonly log: FaultyLog;
  readonly replica: Replica;
  readonly polls: Polls;
  readonly waits: Waits;
  readonly door: Door;
  readonly state: State;
  readonly connections: Set<() => void>;
  readonly mayBeCutOff: () => boolean;
  /** It takes no new requests. */
  isStopping: boolean;
}

class Simulation implements World {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly profile: Profile;
  readonly audit: Audit;
  readonly meet: MeetAudit;
  readonly wire: Wire;
  readonly #options: Options;
  readonly #disk = new Disk();
  readonly #watch = new Watch();
  readonly #fingerprint = new Fingerprint();
  readonly #counts = new Map<string, number>();
  stopping = false;
  #faults: Faults;
  #life: Life | null = null;
  #opening: { clock: VirtualClock; log: FaultyLog } | null = null;
  #diedAt = 0;
  #troubledAt = 0;
  #stateChanged = true;
  #beforeFailure: { dump: string; state: State } | null = null;
  #ids = 0;
  #sets = 0;
  active = 0;
  #checkedAt = 0;
  #wasAway = false;
  /** Served times at which a server could find that its log does not answer. */
  readonly #outages: number[] = [];

  constructor(options: Options) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.timeline = new Timeline(this.random);
    this.profile = drawProfile(this.random);
    this.#faults = this.profile.faults;
    this.timeline.isServed = () => this.#serves();
    this.audit = new Audit(this.profile.settings.graceMs, 0, (since) => this.#allowedSince(since));
    this.meet = new MeetAudit(
      this.audit,
      () => this.#life?.state ?? null,
      () => this.timeline.now,
    );
    this.wire = new Wire(
      this.timeline,
      this.audit,
      () => (this.#life?.isStopping === false ? this.#life : null),
      () => this.#faults,
    );
    this.wire.onReply = (what, reply) => {
      this.#count(`${what} ${reply === null ? 'unanswered' : reply.code}`);
      this.#fingerprint.text(`${what} ${reply?.code} ${reply?.lease?.id} ${reply?.lease?.state}`);
      this.#trace(
        () => `  ${what}: ${reply?.code ?? 'no answer'} ${reply?.lease?.id ?? ''} ${reply?.lease?.state ?? ''}`,
      );
    };
    this.#disk.onKept = (decided) => this.#kept(decided);
  }

  newId(): string {
    return `ls_${++this.#ids}`;
  }

  nextSet(): number {
    return ++this.#sets;
  }

  async run(): Promise<Result> {
    this.#startServer();
    const clients = Array.from({ length: this.profile.clients }, (_, i) => new Client(this, pipeline(i), i));
    const administrator = new Administrator(this, new Client(this, admin));
    for (const client of clients) this.#alive(client.run());
    this.#alive(administrator.run());
    this.#misfortunes();
    let steps = 0;
    try {
      for (; steps < this.#options.steps && this.#isWell(); steps++) await this.#step();
      if (this.#isWell()) {
        this.#calm();
        void this.#alive(administrator.drain(() => this.#life?.state ?? null));
        for (; this.active > 0 && this.#isWell(); steps++) await this.#step();
        // Of a client that has gone the server may hear late; until then it keeps its wait.
        const patience = this.timeline.now + longestWaitMs;
        while ((this.#life?.waits.count ?? 0) > 0 && this.timeline.now < patience && this.#isWell()) await this.#step();
        if (this.random.chance(0.1)) await this.#forgetEverything();
        this.#leftoverFaults();
      }
    } catch (error) {
      this.audit.faults.push(`thrown: ${(error as Error).stack}`);
    }
    this.#count('grants', this.audit.grants);
    for (const [what, count] of this.meet.counts) this.#count(what, count);
    for (const [how, count] of this.audit.ends) this.#count(`end ${how}`, count);
    return {
      seed: this.#options.seed,
      faults: this.audit.faults,
      steps,
      fingerprint: this.#fingerprint.value,
      counts: Object.fromEntries(this.#counts),
    };
  }

  // --- the course of events

  async #step(): Promise<void> {
    if (!this.timeline.step()) throw new Error('nothing is left to happen');
    this.#fingerprint.number(this.timeline.now);
    await microtasksDone();
    if (this.#beforeFailure !== null) this.#compareUndone();
    const life = this.#life;
    if (life !== null && life.replica.broken !== null) this.#die('the store has failed');
    if (this.timeline.isMomentOver) this.#look();
  }

  #isWell(): boolean {
    return this.audit.faults.length === 0;
  }

  async #alive(work: Promise<void>): Promise<void> {
    this.active++;
    try {
      await work;
    } catch (error) {
      this.audit.faults.push(`thrown: ${(error as Error).stack}`);
    } finally {
      this.active--;
    }
  }

  #startServer(): void {
    const clock = new VirtualClock(this.timeline);
    const log = new FaultyLog(this.#disk, clock, this.timeline, () => this.#faults.log);
    this.timeline.lose(this.timeline.now - this.#diedAt);
    this.#opening = { clock, log };
    let state: State | null = null;
    log.onDecided = (draft) => {
      if (draft.events.some((event) => event.kind === 'server.started')) this.audit.serverStarted(this.#now());
      const leases = draft.changes.filter((change) => change.kind === 'lease');
      return new Map(leases.map(({ id }) => [id, (this.audit.facts.get(id)?.contacts.size ?? 0) > 0]));
    };
    log.onTurn = (fate) => {
      if (this.#beforeFailure !== null) this.#compareUndone();
      this.#stateChanged = true;
      if (fate === 'durable' || state === null) return;
      this.#beforeFailure = { dump: dump(state, this.profile.exactQueue), state };
    };
    log.onBroken = (how) => this.audit.faults.push(how);
    log.onFailed = (fate) => {
      this.#count(`log ${fate}`);
      this.#trace(() => `a turn is not kept: ${fate}`);
      if (fate === 'full') this.meet.takenBack();
    };
    const options = {
      ...{ log, clock, settings: this.profile.settings, historyMs: 1e9, startFacts: {} },
      ids: { lease: () => this.newId(), turn: () => `turn_${++this.#ids}` },
    };
    Replica.open(options).then(
      async (replica) => {
        state = await replica.look((it) => it);
        this.#serverIsUp(clock, log, replica, state);
      },
      () => {
        if (!clock.isDead) this.#die('it could not start');
      },
    );
  }

  #serverIsUp(clock: VirtualClock, log: FaultyLog, replica: Replica, state: State): void {
    if (clock.isDead) return;
    const polls = new Polls(replica, clock);
    const waits = new Waits(replica, clock, this.profile.maxConditions);
    const door = new Door({ replica, polls, waits, log }, this.audit, this.meet, () => this.#now());
    replica.onTurn((turn) => {
      for (const fault of this.#watch.faults(turn)) this.audit.faults.push(fault);
    });
    this.#opening = null;
    const mayBeCutOff = (): boolean => log.hangs;
    const connections = new Set<() => void>();
    this.#life = { clock, log, replica, polls, waits, door, state, connections, mayBeCutOff, isStopping: false };
    this.#troubledAt = this.timeline.now;
    this.#trace(() => 'the server is up');
  }

  #die(why: string): void {
    const dying = this.#life ?? this.#opening;
    if (dying === null) return;
    this.#trace(() => `the server dies: ${why}`);
    this.#count('deaths');
    if (this.#life !== null && !this.#life.log.isWriting && this.#life.replica.broken === null)
      this.#compareRebuilt(this.#life.state);
    this.timeline.lose(-Math.max(0, dying.clock.stalledUntil - this.timeline.now));
    dying.clock.isDead = true;
    dying.log.die();
    this.#beforeFailure = null;
    const connections = this.#life?.connections ?? [];
    this.meet.serverGone();
    this.#life = null;
    this.#opening = null;
    this.#diedAt = this.timeline.now;
    for (const cut of connections) cut();
    this.timeline.after(this.random.between(1, this.stopping ? 50 : 5_000), () => this.#startServer());
  }

  /** The server stops as it should: everybody is answered, what has been asked is decided, the log is closed. */
  #stop(): void {
    const life = this.#life;
    if (life === null || life.isStopping) return;
    this.#trace(() => 'the server stops');
    this.#count('stops');
    life.isStopping = true;
    life.door.isStopping = true;
    life.polls.stop();
    life.waits.stop();
    life.log.willClose();
    life.replica.close().then(
      () => {
        if (this.#life === life) this.#die('it has stopped');
      },
      (error) => this.audit.faults.push(`thrown by close: ${(error as Error).stack}`),
    );
  }

  /** Deaths, stalls and jumps of the wall clock, until the faults stop. */
  #misfortunes(): void {
    const each = (perSecond: () => number, happen: () => void): void => {
      const next = (): void => {
        const mean = 1_000 / Math.max(perSecond(), 1e-9);
        if (perSecond() === 0) return;
        this.timeline.after(-Math.log(1 - this.random.next()) * mean, () => {
          if (this.stopping) return;
          happen();
          next();
        });
      };
      next();
    };
    each(
      () => this.#faults.deaths,
      () => {
        // A signal is heard by a server that is awake.
        if (this.random.chance(0.3)) this.#life?.clock.after(0, () => this.#stop());
        else this.#die('by chance');
      },
    );
    each(
      () => this.#faults.wallJumps,
      () => {
        this.timeline.wallOffset += this.random.between(-3_600_000, 3_600_000);
      },
    );
    each(
      () => this.#faults.stalls,
      () => {
        const clock = this.#life?.clock;
        if (clock === undefined) return;
        this.#count('stalls');
        const milliseconds = this.random.weighted([
          [3, this.random.between(20, 400)],
          [2, this.random.between(400, 8_000)],
        ]);
        this.#trace(() => `the server is stalled for ${milliseconds} ms`);
        this.timeline.stall(clock, milliseconds);
      },
    );
  }

  #calm(): void {
    this.#trace(() => 'the faults stop');
    this.stopping = true;
    this.#faults = noFaults;
  }

  /** Long after the last job nothing is kept any more. */
  async #forgetEverything(): Promise<void> {
    const until = this.timeline.now + this.profile.settings.retentionMs + 3_000;
    while (this.timeline.now < until && this.#isWell()) await this.#step();
    for (const lease of this.audit.leases.values())
      this.audit.faults.push(`${lease.id} is still kept, long after its end`);
  }

  /** Log time stands still while the log does not answer; a stall is taken off by itself. */
  #serves(): boolean {
    const life = this.#life;
    if (life === null || life.clock.stalledUntil > this.timeline.now) return true;
    const isAway = life.replica.isAway;
    if (isAway && !this.#wasAway) {
      this.#count('log hangs');
      this.#outages.push(this.timeline.served);
    }
    this.#wasAway = isAway;
    return !isAway;
  }

  /** It goes on until the server finds that. */
  #allowedSince(served: number): number {
    return this.#outages.filter((outage) => outage >= served).length * foundAwayMs;
  }

  // --- what must hold

  #kept(decided: Decided): void {
    this.#fingerprint.number(decided.draft.seq);
    this.#count('turns');
    this.#trace(
      () =>
        `turn ${decided.draft.prev}..${decided.draft.seq} tick ${decided.draft.tick}: ${decided.draft.changes.map(told).join(', ')}`,
    );
    this.audit.kept(decided);
    this.meet.kept(decided);
  }

  /** Between two moments: the state by itself, and the state against what the outside knows. */
  #look(): void {
    const life = this.#life;
    const { now } = this.timeline;
    if (life === null) {
      this.#troubledAt = now;
      return;
    }
    const { log, state, replica, waits, door, clock } = life;
    const stalled = clock.stalledUntil > now;
    if (stalled || this.#disk.full) this.#troubledAt = now;
    this.#troubledAt = Math.max(this.#troubledAt, log.troubledAt, log.exhaustedAt + proposedAgainMs);
    // In the moment in which it was refused: the next turn may take long.
    for (const what of door.refusedForRoom.splice(0)) {
      if (now - log.exhaustedAt > 50) this.audit.faults.push(`L14: there was no room for the ${what}`);
    }
    // Nothing runs in a server that is stalled; to ask it for the time would let its log time go on.
    if (log.isWriting || stalled || life.isStopping) return;
    const healthy = now - this.#troubledAt > settlingMs;
    if (this.#stateChanged || now - this.#checkedAt > lateMs) {
      this.#stateChanged = false;
      this.#checkedAt = now;
      const tick = replica.look((_, moment) => moment.tick) as number;
      for (const fault of stateFaults(state, tick, { deadlineMs: healthy ? lateMs : Number.POSITIVE_INFINITY })) {
        if (healthy || !fault.startsWith('L8')) this.audit.faults.push(fault);
      }
      for (const fault of queueFaults(state)) this.audit.faults.push(fault);
      this.#presenceFaults(life, healthy);
    }
    this.meet.look();
    if (waits.count !== this.meet.waits.size)
      this.audit.faults.push(`S2: the server has ${waits.count} waits, ${this.meet.waits.size} are not answered`);
    for (const { id, after } of door.openPolls) {
      const lease = state.leases.get(id);
      if (after !== null || lease === undefined || lease.state === 'waiting') continue;
      this.audit.faults.push(`L8: the poll for ${id} was not answered when it became ${lease.state}`);
    }
    if (this.random.below(rebuildOnceIn) === 0) this.#compareRebuilt(state);
  }

  /** L9: who is on the line counts as present, who is not does not, and nobody who is gone keeps anything beyond the grace. */
  #presenceFaults({ state }: Life, healthy: boolean): void {
    const { served, stalls } = this.timeline;
    const { graceMs } = this.profile.settings;
    const overdue = (since: Instant): boolean =>
      served - since.served > graceMs + lateMs + 200 * (stalls - since.stalls);
    for (const id of state.waiting) {
      const presence = state.presence.get(id);
      const facts = this.audit.facts.get(id);
      if (presence === undefined) this.audit.faults.push(`L9: nobody knows whether the client of ${id} is there`);
      if (facts === undefined || facts.contacts.size > 0) continue;
      if (presence?.open === true)
        this.audit.faults.push(`L9: ${id} counts as present, and nobody is on the line for it`);
      if (healthy && overdue(facts.contactEnd))
        this.audit.faults.push(`L9: ${id} still waits, and its client has been gone for longer than the grace`);
    }
    if (!healthy) return;
    for (const [id, { notSent, heardOf }] of this.audit.facts) {
      if (notSent === null || heardOf || !overdue(notSent) || this.audit.leases.get(id)?.state !== 'held') continue;
      this.audit.faults.push(`L9: ${id} is held, and nobody ever learnt of it`);
    }
  }

  /** A turn that was not kept has left nothing behind. */
  #compareUndone(): void {
    const before = this.#beforeFailure;
    this.#beforeFailure = null;
    if (before === null || this.#life?.state !== before.state || this.#life.log.isWriting) return;
    const different = difference(before.dump, dump(before.state, this.profile.exactQueue));
    if (different !== null) this.audit.faults.push(`a turn was taken back and left something behind:${different}`);
  }

  /** The state is a function of its rows: who is set aside, too. */
  #compareRebuilt(state: State): void {
    const contents = this.#disk.contents();
    const anew = new State(this.profile.settings);
    anew.load(contents.rows as readonly Change[], contents.seq, contents.epoch);
    const different = difference(dump(state, this.profile.exactQueue), dump(anew, this.profile.exactQueue));
    if (different !== null) this.audit.faults.push(`the rows make another state than the one that lived:${different}`);
  }

  #leftoverFaults(): void {
    const life = this.#life;
    if (life === null || !this.#isWell()) return;
    const { state, polls, waits, door, log } = life;
    if (door.openPolls.size > 0 || polls.count > 0)
      this.audit.faults.push(`${door.openPolls.size} polls are open after everybody has left`);
    if (waits.count > 0) this.audit.faults.push(`${waits.count} waits are open after everybody has left`);
    if (state.presence.size > 0)
      this.audit.faults.push(`presence is remembered of ${[...state.presence.keys()].join(' ')}`);
    if (state.unsent.size > 0)
      this.audit.faults.push(`replies that were not sent are remembered of ${[...state.unsent.keys()].join(' ')}`);
    if (!log.isWriting) this.#compareRebuilt(state);
  }

  #now(): Instant {
    return { now: this.timeline.now, served: this.timeline.served, stalls: this.timeline.stalls };
  }

  #count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  #trace(line: () => string): void {
    this.#options.trace?.(`${this.timeline.now.toFixed(1).padStart(10)} ${line()}`);
  }
}

function told(change: Change): string {
  if (change.row === null) return `${change.id} gone`;
  return change.kind === 'lease'
    ? `${change.id} ${change.row.state}${change.row.end === null ? '' : ` (${change.row.end.how})`}`
    : `${change.kind} ${change.id}`;
}

/** Three of ten seeds have several servers on one store; they live longer, as it takes time to miss one. */
export function simulate(options: Options): Promise<Result> {
  const { seed, steps, servers } = options;
  const isSeveral = servers === undefined ? seed % 10 >= 7 : servers === 'several';
  return isSeveral ? new Several({ ...options, steps: 4 * steps }).run() : new Simulation(options).run();
}
