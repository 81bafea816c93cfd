// The HTTP server: what holds for every request (limits, request ids, problems, counting), and which routes there are.
// The way of a request: gate (is it one clear request?) → schema → actor (who asks) → route → a command of the replica →
// the durable outcome as JSON.

import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, fastify, LogController } from 'fastify';
import { nearestName } from '../core/names.ts';
import { randomText } from '../replica/ids.ts';
import { jsonBodies } from './body.ts';
import { onClientError } from './client-error.ts';
import { Connections } from './connections.ts';
import type { App, Context } from './context.ts';
import { callMe } from './dialects/call-me.ts';
import { releasestatus } from './dialects/releasestatus.ts';
import { refuseForged, refuseUnclear } from './gate.ts';
import { health } from './health.ts';
import { home } from './home.ts';
import { completeRoute, openapi } from './openapi.ts';
import { codeOfReply, Problem, problemOf, sendProblem } from './problem.ts';
import { RouteList } from './route-list.ts';
import { environmentRoutes } from './v1/environments.ts';
import { eventRoutes } from './v1/events.ts';
import { freezeRoutes } from './v1/freezes.ts';
import { keyRoutes } from './v1/keys.ts';
import { leaseRoutes } from './v1/leases.ts';
import { validatorCompiler } from './validation.ts';

const bodyLimit = 64 * 1024;
const maxHeaderSize = 16 * 1024;
const headersWithinMs = 5_000;
const requestWithinMs = 15_000;
/** Longer than the longest poll, so that a connection is not closed between two of them. */
const keepAliveMs = 75_000;
/** Longer than any path can be: what a name may be is for the core to say. */
const maxParamLength = maxHeaderSize;
/** Of a path that is not there, in a sentence. */
const pathShown = 200;

export async function buildApp(context: Context, log: FastifyBaseLogger): Promise<App> {
  const instance = randomText(6);
  let requests = 0;
  const nextRequestId = (): string => `${instance}-${(++requests).toString(36)}`;
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestTimeout: requestWithinMs,
    keepAliveTimeout: keepAliveMs,
    routerOptions: { maxParamLength },
    genReqId: nextRequestId,
    forceCloseConnections: 'idle',
    // A request that still arrives while the server stops is answered like any other, as the last one of its connection.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      prepare(request, reply);
      void onError(error, request, reply);
    },
    clientErrorHandler: (error, socket) => {
      const code = onClientError(error, socket as Socket, nextRequestId());
      if (code !== null) context.metrics.countProblem(code);
    },
    http: {
      // Said in our own words (gate.ts).
      requireHostHeader: false,
      headersTimeout: headersWithinMs,
      connectionsCheckingInterval: 1_000,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      maxHeaderSize,
    },
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as App;

  const connections = new Connections(context);
  connections.watch(app.server);
  jsonBodies(app);
  const routes = new RouteList();
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook('onRoute', (route) => {
    routes.add(route.method, route.url, route.config);
    if (route.url.startsWith('/v1/')) completeRoute(route);
  });
  // Hooks call back instead of returning promises: these stand in the way of every request.
  app.addHook('onRequest', (request, reply, done) => {
    prepare(request, reply);
    connections.enter(request, reply);
    refuseUnclear(request);
    refuseForged(request, context.auth, context.settings.insecure);
    if (needsAdmission(request)) context.auth.admit(request);
    done();
  });
  let closed = (): void => undefined;
  app.addHook('preClose', async () => {
    closed = connections.closeAsTheyEnd();
  });
  app.addHook('onClose', async () => closed());
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (context.stopping.aborted) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    context.metrics.count(request.method, request.routeOptions.url ?? '(none)', reply.statusCode);
    const code = codeOfReply.get(reply);
    if (code !== undefined) context.metrics.countProblem(code);
    done();
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
    const shown = path.length > pathShown ? `${path.slice(0, pathShown)}…` : path;
    return sendProblem(
      request,
      reply,
      new Problem('unknown_route', `There is no ${shown}. ${hint}`, { facts: { nearest } }),
    );
  });

  function prepare(request: FastifyRequest, reply: FastifyReply): void {
    reply.raw.setHeader('Signalbox-Request-Id', request.id);
    reply.raw.setHeader('Signalbox-Version', context.settings.version);
    reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
  }

  async function onError(error: Error, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    let problem = problemOf(error);
    if (problem === null) {
      request.log.error({ err: error, requestId: request.id, route: request.routeOptions?.url }, 'a mistake of ours');
      problem = new Problem('internal', 'A mistake of ours. It is in the server’s log under this request id.');
    }
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

/**
 * Whether the key is looked at before the body is even read. Not where a lease's own secret may do instead, and not where
 * somebody without a key asks what they may do.
 */
function needsAdmission(request: FastifyRequest): boolean {
  const path = request.routeOptions.url ?? '';
  if (!path.startsWith('/v1/')) return false;
  if (request.headers['signalbox-lease-secret'] !== undefined) return false;
  return path !== '/v1/me';
}
