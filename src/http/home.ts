// GET /: the dashboard to a browser; to everybody else a greeting, for whoever looks whether somebody is there, with the keys that
// are waited for or were in vain. What always holds: nobody is shown a key that they may neither read nor wait for.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Actor, may, type Scope } from '../core/access.ts';
import type { State } from '../core/state.ts';
import type { Waits } from '../replica/waits.ts';
import type { App, Context } from './context.ts';
import { asksForPage, sendPage } from './dashboard.ts';

const keysShown = 1_000;

export function home(app: App, { settings, auth }: Context): void {
  app.get('/', { schema: { hide: true } }, async (request, reply) => {
    if (asksForPage(request)) return sendPage(reply);
    const isJson = (request.headers.accept ?? '').includes('application/json');
    reply.header('vary', 'accept');
    const actor = auth.actor(request);
    const keys = keysAwaited(request.space.waits, actor);
    const shown = [...keys.values().take(keysShown)];
    if (isJson) {
      const marked = await request.space.replica.look((state) => keysSet(state, actor));
      return { ok: true, name: 'signalbox', version: settings.version, waiting_and_failed: shown, marked };
    }
    const lines = shown.map((key) => `\t ${key}\n`).join('');
    return reply
      .type('text/plain; charset=utf-8')
      .send(
        `Signalbox ${settings.version}: pipelines take turns here.\n\n` +
          `Currently waiting for + recently failed:\n${lines}Total : ${keys.size}\n`,
      );
  });

  // Where the links of leases point: the page of the environment, and to a program the same as the API says it.
  app.get(
    '/environments/:name',
    { schema: { hide: true, params: Type.Object({ name: Type.String() }) } },
    async (request, reply) =>
      asksForPage(request)
        ? sendPage(reply)
        : reply.header('vary', 'accept').redirect(`/v1/environments/${encodeURIComponent(request.params.name)}`),
  );
}

/** Shows the dashboard at its other addresses; null when this is none, or nobody in a browser asks. */
export function leadToPage(request: FastifyRequest, reply: FastifyReply): FastifyReply | null {
  return asksForPage(request) ? sendPage(reply) : null;
}

/** Each key that is waited for now, longest first, then those that were waited for in vain, latest first. */
function keysAwaited(waits: Waits, actor: Actor): Set<string> {
  const keys = new Set<string>();
  const add = (text: string): void => {
    const key = keyOf(text, actor);
    if (key !== null) keys.add(key);
  };
  for (const { conditions } of waits.list())
    for (const { text, standing } of conditions) if (standing.state === 'pending') add(text);
  for (const { text } of waits.recentlyTimedOut()) add(text);
  return keys;
}

/** Keys for which a GET is answered OK now. */
function keysSet({ signals }: State, actor: Actor): string[] {
  return signals
    .values()
    .filter(({ name, failure }) => failure === null && mayAny(actor, ['read', 'wait'], name))
    .take(keysShown)
    .map(({ name }) => `/${name}`)
    .toArray();
}

/** The key of what is waited for, as GET takes it; null where there is none, or this actor may not know of it. */
function keyOf(text: string, actor: Actor): string | null {
  const [, kind = '', rest = ''] = /^(signal|tcp|postgres):(.*)$/s.exec(text) ?? [];
  if (kind === 'signal') return mayAny(actor, ['read', 'wait'], rest) ? `/${rest}` : null;
  if (!mayAny(actor, ['read', 'probe'], text)) return null;
  if (kind === 'postgres') return rest.startsWith('//') ? null : `/_postgres/${rest}`;
  // tcp://HOST:PORT is the same target, written like an address.
  const [, host, port] = /^(?:\/\/)?(.+):(\d+)$/.exec(rest) ?? [];
  return kind === 'tcp' && host !== undefined ? `/_port/${host}/${port}` : null;
}

function mayAny(actor: Actor, scopes: readonly Scope[], name: string): boolean {
  return scopes.some((scope) => may(actor, scope, name));
}
