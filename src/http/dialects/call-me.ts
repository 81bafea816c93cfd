// The dialect of call-me: GET, POST and DELETE /maybe?environment=E with X-API-KEY. A lock taken here is a lease like any other,
// without owner: DELETE frees the oldest one that came through this dialect, whoever asks. `Prefer: wait=30` queues, and may
// answer 201 late; that is how our own client waits. With an Idempotency-Key the place is kept for whoever asks again with it;
// without one nobody could come back to it, so it ends with the answer.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../core/access.ts';
import type { Outcome, Refusal } from '../../core/errors.ts';
import { type Acquired, wouldBeGranted } from '../../core/lease/acquire.ts';
import { release } from '../../core/lease/end.ts';
import { releaseThrough, startThrough, type ThroughAsk, throughAsk } from '../../core/lease/through.ts';
import { nameFault } from '../../core/names.ts';
import type { LeaseRow } from '../../core/rows.ts';
import type { Turn } from '../../core/turn.ts';
import type { App, Context } from '../context.ts';
import { anyBody, queryValue } from '../plain.ts';
import { Problem, problemOf } from '../problem.ts';
import { checkedKey, onTheLine, watchDelivery } from '../v1/leases.ts';

const path = '/maybe';
const via = 'call-me';
const longestWaitSeconds = 60;
/** How often one key may be used again for a new request after the one before has ended. */
const longestChain = 100;

export function callMe(app: App, context: Context): void {
  const { auth, ids } = context;
  anyBody(app);

  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const ask = throughAsk({ ...asked, id: ids.lease(), via, name: null, polling: false });
    const outcome = await request.space.replica.decide((turn) => wouldBeGranted(turn, ask));
    return outcome.ok ? empty(reply, outcome.value ? 200 : 403) : refused(reply, outcome);
  });

  app.post(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const waitSeconds = preferredWait(request);
    const key = request.headers['idempotency-key'];
    const ask: ThroughAsk = {
      ...{ ...asked, id: ids.lease(), via, name: null, polling: waitSeconds > 0 },
      idempotency: key === undefined ? null : { key: checkedKey(key), route: `POST ${path}`, hash: asked.environment },
    };
    const outcome = await request.space.replica.decide((turn) => startAnew(turn, ask), { needsRoom: true });
    if (!outcome.ok) return refused(reply, outcome);
    const { id } = outcome.value.lease;
    await onTheLine(context, request, id, true, { waitMs: waitSeconds * 1000, after: null });
    const lease = await request.space.replica.decide((turn) =>
      key === undefined ? leaveQueue(turn, id, asked.actor) : rowOf(turn, id),
    );
    if (lease?.state !== 'held') return empty(reply, 403);
    watchDelivery(request, reply, lease);
    return empty(reply, 201);
  });

  app.delete(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const outcome = await request.space.replica.decide((turn) =>
      releaseThrough(turn, asked.environment, via, asked.actor, 'free'),
    );
    return outcome.ok ? empty(reply, 204) : refused(reply, outcome);
  });

  app.route({
    method: ['PUT', 'PATCH', 'OPTIONS', 'TRACE'],
    config: { only405: true },
    url: path,
    schema: { hide: true },
    handler: async (request, reply) =>
      reply
        .code(405)
        .header('allow', 'GET,POST,DELETE')
        .send({ code: 405, message: `method ${request.method} is not allowed, but [GET,POST,DELETE] are` }),
  });

  /** Who asks for which environment; null when it was answered already, in call-me's words. */
  function question(request: FastifyRequest, reply: FastifyReply): { actor: Actor; environment: string } | null {
    let actor: Actor;
    try {
      actor = auth.actor(request);
      if (actor.grants.length === 0) throw new Problem('unauthenticated', 'a key is needed');
    } catch (error) {
      const problem = problemOf(error as Error);
      if (problem === null || problem.code === 'too_many_attempts') throw error;
      reply.code(401).send({ code: 401, message: 'unauthenticated for invalid credentials' });
      return null;
    }
    const environment = queryValue(request.url, 'environment', 'last') ?? '';
    const fault = environment === '' ? 'is required' : nameFault(environment);
    if (fault === null) return { actor, environment };
    reply.code(422).send({
      code: 602,
      message: environment === '' ? 'environment in query is required' : `environment in query ${fault}`,
    });
    return null;
  }
}

/** Asks; where the key belongs to a request that has ended (its client was away too long), asks again in its stead. */
function startAnew(turn: Turn, ask: ThroughAsk): Outcome<Acquired> {
  let outcome = startThrough(turn, ask);
  for (let i = 0; i < longestChain && outcome.ok && outcome.value.lease.end !== null && ask.idempotency != null; i++) {
    const key = `${ask.idempotency.key} after ${outcome.value.lease.id}`;
    outcome = startThrough(turn, { ...ask, idempotency: { ...ask.idempotency, key } });
  }
  return outcome;
}

function leaveQueue(turn: Turn, id: string, actor: Actor): LeaseRow | undefined {
  if (rowOf(turn, id)?.state === 'waiting') release(turn, id, actor);
  return rowOf(turn, id);
}

const rowOf = (turn: Turn, id: string): LeaseRow | undefined => turn.state.leases.get(id);

/** What /v1 tells in a problem, call-me tells in a status: a 403 is "not now", whatever the reason, except that nothing changes by asking again. */
function refused(reply: FastifyReply, refusal: Refusal): FastifyReply {
  if (refusal.code === 'environment_busy' || refusal.code === 'environment_draining') return empty(reply, 403);
  const status = refusal.code === 'forbidden' || refusal.code === 'not_yours' ? 403 : 422;
  return reply.code(status).send({ code: status, message: refusal.message });
}

function empty(reply: FastifyReply, status: number): FastifyReply {
  if (status !== 204) reply.header('content-length', '0');
  return reply.code(status).send();
}

/** Seconds of `Prefer: wait=30` (RFC 7240); 0 without. */
function preferredWait(request: FastifyRequest): number {
  const prefer = request.headers.prefer;
  const seconds = /(?:^|[,;\s])wait=(\d{1,4})/i.exec(typeof prefer === 'string' ? prefer : '')?.[1];
  return Math.min(Number(seconds ?? 0), longestWaitSeconds);
}
