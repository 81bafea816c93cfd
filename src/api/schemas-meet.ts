// The shapes of what belongs to meeting: signals, barriers, waits. As in schemas.ts, types, validation and /openapi.json all come
// from here, once.

import { type Static, Type } from 'typebox';
import { closed, Holder, HolderRequest, ListOf, nullable, Text, Time, wait, year } from './schemas.ts';

const Party = Type.String({ description: 'who arrives: 1 to 200 characters' });
const Failure = Type.Object({ reason: Text(1000, 'shown to everyone who waits') }, closed);

export const SignalRequest = Type.Object(
  {
    data: Type.Optional(Type.Unknown({ description: 'any JSON, up to 64 KiB' })),
    failure: Type.Optional(Failure),
    ttlSeconds: Type.Optional(
      nullable(Type.Number({ minimum: 1, maximum: year, description: 'default 7 days; null: until cleared' })),
    ),
    holder: Type.Optional(HolderRequest),
  },
  closed,
);
export type SignalRequest = Static<typeof SignalRequest>;

export const BarrierRequest = Type.Object(
  {
    parties: Type.Union(
      [Type.Integer({ minimum: 1, maximum: 1000 }), Type.Array(Party, { minItems: 1, maxItems: 1000 })],
      { description: 'how many, or who' },
    ),
    timeoutSeconds: Type.Optional(
      Type.Number({ minimum: 1, maximum: year, description: 'from the first arrival on; default 6 hours' }),
    ),
  },
  closed,
);
export type BarrierRequest = Static<typeof BarrierRequest>;

export const ArrivalRequest = Type.Object({ party: Party, failure: Type.Optional(Failure) }, closed);

export const WaitCondition = Type.Object(
  {
    target: Text(2000, 'signal:NAME barrier:NAME env:NAME lease:ID instance:ID tcp:HOST:PORT http://… postgres:NAME …'),
    generation: Type.Optional(Text(200, 'of a barrier')),
    successes: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'in a row; of a probe' })),
    invert: Type.Optional(Type.Boolean({ description: 'wait until it is down; of a probe' })),
    intervalSeconds: Type.Optional(Type.Number({ minimum: 0.05, maximum: 60, description: 'longest, between tries' })),
    connectTimeoutSeconds: Type.Optional(Type.Number({ minimum: 0.1, maximum: 60, description: 'of one try' })),
    status: Type.Optional(Text(200, 'of http: 200, 200-299, 2xx, with commas between')),
    contains: Type.Optional(Text(1000, 'of http: what the body must contain')),
    insecure: Type.Optional(Type.Boolean({ description: 'TLS without looking at the certificate' })),
  },
  closed,
);
export type WaitCondition = Static<typeof WaitCondition>;
const Conditions = Type.Array(Type.Union([Text(2000), WaitCondition]), { minItems: 1, maxItems: 64 });

export const WaitRequest = Type.Object(
  {
    any: Type.Optional(Conditions),
    all: Type.Optional(Conditions),
    timeoutSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3600, description: 'default 30' })),
    holder: Type.Optional(HolderRequest),
  },
  closed,
);
export type WaitRequest = Static<typeof WaitRequest>;

// --- queries

const generation = Type.Optional(Text(200, 'which meeting of this name: the id of a run, say; default: none'));
export const BarrierQuery = Type.Object({ generation }, closed);
export const ArrivalQuery = Type.Object({ generation, wait }, closed);
export const BarrierDelete = Type.Object(
  {
    generation,
    reason: Type.Optional(Text(1000)),
    forget: Type.Optional(Type.Boolean({ description: 'also forget it, so that the name can be used anew' })),
  },
  closed,
);

// --- replies

export const Waiting = Type.Object({ by: Type.String(), holder: Holder, since: Time });

export const Signal = Type.Object({
  name: Type.String(),
  state: Type.String({ description: 'set or failed; in lists also unset, while somebody waits for it' }),
  data: Type.Unknown({ description: 'the payload; null: none. Lists and streams leave out what is above 1 KiB' }),
  bytes: Type.Integer({ description: 'of the payload as JSON' }),
  failure: nullable(Type.Object({ reason: Type.String() })),
  by: nullable(Type.String()),
  holder: Holder,
  at: nullable(Time),
  ttlSeconds: nullable(Type.Number()),
  expiresAt: nullable(Time),
  expiresInSeconds: nullable(Type.Number()),
  seq: nullable(Type.Integer()),
  waiting: Type.Integer({ description: 'how many wait for it on this server' }),
  waiters: Type.Array(Waiting, { description: 'the first ten of them' }),
});
export type Signal = Static<typeof Signal>;

export const Barrier = Type.Object({
  name: Type.String(),
  generation: Type.String(),
  state: Type.String({ description: 'waiting, open or broken' }),
  parties: Type.Integer(),
  arrived: Type.Integer({ description: 'how many have come' }),
  namesLeftOut: Type.Boolean({
    description:
      'more than 100 parties, in a list, a stream or the answer to an arrival: nobody is named, look at the barrier',
  }),
  names: nullable(Type.Array(Type.String(), { description: 'who they are, where that was said' })),
  arrivals: Type.Array(Type.Object({ party: Type.String(), at: Time, by: Type.String() })),
  missing: nullable(Type.Array(Type.String(), { description: 'null: nobody can say who, only how many; or left out' })),
  missingCount: Type.Integer(),
  missingText: Type.String({ description: 'for people' }),
  timeoutSeconds: Type.Number(),
  breaksAt: nullable(Time),
  breaksInSeconds: nullable(Type.Number()),
  createdAt: Time,
  createdBy: Type.String(),
  endedAt: nullable(Time),
  end: nullable(
    Type.Object({
      how: Type.String({ description: 'opened, failed, timed_out or cancelled' }),
      by: Type.String(),
      reason: nullable(Type.String()),
      party: nullable(Type.String({ description: 'who has failed; not among those who are missing' })),
    }),
  ),
  seq: Type.Integer(),
});
export type Barrier = Static<typeof Barrier>;
export const BarrierOpen = Type.Object(Barrier.properties, { description: 'It is open: everybody has come' });
export const BarrierWaiting = Type.Object(Barrier.properties, {
  description: 'The arrival counts, and others are missing',
});

export const ConditionReply = Type.Object({
  target: Type.String(),
  state: Type.String({ description: 'pending, met or failed' }),
  detail: Type.String({ description: 'for people: not set, 503 Service Unavailable, the reason of a failure' }),
  by: nullable(Type.String()),
  data: Type.Unknown({ description: 'the payload of a signal; null: none' }),
  since: Time,
  settledAt: nullable(Time),
  tries: nullable(Type.Integer({ description: 'of a probe' })),
  triedAt: nullable(Time),
  nearest: nullable(
    Type.String({ description: 'of a signal that did not come: one that is set and has a similar name' }),
  ),
});
export type ConditionReply = Static<typeof ConditionReply>;

export const WaitReply = Type.Object({
  outcome: Type.String({ description: 'met, timed_out or failed' }),
  waitedSeconds: Type.Number(),
  conditions: Type.Array(ConditionReply),
});
export type WaitReply = Static<typeof WaitReply>;

export const OpenWait = Type.Object({
  id: Type.String(),
  mode: Type.String({ description: 'any or all' }),
  by: Type.String(),
  holder: Holder,
  since: Time,
  until: Time,
  conditions: Type.Array(
    Type.Object({ target: Type.String(), state: Type.String(), detail: Type.String(), settledAt: nullable(Time) }),
  ),
});
export type OpenWait = Static<typeof OpenWait>;

export const WaitTimedOut = Type.Object({
  target: Type.String(),
  detail: Type.String(),
  by: Type.String(),
  holder: Holder,
  since: Time,
  at: Time,
});
export const ProbeReply = Type.Object({
  target: Type.String(),
  state: nullable(Type.String({ description: 'how it was found last: up, unready, down or misconfigured' })),
  detail: nullable(Type.String()),
  waiting: Type.Integer(),
  since: Time,
  tries: Type.Integer(),
  triedAt: nullable(Time),
});
export type ProbeReply = Static<typeof ProbeReply>;

export const WaitList = Type.Object({
  ...ListOf(OpenWait).properties,
  timedOut: Type.Array(WaitTimedOut, {
    description: 'within the last hour, latest first, and not come since; the latest 100',
  }),
  timedOutCount: Type.Integer({ description: 'how many there are' }),
  probes: Type.Array(ProbeReply, { description: 'the latest 100, latest last' }),
  probesCount: Type.Integer({ description: 'how many there are' }),
});
