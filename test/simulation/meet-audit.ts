// The outside's account of signals, barriers and waits. It reads what each durable turn says happened (its events, in order),
// over all server lives, and keeps a wait of its own beside each that a server has: the two must say the same (S1, S2, L12).
// Of the core it knows the rows, and asks it only whether an environment is free, which it then holds against the rows.

import type { Awaited, Mode } from '../../src/core/meet/waiting.ts';
import { awaitedKey, standingOf } from '../../src/core/meet/waiting.ts';
import type { BarrierRow, EventRecord, SignalRow } from '../../src/core/rows.ts';
import type { State } from '../../src/core/state.ts';
import type { Draft } from '../../src/log/log.ts';
import type { WaitEnd } from '../../src/replica/waits.ts';
import type { Audit } from './audit.ts';
import type { Decided } from './faulty-log.ts';
import {
  addressOf,
  type BarrierFacts,
  carries,
  type Known,
  numberOf,
  outcomeOf,
  payloadOf,
  type SignalFacts,
  type SlotFacts,
  type State3,
  type WaitFacts,
} from './meet-facts.ts';

const rounding = 1;

export class MeetAudit {
  readonly #audit: Audit;
  readonly #state: () => State | null;
  readonly #now: () => number;
  readonly signals = new Map<string, SignalFacts>();
  readonly barriers = new Map<string, BarrierFacts>();
  /** Barriers that are forgotten, for replies that still show them. */
  readonly #before = new Map<string, BarrierFacts[]>();
  readonly waits = new Set<WaitFacts>();
  #seq = 0;
  /** Parties whose arrival somebody has sent, by barrier. */
  readonly #sent: Map<string, Set<string>>;
  readonly counts: Map<string, number>;
  readonly #isOneOfSeveral: boolean;

  /** `of`: the account of all servers, where this is that of one of several. */
  constructor(audit: Audit, state: () => State | null, now: () => number, of: MeetAudit | null = null) {
    this.#isOneOfSeveral = of !== null;
    this.#sent = of === null ? new Map() : of.#sent;
    this.counts = of === null ? new Map() : of.counts;
    this.#audit = audit;
    this.#state = state;
    this.#now = now;
  }

  /** Somebody sends the arrival of a party. */
  sends(id: string, party: string): void {
    const sent = this.#sent.get(id) ?? new Set();
    this.#sent.set(id, sent.add(party));
  }

  /** A turn has become durable; the audit of leases has read it already. */
  kept(decided: Decided): void {
    this.learnt(decided);
    this.looked();
  }

  /** A server has learnt of a turn, its own or another's; what it is told at once counts as one moment, until `looked`. */
  learnt({ draft, served }: Decided): void {
    this.#seq = draft.seq;
    const ends = draft.changes
      .filter((change) => change.kind === 'lease' && (change.row === null || change.row.end !== null))
      .map(({ id, seq }) => ({ seq, key: `lease ${id}` }));
    const steps = [...draft.events.map((event) => ({ seq: event.seq, event })), ...ends].sort((a, b) => a.seq - b.seq);
    for (const step of steps) {
      if ('key' in step) this.#tell(step.key, 'met', 0);
      else if (step.event.kind.startsWith('signal.')) this.#signal(step.event, served);
      else if (step.event.kind.startsWith('barrier.')) this.#barrier(step.event, served, draft);
    }
    // What a row was within the turn is in the log for other servers; what it is now is its last change.
    const last = new Map(draft.changes.map((change) => [`${change.kind} ${change.id}`, change]));
    for (const change of last.values()) {
      if (change.kind === 'signal') this.#signalRow(change.id, change.row);
      else if (change.kind === 'barrier') this.#barrierRow(change.id, change.row);
    }
  }

  /** Whoever wanted to look and had to wait for what was being written has looked. */
  looked(): void {
    // Behind a turn that took too long the state is still without it: how environments stand is seen at the end of the moment.
    const isBehind = !this.#isOneOfSeveral && (this.#state()?.seq ?? this.#seq) < this.#seq;
    for (const wait of this.waits) {
      if (wait.isLooking) {
        this.#looksAround(wait, (slot) => !isBehind || !this.#isOfState(slot));
        wait.isPartial = true;
      }
      for (const slot of wait.slots)
        if (!isBehind && slot.awaited.kind === 'env') this.#note(wait, slot, ...this.#stands(slot));
      wait.isLooking = false;
      wait.isUnsure = isBehind;
    }
  }

  /** A server has loaded everything anew: this is how it was then. Whoever waits looks again. */
  loaded({ signals, barriers, before, seq }: Known): void {
    this.#seq = seq;
    for (const [mine, theirs] of [
      [this.signals, signals],
      [this.barriers, barriers],
      [this.#before, before],
    ] as [Map<string, unknown>, Map<string, unknown>][]) {
      mine.clear();
      for (const [key, value] of theirs) mine.set(key, value);
    }
    for (const wait of this.waits) for (const slot of wait.slots) this.#note(wait, slot, ...this.#stands(slot));
    for (const wait of this.waits) wait.isLooking = false;
  }

  /** What is durable now, as it will not be changed any more. */
  get known(): Known {
    return {
      signals: new Map(this.signals),
      barriers: new Map([...this.barriers].map(([id, one]) => [id, { ...one, arrived: new Set(one.arrived) }])),
      before: new Map([...this.#before].map(([id, list]) => [id, [...list]])),
      seq: this.#seq,
    };
  }

  /** The turn that was being written is taken back, and whoever wanted to look does. */
  takenBack(): void {
    for (const wait of this.waits) {
      if (!wait.isLooking) continue;
      wait.isLooking = false;
      wait.isUnsure = true;
      this.#looksAround(wait, (slot) => !this.#isOfState(slot));
    }
  }

  /** A server is gone, and everybody who waited there with it. */
  serverGone(): void {
    this.waits.clear();
  }

  begin(
    { mode, awaited, milliseconds }: { mode: Mode; awaited: readonly Awaited[]; milliseconds: number },
    isWriting: boolean,
    hasLeft: () => boolean,
  ): WaitFacts {
    const slots = awaited.map((one): SlotFacts => {
      const key = awaitedKey(one);
      return { awaited: one, key, state: 'pending', number: 0, stood: new Set() };
    });
    const begunAt = this.#now();
    const wait: WaitFacts = {
      mode,
      slots,
      begunAt,
      hasLeft,
      milliseconds,
      isLooking: isWriting,
      isUnsure: false,
      isPartial: false,
      isStale: false,
      outcome: null,
    };
    this.waits.add(wait);
    if (!isWriting) this.#looksAround(wait, () => true);
    for (const slot of slots) if (isWriting && slot.awaited.kind !== 'env') slot.stood.add(this.#stands(slot)[0]);
    return wait;
  }

  /** The turn that it waits for takes too long: it is shown how things stand without it. */
  looksWithout(wait: WaitFacts): void {
    if (!wait.isLooking) return;
    wait.isLooking = false;
    wait.isStale = true;
    this.#looksAround(wait, () => true);
  }

  /** A server has answered. `isBroken`: its log has failed, so it cannot know what was kept of the last turn. */
  answered(wait: WaitFacts, end: WaitEnd, has: { isBroken: boolean; isStopping: boolean }): void {
    if (!this.waits.delete(wait)) return;
    const { outcome, conditions } = end;
    const name = wait.slots.map(({ key }) => key).join(', ');
    if (outcome === 'left' && !wait.hasLeft()) this.#fault(`S2: ${name}: answered as if its client had left`);
    if (outcome === 'stopping' && !has.isStopping) this.#fault(`S2: ${name}: answered as if the server were stopping`);
    // Shown nothing: it may go while a turn is being written, of which nobody may say how things stand.
    if (outcome === 'left' || outcome === 'stopping') return;
    // The turn takes so long that it was shown how things stand without it.
    if (wait.isLooking) this.#looksAround(wait, () => true);
    for (const [i, slot] of wait.slots.entries()) {
      const { standing } = conditions[i] as WaitEnd['conditions'][number];
      // Of two that come free in one turn, whichever is told first is the end of it.
      if (wait.isStale) continue;
      const isEither =
        outcome === 'met' && wait.mode === 'any' && (slot.awaited.kind === 'env' || this.#isOneOfSeveral);
      // Of turns that become known at once, how environments stand is looked at behind all of them; the one that ends it comes before.
      const isBehind =
        outcome === 'failed' && wait.mode === 'all' && slot.awaited.kind === 'env' && this.#isOneOfSeveral;
      if ((isEither || isBehind) && (standing.state === 'pending' || slot.stood.has(standing.state))) continue;
      if (wait.isPartial && standing.state === 'pending' && outcome !== 'timed_out') continue;
      // Behind a turn that took too long it was answered with how things stood before.
      if (has.isBroken || wait.isLooking || (wait.isUnsure && slot.awaited.kind === 'env')) {
        if (standing.state !== 'pending' && slot.awaited.kind !== 'env' && !slot.stood.has(standing.state))
          this.#fault(`L12: ${slot.key} is told as ${standing.state}, which it never was`);
      } else if (standing.state !== slot.state)
        this.#fault(`S1: ${slot.key} is told as ${standing.state} (${standing.detail}), and is ${slot.state}`);
      else if (
        slot.awaited.kind === 'signal' &&
        standing.state === 'met' &&
        numberOf(payloadOf(standing)) !== slot.number
      )
        this.#fault(`S1: ${slot.key} is told with ${numberOf(payloadOf(standing))}, it was set with ${slot.number}`);
    }
    const states = conditions.map(({ standing }) => standing.state);
    if ((outcomeOf(wait.mode, states) ?? 'timed_out') !== outcome)
      this.#fault(`S1: ${wait.mode} of ${name} ended as ${outcome} with ${states.join(' ')}`);
    if (outcome === 'timed_out' && this.#now() - wait.begunAt < wait.milliseconds - rounding)
      this.#fault(`S2: ${name}: its time was up after ${this.#now() - wait.begunAt} of ${wait.milliseconds} ms`);
    this.#count(`${wait.mode} ${outcome}`);
    for (const [i, slot] of wait.slots.entries())
      this.#count(`told ${slot.awaited.kind} ${conditions[i]?.standing.state}`);
  }

  refused(wait: WaitFacts): void {
    this.waits.delete(wait);
  }

  /** Between two moments, while the server is awake and nothing is being written: nobody waits who need not. */
  look(): void {
    const now = this.#now();
    for (const wait of this.waits) {
      const name = `${wait.mode} of ${wait.slots.map(({ key }) => key).join(', ')}`;
      if (wait.isUnsure)
        for (const slot of wait.slots) if (this.#isOfState(slot)) this.#note(wait, slot, ...this.#stands(slot));
      wait.isUnsure = false;
      if (wait.hasLeft()) this.#fault(`S2: ${name}: its client has left, and it goes on`);
      else if (wait.outcome !== null) this.#fault(`S1: ${name}: is ${wait.outcome}, and whoever waits is not told`);
      else if (now > wait.begunAt + wait.milliseconds + rounding)
        this.#fault(`S2: ${name}: its time was up ${now - wait.begunAt - wait.milliseconds} ms ago`);
    }
  }

  /** L12, S3: what a reply shows of a barrier is durable, and never another outcome than anybody else is told. */
  shown(id: string, row: BarrierRow): void {
    if (row.seq > this.#seq) this.#fault(`L12: barrier ${id} is shown at seq ${row.seq}, the log has ${this.#seq}`);
    const facts = [...(this.#before.get(id) ?? []), this.barriers.get(id)].findLast(
      (one) => one !== undefined && one.fromSeq <= row.seq,
    );
    if (facts === undefined) this.#fault(`L12: barrier ${id} is shown, the log never had it`);
    else if (row.state !== 'waiting' && row.state !== facts.outcome)
      this.#fault(`S3: barrier ${id} is shown as ${row.state}, it is ${facts.outcome}`);
    else if (row.state === 'waiting' && facts.outcome !== null && row.seq >= facts.endedSeq)
      this.#fault(`S3: barrier ${id} is shown as waiting, it is ${facts.outcome}`);
    else if (row.arrivals.some(({ party }) => !facts.arrived.has(party)))
      this.#fault(`L12: barrier ${id} is shown with somebody who has not come`);
  }

  /** An arrival was acknowledged. */
  cameAcknowledged(id: string, party: string, row: BarrierRow): void {
    this.shown(id, row);
    if (row.state !== 'broken' && !row.arrivals.some((arrival) => arrival.party === party))
      this.#fault(`S3: ${party} was told that ${id} is ${row.state}, and does not count`);
  }

  /** A set was acknowledged. */
  setAcknowledged(name: string, row: SignalRow): void {
    if (row.seq > this.#seq) this.#fault(`L12: signal ${name} is set at seq ${row.seq}, the log has ${this.#seq}`);
  }

  #signal(event: EventRecord, served: number): void {
    const { subject: name, kind, data } = event;
    const before = this.signals.get(name);
    if (kind === 'signal.set' || kind === 'signal.failed') {
      const state = kind === 'signal.set' ? 'met' : 'failed';
      const ttlMs = data.ttlSeconds === null ? null : Number(data.ttlSeconds) * 1000;
      const number = Number(String(data.holder).slice(1));
      this.signals.set(name, { state, number, setServed: served, ttlMs });
      this.#tell(`signal ${name}`, state, number);
      return;
    }
    if (before === undefined) this.#fault(`S1: ${kind} of ${name}, which was not set`);
    else if (
      kind === 'signal.expired' &&
      served - before.setServed < (before.ttlMs ?? Infinity) - this.#audit.allowed(before.setServed)
    )
      this.#fault(`S1: ${name} expired after ${served - before.setServed} of ${before.ttlMs} ms`);
    this.signals.delete(name);
    this.#count(kind);
  }

  #signalRow(name: string, row: SignalRow | null): void {
    const facts = this.signals.get(name);
    if ((row === null) !== (facts === undefined))
      this.#fault(`S1: the row of signal ${name} is not what happened to it`);
    if (row === null || facts === undefined) return;
    if ((row.failure !== null) !== (facts.state === 'failed')) this.#fault(`S1: signal ${name} is not ${facts.state}`);
    if (row.holder.name !== `h${facts.number}`) this.#fault(`S1: signal ${name} is of ${row.holder.name}`);
  }

  #barrier(event: EventRecord, served: number, draft: Draft): void {
    const { kind, data, seq } = event;
    const id = addressOf(event);
    const facts = this.barriers.get(id);
    // As it is after the turn; unless it was forgotten later in it, for then that is another, and as it was before holds only
    // if somebody had come: until then it may have been declared otherwise.
    const isLast = !draft.events.some(
      (later) => later.kind === 'barrier.forgotten' && later.seq > seq && addressOf(later) === id,
    );
    const put = draft.changes.findLast((change) => change.kind === 'barrier' && change.id === id);
    const before = isLast || (facts?.row?.arrivals.length ?? 0) > 0 ? (facts?.row ?? null) : null;
    const row = ((isLast ? put?.row : null) ?? before) as BarrierRow | null;
    if (kind === 'barrier.declared') {
      if (facts !== undefined) this.#fault(`S3: ${id} is declared anew, and was there`);
      this.barriers.set(id, {
        ...{ fromSeq: seq - 1, arrived: new Set(), outcome: null, endedSeq: 0, firstServed: 0, row },
      });
      return;
    }
    if (facts === undefined) {
      this.#fault(`S3: ${kind} of ${id}, which nobody declared`);
      return;
    }
    if (kind === 'barrier.forgotten') {
      if (facts.outcome === null && facts.arrived.size > 0) this.#fault(`S3: ${id} was forgotten while parties waited`);
      this.barriers.delete(id);
      this.#before.set(id, [...(this.#before.get(id) ?? []).slice(-3), facts]);
      this.#tell(`barrier ${id}`, 'pending', 0);
      return;
    }
    if (facts.outcome !== null) this.#fault(`S3: ${kind} of ${id}, which is ${facts.outcome}`);
    if (kind === 'barrier.arrived') {
      const party = String(data.party);
      if (facts.arrived.has(party)) this.#fault(`S3: ${party} counts twice at ${id}`);
      if (this.#sent.get(id)?.has(party) !== true) this.#fault(`S3: ${party} counts at ${id}, and nobody sent it`);
      if (facts.arrived.size === 0) facts.firstServed = served;
      facts.arrived.add(party);
      if (data.arrived !== facts.arrived.size)
        this.#fault(`S3: ${id} counts ${data.arrived}, ${facts.arrived.size} came`);
      return;
    }
    const isOpen = kind === 'barrier.opened';
    facts.outcome = isOpen ? 'open' : 'broken';
    facts.endedSeq = seq - 1;
    this.#count(isOpen ? 'barrier opened' : `barrier ${data.how}`);
    if (isOpen && facts.arrived.size !== data.parties)
      this.#fault(`S3: ${id} opened with ${facts.arrived.size} of ${data.parties}`);
    const timeoutMs = row?.timeoutMs ?? 0;
    if (data.how === 'timed_out' && served - facts.firstServed < timeoutMs - this.#audit.allowed(facts.firstServed))
      this.#fault(`S3: ${id} broke after ${served - facts.firstServed} of ${timeoutMs} ms`);
    if (!isOpen)
      this.#missing(id, String(data.missing), typeof data.party === 'string' ? data.party : null, facts, row);
    this.#tell(`barrier ${id}`, isOpen ? 'met' : 'failed', 0);
  }

  /** Whoever came to say that they have failed is not missing. */
  #missing(id: string, text: string, failed: string | null, facts: BarrierFacts, row: BarrierRow | null): void {
    if (row === null) return;
    const { names, count } = row;
    const arrived = new Set([...facts.arrived, ...(failed === null ? [] : [failed])]);
    const left = count - arrived.size;
    if (left === 0 && text === '') return;
    const told = text.split(/, | or /);
    if (names !== null && text !== names.filter((name) => !arrived.has(name)).join(', '))
      this.#fault(`S3: ${id} misses ${text}, of ${names.join(', ')} have come ${[...arrived].join(', ')}`);
    if (names !== null || text === `${left} of ${count}`) return;
    if (told.some((party) => arrived.has(party)) || (!text.includes(' or ') && told.length !== left))
      this.#fault(`S3: ${id} misses ${text}, of ${count} have come ${[...arrived].join(', ')}`);
  }

  #barrierRow(id: string, row: BarrierRow | null): void {
    const facts = this.barriers.get(id);
    if ((row === null) !== (facts === undefined)) this.#fault(`S3: the row of ${id} is not what happened to it`);
    if (row === null || facts === undefined) return;
    facts.row = row;
    if (row.state !== (facts.outcome ?? 'waiting')) this.#fault(`S3: ${id} is ${row.state}, and was ${facts.outcome}`);
    const parties = row.arrivals.map(({ party }) => party).join(', ');
    if (parties !== [...facts.arrived].join(', '))
      this.#fault(`S3: ${id} has ${parties}, and came did ${[...facts.arrived].join(', ')}`);
  }

  #tell(key: string, state: State3, number: number): void {
    for (const wait of this.waits)
      for (const slot of wait.slots) if (slot.key === key) this.#note(wait, slot, state, number);
  }

  /** Looks at all of it, then decides. */
  #looksAround(wait: WaitFacts, at: (slot: SlotFacts) => boolean): void {
    if (wait.outcome !== null) return;
    for (const slot of wait.slots) {
      if (!at(slot)) continue;
      const [state, number] = this.#stands(slot);
      slot.stood.add(state);
      if (slot.state === 'pending') Object.assign(slot, { state, number });
    }
    wait.outcome = outcomeOf(
      wait.mode,
      wait.slots.map((one) => one.state),
    );
  }

  #note(wait: WaitFacts, slot: SlotFacts, state: State3, number: number): void {
    slot.stood.add(state);
    if (wait.outcome !== null || slot.state !== 'pending') return;
    slot.state = state;
    slot.number = number;
    wait.outcome = outcomeOf(
      wait.mode,
      wait.slots.map((one) => one.state),
    );
  }

  #stands({ awaited, key }: SlotFacts): [State3, number] {
    switch (awaited.kind) {
      case 'signal': {
        const facts = this.signals.get(awaited.name);
        return [facts?.state ?? 'pending', facts?.number ?? 0];
      }
      case 'barrier': {
        const outcome = this.barriers.get(key.slice('barrier '.length))?.outcome ?? null;
        return [outcome === null ? 'pending' : outcome === 'open' ? 'met' : 'failed', 0];
      }
      case 'lease':
        return [this.#rows().leases.get(awaited.id)?.end === null ? 'pending' : 'met', 0];
      case 'env':
        return [this.#environment(awaited.name), 0];
      case 'instance':
        throw new Error('nobody waits for machines in this simulation: machines.ts is about these');
    }
  }

  /** What one of several servers knows, its state says; of one alone, the log. */
  #rows(): Pick<Audit, 'leases' | 'environments' | 'freezes'> {
    return this.#isOneOfSeveral ? (this.#state() ?? this.#audit) : this.#audit;
  }

  /** Whether how it stands is read from a state, which may be ahead by a turn that is being written. */
  #isOfState({ awaited: { kind } }: SlotFacts): boolean {
    return kind === 'env' || (kind === 'lease' && this.#isOneOfSeveral);
  }

  /** As the core says, held against the rows. */
  #environment(name: string): State3 {
    const state = this.#state();
    if (state === null) return 'pending';
    const told = standingOf(state, { kind: 'env', name }).state;
    const { environments, leases, freezes } = this.#rows();
    const row = environments.get(name);
    let isFree = true;
    for (const lease of leases.values()) {
      if (lease.end !== null || row === undefined) continue;
      const asks = lease.wants.some((want) =>
        'environment' in want ? want.environment === name : carries(want.labels, row.labels),
      );
      const mayHave = lease.globs === null || name.startsWith('x');
      if (lease.granted.includes(name) || (lease.state === 'waiting' && asks && mayHave)) isFree = false;
    }
    if (row !== undefined) {
      if (row.dirty.length > 0 || row.state !== 'open') isFree = false;
      for (const freeze of freezes.values()) if (carries(freeze.labels, row.labels)) isFree = false;
    }
    if (isFree !== (told === 'met'))
      this.#fault(`S1: ${name} is ${isFree ? 'free' : 'not free'}, and stands as ${told}`);
    return told;
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  #fault(text: string): void {
    this.#audit.faults.push(text);
  }
}
