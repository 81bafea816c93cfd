// GET /init-scripts/{id}: what cloud-init includes, for a key with the scope `build` or for the secret of that build. What always
// holds: only while the build's time for it lasts (B7), and byte for byte as its template says.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { basicOf, showsSecretOf } from './build-secret.ts';
import type { App, Context } from './context.ts';
import { problemOf } from './problem.ts';
import { requireScopeEverywhere } from './v1/scope.ts';

const path = '/init-scripts/:id';

export function initScripts(app: App, context: Context): void {
  const { auth, scripts } = context;

  app.get(path, { schema: { hide: true, params: Type.Object({ id: Type.String() }) } }, async (request, reply) => {
    const { id } = request.params;
    const refused = refusal(request, reply, id);
    if (refused !== null) return refused;
    const { name, replica } = request.space;
    const build = await replica.look(({ builds }, { tick }) => {
      const row = builds.get(id);
      return row?.scriptUntilTick == null || row.scriptUntilTick < tick ? null : row;
    });
    const script = build === null ? null : scripts.render(build, { name, secret: replica.secret }, context.baseUrl);
    reply.header('cache-control', 'no-store');
    if (script !== null) return reply.type('text/x-shellscript; charset=utf-8').send(script);
    const details = 'There is no init script of this build, or its time is over.';
    return reply
      .code(404)
      .type('application/vnd.api+json')
      .send(Buffer.from(JSON.stringify({ errors: [{ details }] })));
  });

  /** The older system's words for whoever may not; null: they may. */
  function refusal(request: FastifyRequest, reply: FastifyReply, id: string): FastifyReply | null {
    const basic = basicOf(request);
    if (basic !== null) return showsSecretOf(request, context, basic, id) ? null : no(reply, 403);
    if (auth.sentNoKey(request)) return no(reply, 401);
    try {
      requireScopeEverywhere(auth.actor(request), 'build');
      return null;
    } catch (error) {
      const code = problemOf(error as Error)?.code;
      if (code === 'key_unknown' || code === 'key_expired') return no(reply, 403);
      throw error;
    }
  }
}

function no(reply: FastifyReply, status: 401 | 403): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'token');
  return reply.code(status).type('text/plain; charset=utf-8').send('NO');
}
