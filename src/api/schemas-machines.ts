// The shapes of what belongs to machines: builds, instances, jobs. As in schemas.ts, types, validation and /openapi.json all come
// from here, once.

import { type Static, Type } from 'typebox';
import { closed, Labels, nullable, page, Text, Time, wait } from './schemas.ts';

const facts = Type.Record(Type.String(), Type.String());

export const BuildRequest = Type.Object(
  {
    id: Type.Optional(Text(100, 'of your own: a second ask with the same id is the same build')),
    site: Text(200, 'which site it is for'),
    env: Text(200, 'which environment: staging, production'),
    queue: Text(200, 'which queue its machines work on'),
    role: Type.Optional(Text(200, 'what they are; default worker')),
    instanceType: Text(200, 'what kind of machine, in the words of the driver'),
    count: Type.Optional(Type.Integer({ description: 'how many; default 1, at most 100' })),
    image: Type.Optional(Text(200, 'what they start from; default the newest active one of the role')),
    nameTemplate: Type.Optional(Text(500, 'of their names')),
    subnet: Type.Optional(Text(200)),
    securityGroup: Type.Optional(Text(200)),
    slackChannel: Type.Optional(Text(200, 'where it is told')),
  },
  closed,
);
export type BuildRequest = Static<typeof BuildRequest>;

export const BuildWait = Type.Object({ wait }, closed);
export const BuildLook = Type.Object(
  {
    wait,
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: 'with wait: answer at once where its seq is another one' }),
    ),
  },
  closed,
);

export const Instance = Type.Object({
  id: Type.String(),
  build: nullable(Type.String()),
  state: Type.String({ description: 'planned, launching, running, ready, ending, gone' }),
  cloudId: nullable(Type.String({ description: 'as the driver calls it' })),
  facts,
  pool: nullable(Type.String({ description: 'that it was built for' })),
  environment: nullable(Type.String({ description: 'that it is in its pool' })),
  by: Type.String(),
  launchedAt: nullable(Time),
  endedAt: nullable(Time),
});
export type Instance = Static<typeof Instance>;

export const Build = Type.Object({
  id: Type.String(),
  state: Type.String({ description: 'pending, building, started, finished, failed, cancelled' }),
  site: Type.String(),
  env: Type.String(),
  queue: Type.String(),
  role: Type.String(),
  instanceType: Type.String(),
  count: Type.Integer(),
  image: nullable(Type.String()),
  nameTemplate: nullable(Type.String()),
  subnet: nullable(Type.String()),
  securityGroup: nullable(Type.String()),
  slackChannel: nullable(Type.String()),
  steps: Type.Array(Type.Object({ name: Type.String(), begunAt: Time, doneAt: nullable(Time), facts })),
  instances: Type.Array(Instance),
  cancelling: nullable(Type.Object({ by: Type.String(), reason: nullable(Type.String()), at: Time })),
  failure: nullable(Type.Object({ step: Type.String(), reason: Type.String(), tries: Type.Integer() })),
  pool: nullable(Type.String({ description: 'that has asked for it' })),
  seq: Type.Integer({ description: 'of its last change: give it back as `after`' }),
  by: Type.String(),
  createdAt: Time,
  endedAt: nullable(Time),
});
export type Build = Static<typeof Build>;

export const Job = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'build, terminate, reconcile, notify' }),
  subject: Type.String({ description: 'id of the build, or of the machine' }),
  state: Type.String({ description: 'waiting, claimed, dead' }),
  tries: Type.Integer({ description: 'that have failed' }),
  worker: nullable(Type.String()),
  error: nullable(Type.String()),
  dueInSeconds: Type.Number(),
  report: nullable(
    Type.Object(
      {
        at: Time,
        listed: Type.Integer({ description: 'machines of ours that the driver lists' }),
        adopted: Type.Array(Type.String()),
        ending: Type.Array(Type.String()),
        gone: Type.Array(Type.String()),
        removed: Type.Array(Type.String(), { description: 'what machines had shared' }),
      },
      { description: 'of reconcile: what the last look at the driver has set right' },
    ),
  ),
  notice: nullable(
    Type.Object({ sink: Type.String(), event: Type.String() }, { description: 'of notify: who is told of what' }),
  ),
  createdAt: Time,
});
export type Job = Static<typeof Job>;

export const Ending = Type.Object({ reason: Type.Optional(Text(1000, 'shown in the history')) }, closed);

export const Image = Type.Object({
  id: Type.String(),
  role: nullable(Type.String()),
  name: nullable(Type.String()),
  active: Type.Boolean({ description: 'whether a build of its role that names no image may take it' }),
  state: Type.String({ description: 'as the driver says' }),
  source: Type.String({ description: 'who said it: api, file, driver' }),
  createdAt: Time,
});
export type Image = Static<typeof Image>;

export const ImageList = Type.Object(
  { ...page, role: Type.Optional(Text(200)), active: Type.Optional(Type.Boolean()) },
  closed,
);

export const ImageRequest = Type.Object(
  {
    role: Type.Optional(nullable(Text(200, 'what its machines are'))),
    name: Type.Optional(nullable(Text(200, 'for people'))),
    active: Type.Optional(Type.Boolean({ description: 'default true' })),
  },
  closed,
);
export type ImageRequest = Static<typeof ImageRequest>;

const seconds = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 31_536_000, description }));

export const PoolRequest = Type.Object(
  {
    labels: Labels,
    min: Type.Optional(Type.Integer({ minimum: 0, description: 'machines that are always there; default 0' })),
    max: Type.Integer({ minimum: 1, description: 'machines at most, those that are being ended included' }),
    idle: Type.Optional(Type.Integer({ minimum: 0, description: 'machines that wait for the next lease; default 0' })),
    idleForSeconds: seconds('how long one that nobody wants is kept; default 600'),
    maxAgeSeconds: Type.Optional(
      nullable(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 31_536_000,
          description: 'how old a machine may become; default for ever',
        }),
      ),
    ),
    once: Type.Optional(
      Type.Boolean({ description: 'whether a machine is ended after its first lease; default false' }),
    ),
    readyWhen: Type.Optional(
      Type.Union([Type.Literal('finished'), Type.Literal('started')], {
        description: 'when a machine may be leased: once it has said so, or as soon as it runs; default finished',
      }),
    ),
    readyWithinSeconds: seconds('how long a machine may take to say so, until it is ended; default 1800'),
    build: Type.Object(
      {
        site: Text(200),
        env: Text(200),
        queue: Text(200),
        role: Type.Optional(Text(200)),
        instanceType: Text(200),
        image: Type.Optional(Text(200)),
        nameTemplate: Type.Optional(Text(500)),
        subnet: Type.Optional(Text(200)),
        securityGroup: Type.Optional(Text(200)),
        slackChannel: Type.Optional(Text(200)),
      },
      { ...closed, description: 'what its machines are built from' },
    ),
  },
  closed,
);
export type PoolRequest = Static<typeof PoolRequest>;

export const Pool = Type.Object({
  name: Type.String(),
  labels: Labels,
  min: Type.Integer(),
  max: Type.Integer(),
  idle: Type.Integer(),
  idleForSeconds: Type.Number(),
  maxAgeSeconds: nullable(Type.Number()),
  once: Type.Boolean(),
  readyWhen: Type.String(),
  readyWithinSeconds: Type.Number(),
  build: Type.Record(Type.String(), nullable(Type.String())),
  source: Type.String({ description: 'who said it: api, file' }),
  machines: Type.Object(
    {
      there: Type.Integer(),
      building: Type.Integer(),
      free: Type.Integer(),
      held: Type.Integer(),
      ending: Type.Integer(),
    },
    { description: 'how many, and how they are' },
  ),
  waiting: Type.Integer({ description: 'environments that requests in the queue want of it' }),
  pausedForSeconds: nullable(Type.Number({ description: 'its last build has failed: nothing is built for so long' })),
  createdAt: Time,
});
export type Pool = Static<typeof Pool>;

export const Claim = Type.Object(
  {
    worker: Text(200, 'who claims, for people'),
    holdSeconds: Type.Number({
      minimum: 1,
      maximum: 3600,
      description: 'how long the job stays with a worker that is not heard of',
    }),
    job: Type.Optional(Text(200, 'this job, due or not; default the one that has been due for longest')),
  },
  closed,
);
export type Claim = Static<typeof Claim>;

const id = Type.String({ maxLength: 300 });
const idList = Type.Array(id, { maxItems: 10_000 });
const listed = Type.Array(Type.Object({ cloudId: id, instance: id, facts }, closed), { maxItems: 10_000 });
const does = <T extends string>(what: T) => ({ do: Type.Literal(what) });

/** What a worker may say: see src/core/machines/work.ts. */
export const WorkCommand = Type.Union([
  Type.Object({ ...does('keep'), holdMs: Type.Number({ minimum: 100, maximum: 3_600_000 }) }, closed),
  Type.Object({ ...does('begin_step'), step: id }, closed),
  Type.Object({ ...does('end_step'), step: id, facts }, closed),
  Type.Object({ ...does('open_script') }, closed),
  Type.Object({ ...does('begin_launch'), instance: id, choice: Type.Integer({ minimum: 0, maximum: 10_000 }) }, closed),
  Type.Object({ ...does('end_launch'), instance: id, cloudId: id, facts }, closed),
  Type.Object({ ...does('end_build') }, closed),
  Type.Object({ ...does('begin_cancel') }, closed),
  Type.Object({ ...does('end_cancel') }, closed),
  Type.Object({ ...does('ended'), instance: id }, closed),
  Type.Object(
    {
      ...does('looked'),
      listed,
      notThere: idList,
      shared: Type.Array(Type.Object({ id, build: id }, closed), { maxItems: 10_000 }),
      images: nullable(
        Type.Array(
          Type.Object(
            {
              id,
              role: nullable(id),
              name: nullable(id),
              isActive: Type.Boolean(),
              state: id,
              createdAt: Type.Number(),
            },
            closed,
          ),
          { maxItems: 10_000 },
        ),
      ),
      sinceTick: Type.Number(),
    },
    closed,
  ),
  Type.Object({ ...does('end_look'), removed: idList }, closed),
  Type.Object(
    {
      ...does('failed'),
      step: id,
      reason: Type.String({ maxLength: 1000 }),
      againAfterMs: Type.Number({ minimum: 0, maximum: 3_600_000 }),
      isFinal: Type.Boolean(),
    },
    closed,
  ),
]);

export const Work = Type.Object(
  { number: Type.Integer({ minimum: 1, description: 'of the claim' }), command: WorkCommand },
  closed,
);

const spec = Type.Object({
  site: Type.String(),
  env: Type.String(),
  queue: Type.String(),
  role: Type.String(),
  instanceType: Type.String(),
  count: Type.Integer(),
  image: nullable(Type.String()),
  nameTemplate: nullable(Type.String()),
  subnet: nullable(Type.String()),
  securityGroup: nullable(Type.String()),
  slackChannel: nullable(Type.String()),
});

/** A job as its worker sees it, tokens included: see src/provision/task.ts. */
export const Task = Type.Object({
  job: Type.String(),
  number: Type.Integer(),
  kind: Type.String(),
  subject: Type.String(),
  tries: Type.Integer(),
  tick: Type.Number({ description: 'log time' }),
  tag: Type.String({ description: 'before our ids where the driver is concerned' }),
  build: nullable(
    Type.Object({
      id: Type.String(),
      spec,
      steps: Type.Array(Type.Object({ name: Type.String(), done: Type.Boolean(), facts })),
      cancelling: Type.Boolean(),
    }),
  ),
  machines: Type.Array(
    Type.Object({
      id: Type.String(),
      state: Type.String(),
      name: Type.String(),
      token: Type.String(),
      choice: Type.Integer(),
      cloudId: nullable(Type.String()),
    }),
  ),
  image: nullable(Type.String()),
  unshared: Type.Array(Type.String()),
  userData: nullable(Type.String()),
});
export type Task = Static<typeof Task>;
