// The dialect of call-me: GET, POST and DELETE /maybe?environment=E with X-API-KEY. A lock taken here is a lease like any other,
// without owner: DELETE frees the oldest one that came through this dialect, whoever asks. `Prefer: wait=30` queues, and may
// answer 201 late; that is how our own client waits.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../core/access.ts';
import type { Refusal } from '../../core/errors.ts';
import { wouldBeGranted } from '../../core/lease/acquire.ts';
import { releaseThrough, startThrough, throughAsk } from '../../core/lease/through.ts';
import { nameFault } from '../../core/names.ts';
import type { App, Context } from '../context.ts';
import { Problem, problemOf } from '../problem.ts';
import { onTheLine, watchDelivery } from '../v1/leases.ts';
import { anyBody, queryValue } from './plain.ts';

const path = '/maybe';
const via = 'call-me';
const longestWaitSeconds = 60;

export function callMe(app: App, context: Context): void {
  const { replica, auth, ids } = context;
  anyBody(app);

  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const ask = throughAsk({ ...asked, id: ids.lease(), via, name: null, polling: false });
    const outcome = await replica.decide((turn) => wouldBeGranted(turn, ask));
    return outcome.ok ? empty(reply, outcome.value ? 200 : 403) : refused(reply, outcome);
  });

  app.post(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const waitSeconds = preferredWait(request);
    const outcome = await replica.decide(
      (turn) => startThrough(turn, { ...asked, id: ids.lease(), via, name: null, polling: waitSeconds > 0 }),
      { needsRoom: true },
    );
    if (!outcome.ok) return refused(reply, outcome);
    const { id } = outcome.value.lease;
    const lease = await onTheLine(context, request, id, true, { waitMs: waitSeconds * 1000, after: null });
    if (lease?.state !== 'held') return empty(reply, 403);
    watchDelivery(context, request, reply, lease);
    return empty(reply, 201);
  });

  app.delete(path, { schema: { hide: true } }, async (request, reply) => {
    const asked = question(request, reply);
    if (asked === null) return reply;
    const outcome = await replica.decide((turn) => releaseThrough(turn, asked.environment, via, asked.actor, 'free'));
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
