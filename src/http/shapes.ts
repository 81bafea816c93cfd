// Rows as the API shows them: one function per thing, the only places where a row becomes JSON.

import type { Environment, Lease } from '../api/schemas.ts';
import { expiryTick } from '../core/lease/end.ts';
import { type Blocker, standing } from '../core/lease/standing.ts';
import { openSlots } from '../core/queue/units.ts';
import type { EnvironmentRow, EventRecord, FreezeRow, KeyRow, LeaseRow, Moment } from '../core/rows.ts';
import type { State } from '../core/state.ts';

/** What is needed to show a row beside the row itself. */
export interface View {
  readonly state: State;
  readonly moment: Moment;
  /** Where people reach this server, without a slash at the end. */
  readonly baseUrl: string;
}

/** The time that was written last: most of those of one reply, and of the next, are the same. */
let lastAt = Number.NaN;
let lastText = '';

export function time(at: number): string {
  if (at !== lastAt) {
    lastText = new Date(at).toISOString();
    lastAt = at;
  }
  return lastText;
}

export const timeOrNull = (at: number | null): string | null => (at === null ? null : time(at));
const seconds = (milliseconds: number | null): number | null => (milliseconds === null ? null : milliseconds / 1000);

export function leaseShape(view: View, lease: LeaseRow): Lease {
  const { state, moment } = view;
  const { position, blockedBy, etaMs } = standing(state, lease, moment.tick);
  const expiry = lease.state === 'held' ? expiryTick(lease) : null;
  const expiresInMs = expiry === null ? null : Math.max(0, expiry - moment.tick);
  return {
    id: lease.id,
    state: lease.state,
    wants: lease.wants as Lease['wants'],
    granted: lease.granted.map((environment) => ({ environment })),
    holder: lease.holder,
    reason: lease.reason,
    priority: lease.priority,
    ttlSeconds: seconds(lease.ttlMs),
    queueSeconds: seconds(lease.queueMs),
    maxHoldSeconds: seconds(lease.maxHoldMs),
    fence: lease.fence,
    seq: state.movedSeq(lease),
    position,
    blockedBy: blockedBy.map(blockerShape),
    etaSeconds: etaMs === null || lease.state !== 'waiting' ? null : Math.round(etaMs / 1000),
    queuedAt: time(lease.queuedAt),
    grantedAt: timeOrNull(lease.grantedAt),
    expiresAt: expiresInMs === null ? null : time(moment.at + expiresInMs),
    expiresInSeconds: seconds(expiresInMs),
    endedAt: timeOrNull(lease.endedAt),
    end: lease.end,
    revoking:
      lease.revoking === null
        ? null
        : { by: lease.revoking.by, reason: lease.revoking.reason, at: time(lease.revoking.at) },
    page: `${view.baseUrl}/environments/${encodeURIComponent(lease.granted[0] ?? firstName(lease) ?? '')}`,
  };
}

export function blockerShape(blocker: Blocker) {
  const { environment, why, holder, reason } = blocker;
  return { environment, why, holder, since: timeOrNull(blocker.sinceAt), reason };
}

export function environmentShape(view: View, row: EnvironmentRow): Environment {
  const { state } = view;
  const place = state.queue.places.get(row.name);
  const held = state.heldBy(row.name);
  const frozenBy = state.frozenBy(row);
  let oldestWait: number | null = null;
  for (const units of place === undefined ? [] : [place.own.heads(), place.aside]) {
    for (const unit of units) {
      const queuedAt = state.leases.get(unit.request.id)?.queuedAt ?? null;
      if (queuedAt !== null && (oldestWait === null || queuedAt < oldestWait)) oldestWait = queuedAt;
    }
  }
  const isDrained = row.state === 'draining' && held.length === 0;
  return {
    name: row.name,
    capacity: row.capacity,
    labels: row.labels,
    description: row.description,
    state: isDrained ? 'drained' : row.state === 'open' && frozenBy.length > 0 ? 'frozen' : row.state,
    stateReason: row.stateReason ?? state.freezes.get(frozenBy[0] ?? '')?.reason ?? null,
    stateBy: row.stateBy ?? state.freezes.get(frozenBy[0] ?? '')?.by ?? null,
    stateUntil: timeOrNull(row.stateUntil ?? state.freezes.get(frozenBy[0] ?? '')?.until ?? null),
    frozenBy,
    declared: row.declared,
    onExpire: row.onExpire,
    ttlSeconds: seconds(row.ttlMs),
    maxHoldSeconds: seconds(row.maxHoldMs),
    held: held.map((lease) => leaseShape(view, lease)),
    waiting: (place?.own.waiting ?? 0) + (place?.own.aside.size ?? 0),
    free: place === undefined ? 0 : Math.max(0, openSlots(place)),
    dirty: row.dirty.length,
    oldestWaitSince: timeOrNull(oldestWait),
    seq: state.environmentSeq(row),
    createdAt: time(row.createdAt),
    page: `${view.baseUrl}/environments/${encodeURIComponent(row.name)}`,
  };
}

export function freezeShape({ name, labels, reason, by, at, until }: FreezeRow) {
  return { name, labels, reason, by, at: time(at), until: timeOrNull(until) };
}

/** Never the hash: what is not shown cannot leak. */
export function keyShape({ id, name, scopes, maxPriority, createdAt, createdBy, expiresAt }: KeyRow) {
  return {
    id,
    name,
    scopes: [...scopes],
    maxPriority,
    createdAt: time(createdAt),
    createdBy,
    expiresAt: timeOrNull(expiresAt),
  };
}

export function eventShape({ seq, at, kind, subject, actor, data }: EventRecord) {
  return { seq, at: time(at), kind, subject, actor, data };
}

function firstName(lease: LeaseRow): string | null {
  for (const want of lease.wants) if ('environment' in want) return want.environment;
  return null;
}
