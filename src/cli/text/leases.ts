// Leases and environments in words, everywhere the same. Names, holders and reasons are other people's text and are made fit to
// be shown here.

import type { Blocker, Environment, Holder, Labels, Lease, Want } from '../../client/types.ts';
import { foreign } from './sanitize.ts';

export function holderText(holder: Holder | null): string {
  return holder?.name ? foreign(holder.name, 60) : 'somebody';
}

export function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return foreign(pairs.join(','));
}

/** `uat, db` or `kind=uat ×2`. */
export function wantsText(wants: readonly Want[]): string {
  return wants
    .map((want) =>
      'environment' in want ? foreign(want.environment) : `${labelsText(want.labels) || 'any'} ×${want.count}`,
    )
    .join(', ');
}

/** What was granted, or, before that, what is asked for. */
export function environmentsText(lease: Lease): string {
  if (lease.granted.length === 0) return wantsText(lease.wants);
  return lease.granted.map((granted) => foreign(granted.environment)).join(', ');
}

const WHY: Readonly<Record<Blocker['why'], string>> = {
  held: 'is held',
  frozen: 'is frozen',
  draining: 'is draining',
  dirty: 'is not cleaned yet',
  queue: 'has others ahead',
  building: 'a machine is being built',
  no_match: 'nothing matches',
};

/** `db is held by etl #9`. */
export function blockerText(blocker: Blocker): string {
  if (blocker.environment === null) return WHY[blocker.why];
  const who = blocker.holder?.name ? ` by ${holderText(blocker.holder)}` : '';
  const reason = blocker.reason ? `: "${foreign(blocker.reason)}"` : '';
  return `${foreign(blocker.environment)} ${WHY[blocker.why] ?? foreign(blocker.why)}${who}${reason}`;
}

/** `by carla: "release week"`, or the freezes by selector that cover it. */
export function stateReasonText(environment: Environment): string {
  const by = environment.stateBy === null ? '' : `by ${foreign(environment.stateBy, 60)}`;
  const reason = environment.stateReason === null ? '' : `"${foreign(environment.stateReason)}"`;
  const own = [by, reason].filter((part) => part !== '').join(': ');
  const freezes = environment.frozenBy ?? [];
  if (own !== '' || freezes.length === 0) return own;
  return `by freeze ${freezes.map((name) => foreign(name, 60)).join(', ')}`;
}

const ENDED: Readonly<Record<string, string>> = {
  released: 'was released',
  expired: 'expired: it was not renewed in time',
  max_hold: 'reached the longest time it may be held',
  revoked: 'was taken away',
  stolen: 'was taken over',
  absent: 'ended because nobody asked for it any more',
  queue_timeout: 'was not granted in time',
  cancelled: 'left the queue',
  environment_deleted: 'ended with its environment',
  environment_draining: 'ended because its environment is draining',
  job_ended: 'ended with its job',
};

/** `was taken away by carla: "prod incident"`. */
export function endText(lease: Lease): string {
  if (lease.end === null) return lease.state === 'waiting' ? 'still waits' : 'is held';
  const what = ENDED[lease.end.how] ?? `ended (${foreign(lease.end.how)})`;
  const isOthers = ['revoked', 'stolen', 'environment_deleted', 'environment_draining'].includes(lease.end.how);
  const by = isOthers && lease.end.by ? ` by ${foreign(lease.end.by, 60)}` : '';
  return `${what}${by}${lease.end.reason ? `: "${foreign(lease.end.reason)}"` : ''}`;
}
