// Waiting for any or all of a list of conditions. What always holds: a condition counts once it was met while it was waited
// for; a failure ends the wait at once; a wait ends once (S2). Waits are not durable: whoever comes back is told how things
// stand then (semantics: signals, barriers, waits).

import type { Actor } from '../access.ts';
import { environmentsOf, forbidden, may, owns } from '../access.ts';
import type { Refusal } from '../errors.ts';
import { refuse } from '../errors.ts';
import { findLease } from '../lease/hold.ts';
import { isMachineKnown, machineStanding } from '../machines/awaited.ts';
import { nearestName } from '../names.ts';
import { openSlots } from '../queue/units.ts';
import type { BarrierRow, Change, LeaseRow, SignalRow } from '../rows.ts';
import { globsMatch, labelsMatch } from '../selectors.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { barrierId, generationFault } from './barrier.ts';
import { missingCount, missingText } from './missing.ts';

/** What is waited for within Signalbox itself. */
export type Awaited =
  | { readonly kind: 'signal'; readonly name: string }
  | { readonly kind: 'barrier'; readonly name: string; readonly generation: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'lease'; readonly id: string }
  | { readonly kind: 'instance'; readonly id: string; readonly ready: boolean };

/** How a condition stands. `detail` is for people: `not set`, `held by shop #1841`, `503 Service Unavailable`. */
export interface Standing {
  readonly state: 'pending' | 'met' | 'failed';
  readonly detail: string;
  /** Who made it so, where somebody did. */
  readonly by: string | null;
  /** The signal or barrier as it was then; null where there was none, and for everything else. */
  readonly row: SignalRow | BarrierRow | null;
  /** Of a probe: how often it has tried, and the wall time of the last try. */
  readonly tries?: number;
  readonly triedAt?: number;
}

export type Mode = 'any' | 'all';

const told = (
  state: Standing['state'],
  detail: string,
  by: string | null = null,
  row: Standing['row'] = null,
): Standing => ({ state, detail, by, row });

/** How the list as a whole stands; null = it still waits. In `any` what is met comes first, in `all` what has failed. */
export function outcomeOf(mode: Mode, states: readonly Standing['state'][]): 'met' | 'failed' | null {
  if (mode === 'any') return states.includes('met') ? 'met' : states.includes('failed') ? 'failed' : null;
  if (states.includes('failed')) return 'failed';
  return states.every((state) => state === 'met') ? 'met' : null;
}

/** How a condition stands after a new look: what was met or has failed stays so while it is waited for. */
export function latch(before: Standing, now: Standing): Standing {
  return before.state === 'pending' ? now : before;
}

/** Under which key whoever waits for it stands, so that a change finds them. */
export function awaitedKey(awaited: Awaited): string {
  switch (awaited.kind) {
    case 'barrier':
      return `barrier ${barrierId(awaited.name, awaited.generation)}`;
    case 'lease':
      return `lease ${awaited.id}`;
    case 'instance':
      return machineKey(awaited.id, awaited.ready);
    default:
      return `${awaited.kind} ${awaited.name}`;
  }
}

function machineKey(id: string, ready: boolean): string {
  return `instance ${id}${ready ? '/ready' : ''}`;
}

/** How it stands in a state. */
export function standingOf(state: State, awaited: Awaited): Standing {
  switch (awaited.kind) {
    case 'signal':
      return signalStanding(state.signals.get(awaited.name) ?? null);
    case 'barrier':
      return barrierStanding(state.barriers.get(barrierId(awaited.name, awaited.generation)) ?? null);
    case 'env':
      return environmentStanding(state, awaited.name);
    case 'lease':
      return leaseStanding(state.leases.get(awaited.id));
    case 'instance':
      return instanceStanding(state, awaited.id, awaited.ready);
  }
}

/** Who is waited for. */
export interface AwaitedKeys {
  has(key: string): boolean;
  /** Names of the environments among them. */
  readonly environments: Iterable<string>;
}

/**
 * What a turn means for those who wait, key by key, in order. Signals and barriers are told change by change: one that is set
 * and cleared within a turn was set. What depends on many rows is looked at once, as it is after the turn.
 */
export function* toldBy(
  turn: Pick<Turn, 'state' | 'changes' | 'rowBefore'>,
  awaited: AwaitedKeys,
): Generator<readonly [string, Standing]> {
  const environments = new Set<string>();
  const machines = new Set<string>();
  for (const [i, change] of turn.changes.entries()) {
    if (change.kind === 'signal' || change.kind === 'barrier') {
      const key = `${change.kind} ${change.id}`;
      if (awaited.has(key)) yield [key, rowStanding(change)];
    } else if (change.kind === 'lease') {
      const key = `lease ${change.id}`;
      if (awaited.has(key)) yield [key, leaseStanding(change.row ?? undefined)];
      const before = turn.rowBefore(i) as LeaseRow | null;
      for (const row of [change.row, before])
        if (row !== null) for (const name of concerned(row)) environments.add(name);
      // Its labels may have kept any environment from being free that they match, and its row names none of these.
      if (before?.state === 'waiting' && change.row?.state !== 'waiting')
        for (const name of awaited.environments) if (couldUse(turn.state, before, name)) environments.add(name);
    } else if (change.kind === 'build' || change.kind === 'instance') {
      machines.add(change.id);
      if (change.kind === 'instance' && change.row?.cloudId != null) machines.add(change.row.cloudId);
      // Whether a build can still be met hangs on its machines.
      if (change.kind === 'instance' && change.row?.build != null) machines.add(change.row.build);
    } else if (change.kind === 'environment') environments.add(change.id);
    // Whom it holds is for the queue to know; they are few enough to be asked all.
    else if (change.kind === 'freeze') for (const name of turn.state.environments.keys()) environments.add(name);
  }
  for (const name of environments) {
    const key = `env ${name}`;
    if (awaited.has(key)) yield [key, environmentStanding(turn.state, name)];
  }
  for (const id of machines) {
    for (const ready of [false, true]) {
      const key = machineKey(id, ready);
      if (awaited.has(key)) yield [key, instanceStanding(turn.state, id, ready)];
    }
  }
}

/** Whether a request asks by label for what this environment carries. */
function couldUse(state: State, { wants, globs }: LeaseRow, name: string): boolean {
  const { labels } = state.environments.get(name) ?? {};
  return (
    labels !== undefined &&
    wants.some((want) => 'labels' in want && labelsMatch(want.labels, labels)) &&
    globsMatch(globs, name)
  );
}

/** Why this actor may not wait for it, or why nobody can; null when all is well. */
export function waitRefusal(state: State, awaited: Awaited, actor: Actor): Refusal | null {
  if (awaited.kind === 'lease') {
    const found = findLease(state, awaited.id);
    if (!found.ok) return may(actor, 'wait', null) ? found : forbidden(actor, 'wait', null);
    const names = environmentsOf(found.value);
    if (owns(actor, found.value) || names.some((name) => may(actor, 'wait', name))) return null;
    return forbidden(actor, 'wait', names[0] ?? null);
  }
  if (awaited.kind === 'instance') {
    if (!may(actor, 'wait', null)) return forbidden(actor, 'wait', null);
    if (isMachineKnown(state, awaited.id)) return null;
    return refuse('instance_unknown', `There is no machine and no build ${awaited.id}.`, { field: 'target' });
  }
  if (!may(actor, 'wait', awaited.name)) return forbidden(actor, 'wait', awaited.name);
  if (awaited.kind === 'barrier') return generationFault(awaited.generation);
  if (awaited.kind !== 'env' || !state.settings.declaredOnly || state.environments.has(awaited.name)) return null;
  const nearest = nearestName(awaited.name, state.environments.keys());
  const hint = nearest === null ? 'Declare it first.' : `Did you mean ${nearest}?`;
  return refuse('environment_unknown', `There is no environment "${awaited.name}". ${hint}`, { facts: { nearest } });
}

function concerned(lease: LeaseRow): string[] {
  return [...lease.granted, ...lease.wants.flatMap((want) => ('environment' in want ? [want.environment] : []))];
}

function rowStanding(change: Extract<Change, { kind: 'signal' | 'barrier' }>): Standing {
  return change.kind === 'signal' ? signalStanding(change.row) : barrierStanding(change.row);
}

function signalStanding(row: SignalRow | null): Standing {
  if (row === null) return told('pending', 'not set');
  const by = row.holder.name ?? row.by;
  return row.failure === null ? told('met', 'set', by, row) : told('failed', row.failure.reason, by, row);
}

function barrierStanding(row: BarrierRow | null): Standing {
  if (row === null) return told('pending', 'not declared');
  const arrived = `${row.arrivals.length} of ${row.count} arrived`;
  const by = row.end?.by ?? null;
  if (row.state === 'open') return told('met', 'open', by, row);
  const missing = missingCount(row) === 0 ? arrived : `${arrived}, missing ${missingText(row)}`;
  if (row.state === 'waiting') return told('pending', missing, by, row);
  const who = row.end?.party == null ? '' : `${row.end.party}: `;
  const why = row.end?.reason == null ? '' : `: ${who}${row.end.reason}`;
  return told('failed', `broken (${row.end?.how})${why}; ${missing}`, by, row);
}

/**
 * Free: no holder, nobody who waits for it by its name or by labels that it carries, nothing to be cleaned. It reserves
 * nothing. For whom a slot is set aside says nothing here: that may pass to another request without any turn.
 */
function environmentStanding(state: State, name: string): Standing {
  const row = state.environments.get(name);
  if (row === undefined) return told('met', 'never used');
  const holders = state.heldBy(name);
  const place = state.queue.places.get(name);
  let waiting = 0;
  for (const line of place?.lines ?? []) waiting += line.users;
  if (holders.length > 0) {
    const [first] = holders as [LeaseRow];
    const more = holders.length > 1 ? ` and ${holders.length - 1} more` : '';
    return told('pending', `held by ${first.holder.name ?? first.by}${more}, ${waiting} waiting`);
  }
  if (waiting > 0) return told('pending', `${waiting} waiting`);
  if (row.dirty.length > 0) return told('pending', 'to be cleaned');
  if (place !== undefined && openSlots(place) > 0) return told('met', 'free');
  return told('pending', row.state === 'draining' ? 'draining' : 'frozen');
}

function instanceStanding(state: State, id: string, ready: boolean): Standing {
  const standing = machineStanding(state, id, ready);
  return told(standing.state, standing.detail);
}

function leaseStanding(row: LeaseRow | undefined): Standing {
  if (row === undefined) return told('met', 'gone');
  if (row.end === null) return told('pending', row.state);
  return told('met', `${row.end.how}${row.end.reason === null ? '' : `: ${row.end.reason}`}`, row.end.by);
}
