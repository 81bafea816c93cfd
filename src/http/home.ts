// GET /: a greeting, for whoever looks whether somebody is there.

import type { App, Context } from './context.ts';

export function home(app: App, { settings }: Context): void {
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
}
