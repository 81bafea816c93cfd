// One seed with several servers on one store (one to three, each with its own clock): they die and stop, one or all are cut off
// from the store, and some stand still for so long that the others take them for gone. Clients go to whichever server they meet.
// What must hold of one server holds of each, and of what all of them together have written; whoever knows the same shows the same.

import { Watch } from '../../src/core/invariants.ts';
import type { Change, LeaseRow } from '../../src/core/rows.ts';
import { State } from '../../src/core/state.ts';
import type { Draft } from '../../src/log/log.ts';
import { takeOver } from '../../src/replica/learned.ts';
import { Polls } from '../../src/replica/polls.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Waits } from '../../src/replica/waits.ts';
import { Administrator, admin } from './administrators.ts';
import type { Instant } from './audit.ts';
import { Audit } from './audit.ts';
import type { World } from './clients.ts';
import { Client, pipeline } from './clients.ts';
import { Door } from './door.ts';
import type { Decided } from './faulty-log.ts';
import { MeetAudit } from './meet-audit.ts';
import type { Known } from './meet-facts.ts';
import { drawSeveral, type Faults, noFaults, type SeveralProfile } from './profile.ts';
import { Fingerprint, Random } from './random.ts';
import { Looks, type ServerLife } from './several-looks.ts';
import { noSharedFaults, SharedDisk, SharedLog } from './shared-log.ts';
import type { Options, Result } from './simulation.ts';
import { microtasksDone, Timeline, VirtualClock } from './virtual-clock.ts';
import { Wire } from './wire.ts';

/** No client waits for longer in one request. */
const longestWaitMs = 15_000;
/** How much of one stall log time may count (src/replica/clock.ts). */
const countedOfStallMs = 200;
/** By how much the log time of a server may be behind when a client hangs up there (src/replica/clock.ts). */
const behindMs = 10;
/** Each server that is well takes a turn at least so often. */
const betweenTurnsMs = 4_100;
/** Whoever has been on the line for so long at a server that is well counts as present everywhere. */
const firmAfterMs = 5_000;

export class Several implements World {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly profile: SeveralProfile;
  readonly audit: Audit;
  readonly meet: MeetAudit;
  readonly wire: Wire;
  readonly disk: SharedDisk;
  readonly lives = new Set<ServerLife>();
  /** A state that hears of each turn at once. */
  readonly observer: State;
  readonly #looks: Looks;
  readonly #watch = new Watch();
  readonly #options: Options;
  readonly #fingerprint = new Fingerprint();
  readonly #counts = new Map<string, number>();
  /** Log time that was counted without the help of the clock of the store, up to some served time. */
  readonly #blind: { readonly served: number; readonly ms: number }[] = [];
  #last: { readonly served: number; readonly wallOffset: number; readonly lost: number };
  stopping = false;
  active = 0;
  #faults: Faults;
  #ids = 0;
  #sets = 0;
  #born = 0;

  constructor(options: Options) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.timeline = new Timeline(this.random);
    this.timeline.isServed = () => [...this.lives].some((life) => this.#serves(life));
    this.profile = drawSeveral(this.random);
    this.#last = { served: 0, wallOffset: this.timeline.wallOffset, lost: 0 };
    this.#faults = this.profile.faults;
    this.audit = new Audit(this.profile.settings.graceMs, behindMs, (since) => this.#allowedSince(since));
    this.meet = new MeetAudit(
      this.audit,
      () => null,
      () => this.timeline.now,
    );
    this.observer = new State(this.profile.settings);
    this.disk = new SharedDisk(this.timeline, this.profile.turnsKept);
    this.disk.onKept = (decided) => this.#kept(decided);
    this.disk.onBroken = (how) => this.audit.faults.push(how);
    this.#looks = new Looks(this);
    this.disk.onTrouble = () => this.#looks.troubled();
    this.wire = new Wire(
      this.timeline,
      this.audit,
      () => this.#anyServer(),
      () => this.#faults,
    );
    this.wire.onReply = (what, reply) => {
      this.#count(`${what} ${reply === null ? 'unanswered' : reply.code}`);
      this.#fingerprint.text(`${what} ${reply?.code} ${reply?.lease?.id} ${reply?.lease?.state}`);
      this.trace(
        () => `  ${what}: ${reply?.code ?? 'no answer'} ${reply?.lease?.id ?? ''} ${reply?.lease?.state ?? ''}`,
      );
    };
  }

  newId(): string {
    return `ls_${++this.#ids}`;
  }

  nextSet(): number {
    return ++this.#sets;
  }

  async run(): Promise<Result> {
    for (let i = 0; i < this.profile.servers; i++)
      this.timeline.after(this.random.between(0, 500), () => this.#start());
    const clients = Array.from({ length: this.profile.clients }, (_, i) => new Client(this, pipeline(i), i));
    const administrator = new Administrator(this, new Client(this, admin));
    for (const client of clients) void this.#alive(client.run());
    void this.#alive(administrator.run());
    this.#misfortunes();
    let steps = 0;
    try {
      for (; steps < this.#options.steps && this.#isWell(); steps++) await this.#step();
      if (this.#isWell()) {
        this.trace(() => 'the faults stop');
        this.stopping = true;
        this.#faults = noFaults;
        void this.#alive(administrator.drain(() => this.observer));
        for (; this.active > 0 && this.#isWell(); steps++) await this.#step();
        const until = this.timeline.now + longestWaitMs + 2 * this.profile.settings.graceMs;
        while (this.timeline.now < until && !this.#looks.isQuiet && this.#isWell()) await this.#step();
        if (this.#isWell()) this.#looks.leftovers();
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
    for (const life of this.lives) if (life.replica?.broken != null) this.#die(life, 'the store has failed');
    if (this.timeline.isMomentOver) this.#looks.look();
  }

  /** Whether a holder could renew there. Log time is what was counted by whoever took the next turn, and counts nothing else. */
  #serves({ clock, stalledFrom, log }: ServerLife): boolean {
    const { now } = this.timeline;
    return !log.toldAway && (now < stalledFrom + countedOfStallMs || now >= clock.stalledUntil);
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

  #anyServer(): (ServerLife & { door: Door; replica: Replica }) | null {
    const open = [...this.lives].filter((life): life is ServerLife & { door: Door; replica: Replica } => life.isOpen);
    return open.length === 0 ? null : this.random.pick(open);
  }

  #start(): void {
    const { drift, wrongMs } = this.profile;
    const eitherWay = (most: number): number => (2 * this.random.next() - 1) * most;
    const clock = new VirtualClock(this.timeline, 1 + eitherWay(drift), eitherWay(wrongMs));
    const log = new SharedLog(this.disk, clock, this.timeline, () =>
      this.stopping ? noSharedFaults : this.profile.shared,
    );
    const life: ServerLife = {
      ...{ id: `s${++this.#born}`, clock, log, connections: new Set(), told: [], isOpen: false, isStopping: false },
      ...{ stalledFrom: Number.NEGATIVE_INFINITY, troubledAt: this.timeline.now, mustCompare: false },
      ...{
        replica: null,
        polls: null,
        waits: null,
        door: null,
        state: null,
        meet: this.#meetOf(clock, () => life.state),
      },
    };
    this.lives.add(life);
    let loaded: Known | null = null;
    log.onLoad = () => {
      loaded = this.meet.known;
      if (life.replica === null) life.meet.loaded(loaded);
    };
    log.onDecided = (draft) => this.#presentAt(life, draft);
    log.onAnswer = (told) => {
      if (life.replica === null) for (const one of told) life.meet.learnt(one);
      else if (told.length === 0) life.meet.takenBack();
      else life.told.push(...told);
    };
    log.onGreedy = (draft) => this.#greedy(life, draft);
    log.onFault = (what) => {
      this.#count(what);
      this.trace(() => `${life.id}: ${what}`);
      if (what === 'log lost' || what === 'log full') life.mustCompare = true;
    };
    const options = {
      ...{ log, clock, settings: this.profile.settings, historyMs: 1e9, startFacts: {}, server: life.id },
      ids: { lease: () => this.newId(), turn: () => `turn_${++this.#ids}` },
    };
    Replica.open(options).then(
      (replica) => {
        if (!clock.isDead) this.#isUp(life, replica, () => loaded);
      },
      () => {
        if (!clock.isDead) this.#die(life, 'it could not start');
      },
    );
  }

  /** How long somebody waits in one request is counted by the clock of the server. */
  #meetOf(clock: VirtualClock, state: () => State | null): MeetAudit {
    return new MeetAudit(this.audit, state, () => clock.monotonic(), this.meet);
  }

  #isUp(life: ServerLife, replica: Replica, loaded: () => Known | null): void {
    const { clock, meet } = life;
    life.state = replica.look((state) => state) as State;
    // Before anybody else is told.
    replica.onTurn(() => {
      const next = life.told.shift();
      if (next === undefined) this.audit.faults.push(`L12: ${life.id} tells of a turn that it has not heard of`);
      else meet.learnt(next);
      if (life.told.length === 0) meet.looked();
    });
    replica.onReload(() => {
      life.state = replica.look((state) => state) as State;
      const known = loaded();
      if (known !== null) meet.loaded(known);
      life.mustCompare = true;
    });
    const polls = new Polls(replica, clock);
    const waits = new Waits(replica, clock, this.profile.maxConditions);
    // Whoever has the seat knows when its client has left, and all others know that it does, unless they take it for gone.
    const judges = ({ seat }: LeaseRow): boolean => seat === life.id && this.disk.row('server', life.id) !== null;
    const of = { waiting: meet, judges };
    const door = new Door({ replica, polls, waits, log: replica }, this.audit, this.meet, () => this.now(), of);
    Object.assign(life, { replica, polls, waits, door, isOpen: true, troubledAt: this.timeline.now });
    this.trace(() => `${life.id} is up`);
  }

  #die(life: ServerLife, why: string): void {
    if (!this.lives.delete(life)) return;
    this.trace(() => `${life.id} dies: ${why}`);
    this.#count('deaths');
    life.isOpen = false;
    life.clock.isDead = true;
    life.log.die();
    if (life.door !== null) this.audit.serverGone(life.door, this.now());
    for (const cut of life.connections) cut();
    this.#looks.troubled();
    this.timeline.after(this.random.between(1, this.stopping ? 50 : 5_000), () => this.#start());
  }

  /** It stops as it should: everybody is answered, what has been asked is decided, the log is closed. */
  #stop(life: ServerLife): void {
    const { replica, polls, waits, door } = life;
    if (!life.isOpen || replica === null || polls === null || waits === null || door === null) return;
    this.trace(() => `${life.id} stops`);
    this.#count('stops');
    life.isOpen = false;
    life.isStopping = true;
    door.isStopping = true;
    polls.stop();
    waits.stop();
    replica.close().then(
      () => this.#die(life, 'it has stopped'),
      (error) => this.audit.faults.push(`thrown by close: ${(error as Error).stack}`),
    );
  }

  /** Deaths, stalls, cuts and jumps of the wall clock, until the faults stop. */
  #misfortunes(): void {
    const { random, timeline, profile } = this;
    const each = (perSecond: number, happen: (life: ServerLife) => void): void => {
      if (perSecond === 0) return;
      timeline.after((-Math.log(1 - random.next()) * 1_000) / perSecond, () => {
        if (this.stopping) return;
        if (this.lives.size > 0) happen(random.pick([...this.lives]));
        each(perSecond, happen);
      });
    };
    each(profile.faults.deaths, (life) => {
      if (random.chance(0.3)) life.clock.after(0, () => this.#stop(life));
      else this.#die(life, 'by chance');
    });
    each(profile.faults.stalls, (life) => this.#stall(life));
    each(profile.jumps, () => {
      const most = random.weighted([
        [1, 300],
        [2, 10_000],
        [2, 3_600_000],
      ]);
      const ms = random.between(-most, most);
      this.trace(() => `the clock of the store jumps by ${ms} ms`);
      this.#count('jumps');
      this.disk.jump(ms);
      this.#looks.jumped();
      // What had passed since the last turn may be lost, until there is another.
      timeline.after(betweenTurnsMs, () => this.#looks.troubled());
    });
    each(profile.fulls, () => {
      const ms = random.weighted([
        [3, random.between(100, 3_000)],
        [1, random.between(3_000, 15_000)],
      ]);
      this.trace(() => `the disk of the store is full for ${ms} ms`);
      this.#count('fulls');
      this.disk.fill(ms);
    });
    each(profile.cuts, (life) => {
      const ms = random.weighted([
        [3, random.between(50, 2_000)],
        [2, random.between(2_000, 9_000)],
        [1, random.between(13_000, 18_000)],
      ]);
      const cut = random.chance(0.3) ? [...this.lives] : [life];
      this.trace(() => `${cut.map(({ id }) => id).join(' ')} cut off for ${ms} ms`);
      this.#count('cuts');
      for (const { log } of cut) log.cut(ms);
    });
  }

  #stall(life: ServerLife): void {
    const { random, timeline } = this;
    const { now } = timeline;
    const ms = random.weighted([
      [4, random.between(20, 400)],
      [2, random.between(400, 8_000)],
      [1, random.between(12_500, 17_000)],
    ]);
    if (life.clock.stalledUntil > now) return;
    this.trace(() => `${life.id} stands still for ${ms} ms`);
    this.#count('stalls');
    timeline.stalls++;
    life.stalledFrom = now;
    life.clock.stalledUntil = now + ms;
    // So that what counts as served is known to the millisecond.
    timeline.after(countedOfStallMs, () => undefined);
    timeline.after(ms, () => this.#looks.troubled());
    this.#looks.troubled();
  }

  // --- what is known from outside

  #kept(decided: Decided): void {
    const { draft, served, wallOffset = 0 } = decided;
    this.#fingerprint.number(draft.seq);
    const lost = this.timeline.now - this.timeline.served;
    if (wallOffset !== this.#last.wallOffset || lost !== this.#last.lost)
      this.#blind.push({ served, ms: served - this.#last.served });
    this.#last = { served, wallOffset, lost };
    this.#count('turns');
    this.trace(() => `turn ${draft.prev}..${draft.seq} tick ${draft.tick}: ${draft.changes.map(told).join(', ')}`);
    for (const { kind } of draft.events) if (kind.startsWith('server.')) this.#count(kind);
    const happened = takeOver(this.observer, JSON.parse(JSON.stringify(draft)) as Draft);
    for (const fault of this.#watch.faults(happened)) this.audit.faults.push(fault);
    this.audit.kept(decided);
    this.meet.kept(decided);
    this.#looks.heard(draft);
  }

  /**
   * When the clock of the store has jumped, or has counted an outage, a server has only its own for the time since the last turn,
   * and that may be fast; at all other times the one of the store, which is right, keeps it from being early.
   */
  #allowedSince(served: number): number {
    let allowed = 0;
    for (const blind of this.#blind) if (blind.served >= served) allowed += blind.ms * this.profile.drift;
    return allowed;
  }

  /** L14: once a server knows that the store is full, it asks for nothing new. */
  #greedy(life: ServerLife, { prev, changes, events }: Draft): void {
    const asked = changes.find(({ kind, row }) => kind === 'lease' && row !== null && (row as LeaseRow).order > prev);
    const set = events.find(({ kind }) => kind === 'signal.set' || kind === 'barrier.declared');
    if (asked !== undefined || set !== undefined)
      this.audit.faults.push(`L14: ${life.id} knows that there is no room, and takes ${asked?.id ?? set?.subject}`);
  }

  /** Of a grant: whether the client is on the line at the server that grants. Of an end: whether any server must know that it is. */
  #presentAt(life: ServerLife, draft: Draft): ReadonlyMap<string, boolean> {
    const present = new Map<string, boolean>();
    for (const change of draft.changes) {
      if (change.kind !== 'lease' || change.row === null) continue;
      const { id, end, fence } = change.row;
      const contacts = [...(this.audit.facts.get(id)?.contacts.values() ?? [])];
      const isGrant = end === null || (fence ?? 0) > draft.prev;
      present.set(
        id,
        isGrant ? contacts.some(({ at }) => at === life.door) : contacts.some((one) => this.#isFirm(one)),
      );
    }
    return present;
  }

  #isFirm({ at, since }: { at: object; since: number }): boolean {
    const life = [...this.lives].find(({ door }) => door === at);
    const from = this.timeline.now - firmAfterMs;
    if (life === undefined || since > from || this.disk.row('server', life.id) === null) return false;
    return Math.max(life.troubledAt, life.log.troubledAt, life.clock.stalledUntil, this.#looks.troubledAt) < from;
  }

  now(): Instant {
    return { now: this.timeline.now, served: this.timeline.served, stalls: this.timeline.stalls };
  }

  #count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  trace(line: () => string): void {
    this.#options.trace?.(`${this.timeline.now.toFixed(1).padStart(10)} ${line()}`);
  }
}

function told(change: Change): string {
  if (change.row === null) return `${change.id} gone`;
  return change.kind === 'lease'
    ? `${change.id} ${change.row.state}${change.row.end === null ? '' : ` (${change.row.end.how})`} @${change.row.seat}`
    : `${change.kind} ${change.id}`;
}
