// What is known of an environment at a moment: where the telling of its past begins.

import type { DirtySlot, EnvironmentRow, EventRecord, FreezeRow, Holder } from '../rows.ts';
import type { State } from '../state.ts';

export interface Known {
  readonly environment: Omit<EnvironmentRow, 'dirty'>;
  readonly held: readonly {
    readonly lease: string;
    readonly grantedAt: number;
    readonly holder: Holder;
    readonly by: string;
    readonly waitedMs: number;
  }[];
  readonly dirty: readonly DirtySlot[];
  /** Who waits for it by its name. */
  readonly waiting: readonly { readonly lease: string; readonly queuedAt: number }[];
  readonly freezes: readonly FreezeRow[];
}

/** Null: there is none of this name. */
export function knownOf(state: State, name: string): Known | null {
  const environment = state.environments.get(name);
  const place = state.queue.places.get(name);
  if (environment === undefined || place === undefined) return null;
  const ids = new Set<string>();
  for (const unit of place.own.units()) ids.add(unit.request.id);
  for (const unit of place.own.aside) ids.add(unit.request.id);
  return {
    environment,
    held: state.heldBy(name).map(({ id, grantedAt, grantedTick, queuedTick, queuedAt, holder, by }) => ({
      ...{
        lease: id,
        grantedAt: grantedAt ?? queuedAt,
        holder,
        by,
        waitedMs: (grantedTick ?? queuedTick) - queuedTick,
      },
    })),
    dirty: environment.dirty,
    waiting: Array.from(ids, (lease) => ({ lease, queuedAt: state.leases.get(lease)?.queuedAt ?? 0 })),
    freezes: [...state.freezes.values()],
  };
}

/** An event at its place in time: times never go back from one to the next, whatever the wall clock did. */
export interface Dated {
  readonly at: number;
  readonly event: EventRecord;
}

/** `events` in the order of their seq. */
export function dated(events: readonly EventRecord[]): Dated[] {
  let at = Number.NEGATIVE_INFINITY;
  return events.map((event) => {
    at = Math.max(at, event.at);
    return { at, event };
  });
}

export const textIn = (value: unknown): string | null => (typeof value === 'string' ? value : null);
export const numberIn = (value: unknown): number | null => (typeof value === 'number' ? value : null);
