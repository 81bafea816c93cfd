// Environments: declared by somebody, or made at first use; closed and opened; cleaned; deleted. What always holds: changing
// one never touches a holder (only `force` does, with a reason), and its free slots are offered anew after every change.

import type { Actor } from './access.ts';
import { forbidden, may, signalboxItself } from './access.ts';
import type { Outcome, Refusal } from './errors.ts';
import { accept, refuse } from './errors.ts';
import { allFacts, factsBefore } from './history/was.ts';
import { end } from './lease/end.ts';
import { grantReady } from './lease/grant.ts';
import { nameFault, nearestName } from './names.ts';
import type { EnvironmentRow, EnvironmentState, Labels, LeaseRow } from './rows.ts';
import type { Turn } from './turn.ts';

/** What somebody may set; what is left out stays as it is, or takes its default in a new environment. */
export interface EnvironmentChange {
  readonly capacity?: number;
  readonly labels?: Labels;
  readonly description?: string;
  readonly onExpire?: 'free' | 'hold';
  readonly ttlMs?: number | null;
  readonly maxHoldMs?: number | null;
  readonly state?: EnvironmentState;
  /** Why it is closed; required to close it. */
  readonly reason?: string | null;
  /** Wall time at which it opens again by itself. */
  readonly untilAt?: number | null;
}

export function findEnvironment(turn: Turn, name: string): Outcome<EnvironmentRow> {
  const known = turn.state.environments.get(name);
  return known === undefined ? unknown(turn, name) : accept(known);
}

/** Declares an environment or changes one. `created` says which. */
export function configure(
  turn: Turn,
  name: string,
  change: EnvironmentChange,
  actor: Actor,
): Outcome<{ environment: EnvironmentRow; created: boolean }> {
  const fault = nameFault(name);
  if (fault !== null) return refuse('invalid_name', `The name of the environment ${fault}.`, { field: 'name' });
  const before = turn.state.environments.get(name);
  const refused = mayConfigure(turn, name, before, change, actor);
  if (refused !== null) return refused;
  const stateChanges = change.state !== undefined && (before === undefined ? change.state !== 'open' : true);
  const environment = turn.put('environment', name, (seq) => {
    const base = before ?? blank(turn, name, actor, seq);
    const { capacity, labels, description, onExpire, ttlMs, maxHoldMs } = { ...base, ...definedOnly(change) };
    const closing = change.state !== undefined && change.state !== 'open';
    return {
      ...base,
      ...{ seq, capacity, labels, description, onExpire, ttlMs, maxHoldMs },
      declared: true,
      ...(change.state === undefined
        ? {}
        : {
            state: change.state,
            stateReason: closing ? (change.reason ?? null) : null,
            stateBy: closing ? actor.name : null,
            stateAt: closing ? turn.moment.at : null,
            stateUntil: closing ? (change.untilAt ?? null) : null,
          }),
    };
  });
  const was = before === undefined ? {} : factsBefore(before, change);
  const data = { ...definedOnly(change), ...(Object.keys(was).length > 0 && { was }) };
  turn.event(before === undefined ? 'environment.created' : 'environment.changed', name, actor.name, data);
  if (stateChanges && change.state === 'draining')
    sendAway(turn, name, 'environment_draining', actor.name, change.reason ?? null);
  grantReady(turn);
  return accept({ environment: turn.state.environments.get(name) ?? environment, created: before === undefined });
}

/**
 * An environment that is a machine, made by its pool. It is all that it is to be from its first moment on: whoever waits for it is
 * granted it in this very turn. Null: there are as many environments as a space may have, or one of this name.
 */
export function addMachine(
  turn: Turn,
  name: string,
  { labels, description, machine }: Required<Pick<EnvironmentRow, 'labels' | 'description' | 'machine'>>,
): EnvironmentRow | null {
  if (turn.state.environments.has(name) || boundReached(turn) !== null) return null;
  const row = turn.put('environment', name, (seq) => ({
    ...blank(turn, name, signalboxItself, seq),
    ...{ labels, description, machine, declared: true },
  }));
  turn.event('environment.created', name, signalboxItself.name, { labels, description });
  grantReady(turn);
  return row;
}

/** Null when the environment is there; when it had to be made, its name and the nearest one that existed before. */
export function createAtFirstUse(
  turn: Turn,
  name: string,
  actor: Actor,
): Outcome<{ environment: string; nearest: string | null } | null> {
  const { state } = turn;
  if (state.environments.has(name)) return accept(null);
  if (state.settings.declaredOnly) return unknown(turn, name);
  const tooMany = boundReached(turn);
  if (tooMany !== null) return tooMany;
  const nearest = nearestName(name, state.environments.keys());
  turn.put('environment', name, (seq) => blank(turn, name, actor, seq));
  turn.event('environment.created', name, actor.name, { atFirstUse: true, nearest });
  return accept({ environment: name, nearest });
}

/** Refused while somebody holds or waits for it by name; with `force` and a reason those leases end. */
export function deleteEnvironment(
  turn: Turn,
  name: string,
  actor: Actor,
  force: { reason: string } | null,
): Outcome<null> {
  const found = findEnvironment(turn, name);
  if (!found.ok) return found;
  if (!may(actor, 'admin', name)) return forbidden(actor, 'admin', name);
  const holders = turn.state.heldBy(name);
  const waiters = waitingByName(turn, name);
  if (force === null && holders.length + waiters.length > 0) {
    const message = `${name} is held by ${holders.length} and waited for by ${waiters.length}. Drain it first, or delete it with force and a reason.`;
    return refuse('environment_in_use', message, { facts: { held: holders.length, waiting: waiters.length } });
  }
  if (force !== null && force.reason.trim() === '') {
    return refuse('reason_required', 'Taking something away needs a reason: it is shown to whoever loses it.', {
      field: 'reason',
    });
  }
  for (const lease of waiters) end(turn, lease, 'environment_deleted', actor.name, force?.reason ?? null);
  for (const lease of holders) end(turn, lease, 'environment_deleted', actor.name, force?.reason ?? null);
  turn.remove('environment', name);
  turn.event('environment.deleted', name, actor.name, {
    reason: force?.reason ?? null,
    was: allFacts(found.value),
  });
  grantReady(turn);
  return accept(null);
}

/** Opens an environment whose freeze or drain has reached its end. */
export function reopen(turn: Turn, environment: EnvironmentRow): void {
  turn.put('environment', environment.name, (seq) => ({
    ...environment,
    ...{ seq, state: 'open', stateReason: null, stateBy: null, stateAt: null, stateUntil: null },
  }));
  turn.event('environment.changed', environment.name, signalboxItself.name, {
    state: 'open',
    reason: 'its end was reached',
    was: factsBefore(environment, { state: 'open' }),
  });
  grantReady(turn);
}

function waitingByName(turn: Turn, name: string): LeaseRow[] {
  const place = turn.state.queue.places.get(name);
  if (place === undefined) return [];
  const ids = new Set<string>();
  for (const unit of place.own.units()) ids.add(unit.request.id);
  for (const unit of place.own.aside) ids.add(unit.request.id);
  return Array.from(ids, (id) => turn.state.leases.get(id) as LeaseRow);
}

/** Ends the requests that wait for this environment by name. */
function sendAway(turn: Turn, name: string, how: 'environment_draining', by: string, reason: string | null): void {
  for (const lease of waitingByName(turn, name)) end(turn, lease, how, by, reason);
}

function mayConfigure(
  turn: Turn,
  name: string,
  before: EnvironmentRow | undefined,
  change: EnvironmentChange,
  actor: Actor,
): Refusal | null {
  const { state: nextState, reason, untilAt, ...settings } = change;
  const configures = before === undefined || Object.keys(definedOnly(settings)).length > 0;
  if (configures && !may(actor, 'admin', name)) return forbidden(actor, 'admin', name);
  if (nextState === undefined) {
    if (reason == null && untilAt == null) return before === undefined ? boundReached(turn) : null;
    return refuse('invalid_request', 'reason and until belong to a state: give state frozen or draining with them.', {
      field: 'state',
    });
  }
  if (!may(actor, 'force', name)) return forbidden(actor, 'force', name);
  if (nextState !== 'open' && (reason ?? '').trim() === '') {
    return refuse(
      'reason_required',
      'Closing an environment needs a reason: it is shown to everyone who waits for it.',
      { field: 'reason' },
    );
  }
  if (untilAt != null && untilAt <= turn.moment.at)
    return refuse('invalid_request', 'until lies in the past.', { field: 'until' });
  return before === undefined ? boundReached(turn) : null;
}

function boundReached(turn: Turn): Refusal | null {
  const { maxEnvironments } = turn.state.settings;
  if (turn.state.environments.size < maxEnvironments) return null;
  return refuse(
    'too_many_environments',
    `There are ${maxEnvironments} environments already, which is as many as a space may have. Delete unused ones.`,
  );
}

function unknown(turn: Turn, name: string): Refusal {
  const nearest = nearestName(name, turn.state.environments.keys());
  const hint = nearest === null ? 'signalbox status lists those that are declared.' : `Did you mean ${nearest}?`;
  return refuse('environment_unknown', `There is no environment "${name}". ${hint}`, {
    field: 'environment',
    facts: { nearest, declared: turn.state.environments.size },
  });
}

function blank(turn: Turn, name: string, actor: Pick<Actor, 'name'>, seq: number): EnvironmentRow {
  return {
    name,
    seq,
    capacity: 1,
    labels: {},
    description: '',
    state: 'open',
    stateReason: null,
    stateBy: null,
    stateAt: null,
    stateUntil: null,
    declared: false,
    onExpire: 'free',
    ttlMs: null,
    maxHoldMs: null,
    dirty: [],
    createdAt: turn.moment.at,
    createdBy: actor.name,
    idleTick: turn.moment.tick,
  };
}

function definedOnly<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;
}
