// The invariants of builds, machines, jobs and pools (docs/architecture.md, B1-B8), as far as rows can show them: functions that find
// what breaks them. Tests and the simulation call them after every step; they look at everything, so they are not for production.

import type { BuildRow, InstanceRow, JobRow, Kind } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { isThere } from './instance.ts';

/** A turn as it was, whoever decided it. */
type Decided = Pick<Turn, 'state' | 'changes' | 'rowBefore'>;

/** What is wrong with a state between two turns. */
export function* machineFaults(state: State): Generator<string> {
  yield* instanceFaults(state);
  yield* buildFaults(state);
  yield* jobFaults(state);
  yield* memberFaults(state);
}

const asked: ReadonlySet<InstanceRow['state']> = new Set(['planned', 'launching']);
const serves: ReadonlySet<InstanceRow['state']> = new Set(['running', 'ready']);

function* instanceFaults(state: State): Generator<string> {
  const tokens = new Map<string, string>();
  const cloudIds = new Map<string, string>();
  for (const machine of state.instances.values()) {
    const { id, token, cloudId, build, state: is } = machine;
    if (build === null) {
      if (is !== 'ending' && is !== 'gone') yield `B3: nobody has asked for ${id}, and it is ${is}`;
    } else if (!state.builds.has(build)) yield `B2: ${id} is of the build ${build}, which is not there`;
    else if (token === '') yield `B1: ${id} is ${is} and has no token`;
    if (token !== '' && tokens.has(token)) yield `B1: ${id} and ${tokens.get(token)} have the same token`;
    tokens.set(token, id);
    if (asked.has(is) !== (cloudId === null) && is !== 'gone')
      yield `B1: ${id} is ${is}, its driver calls it ${cloudId}`;
    if (cloudId === null || is === 'gone') continue;
    if (cloudIds.has(cloudId)) yield `B3: ${id} and ${cloudIds.get(cloudId)} are both ${cloudId}`;
    cloudIds.set(cloudId, id);
    if (is === 'ending' && !hasJob(state, 'terminate', id) && !isBeingCancelled(state, machine))
      yield `B3: ${id} is to end, and nothing would end it`;
  }
}

function* buildFaults(state: State): Generator<string> {
  const seen = new Map<string, string>();
  for (const build of state.builds.values()) {
    const { id, instances, spec, state: is, cancelling } = build;
    if (new Set(instances).size !== spec.count)
      yield `B2: ${id} is for ${spec.count} machines and has ${instances.length}`;
    for (const each of instances) {
      const machine = state.instances.get(each);
      if (seen.has(each)) yield `B2: ${each} is of ${id} and of ${seen.get(each)}`;
      seen.set(each, id);
      if (machine === undefined) yield `B2: ${id} has lost its machine ${each}`;
      else if (machine.build !== id) yield `B2: ${each} of ${id} calls itself one of ${machine.build}`;
      else yield* stepFaults(build, machine);
    }
    const isOpen = is === 'pending' || is === 'building' || (cancelling !== null && is !== 'cancelled');
    if (isOpen && !hasJob(state, 'build', id)) yield `B3: ${id} is ${is}, and nobody would go on with it`;
    if (is === 'pending' && build.scriptUntilTick !== null) yield `B7: ${id} has a script, and no step of it was taken`;
    if (is === 'failed' && build.failure === null) yield `${id} has failed without a reason`;
  }
  for (const { id, build } of state.instances.values())
    if (build !== null && !seen.has(id)) yield `B2: ${id} says that it is of ${build}, which does not know it`;
}

function* stepFaults({ id, state: is }: BuildRow, machine: InstanceRow): Generator<string> {
  const isOver = is === 'started' || is === 'finished' || is === 'cancelled';
  if (isOver && asked.has(machine.state)) yield `B2: ${id} is ${is}, and ${machine.id} is ${machine.state}`;
  if (is === 'cancelled' && isThere(machine)) yield `B3: ${id} is cancelled, and ${machine.id} is ${machine.state}`;
  if (is === 'failed' && machine.state === 'planned') yield `B2: ${id} has failed, and ${machine.id} is still planned`;
}

function* jobFaults(state: State): Generator<string> {
  const seen = new Set<string>();
  for (const job of state.jobs.values()) {
    const { id, kind, subject } = job;
    const name = `${kind} ${subject}`;
    if (kind !== 'notify' && seen.has(name)) yield `B8: there are two jobs to ${name}`;
    seen.add(name);
    if ((job.state === 'claimed') !== (job.claim !== null)) yield `B8: ${id} is ${job.state}, its claim says otherwise`;
    const machine = kind === 'terminate' ? state.instances.get(subject) : undefined;
    if (kind === 'terminate' && machine?.state !== 'ending')
      yield `B8: ${id} is to end ${subject}, which is ${machine?.state}`;
    if (kind === 'build' && !state.builds.has(subject)) yield `B8: ${id} is about ${subject}, which is not there`;
    if (kind === 'notify' && job.notice === null) yield `B8: ${id} tells nothing`;
  }
}

/** A machine is one environment, and that one is of it; what is on its way out is none any more. */
function* memberFaults(state: State): Generator<string> {
  for (const { name, machine: of } of state.environments.values()) {
    if (of === undefined) continue;
    const machine = state.instances.get(of.instance);
    if (machine?.environment !== name) yield `${name} is the machine ${of.instance}, which is ${machine?.environment}`;
    else if (!serves.has(machine.state)) yield `${name} is the machine ${machine.id}, which is ${machine.state}`;
    else if (isBeingCancelled(state, machine)) yield `${name} is the machine ${machine.id}, whose build is cancelled`;
  }
  for (const { id, environment, pool, state: is } of state.instances.values()) {
    if (environment === null) continue;
    if (!serves.has(is)) yield `${id} is the environment ${environment}, and is ${is}`;
    if (pool === null) yield `${id} is the environment ${environment}, and of no pool`;
  }
}

function hasJob(state: State, kind: JobRow['kind'], subject: string): boolean {
  return state.jobs.values().some((job) => job.kind === kind && job.subject === subject);
}

function isBeingCancelled(state: State, { build: id }: InstanceRow): boolean {
  const build = id === null ? undefined : state.builds.get(id);
  return build !== undefined && build.cancelling !== null && build.state !== 'cancelled';
}

const order: readonly InstanceRow['state'][] = ['planned', 'launching', 'running', 'ready', 'ending', 'gone'];

/** Watches turn after turn for what one state alone cannot show. */
export class MachineWatch {
  /** Ids of all that somebody was to be told of, by build or machine. */
  readonly #told = new Map<string, Set<string>>();

  /** Call after a turn is durable; says what was wrong with it. */
  faults(turn: Decided): string[] {
    return turn.changes.flatMap((change, i) => {
      const before = turn.rowBefore(i);
      if (change.kind === 'instance')
        return [...this.#instanceFaults(turn, change.id, before as InstanceRow | null, change.row)];
      if (change.kind === 'job' && change.row?.kind === 'notify' && before === null)
        return [...this.#toldTwice(change.row)];
      if (change.kind === 'build' && change.row === null) this.#told.delete(change.id);
      return [];
    });
  }

  *#instanceFaults(
    turn: Decided,
    id: string,
    before: InstanceRow | null,
    after: InstanceRow | null,
  ): Generator<string> {
    if (after === null) {
      this.#told.delete(id);
      if (before !== null && isThere(before)) yield `B3: ${id} was ${before.state} and is forgotten`;
      return;
    }
    if (before === null) {
      if (after.pool !== null) yield* poolFaults(turn, after.pool);
      return;
    }
    if (order.indexOf(after.state) < order.indexOf(before.state))
      yield `${id} was ${before.state} and is ${after.state}`;
    if (after.token !== before.token) yield `B1: ${id} is asked for with another token`;
    // Where none has room all of them are tried again, from the first on.
    if (after.choice < before.choice && after.choice !== 0)
      yield `B1: ${id} is asked for with choice ${after.choice} after ${before.choice}`;
    if (before.cloudId !== null && after.cloudId !== before.cloudId)
      yield `B2: ${id} was ${before.cloudId} and is ${after.cloudId}`;
    if (before.state === 'planned' && serves.has(after.state)) yield `B1: ${id} runs, and was never asked for`;
  }

  *#toldTwice({ id, subject }: JobRow): Generator<string> {
    const told = this.#told.get(subject) ?? new Set();
    if (told.has(id)) yield `B8: ${id} is told a second time`;
    this.#told.set(subject, told.add(id));
  }
}

/** No pool builds beyond its max; it may be lowered under its machines. */
function* poolFaults({ state, changes }: Decided, name: string): Generator<string> {
  const pool = state.pools.get(name);
  if (pool === undefined || changes.some(({ kind, id }: { kind: Kind; id: string }) => kind === 'pool' && id === name))
    return;
  const there = state.instances
    .values()
    .filter((each) => each.pool === name && isThere(each))
    .toArray().length;
  if (there > pool.max) yield `the pool ${name} has ${there} machines and builds more: ${pool.max} are allowed`;
}
