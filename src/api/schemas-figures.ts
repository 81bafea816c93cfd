// The shapes of the past of an environment: who held it when, and what came of it. As in schemas.ts, types, validation and
// /openapi.json all come from here, once.

import { type Static, Type } from 'typebox';
import { closed, Holder, nullable, Text, Time } from './schemas.ts';

const since = (usual: string) => Type.Optional(Text(40, `a time; ${usual} ago without it`));

export const LanesQuery = Type.Object(
  {
    since: since('a day'),
    until: Type.Optional(Text(40, 'a time; now without it')),
    max: Type.Optional(
      Type.Integer({ minimum: 10, maximum: 5000, description: 'how many blocks, and steps, at most; 500 without it' }),
    ),
  },
  closed,
);
export const StatsQuery = Type.Object({ since: since('7 days') }, closed);

/** What is told, and from when on it is known. */
const told = {
  environment: Type.String(),
  since: Time,
  until: Time,
  from: Type.String({
    format: 'date-time',
    description: 'from when on it is told: later than since where the history does not reach back so far',
  }),
  truncated: Type.Boolean({ description: 'there was more in the history than is read: it is told from `from` on' }),
  asOf: Type.Object({ seq: Type.Integer(), at: Time }),
};

export const Block = Type.Object({
  slot: Type.Integer({ description: '0 is the first' }),
  state: Type.String({ description: 'held, or dirty: left behind, and not yet cleaned' }),
  from: Time,
  to: nullable(Type.String({ format: 'date-time', description: 'null: it still is, or it is not known' })),
  lease: nullable(Type.String({ description: 'null: a band of several, or not known' })),
  holder: nullable(Holder),
  by: nullable(Type.String({ description: 'who asked for it' })),
  how: nullable(Type.String({ description: 'how it ended, as in `end` of a lease; of a band, where all ended so' })),
  endedBy: nullable(Type.String()),
  reason: nullable(Type.String()),
  waitedSeconds: nullable(Type.Number({ description: 'before it was granted; of a band, the longest' })),
  merged: Type.Integer({ description: 'how many blocks this band stands for; 1: it is none' }),
});

export type Block = Static<typeof Block>;

export const Lanes = Type.Object({
  ...told,
  slots: Type.Integer(),
  slotsLeftOut: Type.Integer({ description: 'the highest slots, where there are more than blocks may be told' }),
  capacity: Type.Array(Type.Object({ at: Time, capacity: Type.Integer({ description: '0: it was not there' }) })),
  blocks: Type.Array(Block, { description: 'by slot, then by time' }),
  mergedWithinSeconds: nullable(
    Type.Number({ description: 'neighbours within so much time are one band; null: none are' }),
  ),
  closed: Type.Array(
    Type.Object({
      from: Time,
      to: nullable(Time),
      state: Type.String({ description: 'frozen or draining' }),
      reason: nullable(Type.String()),
      by: nullable(Type.String()),
      freeze: nullable(Type.String({ description: 'the freeze by labels; null: the environment itself was closed' })),
      merged: Type.Integer(),
    }),
  ),
  waiting: Type.Array(
    Type.Object({
      at: Time,
      waiting: Type.Integer({ description: 'from then on; where there were more steps than max, the most of a while' }),
    }),
  ),
});
export type Lanes = Static<typeof Lanes>;

const share = (of: string) => Type.Number({ minimum: 0, maximum: 1, description: `of ${of}` });
const percentile = nullable(Type.Number({ description: 'null: nobody asked' }));

export const Stats = Type.Object({
  ...told,
  leases: Type.Integer({ description: 'that held it at some time' }),
  heldShare: nullable(share('capacity and time; null: it was not there')),
  heldSeconds: Type.Number(),
  closedSeconds: Type.Number({ description: 'frozen or draining' }),
  waits: Type.Object({
    count: Type.Integer({ description: 'requests that were granted, at once or after a wait' }),
    p50Seconds: percentile,
    p95Seconds: percentile,
    sumSeconds: Type.Number(),
    timedOut: Type.Integer(),
    cancelled: Type.Integer(),
  }),
  byHolder: Type.Array(
    Type.Object({
      name: nullable(Type.String({ description: 'without the number of the run' })),
      leases: Type.Integer(),
      heldSeconds: Type.Number(),
      share: share('all time that it was held'),
    }),
  ),
  others: Type.Object({
    holders: Type.Integer(),
    leases: Type.Integer(),
    heldSeconds: Type.Number(),
    share: share('all time that it was held'),
  }),
  oneMore: Type.Object(
    { p50Seconds: percentile, p95Seconds: percentile, savedSeconds: Type.Number() },
    { description: 'the same requests with one more slot' },
  ),
});
export type Stats = Static<typeof Stats>;
