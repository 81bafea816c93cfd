// Slots that were left behind: their holder went without releasing, and the environment says that somebody must look first
// (onExpire: hold). What always holds: a dirty slot counts as used until it is cleaned.

import type { Actor } from './access.ts';
import { forbidden, may } from './access.ts';
import type { Outcome } from './errors.ts';
import { accept, refuse } from './errors.ts';
import { grantReady } from './lease/grant.ts';
import type { DirtySlot, EnvironmentRow } from './rows.ts';
import type { Turn } from './turn.ts';

/** Called before the lease ends, so that its slot is never offered in between. False: the slot is free at once. */
export function markDirty(turn: Turn, name: string, lease: string, reason: string): boolean {
  const environment = turn.state.environments.get(name);
  if (environment?.onExpire !== 'hold') return false;
  const slot: DirtySlot = { lease, sinceAt: turn.moment.at, reason };
  turn.put('environment', name, (seq) => ({ ...environment, seq, dirty: [...environment.dirty, slot] }));
  return true;
}

/** Somebody has looked: the slots are free again. */
export function clean(turn: Turn, name: string, actor: Actor, reason: string | null): Outcome<EnvironmentRow> {
  const environment = turn.state.environments.get(name);
  if (environment === undefined)
    return refuse('environment_unknown', `There is no environment "${name}".`, { field: 'environment' });
  if (!may(actor, 'force', name)) return forbidden(actor, 'force', name);
  if (environment.dirty.length === 0) return accept(environment);
  const cleaned = turn.put('environment', name, (seq) => ({ ...environment, seq, dirty: [] }));
  turn.event('environment.cleaned', name, actor.name, { slots: environment.dirty.length, reason });
  grantReady(turn);
  return accept(cleaned);
}
