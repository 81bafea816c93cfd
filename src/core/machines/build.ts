// Builds: requests for machines, each a sequence of steps that a worker takes and writes down, before and after. What always holds:
//   B1 before the cloud is asked for a machine, its row with the token of the ask is durable;
//   B2 a build has exactly as many machines as it was asked for, from the beginning on, whatever dies in between: a machine whose
//      ask may have been heard is asked for again with the same token, and with another only once it is certain that there is none;
//   - a build that fails says at which step, why, and after how many tries.

import type { Actor } from '../access.ts';
import { forbidden, mayEverywhere } from '../access.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { BuildRow, BuildSpec, BuildStep, InstanceRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import { endInstance, findInstance, isThere, otherCalled, takeOut, tell } from './instance.ts';
import { addJob, type Claim, claimed, endJob, type Failure, failTry, jobOf, wakeJob } from './job.ts';
import { joinPool, pausePool } from './membership.ts';
import { notify } from './notice.ts';
import { nameVariables, render, templateFaults } from './template.ts';

export interface BuildAsk {
  /** Made by whoever asks, or for them: a second ask with the same id is the same build. */
  readonly id: string;
  readonly spec: BuildSpec;
  /** New ids and tokens, one for each machine, and the id of the job. */
  readonly instances: readonly { readonly id: string; readonly token: string }[];
  readonly job: string;
  /** The pool that asks for it. */
  readonly pool?: string;
}

export const machinesPerBuild = 100;

/** All that is wrong with what was asked for, in the order in which the older system says it; empty: nothing. */
export function specFaults(spec: BuildSpec): string[] {
  const empty = (['site', 'env', 'queue', 'instance_type'] as const).filter(
    (name) => (name === 'instance_type' ? spec.instanceType : spec[name]).trim() === '',
  );
  const faults = empty.map((name) => `empty "${name}" param`);
  if (!Number.isInteger(spec.count) || spec.count < 1) faults.push('count must be more than 0');
  else if (spec.count > machinesPerBuild) faults.push(`count must be at most ${machinesPerBuild}`);
  for (const [name, value] of Object.entries(spec))
    if (typeof value === 'string' && /\p{Cc}/u.test(value))
      faults.push(`${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} must have no control characters`);
  for (const fault of templateFaults(spec.nameTemplate ?? '', nameVariables)) faults.push(`name_template: ${fault}`);
  return faults;
}

/** What people call a machine of a build, where nothing else was asked for. */
const usualName = '{{.Role}}-{{.Site}}-{{.Env}}-{{.Queue}}';

export function machineName({ id, spec }: Pick<BuildRow, 'id' | 'spec'>, instance: string): string {
  const { env: Env, site: Site, queue: Queue, role: Role, instanceType: InstanceType } = spec;
  const values = { Env, Site, Queue, Role, InstanceType, InstanceBuildID: id, InstanceID: instance };
  return render(spec.nameTemplate ?? usualName, values);
}

export function askBuild(turn: Turn, ask: BuildAsk, actor: Actor): Outcome<{ build: BuildRow; created: boolean }> {
  if (!mayEverywhere(actor, 'build')) return forbidden(actor, 'build', null);
  const { state, moment } = turn;
  const known = state.builds.get(ask.id);
  if (known !== undefined) return accept({ build: known, created: false });
  if (/^\.\.?$/.test(ask.id))
    return refuse(
      'invalid_request',
      'An id that is dots alone cannot be asked for: in an address it leads elsewhere.',
      {
        field: 'id',
      },
    );
  const faults = specFaults(ask.spec);
  if (faults.length > 0) return refuse('invalid_request', faults.join(', '), { facts: { faults } });
  if (ask.instances.length !== ask.spec.count) throw new Error('a build needs an id for each of its machines');
  if (state.builds.size >= state.settings.maxBuilds)
    return refuse(
      'too_many_builds',
      `There are ${state.settings.maxBuilds} builds already, those that are over included.`,
    );
  const there = state.instances.values().filter(isThere).toArray().length;
  if (there + ask.spec.count > state.settings.maxInstances)
    return refuse(
      'too_many_builds',
      `With these there would be ${there + ask.spec.count} machines; ${state.settings.maxInstances} are allowed (--max-instances).`,
    );
  for (const { id, token } of ask.instances)
    turn.put('instance', id, (seq) => ({ ...planned(ask, actor), id, token, seq }));
  const build = turn.put('build', ask.id, (seq) => ({
    ...{ id: ask.id, seq, state: 'pending', spec: ask.spec, steps: [], instances: ask.instances.map(({ id }) => id) },
    ...{
      scriptUntilTick: null,
      cancelling: null,
      failure: null,
      pool: ask.pool ?? null,
      owner: actor.identity,
      by: actor.name,
    },
    ...{ createdAt: moment.at, endedAt: null, endedTick: null },
  }));
  addJob(turn, ask.job, 'build', ask.id);
  turn.event('build.asked', ask.id, actor.name, { ...ask.spec });
  notify(turn, 'build.asked', { build });
  return accept({ build, created: true });
}

function planned(ask: BuildAsk, actor: Actor): Omit<InstanceRow, 'id' | 'token' | 'seq'> {
  const { id: build, pool } = ask;
  return {
    ...{
      build,
      state: 'planned',
      choice: 0,
      cloudId: null,
      facts: {},
      missed: null,
      pool: pool ?? null,
      environment: null,
    },
    ...{ by: actor.name, launchedTick: null, launchedAt: null, endedAt: null, endedTick: null },
  };
}

/** A step is about to be taken; durable before anything is done. Again after a death: the same step, begun anew. */
export function beginStep(turn: Turn, claim: Claim, name: string): Outcome<BuildStep> {
  const found = buildOf(turn, claim);
  if (!found.ok) return found;
  const build = found.value;
  const known = build.steps.find((step) => step.name === name);
  if (known?.doneAt != null) return accept(known);
  const step: BuildStep = { name, begunAt: turn.moment.at, doneAt: null, facts: {} };
  putBuild(turn, build, { state: 'building', steps: [...build.steps.filter((other) => other !== known), step] });
  return accept(step);
}

export function endStep(turn: Turn, claim: Claim, name: string, facts: BuildStep['facts']): Outcome<BuildStep> {
  const found = buildOf(turn, claim);
  if (!found.ok) return found;
  const build = found.value;
  const known = build.steps.find((step) => step.name === name);
  if (known === undefined) return refuse('invalid_request', `Step ${name} of ${build.id} was never begun.`);
  if (known.doneAt !== null) return accept(known);
  const step = { ...known, doneAt: turn.moment.at, facts };
  putBuild(turn, build, { steps: build.steps.map((other) => (other === known ? step : other)) });
  turn.event('build.step', build.id, 'signalbox', { step: name, ...facts });
  return accept(step);
}

/** Its machines may fetch their init script from now on, for a while that begins anew with each launch (B7). */
export function openScript(turn: Turn, claim: Claim): Outcome<BuildRow> {
  const found = buildOf(turn, claim);
  if (!found.ok) return found;
  return accept(putBuild(turn, found.value, { scriptUntilTick: turn.moment.tick + turn.state.settings.scriptMs }));
}

/**
 * A machine is about to be asked for (B1). `choice`: which of the driver's choices; another than before only where it is certain
 * that the one before has made none.
 */
export function beginLaunch(turn: Turn, claim: Claim, id: string, choice: number): Outcome<InstanceRow> {
  const found = machineOf(turn, claim, id);
  if (!found.ok) return found;
  const machine = found.value;
  if (machine.state !== 'planned' && machine.state !== 'launching') return accept(machine);
  const build = turn.state.builds.get(machine.build ?? '');
  if (build != null && build.scriptUntilTick !== null) openScript(turn, claim);
  return accept(turn.put('instance', id, (seq) => ({ ...machine, seq, state: 'launching', choice })));
}

/** The driver has said which machine it is. */
export function endLaunch(
  turn: Turn,
  claim: Claim,
  id: string,
  { cloudId, facts }: { cloudId: string; facts: InstanceRow['facts'] },
): Outcome<InstanceRow> {
  const found = machineOf(turn, claim, id);
  if (!found.ok) return found;
  if (found.value.state === 'planned') return refuse('invalid_request', `Machine ${id} was never asked for.`);
  const other = otherCalled(turn, cloudId, id);
  if (found.value.state === 'launching' && other !== undefined)
    return refuse('invalid_request', `the driver has given ${cloudId} for ${id}, and it is ${other.id} already`);
  return accept(nowRuns(turn, found.value, cloudId, facts));
}

/** Known from the answer to the ask, or found by reconciling: its answer may have been lost. */
export function nowRuns(turn: Turn, machine: InstanceRow, cloudId: string, facts: InstanceRow['facts']): InstanceRow {
  if (machine.state !== 'launching') return machine;
  const row = turn.put('instance', machine.id, (seq) => ({
    ...{ ...machine, seq, state: 'running', cloudId, facts, missed: null },
    ...{ launchedTick: turn.moment.tick, launchedAt: turn.moment.at },
  }));
  turn.event('instance.launched', cloudId, 'signalbox', { instance: machine.id, build: machine.build });
  tell(turn, 'instance.launched', row);
  return joinPool(turn, row);
}

/**
 * All steps are taken: its machines run. Whether they are ready they say themselves. One that was cancelled meanwhile goes on: its
 * machines are to be ended by the same job.
 */
export function endBuild(turn: Turn, claim: Claim): Outcome<BuildRow> {
  const found = buildOf(turn, claim);
  if (!found.ok || found.value.cancelling !== null) return found;
  const missing = found.value.instances.filter((id) => isAsked(turn.state.instances.get(id)));
  if (missing.length > 0) return refuse('invalid_request', `Not all machines run yet: ${missing.join(', ')}.`);
  endJob(turn, claim);
  turn.event('build.started', found.value.id, 'signalbox');
  notify(turn, 'build.started', { build: found.value });
  return accept(finishIfReady(turn, putBuild(turn, found.value, { state: 'started', failure: null })));
}

/** Somebody says it of a machine, by its id here or at the driver. */
export function sayReady(turn: Turn, id: string, by: string): Outcome<InstanceRow> {
  const machine = findInstance(turn, id);
  if (machine?.build != null && machine.cloudId !== null)
    return reportReady(turn, machine.build, machine.cloudId, { by });
  const why = machine === undefined ? `There is no machine ${id}.` : `Machine ${id} is not there yet.`;
  return refuse('instance_unknown', `${why} signalbox instance list shows them.`);
}

/**
 * A machine says that its init script is done. Twice is once; one that nobody knows changes nothing. `channel`: where it is told,
 * if not where its build says.
 */
export function reportReady(
  turn: Turn,
  buildId: string,
  cloudId: string,
  { channel = null, by = 'signalbox' }: { readonly channel?: string | null; readonly by?: string } = {},
): Outcome<InstanceRow> {
  const machine = turn.state.instances.values().find((row) => row.build === buildId && row.cloudId === cloudId);
  if (machine === undefined)
    return refuse('instance_unknown', `Build ${buildId} has no machine ${cloudId}.`, { field: 'instance-id' });
  if (machine.state !== 'running') return accept(machine);
  const ready = turn.put('instance', machine.id, (seq) => ({ ...machine, seq, state: 'ready' }));
  turn.event('instance.ready', cloudId, by, { instance: machine.id, build: buildId });
  tell(turn, 'instance.ready', ready, { channel });
  const build = turn.state.builds.get(buildId);
  if (build !== undefined) finishIfReady(turn, build);
  return accept(joinPool(turn, ready));
}

function finishIfReady(turn: Turn, build: BuildRow): BuildRow {
  const areReady = build.instances.every((id) => turn.state.instances.get(id)?.state === 'ready');
  return build.state === 'started' && areReady ? over(turn, build, 'finished') : build;
}

/** A step has failed: again after a while, or no more. */
export function failStep(
  turn: Turn,
  claim: Claim,
  failure: Failure & { readonly step: string },
): Outcome<'again' | 'dead'> {
  const job = claimed(turn, claim);
  if (!job.ok) return job;
  const build = turn.state.builds.get(job.value.subject);
  const fate = failTry(turn, job.value, failure);
  if (build === undefined) return accept(fate);
  const { step, reason } = failure;
  const tries = job.value.tries + 1;
  turn.event('build.step_failed', build.id, 'signalbox', { step, reason, tries, again: fate === 'again' });
  if (fate === 'again') putBuild(turn, build, { failure: { step, reason, tries } });
  // What is being ended must be ended: the job stays to be seen, and is taken up again by whoever cancels again.
  else if (build.cancelling === null) {
    over(turn, { ...build, failure: { step, reason, tries } }, 'failed');
    if (build.pool !== null) pausePool(turn, build.pool);
    endPlanned(turn, build, 'its build has failed');
  }
  return accept(fate);
}

/** It is to end, and its machines with it, however far it is. Again: its job is tried anew. */
export function cancelBuild(
  turn: Turn,
  { id, job, reason }: { id: string; job: string; reason: string | null },
  actor: Actor,
): Outcome<BuildRow> {
  const build = turn.state.builds.get(id);
  if (!mayEverywhere(actor, 'build')) return forbidden(actor, 'build', null);
  if (build === undefined) return refuse('build_unknown', `There is no build ${id}.`);
  if (build.state === 'cancelled') return accept(build);
  const known = jobOf(turn, 'build', id);
  if (known === undefined) addJob(turn, job, 'build', id);
  else wakeJob(turn, known);
  if (build.cancelling !== null) return accept(build);
  turn.event('build.cancelling', id, actor.name, { reason });
  const cancelling = { by: actor.name, reason, at: turn.moment.at };
  const row = putBuild(turn, build, { cancelling, endedAt: null, endedTick: null });
  // At once: the driver may have ended them before anybody hears of it.
  for (const each of build.instances) {
    const machine = turn.state.instances.get(each);
    if (machine?.state === 'running' || machine?.state === 'ready')
      takeOut(turn, machine, { by: actor.name, reason: reason?.trim() || 'its build is cancelled' });
  }
  return accept(row);
}

/** The machines of a build that ends; those that were never asked for are gone at once. What is left must be ended by the driver. */
export function toEnd(turn: Turn, claim: Claim): Outcome<readonly InstanceRow[]> {
  const found = buildOf(turn, claim);
  if (!found.ok) return found;
  endPlanned(turn, found.value, 'its build was cancelled');
  const machines = found.value.instances.map((id) => turn.state.instances.get(id));
  return accept(machines.filter((machine) => machine !== undefined && isThere(machine)) as InstanceRow[]);
}

/** Nobody was ever asked for them. */
function endPlanned(turn: Turn, build: BuildRow, reason: string): void {
  for (const id of build.instances) {
    const machine = turn.state.instances.get(id);
    if (machine?.state === 'planned') endInstance(turn, machine, 'signalbox', reason);
  }
}

/** Nothing of it is left. */
export function endCancelled(turn: Turn, claim: Claim): Outcome<BuildRow> {
  const left = toEnd(turn, claim);
  if (!left.ok) return left;
  const found = buildOf(turn, claim);
  if (!found.ok) return found;
  if (left.value.length > 0) return refuse('invalid_request', `Machines of ${found.value.id} are still there.`);
  endJob(turn, claim);
  return accept(over(turn, found.value, 'cancelled'));
}

/** Whether nobody knows yet which machine it is. */
function isAsked(machine: InstanceRow | undefined): boolean {
  return machine?.state === 'planned' || machine?.state === 'launching';
}

function over(turn: Turn, build: BuildRow, state: 'finished' | 'failed' | 'cancelled'): BuildRow {
  const { failure } = build;
  turn.event(`build.${state}`, build.id, 'signalbox', failure === null ? {} : { ...failure });
  const why = state === 'cancelled' ? build.cancelling : failure;
  notify(turn, `build.${state}`, { build, reason: why?.reason ?? null });
  return putBuild(turn, build, { state, failure, endedAt: turn.moment.at, endedTick: turn.moment.tick });
}

function putBuild(turn: Turn, build: BuildRow, change: Partial<BuildRow>): BuildRow {
  return turn.put('build', build.id, (seq) => ({ ...build, ...change, seq }));
}

function buildOf(turn: Turn, claim: Claim): Outcome<BuildRow> {
  const job = claimed(turn, claim);
  if (!job.ok) return job;
  const build = turn.state.builds.get(job.value.subject);
  return build === undefined ? refuse('build_unknown', `There is no build ${job.value.subject}.`) : accept(build);
}

function machineOf(turn: Turn, claim: Claim, id: string): Outcome<InstanceRow> {
  const build = buildOf(turn, claim);
  if (!build.ok) return build;
  const machine = turn.state.instances.get(id);
  return machine === undefined || machine.build !== build.value.id
    ? refuse('instance_unknown', `Build ${build.value.id} has no machine ${id}.`)
    : accept(machine);
}
