// What happens without anybody asking: a server starts again, freezes end, and what is kept long enough goes. What always
// holds: a server's own downtime never ends a lease (L5), and one pass does a bounded amount of work.

import { signalboxItself } from './access.ts';
import { reopen } from './environment.ts';
import { endFreeze } from './freeze.ts';
import { allFacts } from './history/was.ts';
import { freeJobs } from './machines/job.ts';
import { breaksTick } from './meet/barrier.ts';
import type { InstanceRow, LeaseRow } from './rows.ts';
import { goneServers, isOrphan, judgeAbsent, signIn, signOffGone } from './servers.ts';
import type { Turn } from './turn.ts';

/** What a lease has left at least after a restart, once per renewal; less where its ttl is shorter. */
const leftAfterRestartMs = 10_000;
/** A pool may make a machine for each lease: thousands a day, of which nobody will ask. */
const keptOfPoolMs = 10 * 60_000;
/** Rows that one pass removes at most. */
const removedAtOnce = 1_000;

/**
 * A server has started on this store. Log time stood still meanwhile, so each lease has what it had left; holders get at
 * least min(ttl, 10 s) to be heard again, though only once per renewal, so that a crash loop keeps no dead holder.
 * The grace of everyone whose client is not on the line begins now.
 */
export function resume(turn: Turn, facts: Readonly<Record<string, unknown>>): void {
  const { state, moment } = turn;
  if (state.server !== null) signIn(turn, state.server);
  else freeJobs(turn);
  for (const lease of state.leases.values()) if (isOrphan(state, lease)) judgeAbsent(state, lease, moment.tick);
  // Others may have served all the while; nobody can tell, and a holder gains little by it.
  allowForOutage(turn);
  turn.event('server.started', 'signalbox', signalboxItself.name, facts);
}

/** Nobody could renew for a while: each holder has at least a little time to be heard again. */
export function allowForOutage(turn: Turn): void {
  const { state, moment } = turn;
  for (const ids of state.holders.values()) {
    for (const id of ids) {
      const lease = state.leases.get(id) as LeaseRow;
      if (lease.ttlMs === null) continue;
      const least = moment.tick + Math.min(lease.ttlMs, leftAfterRestartMs);
      if (lease.resumed || lease.ttlTick === null || lease.ttlTick >= least) continue;
      turn.put('lease', id, (seq) => ({ ...lease, seq, ttlTick: least, resumed: true }));
    }
  }
}

/** Whether `tidy` would find something to do; cheap enough to be asked each second. */
export function needsTidying(turn: Turn): boolean {
  const { state, moment } = turn;
  if (goneServers(state, moment.tick).next().done !== true) return true;
  return oldestEnded(turn) !== null || closedTooLong(turn).next().done !== true || expiredFreeze(turn) !== undefined;
}

/** Ends freezes whose end has come, and drops ended leases and unused environments that were kept long enough. */
export function tidy(turn: Turn): void {
  signOffGone(turn);
  for (let freeze = expiredFreeze(turn); freeze !== undefined; freeze = expiredFreeze(turn))
    endFreeze(turn, freeze.name, signalboxItself);
  for (const environment of [...closedTooLong(turn)]) reopen(turn, environment);
  for (let dropped = 0; dropped < removedAtOnce; dropped++) {
    const lease = oldestEnded(turn);
    if (lease === null) break;
    turn.remove('lease', lease.id);
    for (const name of new Set([
      ...lease.granted,
      ...lease.wants.flatMap((want) => ('environment' in want ? [want.environment] : [])),
    ])) {
      noteIdle(turn, name, lease.endedTick ?? turn.moment.tick);
    }
  }
}

/** Drops what nobody has used for long: environments that only first use has made, and barriers. For once an hour. */
export function dropUnused(turn: Turn): void {
  dropUnusedBarriers(turn);
  dropEndedBuilds(turn);
  dropUnusedEnvironments(turn);
}

/** A barrier answers whoever comes late for as long as an ended lease is kept; one that nobody came to goes as well. */
function dropUnusedBarriers(turn: Turn): void {
  const { state, moment } = turn;
  let dropped = 0;
  for (const [id, barrier] of state.barriers) {
    if (breaksTick(barrier) !== null) continue;
    if ((barrier.endedTick ?? barrier.idleTick) + state.settings.retentionMs > moment.tick) continue;
    turn.remove('barrier', id);
    turn.event('barrier.forgotten', barrier.name, signalboxItself.name, { generation: barrier.generation });
    if (++dropped >= removedAtOnce) return;
  }
}

/**
 * Builds and machines that are over are shown for as long as ended leases; a build goes together with its machines, and whatever
 * was given up for them, or could not be told of them.
 */
function dropEndedBuilds(turn: Turn): void {
  const { state, moment } = turn;
  const isOld = (endedTick: number | null, ofPool = false): boolean =>
    endedTick !== null && endedTick + (ofPool ? keptOfPoolMs : state.settings.retentionMs) <= moment.tick;
  const isLeft = ({ state: is, endedTick, pool }: InstanceRow): boolean =>
    is === 'gone' && isOld(endedTick, pool !== null);
  let dropped = 0;
  for (const build of [...state.builds.values()]) {
    if (dropped >= removedAtOnce) return;
    // One whose machines never say that they are ready is over with the last of them.
    if (build.state === 'started' ? build.cancelling !== null : !isOld(build.endedTick, build.pool !== null)) continue;
    const machines = build.instances.flatMap((id) => state.instances.get(id) ?? []);
    if (!machines.every(isLeft)) continue;
    for (const { id } of machines) turn.remove('instance', id);
    turn.remove('build', build.id);
    dropped++;
  }
  for (const machine of [...state.instances.values()])
    if (isLeft(machine) && !state.builds.has(machine.build ?? '')) turn.remove('instance', machine.id);
  for (const job of [...state.jobs.values()]) {
    if (job.state !== 'dead') continue;
    const isOver =
      (job.kind === 'build' && !state.builds.has(job.subject)) ||
      (job.kind === 'terminate' && !state.instances.has(job.subject)) ||
      (job.kind === 'notify' && isOld(job.dueTick));
    if (isOver) turn.remove('job', job.id);
  }
}

function dropUnusedEnvironments(turn: Turn): void {
  const { state, moment } = turn;
  const used = new Set<string>();
  for (const lease of state.leases.values()) {
    for (const name of lease.granted) used.add(name);
    for (const want of lease.wants) if ('environment' in want) used.add(want.environment);
  }
  let dropped = 0;
  for (const environment of state.environments.values()) {
    if (
      environment.declared ||
      environment.dirty.length > 0 ||
      environment.state !== 'open' ||
      used.has(environment.name)
    )
      continue;
    if (environment.idleTick + state.settings.unusedMs > moment.tick) continue;
    turn.remove('environment', environment.name);
    turn.event('environment.deleted', environment.name, signalboxItself.name, {
      reason: 'made at first use and not used since',
      was: allFacts(environment),
    });
    if (++dropped >= removedAtOnce) return;
  }
}

/** Remembers when an environment that first use has made was last used, before the last lease that tells it goes. */
function noteIdle(turn: Turn, name: string, tick: number): void {
  const environment = turn.state.environments.get(name);
  if (environment === undefined || environment.declared || environment.idleTick >= tick) return;
  turn.put('environment', name, (seq) => ({ ...environment, seq, idleTick: tick }));
}

function oldestEnded(turn: Turn): LeaseRow | null {
  const { state, moment } = turn;
  const [id] = state.ended;
  const lease = id === undefined ? undefined : state.leases.get(id);
  return lease !== undefined && (lease.endedTick ?? 0) + state.settings.retentionMs <= moment.tick ? lease : null;
}

function* closedTooLong(turn: Turn) {
  for (const environment of turn.state.environments.values()) {
    if (environment.stateUntil !== null && environment.stateUntil <= turn.moment.at) yield environment;
  }
}

function expiredFreeze(turn: Turn) {
  for (const freeze of turn.state.freezes.values())
    if (freeze.until !== null && freeze.until <= turn.moment.at) return freeze;
  return undefined;
}
