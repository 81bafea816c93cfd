// Why a request waits: its place, who is in the way, and how long it may take. Made from the state when somebody asks, and
// never kept.

import { isServedBy } from '../machines/room.ts';
import type { Line, Place, Unit } from '../queue/units.ts';
import { openSlots } from '../queue/units.ts';
import type { Holder, LeaseRow } from '../rows.ts';
import type { State } from '../state.ts';

export type BlockedWhy = 'held' | 'frozen' | 'draining' | 'dirty' | 'queue' | 'building' | 'no_match';

export interface Blocker {
  /** Null when no environment matches. */
  readonly environment: string | null;
  readonly why: BlockedWhy;
  readonly lease: string | null;
  readonly holder: Holder | null;
  readonly sinceAt: number | null;
  readonly reason: string | null;
}

export interface Standing {
  /** 1 = next; null when it does not wait. */
  readonly position: number | null;
  readonly blockedBy: readonly Blocker[];
  /** From what this environment's holds have taken; null while nothing is known of it, or it is closed. */
  readonly etaMs: number | null;
}

/** Blockers that are named; a pool of hundreds need not be listed to see why one waits. */
const blockersNamed = 10;
/** Members of a pool that an estimate looks at. */
const membersLookedAt = 32;

export function standing(state: State, lease: LeaseRow, tick: number): Standing {
  if (lease.state !== 'waiting') return { position: null, blockedBy: [], etaMs: null };
  return {
    position: state.queue.position(lease.id),
    blockedBy: blockers(state, lease),
    etaMs: estimate(state, lease, tick),
  };
}

/** Who or what stands between a waiting request and each slot that it misses. */
export function blockers(state: State, lease: LeaseRow): Blocker[] {
  const found: Blocker[] = [];
  const seen = new Set<Place>();
  for (const unit of state.queue.requests.get(lease.id)?.units ?? []) {
    if (unit.place !== null) continue;
    if (unit.line.places.size === 0) {
      found.push(nothingThere(state, unit.line));
    }
    for (const place of unit.line.places) {
      if (found.length >= blockersNamed) return found;
      if (seen.has(place)) continue;
      seen.add(place);
      found.push(...blockersAt(state, place).slice(0, blockersNamed - found.length));
    }
  }
  return found;
}

/** No environment is what it asks for: one is being built for it, or nobody will make one. */
function nothingThere(state: State, { key, selector }: Line): Blocker {
  const none = { environment: null, lease: null, holder: null, sinceAt: null };
  const pool =
    selector === null
      ? undefined
      : state.pools.values().find((each) => isServedBy(each, selector.labels, selector.globs));
  if (pool !== undefined) return { ...none, why: 'building', reason: `pool ${pool.name} builds a machine for it` };
  return { ...none, why: 'no_match', reason: `nothing matches ${key}` };
}

function blockersAt(state: State, place: Place): Blocker[] {
  const environment = state.environments.get(place.name);
  const plain = { environment: place.name, lease: null, holder: null };
  if (environment !== undefined && place.closed) {
    if (environment.state !== 'open') {
      return [{ ...plain, why: environment.state, sinceAt: environment.stateAt, reason: environment.stateReason }];
    }
    const freeze = state.freezes.get(state.frozenBy(environment)[0] ?? '');
    return [{ ...plain, why: 'frozen', sinceAt: freeze?.at ?? null, reason: freeze?.reason ?? null }];
  }
  const holders = state.heldBy(place.name).map(
    (lease): Blocker => ({
      environment: place.name,
      why: 'held',
      lease: lease.id,
      holder: lease.holder,
      sinceAt: lease.grantedAt,
      reason: lease.reason,
    }),
  );
  const dirty = (environment?.dirty ?? []).map(
    (slot): Blocker => ({ ...plain, why: 'dirty', sinceAt: slot.sinceAt, reason: slot.reason }),
  );
  if (holders.length + dirty.length > 0) return [...holders, ...dirty];
  // Its slots are free, but set aside for somebody earlier.
  const [first] = place.aside;
  const earlier = first === undefined ? undefined : state.leases.get(first.request.id);
  return [
    {
      environment: place.name,
      why: 'queue',
      lease: earlier?.id ?? null,
      holder: earlier?.holder ?? null,
      sinceAt: earlier?.queuedAt ?? null,
      reason: null,
    },
  ];
}

/** The longest of the estimates for what is missing; null as soon as one is unknown. */
function estimate(state: State, lease: LeaseRow, tick: number): number | null {
  let longest = 0;
  for (const unit of state.queue.requests.get(lease.id)?.units ?? []) {
    if (unit.place !== null) continue;
    const one = estimateUnit(state, unit, tick);
    if (one === null) return null;
    longest = Math.max(longest, one);
  }
  return longest;
}

function estimateUnit(state: State, unit: Unit, tick: number): number | null {
  let slots = 0;
  let typical: number | null = null;
  let soonest: number | null = null;
  let looked = 0;
  for (const place of unit.line.places) {
    if (++looked > membersLookedAt) break;
    const hold = state.typicalHoldMs(place.name);
    if (place.closed || hold === null) continue;
    slots += place.capacity;
    typical = typical === null ? hold : Math.max(typical, hold);
    if (openSlots(place) > 0) soonest = 0;
    for (const holder of state.heldBy(place.name)) {
      const left = Math.max(0, hold - (tick - (holder.grantedTick ?? tick)));
      soonest = soonest === null ? left : Math.min(soonest, left);
    }
  }
  if (typical === null || soonest === null || slots === 0) return null;
  const place = unit.inLine ? unit.line.placeOf(unit) : 1;
  return soonest + Math.floor((place - 1) / slots) * typical;
}
