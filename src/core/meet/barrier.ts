// Barriers: parties meet by name, once for each generation. What always holds: a barrier opens for all or breaks for all, once
// (S3); an arrival counts once however often it is repeated; whoever comes later is told that same outcome until the barrier is
// forgotten (semantics: signals, barriers, waits).

import type { Actor } from '../access.ts';
import { forbidden, may, signalboxItself } from '../access.ts';
import type { Outcome, Refusal } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import { nameFault, nearestName } from '../names.ts';
import type { BarrierRow } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { missingText } from './missing.ts';

export const maxParties = 1_000;
/** As long as the longest jobs of hosted runners. */
const defaultTimeoutMs = 6 * 60 * 60 * 1000;

/** Where a barrier stands among the rows. A tab is in no name. */
export function barrierId(name: string, generation: string): string {
  return generation === '' ? name : `${name}\t${generation}`;
}

export interface BarrierDeclaration {
  readonly name: string;
  readonly generation: string;
  readonly count: number;
  /** Who they are; null = any `count` of them. */
  readonly names: readonly string[] | null;
  /** undefined: as it is, else six hours. */
  readonly timeoutMs: number | undefined;
}

/**
 * Declares who meets. The same again changes nothing; other parties may be declared as long as nobody has arrived. Refusals:
 * invalid_name, forbidden, invalid_request, too_many_parties, barrier_differs, too_many_barriers.
 */
export function putBarrier(
  turn: Turn,
  wanted: BarrierDeclaration,
  actor: Actor,
): Outcome<{ barrier: BarrierRow; created: boolean }> {
  const refused = addressFault(wanted.name, wanted.generation, actor) ?? partiesFault(wanted);
  if (refused !== null) return refused;
  const { barriers, settings } = turn.state;
  const id = barrierId(wanted.name, wanted.generation);
  const before = barriers.get(id);
  if (before !== undefined) return declareAgain(turn, before, wanted);
  if (barriers.size >= settings.maxBarriers)
    return refuse(
      'too_many_barriers',
      `There are ${settings.maxBarriers} barriers already. Forget those that are over.`,
    );
  const crowded = crowdFault(turn.state, wanted.count);
  if (crowded !== null) return crowded;
  const { name, generation, count, names, timeoutMs = defaultTimeoutMs } = wanted;
  const { at, tick } = turn.moment;
  const barrier = turn.put('barrier', id, (seq) => ({
    ...{ name, generation, seq, state: 'waiting' as const, count, names, timeoutMs },
    ...{ arrivals: [], firstTick: null, createdAt: at, createdBy: actor.name, idleTick: tick },
    ...{ endedAt: null, endedTick: null, end: null },
  }));
  turn.event('barrier.declared', name, actor.name, { generation, parties: names ?? count });
  return accept({ barrier, created: true });
}

function declareAgain(
  turn: Turn,
  before: BarrierRow,
  { count, names, timeoutMs = before.timeoutMs }: BarrierDeclaration,
): Outcome<{ barrier: BarrierRow; created: boolean }> {
  const same = count === before.count && sameNames(names, before.names);
  if (!same && (before.state !== 'waiting' || before.arrivals.length > 0)) {
    const parties = before.names ?? before.count;
    return refuse(
      'barrier_differs',
      `Barrier "${before.name}" was declared for ${partiesText(before)}, and not as you say. Use the same parties everywhere, or another generation.`,
      { field: 'parties', facts: { parties } },
    );
  }
  if ((same && timeoutMs === before.timeoutMs) || before.state !== 'waiting')
    return accept({ barrier: before, created: false });
  const crowded = crowdFault(turn.state, count - before.count);
  if (crowded !== null) return crowded;
  const { tick } = turn.moment;
  const barrier = turn.put('barrier', barrierId(before.name, before.generation), (seq) => ({
    ...before,
    ...{ seq, count, names, timeoutMs, idleTick: tick },
  }));
  return accept({ barrier, created: false });
}

export interface Arriving {
  readonly name: string;
  readonly generation: string;
  readonly party: string;
  /** The party has failed, so nobody may pass. */
  readonly failure: { readonly reason: string } | null;
}

/**
 * A party arrives; the barrier as it stands then, perhaps open or broken by it. Refusals: invalid_name, forbidden,
 * reason_required, barrier_unknown, party_unknown, too_many_parties.
 */
export function arrive(turn: Turn, { name, generation, party, failure }: Arriving, actor: Actor): Outcome<BarrierRow> {
  const refused = addressFault(name, generation, actor) ?? nameRefusal('party', party);
  if (refused !== null) return refused;
  if (failure !== null && failure.reason.trim() === '')
    return refuse('reason_required', 'A failure needs a reason: it is shown to all parties.', {
      field: 'failure.reason',
    });
  const id = barrierId(name, generation);
  const barrier = turn.state.barriers.get(id);
  if (barrier === undefined) return unknownBarrier(turn.state, name, generation, actor);
  const stranger = strangerFault(barrier, party);
  if (stranger !== null) return stranger;
  if (barrier.state !== 'waiting') return accept(barrier);
  if (failure !== null) {
    return accept(end(turn, barrier, { how: 'failed', by: actor.name, reason: failure.reason, party }));
  }
  if (barrier.arrivals.some((arrival) => arrival.party === party)) return accept(barrier);
  const { at, tick } = turn.moment;
  const arrivals = [...barrier.arrivals, { party, at, by: actor.name }];
  const arrived = turn.put('barrier', id, (seq) => ({
    ...barrier,
    ...{ seq, arrivals, firstTick: barrier.firstTick ?? tick, idleTick: tick },
  }));
  turn.event('barrier.arrived', name, actor.name, { generation, party, arrived: arrivals.length, of: barrier.count });
  return accept(
    arrivals.length < barrier.count
      ? arrived
      : end(turn, arrived, { how: 'opened', by: actor.name, reason: null, party: null }),
  );
}

/** Whether more is kept afterwards than before: not where the party has come before, and not where it breaks the barrier. */
export function isNews(state: State, { name, generation, party, failure }: Arriving): boolean {
  const barrier = state.barriers.get(barrierId(name, generation));
  return barrier?.state === 'waiting' && failure === null && !barrier.arrivals.some((each) => each.party === party);
}

/** Breaks a barrier that still waits, for everyone; one that has ended stays as it is. Refusals: forbidden, barrier_unknown. */
export function cancelBarrier(
  turn: Turn,
  { name, generation, reason }: { name: string; generation: string; reason: string | null },
  actor: Actor,
): Outcome<BarrierRow> {
  const refused = addressFault(name, generation, actor);
  if (refused !== null) return refused;
  const barrier = turn.state.barriers.get(barrierId(name, generation));
  if (barrier === undefined) return unknownBarrier(turn.state, name, generation, actor);
  if (barrier.state !== 'waiting') return accept(barrier);
  return accept(end(turn, barrier, { how: 'cancelled', by: actor.name, reason, party: null }));
}

/** Forgets a barrier, so that its name and generation can be used anew; whoever waits is told that it broke. */
export function forgetBarrier(
  turn: Turn,
  asked: { name: string; generation: string; reason: string | null },
  actor: Actor,
): Outcome<BarrierRow> {
  const cancelled = cancelBarrier(turn, asked, actor);
  if (!cancelled.ok) return cancelled;
  const { name, generation } = asked;
  turn.remove('barrier', barrierId(name, generation));
  turn.event('barrier.forgotten', name, actor.name, { generation });
  return cancelled;
}

/** Log time at which a barrier that waits breaks; null while nobody has arrived. */
export function breaksTick(barrier: BarrierRow): number | null {
  return barrier.state !== 'waiting' || barrier.firstTick === null ? null : barrier.firstTick + barrier.timeoutMs;
}

/** The time of a barrier is over; void when it has changed since (`seq`), for then that change proposes anew. */
export function breakOverdue(turn: Turn, id: string, seq: number): void {
  const barrier = turn.state.barriers.get(id);
  const tick = barrier === undefined ? null : breaksTick(barrier);
  if (barrier === undefined || barrier.seq !== seq || tick === null || tick > turn.moment.tick) return;
  const reason = `not everybody came within ${barrier.timeoutMs / 1000} seconds`;
  end(turn, barrier, { how: 'timed_out', by: signalboxItself.name, reason, party: null });
}

function end(turn: Turn, barrier: BarrierRow, how: NonNullable<BarrierRow['end']>): BarrierRow {
  const { at, tick } = turn.moment;
  const isOpen = how.how === 'opened';
  const { name, generation } = barrier;
  const ended = turn.put('barrier', barrierId(name, generation), (seq) => ({
    ...barrier,
    ...{ seq, state: isOpen ? ('open' as const) : ('broken' as const), end: how, endedAt: at, endedTick: tick },
  }));
  if (isOpen) turn.event('barrier.opened', name, how.by, { generation, parties: barrier.count });
  else {
    const { reason, party } = how;
    turn.event('barrier.broken', name, how.by, {
      ...{ generation, how: how.how, reason, party, missing: missingText(ended) },
    });
  }
  return ended;
}

/** Why a party does not belong here; null when it does. */
function strangerFault(barrier: BarrierRow, party: string): Refusal | null {
  const { name, names, count, arrivals } = barrier;
  if (names !== null) {
    if (names.includes(party)) return null;
    const nearest = nearestName(party, names);
    const hint = nearest === null ? `It expects ${names.slice(0, 10).join(', ')}.` : `Did you mean ${nearest}?`;
    return refuse('party_unknown', `Barrier "${name}" does not expect "${party}". ${hint}`, {
      ...{ field: 'party', facts: { nearest } },
    });
  }
  if (barrier.state !== 'open' || arrivals.some((arrival) => arrival.party === party)) return null;
  return refuse(
    'too_many_parties',
    `Barrier "${name}" was declared for ${countText(count)}, all have arrived, and "${party}" is one more. Declare it for as many as there are.`,
    { field: 'party' },
  );
}

function partiesFault({ count, names }: BarrierDeclaration): Refusal | null {
  if (count < 1 || count > maxParties)
    return refuse('too_many_parties', `A barrier has 1 to ${maxParties} parties.`, { field: 'parties' });
  if (names === null) return null;
  if (new Set(names).size !== names.length)
    return refuse('invalid_request', 'A party is named twice.', { field: 'parties' });
  for (const name of names) {
    const fault = nameRefusal('party', name);
    if (fault !== null) return fault;
  }
  return null;
}

/** `more` may be fewer. */
function crowdFault({ parties, settings }: State, more: number): Refusal | null {
  if (more <= 0 || parties + more <= settings.maxParties) return null;
  return refuse(
    'too_many_barriers',
    `All barriers together have ${settings.maxParties} parties at most. Forget those that are over.`,
  );
}

function addressFault(name: string, generation: string, actor: Actor): Refusal | null {
  const fault = nameRefusal('barrier', name) ?? generationFault(generation);
  return fault ?? (may(actor, 'signal', name) ? null : forbidden(actor, 'signal', name));
}

/** Why there can be no such generation; null: there can. */
export function generationFault(generation: string): Refusal | null {
  return generation === '' ? null : nameRefusal('generation', generation);
}

function nameRefusal(what: string, name: string): Refusal | null {
  const fault = nameFault(name);
  return fault === null ? null : refuse('invalid_name', `The name of the ${what} ${fault}.`, { field: what });
}

/** Of those that somebody may have meant; each may have many generations, and few may be known to whoever asks. */
const namesLookedAt = 500;
const barriersLookedAt = 5_000;

/** Says so, and which name was perhaps meant, of those that this actor may know. */
export function unknownBarrier({ barriers }: State, name: string, generation: string, actor: Actor): Refusal {
  const mayKnow = (each: string): boolean =>
    (['signal', 'wait', 'read'] as const).some((scope) => may(actor, scope, each));
  const of = generation === '' ? '' : ` of generation "${generation}"`;
  const others = new Set(
    barriers
      .values()
      .take(barriersLookedAt)
      .map((barrier) => barrier.name)
      .filter(mayKnow)
      .take(namesLookedAt),
  );
  const nearest = nearestName(name, others);
  const hint =
    nearest === null ? 'Declare it first: PUT /v1/barriers/NAME with its parties.' : `Did you mean ${nearest}?`;
  return refuse('barrier_unknown', `There is no barrier "${name}"${of}. ${hint}`, { facts: { nearest } });
}

function partiesText({ count, names }: BarrierRow): string {
  return names === null ? countText(count) : names.slice(0, 10).join(', ');
}

function countText(count: number): string {
  return count === 1 ? '1 party' : `${count} parties`;
}

function sameNames(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b;
  const others = new Set(b);
  return a.length === b.length && a.every((name) => others.has(name));
}
