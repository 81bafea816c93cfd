// Machines, from before anybody asked for one until it is gone. What always holds: a machine that may be there is never forgotten
// (B3); that it was not found once says nothing (B4).

import type { Actor } from '../access.ts';
import { forbidden, mayEverywhere, signalboxItself } from '../access.ts';
import { deleteEnvironment } from '../environment.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { InstanceRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import { addJob, type Claim, claimed, endJob, jobOf, wakeJob } from './job.ts';
import { environmentOf } from './membership.ts';
import { notify } from './notice.ts';

/** Whether it may cost something. */
export function isThere({ state }: InstanceRow): boolean {
  return state !== 'gone';
}

/** By our id, or as the driver calls it. */
export function findInstance(turn: Pick<Turn, 'state'>, id: string): InstanceRow | undefined {
  return turn.state.instances.get(id) ?? turn.state.instances.values().find((row) => row.cloudId === id);
}

/** Another machine that its driver calls so: two that are one would be given to two, and ended together. */
export function otherCalled({ state }: Pick<Turn, 'state'>, cloudId: string, id: string): InstanceRow | undefined {
  return state.instances.values().find((row) => row.cloudId === cloudId && row.id !== id && isThere(row));
}

/** It is to go. Again: its job is tried anew. `channel`: where it is told, if not where its build says. */
export function terminate(
  turn: Turn,
  { id, job, reason, channel = null }: { id: string; job: string; reason: string | null; channel?: string | null },
  actor: Actor,
): Outcome<InstanceRow> {
  if (!mayEverywhere(actor, 'terminate')) return forbidden(actor, 'terminate', null);
  const machine = findInstance(turn, id);
  if (machine === undefined || machine.state === 'gone')
    return refuse('instance_unknown', `There is no machine ${id}. signalbox instance list shows them.`);
  if (machine.state === 'planned' || machine.state === 'launching')
    return refuse('invalid_request', `Machine ${id} is only being asked for: cancel its build ${machine.build}.`);
  return accept(endSoon(turn, machine, { job, by: actor.name, reason, channel }));
}

/** Takes it out of its pool, and has its driver end it. */
export function endSoon(
  turn: Turn,
  machine: InstanceRow,
  { job, by, reason, channel = null }: { job: string; by: string; reason: string | null; channel?: string | null },
): InstanceRow {
  const known = jobOf(turn, 'terminate', machine.id);
  if (known === undefined) addJob(turn, job, 'terminate', machine.id);
  else wakeJob(turn, known);
  return takeOut(turn, machine, { by, reason, channel });
}

/** It serves nobody from now on; whoever calls sees to it that some job ends it. */
export function takeOut(
  turn: Turn,
  machine: InstanceRow,
  { by, reason, channel = null }: { by: string; reason: string | null; channel?: string | null },
): InstanceRow {
  if (machine.state === 'ending') return machine;
  leavePool(turn, machine, reason?.trim() || 'its machine is being ended');
  turn.event('instance.ending', machine.cloudId ?? machine.id, by, { instance: machine.id, reason });
  tell(turn, 'instance.ending', machine, { channel, reason });
  return turn.put('instance', machine.id, (seq) => ({ ...machine, seq, state: 'ending', environment: null }));
}

/** The driver has said that it is gone, or that it never was. */
export function ended(turn: Turn, claim: Claim, id: string, reason: string | null): Outcome<null> {
  const job = claimed(turn, claim);
  if (!job.ok) return job;
  const machine = turn.state.instances.get(id);
  if (machine !== undefined) endInstance(turn, machine, 'signalbox', reason);
  if (job.value.kind === 'terminate' && turn.state.jobs.has(claim.job)) endJob(turn, claim);
  return accept(null);
}

export function endInstance(turn: Turn, machine: InstanceRow, by: string, reason: string | null): void {
  if (machine.state === 'gone') return;
  const { tick, at } = turn.moment;
  // Whatever has ended it, there is nothing left to do for whoever was to.
  const job = jobOf(turn, 'terminate', machine.id);
  if (job !== undefined) turn.remove('job', job.id);
  leavePool(turn, machine, reason?.trim() || 'its machine is gone');
  turn.put('instance', machine.id, (seq) => ({
    ...{ ...machine, seq, state: 'gone', environment: null, endedAt: at, endedTick: tick },
  }));
  turn.event('instance.gone', machine.cloudId ?? machine.id, by, { instance: machine.id, reason });
  // Of one that was never asked for nobody has heard.
  if (machine.cloudId !== null) tell(turn, 'instance.gone', machine, { reason });
}

export function tell(
  turn: Turn,
  event: 'instance.launched' | 'instance.ready' | 'instance.ending' | 'instance.gone',
  machine: InstanceRow,
  more: { readonly channel?: string | null; readonly reason?: string | null } = {},
): void {
  const build = machine.build === null ? undefined : turn.state.builds.get(machine.build);
  notify(turn, event, { build, machine, ...more });
}

/** Whoever holds it is told why: without its machine there is nothing to hold. */
function leavePool(turn: Turn, machine: InstanceRow, reason: string): void {
  const environment = environmentOf(turn.state, machine);
  if (environment !== undefined) deleteEnvironment(turn, environment.name, signalboxItself, { reason });
}
