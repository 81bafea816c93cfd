// What a worker gets to know of a job, as plain JSON: the same inside a server and over HTTP (`POST /v1/jobs/claim`).

import { machineName } from '../core/machines/build.ts';
import type { Work } from '../core/machines/work.ts';
import type { BuildSpec, InstanceRow, JobRow } from '../core/rows.ts';

export interface TaskMachine {
  readonly id: string;
  readonly state: InstanceRow['state'];
  /** What people call it. */
  readonly name: string;
  /** By which the driver tells a repeated ask from another one. */
  readonly token: string;
  readonly choice: number;
  readonly cloudId: string | null;
}

export interface Task {
  readonly job: string;
  /** Of the claim: whatever is told in its name counts as long as it is the last one. */
  readonly number: number;
  readonly kind: JobRow['kind'];
  readonly subject: string;
  readonly tries: number;
  /** Log time of the claim or of the last command. */
  readonly tick: number;
  /** Before our ids where the driver is concerned: of this space of this installation alone. */
  readonly tag: string;
  readonly build: {
    readonly id: string;
    readonly spec: BuildSpec;
    readonly steps: { readonly name: string; readonly done: boolean; readonly facts: Record<string, string> }[];
    readonly cancelling: boolean;
  } | null;
  readonly machines: TaskMachine[];
  /** What a build that names no image takes, as far as it is known to the server. */
  readonly image: string | null;
  /** After a look: what is to be removed because nobody shares it any more. */
  readonly unshared: string[];
  /** What its machines are to read when they start; null: nothing. */
  readonly userData: string | null;
}

/** `userDataFor`: see init-script.ts. */
export function taskOf(
  { job, claim, tick, build, machines, image, unshared }: Work,
  tag: string,
  userDataFor: (build: { readonly id: string; readonly spec: BuildSpec }) => string | null,
): Task {
  return {
    ...{ job: claim.job, number: claim.number, kind: job.kind, subject: job.subject, tries: job.tries, tick, tag },
    ...{ image: image?.id ?? null, unshared: [...unshared], userData: build === null ? null : userDataFor(build) },
    build:
      build === null
        ? null
        : {
            ...{ id: build.id, spec: build.spec, cancelling: build.cancelling !== null },
            steps: build.steps.map(({ name, doneAt, facts }) => ({ name, done: doneAt !== null, facts: { ...facts } })),
          },
    machines: machines.map(({ id, state, token, choice, cloudId }) => ({
      ...{ id, state, token, choice, cloudId },
      name: build === null ? id : machineName(build, id),
    })),
  };
}
