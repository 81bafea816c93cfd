// /healthz (the process runs), /readyz (it can decide), /metrics. They need no key: they tell nothing of anybody.

import { mayEverywhere } from '../core/access.ts';
import type { App, Context } from './context.ts';
import { requireScope } from './v1/scope.ts';

export function health(app: App, { spaces, metrics, stopping, auth }: Context): void {
  const hidden = { schema: { hide: true } };
  app.get('/healthz', hidden, async () => ({ ok: true }));

  app.get('/readyz', hidden, async (_request, reply) => {
    const { replica } = spaces.main;
    const why = stopping.aborted ? 'stopping' : replica.broken !== null ? 'the store has failed' : null;
    if (why === null && replica.isAway) {
      return reply.code(503).header('retry-after', '1').send({ ok: false, why: 'the store cannot be reached' });
    }
    if (why !== null) return reply.code(503).header('retry-after', '1').send({ ok: false, why });
    await replica.look(() => undefined);
    return { ok: true, storeFull: replica.log.full, spaces: spaces.areAllOpen };
  });

  app.get('/metrics', hidden, async (request, reply) => {
    // Figures of a team are nobody else's business once keys are on; any key will do.
    const actor = auth.actor(request);
    if (auth.sentNoKey(request)) requireScope(actor, 'read', null);
    const { space } = request;
    // Of all teams to whoever may read all of main by a key of it, or where there are no keys.
    const seesAll = space === spaces.main && mayEverywhere(actor, 'read') && !auth.sentNoKey(request);
    const text = seesAll ? metrics.everything(spaces) : metrics.ofSpaces([space]);
    return reply.type(metrics.contentType).send(await text);
  });
}
