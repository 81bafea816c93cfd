// What must hold between two moments of a world with several servers: of each by itself, of those that know the same, and of all.

import { dueKey, dueTick } from '../../src/core/due.ts';
import { stateFaults } from '../../src/core/invariants.ts';
import { expiryTick } from '../../src/core/lease/end.ts';
import { State } from '../../src/core/state.ts';
import type { Draft } from '../../src/log/log.ts';
import type { Polls } from '../../src/replica/polls.ts';
import type { Replica } from '../../src/replica/replica.ts';
import type { Waits } from '../../src/replica/waits.ts';
import type { Door } from './door.ts';
import { difference, dump, queueFaults } from './dump.ts';
import type { Decided } from './faulty-log.ts';
import type { MeetAudit } from './meet-audit.ts';
import type { Several } from './several.ts';
import type { SharedLog } from './shared-log.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface ServerLife {
  readonly id: string;
  readonly clock: VirtualClock;
  readonly log: SharedLog;
  readonly connections: Set<() => void>;
  /** Turns of which its log has told it, until it tells of them itself. */
  readonly told: Decided[];
  readonly meet: MeetAudit;
  /** It takes requests. */
  isOpen: boolean;
  isStopping: boolean;
  stalledFrom: number;
  troubledAt: number;
  /** It has taken back a turn, or loaded anew. */
  mustCompare: boolean;
  replica: Replica | null;
  polls: Polls | null;
  waits: Waits | null;
  door: Door | null;
  state: State | null;
}

/** Once in so many moments a state is compared with one made anew from the rows. */
const compareOnceIn = 400;
/** How long after trouble a server is well again: what it could not decide it tries again each second. */
const settlingMs = 2_500;
const lateMs = 250;
/** A place nobody is on the line for goes after the grace, and the time until a server that has gone is missed. */
const missedAfterMs = 18_000;
/** Whoever is on the line counts as present: at once, or when the turn that says so was not lost. */
const seatedWithinMs = 1_000;
/** A request that could go on does, with whichever server its client is. */
const grantedWithinMs = 5_000;
/** What is over by log time ends, where nothing is amiss: 250 ms, and what the clocks differ by in the longest time that is asked for. */
const overdueMs = 300;

export class Looks {
  readonly #world: Several;
  troubledAt = 0;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  #seq = 0;
  #checkedAt = 0;
  /** When whatever ends by itself was last heard of, and how much log time it had left. */
  readonly #endsAfter = new Map<string, { readonly since: number; readonly ms: number }>();
  /** Since when everything is set aside for a request. */
  readonly #fullSince = new Map<string, number>();

  constructor(world: Several) {
    this.#world = world;
  }

  /** Something has happened that may concern all servers. */
  troubled(): void {
    this.troubledAt = this.#world.timeline.now;
  }

  /** The clock of the store has jumped. */
  jumped(): void {
    this.troubled();
    this.#jumpedAt = this.#world.timeline.now;
  }

  heard({ events, changes, tick }: Draft): void {
    if (events.some(({ kind }) => kind.startsWith('server.'))) this.troubled();
    const { observer, timeline } = this.#world;
    for (const change of changes) {
      const key = dueKey(change);
      if (key === null) continue;
      const over = overTick(observer, key);
      if (over === null) this.#endsAfter.delete(key);
      else this.#endsAfter.set(key, { since: timeline.now, ms: over - tick });
    }
  }

  /** L6: whatever the clocks do, nothing lasts for ever. Since the last trouble log time has gone on as time does. */
  #overdue(): void {
    const { timeline, audit } = this.#world;
    for (const [key, { since, ms }] of this.#endsAfter) {
      const late = timeline.now - Math.max(since, this.troubledAt) - Math.max(0, ms);
      if (late > overdueMs) audit.faults.push(`L6: ${key} was to end ${late.toFixed(0)} ms ago`);
    }
  }

  look(): void {
    const { lives, timeline, disk, audit } = this.#world;
    const { now } = timeline;
    for (const life of lives) this.troubledAt = Math.max(this.troubledAt, life.log.troubledAt);
    if (disk.isSlow || disk.isFull) this.troubledAt = now;
    for (const life of lives)
      if (Math.max(life.clock.stalledUntil, life.log.lateUntil) > now || life.log.isCut || !life.isOpen)
        this.troubledAt = now;
    const healthy = now - this.troubledAt > settlingMs && lives.size > 0;
    const isNew = this.#seq !== disk.seq || now - this.#checkedAt > lateMs;
    this.#seq = disk.seq;
    if (isNew) this.#checkedAt = now;
    for (const life of lives) this.#lookAt(life, healthy, isNew);
    if (isNew) this.#lookAtAll(healthy);
    if (audit.faults.length > 0) this.#world.trace(() => `  ${audit.faults.join('\n  ')}`);
  }

  #lookAt(life: ServerLife, healthy: boolean, isNew: boolean): void {
    const { timeline, audit, random, disk } = this.#world;
    const { state, replica, waits, door, clock, meet } = life;
    if (state === null || replica === null || waits === null || door === null || replica.broken !== null) return;
    for (const what of door.refusedForRoom.splice(0))
      if (timeline.now - life.log.exhaustedAt > 50) audit.faults.push(`L14: there was no room for the ${what}`);
    if (replica.isWriting || clock.stalledUntil > timeline.now || life.isStopping) return;
    const fault = (text: string): number => audit.faults.push(`${text} (${life.id})`);
    if (life.told.length > 0) fault('L12: it has not told of all that it was told');
    if (isNew) {
      const tick = replica.look((_, moment) => moment.tick) as number;
      // When a turn of another was taken it knows by the clock of the store: has that jumped since it read it, then its own log
      // time may be too far ahead until its next turn. For all of them together no deadline is late for that (L6).
      const knowsTime = life.log.readAt >= this.#jumpedAt;
      const deadlineMs = healthy && knowsTime ? lateMs : Number.POSITIVE_INFINITY;
      for (const text of stateFaults(state, tick, { deadlineMs }))
        if ((healthy && !life.log.isBusy) || !text.startsWith('L8')) fault(text);
      for (const text of queueFaults(state)) fault(text);
      for (const id of state.waiting) {
        const presence = state.presence.get(id);
        const contacts = audit.facts.get(id)?.contacts;
        if (presence === undefined && state.leases.get(id)?.seat === life.id)
          fault(`L9: nobody knows whether the client of ${id} is there`);
        const here = [...(contacts?.values() ?? [])].filter(({ at }) => at === door);
        if (
          healthy &&
          presence?.open === false &&
          here.some(({ since }) => timeline.now - since > seatedWithinMs) &&
          !life.log.isBusy
        )
          fault(`L9: the client of ${id} is on the line, and counts as absent`);
        if (presence?.open === true && here.length === 0)
          fault(`L9: ${id} counts as present, and nobody is on the line for it`);
      }
    }
    meet.look();
    if (waits.count !== meet.waits.size)
      fault(`S2: the server has ${waits.count} waits, ${meet.waits.size} are not answered`);
    // What has just become known may be answered only by the turn that is under way.
    for (const { id, after } of life.log.isBusy ? [] : door.openPolls) {
      const lease = state.leases.get(id);
      if (after === null && lease !== undefined && lease.state !== 'waiting')
        fault(`L8: the poll for ${id} was not answered when it became ${lease.state}`);
    }
    if (state.seq === disk.seq && (life.mustCompare || random.below(compareOnceIn) === 0)) this.#compare(life, state);
  }

  /** Whoever knows everything has the state that the rows make. */
  #compare(life: ServerLife, state: State): void {
    life.mustCompare = false;
    const { disk, profile, audit } = this.#world;
    const contents = disk.contents();
    const anew = new State(profile.settings);
    anew.load(contents.rows, contents.seq, contents.epoch);
    const different = difference(dump(anew, profile.exactQueue), dump(state, profile.exactQueue));
    if (different !== null)
      audit.faults.push(`${life.id} knows everything, and has another state than the rows make:${different}`);
  }

  /** L8, L9 over all servers: whoever can go on does, and nobody who is gone keeps a place. */
  #lookAtAll(healthy: boolean): void {
    const { observer, timeline, audit, profile, lives } = this.#world;
    const { now } = timeline;
    for (const id of this.#fullSince.keys()) if (!observer.waiting.has(id)) this.#fullSince.delete(id);
    for (const id of observer.waiting) {
      if (!observer.queue.isFull(id)) this.#fullSince.delete(id);
      else if (!this.#fullSince.has(id)) this.#fullSince.set(id, now);
      const facts = audit.facts.get(id);
      if (!healthy || facts === undefined) continue;
      const doors = new Set([...lives].map(({ door }) => door as object));
      const since = Math.min(...[...facts.contacts.values()].filter(({ at }) => doors.has(at)).map((one) => one.since));
      const could = Math.max(since, this.#fullSince.get(id) ?? Number.POSITIVE_INFINITY, this.troubledAt);
      if (now - could > grantedWithinMs)
        audit.faults.push(
          `L8: everything is set aside for ${id} since ${now - could} ms, and its client is on the line`,
        );
      const gone = Math.max(facts.contactEnd.now, this.troubledAt);
      if (facts.contacts.size === 0 && now - gone > profile.settings.graceMs + missedAfterMs)
        audit.faults.push(`L9: ${id} still waits, and its client has been gone for longer than the grace`);
    }
    if (!healthy) return;
    this.#overdue();
    for (const [id, { notSent, heardOf }] of audit.facts) {
      if (notSent === null || heardOf || audit.leases.get(id)?.state !== 'held') continue;
      if (now - Math.max(notSent.now, this.troubledAt) > profile.settings.graceMs + missedAfterMs)
        audit.faults.push(`L9: ${id} is held, and nobody ever learnt of it`);
    }
  }

  /** Everybody has left, and every server has heard of everything. */
  get isQuiet(): boolean {
    const { lives, disk } = this.#world;
    return (
      lives.size > 0 &&
      [...lives].every(
        (life) =>
          life.isOpen && life.state?.seq === disk.seq && life.replica?.isWriting === false && leftAt(life) === '',
      )
    );
  }

  leftovers(): void {
    const { lives, audit } = this.#world;
    if (!this.isQuiet) audit.faults.push('L8: the servers have not come to rest long after the last fault');
    for (const life of lives) {
      if (leftAt(life) !== '') audit.faults.push(`${life.id} still has ${leftAt(life)} after everybody has left`);
      if (life.state !== null) this.#compare(life, life.state);
    }
  }
}

/** Log time at which it ends, whoever is on the line; null: never, as things are. */
function overTick(state: State, key: string): number | null {
  const lease = state.leases.get(key);
  if (lease?.state === 'held') return expiryTick(lease);
  if (lease?.state === 'waiting') return lease.queueMs === null ? null : lease.queuedTick + lease.queueMs;
  return lease === undefined ? dueTick(state, key) : null;
}

/** What a server keeps of clients that have left; of a lease that nobody ended it is right to. */
function leftAt({ state, polls, waits, door }: ServerLife): string {
  const isOver = (id: string): boolean => state?.leases.get(id)?.state !== 'held';
  const left = {
    'open polls': (door?.openPolls.size ?? 0) + (polls?.count ?? 0),
    waits: waits?.count ?? 0,
    presence: [...(state?.presence.keys() ?? [])].filter(isOver).length,
    'unsent replies': state?.unsent.size ?? 0,
  };
  return Object.entries(left)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
