// Builds, machines and jobs as the API shows them.

import type { Build, Instance, Job } from '../api/schemas-machines.ts';
import type { BuildRow, InstanceRow, JobRow, Moment } from '../core/rows.ts';
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
    ...{ by: row.by, createdAt: time(row.createdAt), endedAt: timeOrNull(row.endedAt) },
  };
}

/** Never the token: whoever has it could have the machine made in another's name. */
export function instanceShape({ id, build, state, cloudId, facts, by, launchedAt, endedAt }: InstanceRow): Instance {
  return {
    ...{ id, build, state, cloudId, facts: { ...facts }, by },
    ...{ launchedAt: timeOrNull(launchedAt), endedAt: timeOrNull(endedAt) },
  };
}

export function jobShape(
  { id, kind, subject, state, tries, claim, error, dueTick, createdAt }: JobRow,
  { tick }: Moment,
): Job {
  const dueInSeconds = state === 'waiting' ? Math.max(0, dueTick - tick) / 1000 : 0;
  return {
    id,
    kind,
    subject,
    state,
    tries,
    worker: claim?.worker ?? null,
    error,
    dueInSeconds,
    createdAt: time(createdAt),
  };
}
