// The shapes of what belongs to machines: builds, instances, jobs. As in schemas.ts, types, validation and /openapi.json all come
// from here, once.

import { type Static, Type } from 'typebox';
import { closed, nullable, Text, Time, wait } from './schemas.ts';

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

export const Instance = Type.Object({
  id: Type.String(),
  build: nullable(Type.String()),
  state: Type.String({ description: 'planned, launching, running, ready, ending, gone' }),
  cloudId: nullable(Type.String({ description: 'as the driver calls it' })),
  facts,
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
  by: Type.String(),
  createdAt: Time,
  endedAt: nullable(Time),
});
export type Build = Static<typeof Build>;

export const Job = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'build, terminate' }),
  subject: Type.String({ description: 'id of the build, or of the machine' }),
  state: Type.String({ description: 'waiting, claimed, dead' }),
  tries: Type.Integer({ description: 'that have failed' }),
  worker: nullable(Type.String()),
  error: nullable(Type.String()),
  dueInSeconds: Type.Number(),
  createdAt: Time,
});
export type Job = Static<typeof Job>;

export const Ending = Type.Object({ reason: Type.Optional(Text(1000, 'shown in the history')) }, closed);
