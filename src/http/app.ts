// The HTTP server: what holds for every request (limits, request ids, problems, counting), and which routes there are.
// The way of a request: gate (is it one clear request?) → entrance (of which space?) → schema → actor (who asks) → route → a command of the replica →
// the durable outcome as JSON.

import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, fastify, LogController } from 'fastify';
import { randomText } from '../replica/ids.ts';
import type { Space } from '../replica/spaces.ts';
import { jsonBodies } from './body.ts';
import { onClientError } from './client-error.ts';
import { boundReading, Connections } from './connections.ts';
import type { App, Context } from './context.ts';
import { dashboardAssets } from './dashboard.ts';
import { callMe } from './dialects/call-me.ts';
import { pudding } from './dialects/pudding.ts';
import { releasestatus } from './dialects/releasestatus.ts';
import { atRoot, webRendezvous } from './dialects/web-rendezvous.ts';
import { enter } from './entrance.ts';
import { refuseForged, refuseUnclear } from './gate.ts';
import { health } from './health.ts';
import { home, leadToPage } from './home.ts';
import { initScripts } from './init-scripts.ts';
import { completeRoute, openapi } from './openapi.ts';
import { codeOfReply, problemOrOurs, sendProblem } from './problem.ts';
import { RouteList } from './route-list.ts';
import { barrierRoutes } from './v1/barriers.ts';
import { environmentRoutes } from './v1/environments.ts';
import { eventRoutes } from './v1/events.ts';
import { figureRoutes } from './v1/figures.ts';
import { freezeRoutes } from './v1/freezes.ts';
import { jobRoutes } from './v1/jobs.ts';
import { keyRoutes } from './v1/keys.ts';
import { leaseRoutes } from './v1/leases.ts';
import { machineRoutes } from './v1/machines.ts';
import { poolRoutes } from './v1/pools.ts';
import { signalRoutes } from './v1/signals.ts';
import { spaceRoutes } from './v1/spaces.ts';
import { waitRoutes } from './v1/waits.ts';
import { validatorCompiler } from './validation.ts';

const bodyLimit = 64 * 1024;
const maxHeaderSize = 16 * 1024;
const headersWithinMs = 5_000;
const requestWithinMs = 15_000;
/** Longer than the longest poll, so that a connection is not closed between two of them. */
const keepAliveMs = 75_000;
/** Longer than any path can be: what a name may be is for the core to say. */
const maxParamLength = maxHeaderSize;

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
  app.decorateRequest('space', null as unknown as Space);
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
    const entered = enter(request, context);
    if (entered === null) return done();
    entered.then(() => done(), done);
  });
  let closed = (): void => undefined;
  app.addHook('preClose', async () => {
    closed = connections.closeAsTheyEnd();
  });
  app.addHook('onClose', async () => closed());
  app.addHook('onSend', (request, reply, payload, done) => {
    if (context.stopping.aborted) reply.header('connection', 'close');
    // Other servers may have decided something since that cannot be read just now.
    if ((request.space as Space | null)?.replica.isAway === true && reply.statusCode < 400)
      reply.header('Signalbox-Stale', 'true');
    boundReading(reply.raw, payload);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    context.metrics.count(request.method, request.routeOptions.url ?? '(none)', reply.statusCode);
    const code = codeOfReply.get(reply);
    if (code !== undefined) context.metrics.countProblem(code);
    done();
  });
  app.setErrorHandler((error, request, reply) => onError(error as Error, request, reply));
  const rendezvous = context.settings.rendezvous ? atRoot(context, routes) : null;
  app.setNotFoundHandler(rendezvous ?? ((request, reply) => leadToPage(request, reply) ?? routes.miss(request, reply)));

  function prepare(request: FastifyRequest, reply: FastifyReply): void {
    reply.raw.setHeader('Signalbox-Request-Id', request.id);
    reply.raw.setHeader('Signalbox-Version', context.settings.version);
    reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
  }

  async function onError(error: Error, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return sendProblem(request, reply, problemOrOurs(error, request));
  }

  await openapi(app, context);
  leaseRoutes(app, context);
  environmentRoutes(app, context);
  figureRoutes(app, context);
  freezeRoutes(app, context);
  signalRoutes(app, context);
  barrierRoutes(app, context);
  waitRoutes(app, context);
  machineRoutes(app, context);
  poolRoutes(app, context);
  jobRoutes(app, context);
  keyRoutes(app, context);
  spaceRoutes(app, context);
  eventRoutes(app, context);
  health(app, context);
  home(app, context);
  dashboardAssets(app);
  initScripts(app, context);
  await app.register(async (scope) => releasestatus(scope as unknown as App, context));
  await app.register(async (scope) => callMe(scope as unknown as App, context));
  await app.register(async (scope) => pudding(scope as unknown as App, context, routes));
  if (context.settings.rendezvous)
    await app.register(async (scope) => webRendezvous(scope as unknown as App, context, routes));
  return app;
}
