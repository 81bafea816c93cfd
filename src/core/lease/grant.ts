// Granting: at the end of a command every full request whose client is present becomes a holder. A grant never changes
// anyone else's standing, so nothing follows from it.

import { signalboxItself } from '../access.ts';
import { factsBefore } from '../history/was.ts';
import type { LeaseRow } from '../rows.ts';
import type { Turn } from '../turn.ts';

/** Fences of one epoch: larger than any seq that a store will see (2^40 changes). */
const fencesPerEpoch = 2 ** 40;

/** Seq of the change that granted a lease; 0 while it waits. */
export function grantSeq(lease: LeaseRow): number {
  return (lease.fence ?? 0) % fencesPerEpoch;
}

/** Grants all requests that have become full and whose client is on the line. To be called at the end of each command. */
export function grantReady(turn: Turn): void {
  for (const request of turn.state.queue.takeReady()) grantIfPresent(turn, request.id);
}

/** Grants one request, should everything be set aside for it and its client be on the line. */
export function grantIfPresent(turn: Turn, id: string): void {
  const { state, moment } = turn;
  const lease = state.leases.get(id);
  if (lease?.state !== 'waiting' || !state.queue.isFull(id) || state.presence.get(id)?.open !== true) return;
  const granted = state.queue.setAside(id);
  const held = turn.put('lease', id, (seq) => ({
    ...lease,
    seq,
    state: 'held',
    granted,
    fence: state.epoch * fencesPerEpoch + seq,
    grantedAt: moment.at,
    grantedTick: moment.tick,
    renewal: seq,
    ttlTick: lease.ttlMs === null ? null : moment.tick + lease.ttlMs,
  }));
  const waitedSeconds = Math.max(0, Math.round((moment.tick - lease.queuedTick) / 1000));
  const { name: holder, url, ref } = lease.holder;
  for (const name of granted) {
    turn.event('lease.granted', name, lease.by, {
      ...{ lease: id, holder, environments: granted, fence: held.fence, waitedSeconds },
      ...(url !== null && { url }),
      ...(ref !== null && { ref }),
      // It did not stand in the line of this environment.
      ...(!lease.wants.some((want) => 'environment' in want && want.environment === name) && { byLabels: true }),
    });
    closeIfOnce(turn, name, id);
  }
}

/** A machine that serves one lease takes nobody in after it. */
function closeIfOnce(turn: Turn, name: string, lease: string): void {
  const environment = turn.state.environments.get(name);
  if (environment?.machine?.once !== true) return;
  const closed = {
    state: 'draining',
    stateReason: 'its machine serves one lease',
    stateBy: signalboxItself.name,
  } as const;
  turn.put('environment', name, (seq) => ({
    ...environment,
    ...closed,
    seq,
    stateAt: turn.moment.at,
    stateUntil: null,
  }));
  turn.event('environment.changed', name, signalboxItself.name, {
    state: 'draining',
    reason: closed.stateReason,
    lease,
    was: factsBefore(environment, { state: 'draining' }),
  });
}
