// The shapes of requests and replies. Types, validation and /openapi.json all come from here, once. Durations are numbers of
// seconds with the unit in the name, times are RFC 3339 UTC.

import { type Static, type TSchema, Type } from 'typebox';

export const year = 365 * 24 * 60 * 60;

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const closed = { additionalProperties: false };

export const Name = Type.String({ description: '1 to 200 characters, no control characters' });
export const Time = Type.String({ format: 'date-time' });
export const Text = (maxLength: number, description?: string) =>
  Type.String({ maxLength, ...(description === undefined ? {} : { description }) });

export const Labels = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9._/-]{1,63}$' }),
  // No comma: in a query and in the history a selector is written k=v,k2=v2, and must say the same as here.
  Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f,]*$' }),
  {
    maxProperties: 32,
    additionalProperties: false,
    description: 'up to 32 pairs; keys of letters, digits and . _ / -; values without commas and control characters',
  },
);

export const HolderRequest = Type.Object(
  {
    name: Type.Optional(nullable(Text(200, 'who: a job, a person'))),
    url: Type.Optional(nullable(Text(2000, 'where to look'))),
    ref: Type.Optional(nullable(Text(200, 'what: a branch, a commit'))),
  },
  closed,
);

export const WantRequest = Type.Union([
  Type.Object({ environment: Name }, closed),
  Type.Object({ labels: Labels, count: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })) }, closed),
]);

const ttlSeconds = Type.Optional(
  nullable(Type.Number({ minimum: 1, maximum: year, description: 'null: until released' })),
);
const queueSeconds = Type.Optional(
  nullable(
    Type.Number({
      minimum: 0,
      maximum: year,
      description: 'how long it may queue in all; 0: not at all; null: as long as it takes',
    }),
  ),
);
const maxHoldSeconds = Type.Optional(
  nullable(Type.Number({ minimum: 1, maximum: year, description: 'a hard end, whatever is renewed' })),
);
const priority = Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 }));
const reason = Type.Optional(nullable(Text(1000)));

export const LeaseRequest = Type.Object(
  {
    environment: Type.Optional(Name),
    wants: Type.Optional(Type.Array(WantRequest, { maxItems: 100 })),
    holder: Type.Optional(HolderRequest),
    reason,
    priority,
    ttlSeconds,
    queueSeconds,
    maxHoldSeconds,
  },
  closed,
);
export type LeaseRequest = Static<typeof LeaseRequest>;

export const RevokeRequest = Type.Object(
  {
    reason: Text(1000),
    now: Type.Optional(Type.Boolean({ description: 'pass the slot on at once; the old holder may still be working' })),
    steal: Type.Optional(
      Type.Object(
        { holder: Type.Optional(HolderRequest), reason, priority, ttlSeconds, queueSeconds, maxHoldSeconds },
        closed,
      ),
    ),
  },
  closed,
);
export type RevokeRequest = Static<typeof RevokeRequest>;

export const EnvironmentRequest = Type.Object(
  {
    capacity: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    labels: Type.Optional(Labels),
    description: Type.Optional(Text(1000)),
    onExpire: Type.Optional(Type.Union([Type.Literal('free'), Type.Literal('hold')])),
    ttlSeconds,
    maxHoldSeconds,
    state: Type.Optional(Type.Union([Type.Literal('open'), Type.Literal('draining'), Type.Literal('frozen')])),
    reason,
    until: Type.Optional(nullable(Time)),
  },
  closed,
);
export type EnvironmentRequest = Static<typeof EnvironmentRequest>;

/** For what takes no body: none, or an empty object. */
export const NoBody = Type.Union([Type.Object({}, closed), Type.Null()], { description: 'no body' });
export const CleanRequest = Type.Object({ reason }, closed);
export const FreezeRequest = Type.Object(
  { labels: Type.Optional(Labels), reason: Text(1000), until: Type.Optional(nullable(Time)) },
  closed,
);
export type FreezeRequest = Static<typeof FreezeRequest>;

export const KeyRequest = Type.Object(
  {
    name: Name,
    scopes: Type.Array(Text(300), { minItems: 1, maxItems: 100 }),
    maxPriority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 })),
    expiresInSeconds: Type.Optional(nullable(Type.Number({ minimum: 1, maximum: 10 * year }))),
  },
  closed,
);
export type KeyRequest = Static<typeof KeyRequest>;

// --- queries

export const wait = Type.Optional(
  Type.Number({
    minimum: 0,
    maximum: 60,
    description: 'how many seconds to stay on the line; default 0: an answer at once',
  }),
);

export const LeaseWait = Type.Object({ wait }, closed);
export const LeasePoll = Type.Object({ wait, after: Type.Optional(Type.Integer({ minimum: 0 })) }, closed);
export const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
  cursor: Type.Optional(Text(500)),
};
const LeaseStateFilter = Type.Enum(
  ['waiting', 'held', 'ended', 'released', 'expired', 'revoked', 'cancelled', 'timed_out'],
  { description: 'ended: all that are neither waiting nor held' },
);
/** Of lists without any other filter. */
export const PlainList = Type.Object(page, closed);
export const LeaseList = Type.Object(
  { ...page, environment: Type.Optional(Name), state: Type.Optional(LeaseStateFilter) },
  closed,
);
export const EnvironmentList = Type.Object({ ...page, labels: Type.Optional(Text(4000, 'k=v,k2=v2')) }, closed);
export const EnvironmentDelete = Type.Object(
  { force: Type.Optional(Type.Boolean()), reason: Type.Optional(Text(1000)) },
  closed,
);
export const EventList = Type.Object(
  {
    ...page,
    since: Type.Optional(Text(40, 'a seq, or a time')),
    until: Type.Optional(Text(40, 'a seq, or a time')),
    subject: Type.Optional(Text(200)),
    kind: Type.Optional(Text(100, 'a kind, or the beginning of kinds with a dot at its end: lease.')),
    actor: Type.Optional(Text(200)),
    lease: Type.Optional(Text(100)),
    order: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  },
  closed,
);
export const EventStream = Type.Object({ since: Type.Optional(Text(40)), rows: Type.Optional(Text(100)) }, closed);

// --- replies

export const Holder = Type.Object({
  name: nullable(Type.String()),
  url: nullable(Type.String()),
  ref: nullable(Type.String()),
});
const Blocker = Type.Object({
  environment: nullable(Type.String()),
  why: Type.String({ description: 'held, frozen, draining, dirty, queue, building or no_match' }),
  holder: nullable(Holder),
  since: nullable(Time),
  reason: nullable(Type.String()),
});

export const Lease = Type.Object({
  id: Type.String(),
  state: Type.String({ description: 'waiting, held, released, expired, revoked, cancelled or timed_out' }),
  wants: Type.Array(
    Type.Union([Type.Object({ environment: Type.String() }), Type.Object({ labels: Labels, count: Type.Integer() })]),
  ),
  granted: Type.Array(Type.Object({ environment: Type.String() })),
  holder: Holder,
  reason: nullable(Type.String()),
  priority: Type.Integer(),
  ttlSeconds: nullable(Type.Number()),
  queueSeconds: nullable(Type.Number()),
  maxHoldSeconds: nullable(Type.Number()),
  fence: nullable(Type.Integer({ description: 'grows with every grant of an environment, for ever' })),
  seq: Type.Integer({ description: 'rises when the lease or its standing changes; ?after= waits for that' }),
  position: nullable(Type.Integer({ description: '1 = next' })),
  blockedBy: Type.Array(Blocker),
  etaSeconds: nullable(Type.Number()),
  queuedAt: Time,
  grantedAt: nullable(Time),
  expiresAt: nullable(Time),
  expiresInSeconds: nullable(Type.Number()),
  endedAt: nullable(Time),
  end: nullable(Type.Object({ how: Type.String(), by: Type.String(), reason: nullable(Type.String()) })),
  revoking: nullable(Type.Object({ by: Type.String(), reason: Type.String(), at: Time })),
  page: Type.String(),
  secret: Type.Optional(Type.String({ description: 'to the asker only: shows that a lease is yours' })),
  created: Type.Optional(Type.Array(Type.Object({ environment: Type.String(), nearest: nullable(Type.String()) }))),
});
export type Lease = Static<typeof Lease>;

export const Environment = Type.Object({
  name: Type.String(),
  capacity: Type.Integer(),
  labels: Labels,
  description: Type.String(),
  state: Type.String({ description: 'open, draining, drained or frozen' }),
  stateReason: nullable(Type.String()),
  stateBy: nullable(Type.String()),
  stateUntil: nullable(Time),
  frozenBy: Type.Array(Type.String()),
  declared: Type.Boolean(),
  onExpire: Type.String(),
  ttlSeconds: nullable(Type.Number()),
  maxHoldSeconds: nullable(Type.Number()),
  held: Type.Array(Lease),
  waiting: Type.Integer(),
  free: Type.Integer(),
  dirty: Type.Integer(),
  oldestWaitSince: nullable(Time),
  seq: Type.Integer(),
  createdAt: Time,
  page: Type.String(),
});
export type Environment = Static<typeof Environment>;

export const Revoked = Type.Object({
  lease: Lease,
  stolen: Type.Optional(Lease),
  warning: Type.Optional(Type.String()),
});
export const FenceReply = Type.Object({ current: Type.Boolean(), environment: Type.String(), fence: Type.Integer() });
export const Freeze = Type.Object({
  name: Type.String(),
  labels: Labels,
  reason: Type.String(),
  by: Type.String(),
  at: Time,
  until: nullable(Time),
});
export const Key = Type.Object({
  id: Type.String(),
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  maxPriority: Type.Integer(),
  createdAt: Time,
  createdBy: Type.String(),
  expiresAt: nullable(Time),
  key: Type.Optional(Type.String({ description: 'the key itself, this once' })),
});
export const Me = Type.Object({
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  maxPriority: Type.Integer(),
  space: Type.String(),
  anonymous: Type.Boolean(),
  keys: Type.Boolean({ description: 'whether this server asks for keys' }),
});
export const Space = Type.Object({
  name: Type.String(),
  description: Type.String(),
  open: Type.Boolean({ description: 'whether this server serves it now; if not, its store cannot be reached' }),
  createdAt: nullable(Time),
  createdBy: nullable(Type.String()),
});
export const SpaceRequest = Type.Object(
  { description: Type.Optional(Type.String({ description: 'for people, at most 500 characters' })) },
  { additionalProperties: false },
);
export const SpaceRemoval = Type.Object(
  {
    forget: Type.Optional(
      Type.Boolean({ description: 'made again it may be in another store, whose fences may be lower' }),
    ),
  },
  { additionalProperties: false },
);
export const EventItem = Type.Object({
  seq: Type.Integer(),
  at: Time,
  kind: Type.String(),
  subject: Type.String(),
  actor: Type.String(),
  data: Type.Record(Type.String(), Type.Unknown()),
});
export const ListOf = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    next: nullable(Type.String({ description: 'cursor of the next page' })),
    asOf: Type.Object({ seq: Type.Integer(), at: Time }),
  });

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    field: Type.Optional(Type.String()),
    requestId: Type.String(),
  },
  { additionalProperties: true, description: 'RFC 9457; docs/errors.md lists every code' },
);
