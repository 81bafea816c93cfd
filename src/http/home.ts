// GET /: a greeting, for whoever looks whether somebody is there; and the address that the links of leases have.

import { Type } from 'typebox';
import type { App, Context } from './context.ts';
import { Problem } from './problem.ts';
import { requireScopeEverywhere } from './v1/scope.ts';

export function home(app: App, { settings, auth }: Context): void {
  app.get('/', { schema: { hide: true } }, async (request, reply) => {
    const accept = request.headers.accept ?? '';
    reply.header('vary', 'accept');
    if (accept.includes('application/json'))
      return { ok: true, name: 'signalbox', version: settings.version, waiting_and_failed: [], marked: [] };
    if (accept.includes('text/html')) return reply.redirect('/docs');
    return reply
      .type('text/plain; charset=utf-8')
      .send(
        `Signalbox ${settings.version}: pipelines take turns here.\n\nCurrently waiting for + recently failed:\nTotal : 0\n`,
      );
  });

  // Where the links of leases point: who holds it now, as the API says it.
  app.get(
    '/environments/:name',
    { schema: { hide: true, params: Type.Object({ name: Type.String() }) } },
    async (request, reply) => reply.redirect(`/v1/environments/${encodeURIComponent(request.params.name)}`),
  );

  // One of the older systems is stopped by this. Without a key anybody's script could do it, so nobody's may.
  app.delete('/', { schema: { hide: true } }, async (request) => {
    if (!auth.keysOn) {
      throw new Problem('unauthenticated', 'Stopping the server by DELETE / needs a key, and none is configured.', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    requireScopeEverywhere(auth.actor(request), 'admin');
    throw new Problem('method_not_allowed', 'The server is stopped by the signal TERM.', {
      headers: { allow: 'GET, HEAD' },
    });
  });
}
