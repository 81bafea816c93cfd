// How leases wait and end, in words: the same as those of the command line.

import type { Blocker, Want } from '../../../src/client/types.ts';

const ended: Readonly<Record<string, string>> = {
  released: 'released',
  expired: 'expired, it was not renewed in time',
  max_hold: 'reached the longest time it may be held',
  revoked: 'taken away',
  stolen: 'taken over',
  absent: 'ended, nobody asked for it any more',
  queue_timeout: 'not granted in time',
  cancelled: 'left the queue',
  environment_deleted: 'ended with its environment',
  environment_draining: 'ended because its environment drains',
  job_ended: 'ended with its job',
};

export function endWords(how: string | null): string {
  return how === null ? 'ended' : (ended[how] ?? how.replaceAll('_', ' '));
}

/** Whether somebody else has ended it, so that it matters who. */
export function isByOthers(how: string | null): boolean {
  return ['revoked', 'stolen', 'environment_deleted', 'environment_draining'].includes(how ?? '');
}

const why: Readonly<Record<Blocker['why'], string>> = {
  held: 'held',
  frozen: 'frozen',
  draining: 'draining',
  dirty: 'not cleaned yet',
  queue: 'others are ahead',
  building: 'a machine is being built',
  no_match: 'nothing matches',
};

export function whyWords(blocker: Blocker): string {
  return why[blocker.why] ?? String(blocker.why);
}

export function wantWords(want: Want): string {
  if ('environment' in want) return want.environment;
  const pairs = Object.entries(want.labels).map(([name, value]) => `${name}=${value}`);
  return `${pairs.join(',') || 'any'}${want.count === 1 ? '' : ` ×${want.count}`}`;
}
