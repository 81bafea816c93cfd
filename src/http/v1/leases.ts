// /v1/leases: ask, poll, renew, release, revoke. Whoever is on the line for a waiting lease is noticed when they hang up.

import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  Lease,
  LeaseList,
  LeasePoll,
  LeaseRequest,
  LeaseWait,
  ListOf,
  NoBody,
  Problem as ProblemSchema,
  Revoked,
  RevokeRequest,
} from '../../api/schemas.ts';
import { type Actor, environmentsOf, may, owns } from '../../core/access.ts';
import { type Acquired, type Ask, acquire } from '../../core/lease/acquire.ts';
import { release } from '../../core/lease/end.ts';
import { renew } from '../../core/lease/hold.ts';
import { revoke } from '../../core/lease/revoke.ts';
import type { Holder, LeaseRow, Want } from '../../core/rows.ts';
import { leaseSecret, showingSecret } from '../auth.ts';
import { whileConnected } from '../connected.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { leaseShape } from '../shapes.ts';
import { page } from './paging.ts';
import { readableBy, requireScope } from './scope.ts';

const route = 'POST /v1/leases';
const tags = ['leases'];
const IdParam = Type.Object({ id: Type.String({ maxLength: 100 }) });

export function leaseRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.post(
    '/v1/leases',
    {
      schema: {
        tags,
        summary: 'Ask for environments',
        body: LeaseRequest,
        querystring: LeaseWait,
        response: { 201: Lease, 202: Lease, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const waitMs = (request.query.wait ?? 0) * 1000;
      const ask = toAsk(context, request.body, actor, request.headers['idempotency-key'], waitMs > 0);
      const outcome = await request.space.replica.decide((turn) => acquire(turn, ask), { needsRoom: true });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return answerAsk(context, request, reply, outcome.value, waitMs);
    },
  );

  app.get(
    '/v1/leases/:id',
    {
      schema: {
        tags,
        summary: 'Look at a lease, or wait for it',
        params: IdParam,
        querystring: LeasePoll,
        response: { 200: Lease, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const row = await request.space.replica.look((state) => state.leases.get(id));
      const actor = holderOrReader(context, request, row);
      const waitMs = (request.query.wait ?? 0) * 1000;
      // Only whoever asked for it keeps its place; a look by somebody else is no sign of life.
      const isClient = row !== undefined && owns(actor, row);
      const wasWaiting = row?.state === 'waiting';
      const lease = await onTheLine(context, request, id, isClient, { waitMs, after: request.query.after ?? null });
      if (lease === undefined) throw unknownLease(id);
      return sendLease(context, request, reply, lease, { status: 200, isAsker: isClient, isNews: wasWaiting });
    },
  );

  app.get(
    '/v1/leases',
    {
      schema: {
        tags,
        summary: 'List leases; those that wait in the order of the queue',
        querystring: LeaseList,
        response: { 200: ListOf(Lease) },
      },
    },
    async (request) => {
      const actor = auth.actor(request);
      const readable = readableBy(actor);
      const { environment, state: wanted, limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = listed(view.state.leases, state, environment ?? null, wanted ?? null).filter(
          (lease) => readable === null || owns(actor, lease) || environmentsOf(lease).some(readable),
        );
        return page(rows, { limit, cursor, key: (lease) => lease.id }, view, (lease) => leaseShape(view, lease));
      });
    },
  );

  app.post(
    '/v1/leases/:id/renew',
    {
      schema: {
        tags,
        summary: 'The ttl counts anew',
        params: IdParam,
        body: NoBody,
        response: { 200: Lease, 410: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const actor = withSecret(context, request, id);
      const outcome = await request.space.replica.decide((turn) => renew(turn, id, actor));
      return outcome.ok
        ? sendLease(context, request, reply, outcome.value, { status: 200 })
        : sendRefusal(context, request, reply, outcome);
    },
  );

  app.delete(
    '/v1/leases/:id',
    {
      schema: {
        tags,
        summary: 'Release it, or leave the queue',
        params: IdParam,
        response: { 200: Lease, 410: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const actor = withSecret(context, request, id);
      const outcome = await request.space.replica.decide((turn) => release(turn, id, actor));
      return outcome.ok
        ? sendLease(context, request, reply, outcome.value, { status: 200 })
        : sendRefusal(context, request, reply, outcome);
    },
  );

  app.post(
    '/v1/leases/:id/revoke',
    {
      schema: {
        tags,
        summary: 'Take it away, with a reason',
        params: IdParam,
        body: RevokeRequest,
        response: { 200: Revoked, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { reason, now = false, steal } = request.body;
      const thief =
        steal === undefined
          ? null
          : {
              ...toAsk(context, { environment: '-', ...steal }, actor, undefined, false),
              queueMs: toMs(steal.queueSeconds),
            };
      const outcome = await request.space.replica.decide((turn) =>
        revoke(turn, { id: request.params.id, actor, reason, now, steal: thief }),
      );
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      const { lease, stolen, mayStillWork } = outcome.value;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        return reply.send({
          lease: leaseShape(view, lease),
          ...(stolen === null
            ? {}
            : {
                stolen: {
                  ...leaseShape(view, state.leases.get(stolen.lease.id) ?? stolen.lease),
                  secret: leaseSecret(request.space.replica.secret, stolen.lease.id),
                },
              }),
          ...(mayStillWork
            ? {
                warning:
                  'The slot was passed on at once: the old holder may still be working, and only its fence stops it.',
              }
            : {}),
        });
      });
    },
  );
}

/** Answers an ask that was accepted: at once when held or nobody waits, else when it is granted or patience ends. */
export async function answerAsk(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  acquired: Acquired,
  waitMs: number,
): Promise<FastifyReply> {
  const { replayed, created } = acquired;
  const { id } = acquired.lease;
  const look = () => request.space.replica.look((state) => state.leases.get(id));
  // As it stands now: a later command of the same turn may have granted it, or ended it.
  const now = (await look()) ?? acquired.lease;
  const isNews = !replayed || now.state === 'waiting';
  const needsLine = now.state === 'waiting' || replayed;
  if (needsLine) await onTheLine(context, request, id, true, { waitMs, after: null });
  // And it may have ended while the news of its grant was on the way here (L10).
  const lease = needsLine ? ((await look()) ?? now) : now;
  if (replayed) reply.header('Idempotency-Replayed', 'true');
  if (lease.state !== 'waiting' && lease.state !== 'held') {
    const end = lease.end;
    const message = `Lease ${id} has ended: ${end?.how} by ${end?.by}${end?.reason == null ? '' : `: ${end.reason}`}. Ask anew with a new Idempotency-Key.`;
    return sendRefusal(context, request, reply, { ok: false, code: 'lease_ended', message, facts: { lease: id } });
  }
  reply.header('Location', `/v1/leases/${id}`);
  if (lease.state === 'waiting' && context.stopping.aborted) reply.header('Retry-After', '1');
  return sendLease(context, request, reply, lease, {
    status: lease.state === 'held' ? 201 : 202,
    ...{ isAsker: true, isNews, created },
  });
}

/** The lease after the wait that was asked for. A client counts as present until it hangs up. */
export async function onTheLine(
  context: Context,
  request: FastifyRequest,
  id: string,
  isClient: boolean,
  { waitMs, after }: { waitMs: number; after: number | null },
): Promise<LeaseRow | undefined> {
  if (waitMs === 0 || context.stopping.aborted) {
    return isClient ? request.space.polls.touch(id) : request.space.replica.look((state) => state.leases.get(id));
  }
  return whileConnected(request, (signal) =>
    request.space.polls.wait(id, { milliseconds: waitMs, after, isClient, signal }),
  );
}

interface Sending {
  readonly status: number;
  /** The client of the lease also gets its secret. */
  readonly isAsker?: boolean;
  /** It may be the first that the client hears of a grant, so the reply is watched until it is written. */
  readonly isNews?: boolean;
  readonly created?: Acquired['created'];
}

async function sendLease(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  lease: LeaseRow,
  { status, isAsker = false, isNews = false, created = [] }: Sending,
): Promise<FastifyReply> {
  const { baseUrl } = context;
  const { replica } = request.space;
  const shape = await replica.look((state, moment) =>
    leaseShape({ state, moment, baseUrl }, state.leases.get(lease.id) ?? lease),
  );
  if (isAsker) {
    shape.secret = leaseSecret(replica.secret, lease.id);
    reply.header('Signalbox-Lease-Secret', shape.secret);
    if (isNews && lease.state === 'held') watchDelivery(request, reply, lease);
  }
  if (created.length > 0) shape.created = [...created];
  return reply.code(status).send(shape);
}

/** A grant whose reply could not be written was not received: nobody may sit on it. */
export function watchDelivery(request: FastifyRequest, reply: FastifyReply, lease: LeaseRow): void {
  const { replica, polls } = request.space;
  if (request.raw.socket.destroyed) {
    replica.notSent(lease.id);
    return;
  }
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) polls.delivered(lease);
    else replica.notSent(lease.id);
  });
}

function toAsk(
  context: Context,
  body: LeaseRequest,
  actor: Actor,
  key: string | string[] | undefined,
  polling: boolean,
): Ask {
  if ((body.environment === undefined) === (body.wants === undefined)) {
    throw new Problem('invalid_request', 'Give either environment or wants.', { field: 'wants' });
  }
  const wants: Want[] =
    body.environment === undefined
      ? (body.wants ?? []).map((want) =>
          'environment' in want ? want : { labels: want.labels, count: want.count ?? 1 },
        )
      : [{ environment: body.environment }];
  return {
    id: context.ids.lease(),
    actor,
    wants,
    holder: toHolder(body.holder),
    reason: body.reason ?? null,
    priority: body.priority ?? 0,
    ttlMs: toMs(body.ttlSeconds),
    queueMs: toMs(body.queueSeconds),
    maxHoldMs: toMs(body.maxHoldSeconds),
    polling,
    idempotency:
      key === undefined
        ? null
        : { key: checkedKey(key), route, hash: hash('sha256', JSON.stringify(body)).slice(0, 32) },
    via: 'v1',
  };
}

export function toHolder(holder: LeaseRequest['holder']): Holder {
  return { name: holder?.name ?? null, url: holder?.url ?? null, ref: holder?.ref ?? null };
}

export function toMs(seconds: number | null | undefined): number | null | undefined {
  return seconds == null ? seconds : Math.round(seconds * 1000);
}

/** An Idempotency-Key as it may be; throws where it is not. */
export function checkedKey(key: string | string[]): string {
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new Problem('invalid_request', 'An Idempotency-Key is 1 to 200 printable ASCII characters without spaces.', {
    field: 'Idempotency-Key',
  });
}

/** The actor who renews or releases. The secret of the lease is enough: a key may have expired since. */
function withSecret(context: Context, request: FastifyRequest, id: string): Actor {
  const nobody: Actor = { identity: 'nobody', name: 'holder', grants: [], maxPriority: 0 };
  const shown = showingSecret(nobody, request, request.space.replica.secret, id);
  if (shown.showsSecretOf === id) {
    try {
      return { ...context.auth.actor(request), showsSecretOf: id };
    } catch {
      return shown;
    }
  }
  return context.auth.actor(request);
}

/** Whoever asked for a lease may look at it; everybody else needs the scope read. */
function holderOrReader(context: Context, request: FastifyRequest, row: LeaseRow | undefined): Actor {
  const actor = withSecret(context, request, row?.id ?? '');
  if (row !== undefined && owns(actor, row)) return actor;
  if (row === undefined && may(actor, 'acquire', null)) return actor;
  const readable = readableBy(actor);
  if (row === undefined || readable === null) return actor;
  const names = environmentsOf(row);
  if (!names.some(readable)) requireScope(actor, 'read', names[0] ?? '');
  return actor;
}

function unknownLease(id: string): Problem {
  return new Problem(
    'lease_unknown',
    `There is no lease ${id}. Ended leases are kept for a day: signalbox history tells of older ones.`,
  );
}

const isEnded = (lease: LeaseRow): boolean => lease.state !== 'waiting' && lease.state !== 'held';

/** Leases of one state, the queue in its order; without a state those that wait or are held. */
function listed(
  leases: ReadonlyMap<string, LeaseRow>,
  state: { waiting: Set<string>; ended: Set<string> },
  environment: string | null,
  wanted: string | null,
): LeaseRow[] {
  const from: Iterable<LeaseRow> =
    wanted === 'waiting' ? Array.from(state.waiting, (id) => leases.get(id) as LeaseRow) : leases.values();
  const fits = (lease: LeaseRow): boolean => {
    if (wanted === null ? isEnded(lease) : wanted === 'ended' ? !isEnded(lease) : lease.state !== wanted) return false;
    return (
      environment === null ||
      lease.granted.includes(environment) ||
      lease.wants.some((want) => 'environment' in want && want.environment === environment)
    );
  };
  const rows = [...from].filter(fits);
  const level = (lease: LeaseRow): number => (lease.ahead ? Number.POSITIVE_INFINITY : lease.priority);
  if (wanted === 'waiting') rows.sort((a, b) => (level(a) === level(b) ? a.order - b.order : level(b) - level(a)));
  return rows;
}
