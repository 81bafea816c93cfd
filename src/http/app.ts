// The HTTP server: what holds for every request (limits, request ids, problems, counting), and which routes there are.
// The way of a request: gate (is it one clear request?) → schema → actor (who asks) → route → a command of the replica →
// the durable outcome as JSON.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, fastify, LogController } from 'fastify';
import { nearestName } from '../core/names.ts';
import { randomText } from '../replica/ids.ts';
import { boundConnections } from './connections.ts';
import type { App, Context } from './context.ts';
import { callMe } from './dialects/call-me.ts';
import { releasestatus } from './dialects/releasestatus.ts';
import { refuseForged, refuseUnclear } from './gate.ts';
import { health } from './health.ts';
import { home } from './home.ts';
import { openapi } from './openapi.ts';
import { Problem, problemOf, sendProblem } from './problem.ts';
import { RouteList } from './route-list.ts';
import { environmentRoutes } from './v1/environments.ts';
import { eventRoutes } from './v1/events.ts';
import { freezeRoutes } from './v1/freezes.ts';
import { keyRoutes } from './v1/keys.ts';
import { leaseRoutes } from './v1/leases.ts';
import { validatorCompiler } from './validation.ts';

const bodyLimit = 64 * 1024;
const headersWithinMs = 5_000;
const requestWithinMs = 15_000;
/** Longer than the longest poll, so that a connection is not closed between two of them. */
const keepAliveMs = 75_000;

export async function buildApp(context: Context, log: FastifyBaseLogger): Promise<App> {
  const instance = randomText(6);
  let requests = 0;
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestTimeout: requestWithinMs,
    keepAliveTimeout: keepAliveMs,
    routerOptions: { maxParamLength: 2_000 },
    genReqId: () => `${instance}-${(++requests).toString(36)}`,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => void onError(error, request, reply),
    http: {
      headersTimeout: headersWithinMs,
      connectionsCheckingInterval: 1_000,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      maxHeaderSize: 16 * 1024,
    },
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as App;

  boundConnections(app.server, context);
  const routes = new RouteList();
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook('onRoute', (route) => routes.add(route.method, route.url));
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.setHeader('Signalbox-Request-Id', request.id);
    refuseUnclear(request);
    refuseForged(request, context.auth, context.settings.insecure);
    if (context.stopping.aborted) reply.raw.setHeader('Connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    context.metrics.count(request.method, request.routeOptions.url ?? '(none)', reply.statusCode);
  });
  app.setErrorHandler((error, request, reply) => onError(error as Error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string;
    const methods = routes.methodsOf(path);
    if (methods.length > 0) {
      const allow = methods.join(', ');
      return sendProblem(
        request,
        reply,
        new Problem('method_not_allowed', `${request.method} is not allowed here, but ${allow} is.`, {
          headers: { allow },
        }),
      );
    }
    const nearest = nearestName(path, routes.paths);
    const hint = nearest === null ? 'All routes are at /docs.' : `Did you mean ${nearest}?`;
    return sendProblem(
      request,
      reply,
      new Problem('unknown_route', `There is no ${path}. ${hint}`, { facts: { nearest } }),
    );
  });

  async function onError(error: Error, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    let problem = problemOf(error);
    if (problem === null) {
      request.log.error({ err: error, requestId: request.id, route: request.routeOptions?.url }, 'a mistake of ours');
      problem = new Problem('internal', 'A mistake of ours. It is in the server’s log under this request id.');
    }
    context.metrics.problems.set(problem.code, (context.metrics.problems.get(problem.code) ?? 0) + 1);
    return sendProblem(request, reply, problem);
  }

  await openapi(app, context);
  leaseRoutes(app, context);
  environmentRoutes(app, context);
  freezeRoutes(app, context);
  keyRoutes(app, context);
  eventRoutes(app, context);
  health(app, context);
  home(app, context);
  await app.register(async (scope) => releasestatus(scope as unknown as App, context));
  await app.register(async (scope) => callMe(scope as unknown as App, context));
  return app;
}
