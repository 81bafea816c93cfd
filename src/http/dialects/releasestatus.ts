// The dialect of releasestatus: GET or POST /start, /stop, /block, /unblock, answered by 0 or 1. One release at a time: the lock
// is the environment `release`, so that the same lock shows everywhere else. A HEAD changes nothing here (`curl -I /stop` once
// stopped a release).

import type { FastifyReply, FastifyRequest } from 'fastify';
import { forbidden, may } from '../../core/access.ts';
import { configure } from '../../core/environment.ts';
import { releaseThrough, startThrough } from '../../core/lease/through.ts';
import type { App, Context } from '../context.ts';
import { anyBody, headerText, queryValue } from '../plain.ts';
import { sendRefusal } from '../refusal.ts';
import { time } from '../shapes.ts';
import { watchDelivery } from '../v1/leases.ts';

const environment = 'release';

export function releasestatus(app: App, context: Context): void {
  const { auth } = context;
  anyBody(app);

  both('/start', async (request, reply) => {
    const name = queryValue(request.url, 'name', 'first');
    const actor = auth.actor(request);
    const outcome = await request.space.replica.decide(
      (turn) =>
        startThrough(turn, {
          id: context.ids.lease(),
          environment,
          actor,
          via: 'releasestatus',
          name: name || null,
          polling: false,
        }),
      { needsRoom: true },
    );
    if (outcome.ok) {
      watchDelivery(request, reply, outcome.value.lease);
      return answer(reply, 1);
    }
    if (outcome.code !== 'environment_busy' && outcome.code !== 'environment_draining')
      return sendRefusal(context, request, reply, outcome);
    await tellHolder(request, reply);
    return answer(reply, 0);
  });

  both('/stop', async (request, reply) => {
    const actor = auth.actor(request);
    const outcome = await request.space.replica.decide((turn) =>
      releaseThrough(turn, environment, 'releasestatus', actor, 'leave'),
    );
    if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
    if (outcome.value.lease === null) await tellHolder(request, reply);
    return answer(reply, outcome.value.lease === null ? 0 : 1);
  });

  for (const [path, state] of [
    ['/block', 'frozen'],
    ['/unblock', 'open'],
  ] as const) {
    both(path, async (request, reply) => {
      const actor = auth.actor(request);
      const name = queryValue(request.url, 'name', 'first');
      const reason = queryValue(request.url, 'reason', 'first') || `blocked${name ? ` by ${name}` : ''} through /block`;
      const outcome = await request.space.replica.decide((turn) => {
        if (!may(actor, 'force', environment)) return forbidden(actor, 'force', environment);
        const now = turn.state.environments.get(environment)?.state ?? 'open';
        if ((now === 'frozen') === (state === 'frozen')) return { ok: true as const, value: null };
        return configure(turn, environment, state === 'frozen' ? { state, reason } : { state }, actor);
      });
      return outcome.ok ? answer(reply, outcome.value === null ? 0 : 1) : sendRefusal(context, request, reply, outcome);
    });
  }

  function both(url: string, handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>): void {
    app.route({ method: ['GET', 'POST'], url, exposeHeadRoute: false, schema: { hide: true }, handler });
  }

  /** Who holds it, for whoever was refused: the body stays exactly 0 for scripts. */
  async function tellHolder(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const [holder] = await request.space.replica.look((state) => state.heldBy(environment));
    if (holder === undefined) return;
    reply.header('Signalbox-Holder', headerText(holder.holder.name ?? holder.by));
    reply.header('Signalbox-Since', time(holder.grantedAt ?? holder.queuedAt));
  }
}

function answer(reply: FastifyReply, value: 0 | 1): FastifyReply {
  return reply.code(200).type('text/plain; charset=utf-8').send(String(value));
}
