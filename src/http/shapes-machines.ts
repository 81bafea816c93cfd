// Builds, machines and jobs as the API shows them.

import type { Build, Image, Instance, Job, Pool } from '../api/schemas-machines.ts';
import { poolFigures } from '../core/machines/pool.ts';
import type { BuildRow, ImageRow, InstanceRow, JobRow, Moment, PoolRow } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import { time, timeOrNull } from './shapes.ts';

export function buildShape(state: State, row: BuildRow): Build {
  const { id, spec, steps, instances, cancelling, failure } = row;
  return {
    ...{ id, state: row.state, ...spec },
    steps: steps.map(({ name, begunAt, doneAt, facts }) => ({
      ...{ name, begunAt: time(begunAt), doneAt: timeOrNull(doneAt), facts: { ...facts } },
    })),
    instances: instances.flatMap((each) => {
      const machine = state.instances.get(each);
      return machine === undefined ? [] : [instanceShape(machine)];
    }),
    cancelling: cancelling === null ? null : { ...cancelling, at: time(cancelling.at) },
    failure: failure === null ? null : { ...failure },
    ...{ pool: row.pool, seq: row.seq },
    ...{ by: row.by, createdAt: time(row.createdAt), endedAt: timeOrNull(row.endedAt) },
  };
}

/** Never the token: whoever has it could have the machine made in another's name. */
export function instanceShape(row: InstanceRow): Instance {
  const { id, build, state, cloudId, facts, pool, environment, by, launchedAt, endedAt } = row;
  return {
    ...{ id, build, state, cloudId, facts: { ...facts }, pool, environment, by },
    ...{ launchedAt: timeOrNull(launchedAt), endedAt: timeOrNull(endedAt) },
  };
}

export function jobShape(row: JobRow, { tick }: Moment): Job {
  const { id, kind, subject, state, tries, claim, error, dueTick, report, notice, createdAt } = row;
  return {
    ...{ id, kind, subject, state, tries, worker: claim?.worker ?? null, error },
    dueInSeconds: state === 'waiting' ? Math.max(0, dueTick - tick) / 1000 : 0,
    report: report === null ? null : reportShape(report),
    notice: notice === null ? null : { sink: notice.sink, event: notice.event },
    createdAt: time(createdAt),
  };
}

function reportShape({ at, listed, adopted, ending, gone, removed }: NonNullable<JobRow['report']>): Job['report'] {
  return {
    ...{ at: time(at), listed, adopted: [...adopted], ending: [...ending] },
    ...{ gone: [...gone], removed: [...removed] },
  };
}

export function imageShape({ id, role, name, isActive, state, source, createdAt }: ImageRow): Image {
  return { id, role, name, active: isActive, state, source, createdAt: time(createdAt) };
}

export function poolShape(state: State, row: PoolRow, { tick }: Moment): Pool {
  const { name, labels, min, max, idle, idleForMs, maxAgeMs, once, readyWhen, readyWithinMs, build } = row;
  const { waiting, ...machines } = poolFigures(state, row);
  const pausedForMs = row.pausedUntilTick === null ? 0 : row.pausedUntilTick - tick;
  return {
    ...{ name, labels: { ...labels }, min, max, idle, idleForSeconds: idleForMs / 1000 },
    ...{ maxAgeSeconds: maxAgeMs === null ? null : maxAgeMs / 1000, once, readyWhen },
    ...{ readyWithinSeconds: readyWithinMs / 1000, build: { ...build }, source: row.source, machines, waiting },
    ...{ pausedForSeconds: pausedForMs > 0 ? pausedForMs / 1000 : null, createdAt: time(row.createdAt) },
  };
}
