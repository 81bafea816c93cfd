// The dialect of pudding: instance builds, instances and images, a token in Authorization, and errors as a list. A build asked
// for here is a build like any other. What always holds: all that is wrong with a build is said at once; no body, whatever it
// is, is a mistake of ours; whoever shows no key gets `NO`, and learns nothing else.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { problemKinds } from '../../api/problems.ts';
import type { Outcome } from '../../core/errors.ts';
import { accept } from '../../core/errors.ts';
import { askBuild, reportReady } from '../../core/machines/build.ts';
import { terminate } from '../../core/machines/instance.ts';
import type { InstanceRow } from '../../core/rows.ts';
import { idsForBuild, machineIds } from '../../replica/ids.ts';
import { basicOf, showsSecretOf } from '../build-secret.ts';
import { whileConnected } from '../connected.ts';
import type { App, Context } from '../context.ts';
import { queryValue } from '../plain.ts';
import { codeOfReply, needsKey, Problem, problemOrOurs } from '../problem.ts';
import { decoded, pathOf } from '../root-key.ts';
import type { RouteList } from '../route-list.ts';
import { requireDriver, requireScope, requireScopeEverywhere } from '../v1/scope.ts';
import { activeOf, buildAsked, buildShape, channelOf, fieldsOf, imageShape, instanceShape } from './pudding-shapes.ts';

const bodyLimit = 64 * 1024;
const pathShown = 200;
/** How long a machine that says it is ready is held until the driver has said which machine it is. */
const unnamedForMs = 10_000;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const idSchema = { hide: true, params: Type.Object({ id: Type.String() }) };

export function pudding(app: App, context: Context, routes: RouteList): void {
  const { auth } = context;
  rawBodies(app);
  app.setErrorHandler((error, request, reply) => tell(reply, problemOrOurs(error as Error, request)));
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isOfMachine(request)) auth.admit(request);
    done();
  });
  serverRoutes(app, context);
  buildRoutes(app, context);
  instanceRoutes(app, context);
  imageRoutes(app, context);

  const allowed = {
    '/kaboom': 'POST',
    '/instances': 'GET, HEAD',
    '/instances/:id': 'DELETE, GET, HEAD',
    '/instance-builds': 'POST',
    '/instance-builds/:id': 'GET, HEAD, PATCH',
    '/images': 'GET, HEAD',
  };
  for (const [url, allow] of Object.entries(allowed)) {
    const refused = methods.filter((method) => !allow.split(', ').includes(method));
    app.route({
      ...{ method: refused, url, config: { only405: true }, schema: { hide: true }, exposeHeadRoute: false },
      handler: async ({ method }) => {
        throw new Problem('method_not_allowed', `${method} is not allowed here, but ${allow} is.`, {
          headers: { allow },
        });
      },
    });
  }
  const nowhere = ['/kaboom/*', '/instances/', '/instances/*', '/instance-builds/', '/instance-builds/*', '/images/*'];
  for (const url of nowhere) {
    app.route({
      ...{ method: methods, url, config: { only405: true }, schema: { hide: true }, exposeHeadRoute: false },
      handler: async (request) => {
        const path = pathOf(request.url).slice(0, pathShown);
        const plain = path.replace(/\/+$/, '');
        const nearest = Object.hasOwn(allowed, plain) ? plain : routes.nearest(decoded(path) ?? path);
        const hint = nearest === null ? 'All routes are at /docs.' : `Did you mean ${nearest}?`;
        throw new Problem('unknown_route', `There is no ${path}. ${hint}`);
      },
    });
  }
}

function serverRoutes(app: App, context: Context): void {
  const { auth, spaces } = context;

  app.delete('/', { schema: { hide: true } }, async (request, reply) => {
    // Without a key anybody's script could do it, so nobody's may.
    if (!auth.keysOn) {
      codeOfReply.set(reply, 'unauthenticated');
      reply.header('www-authenticate', 'token').header('signalbox-code', 'unauthenticated');
      return errors(reply, 401, ['Stopping the server by DELETE / needs a key, and none is configured.']);
    }
    if (auth.sentNoKey(request)) throw needsKey('admin');
    const actor = operator(request, context);
    await spaces.main.replica.decide((turn) => accept(turn.event('server.stopping', 'signalbox', actor.name)));
    // Once the answer is out, or its client gone.
    reply.raw.once('close', () => context.shutDown());
    return reply.code(204).header('connection', 'close').send();
  });

  app.post('/kaboom', { schema: { hide: true } }, async (request) => {
    operator(request, context);
    throw new Error('kaboom: a simulated panic, which POST /kaboom has asked for');
  });
}

function buildRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.post('/instance-builds', { schema: { hide: true } }, async (request, reply) => {
    const actor = auth.actor(request);
    requireScopeEverywhere(actor, 'build');
    const { id, spec } = buildAsked(request);
    requireDriver(context);
    const ids = idsForBuild(spec.count);
    const outcome = await request.space.replica.decide((turn) => askBuild(turn, { id, spec, ...ids }, actor), {
      needsRoom: true,
    });
    const { build } = decided(outcome, request, context);
    return json(reply, 202, { instance_builds: [buildShape(build)] });
  });

  app.get('/instance-builds/:id', { schema: idSchema }, async (request, reply) => {
    const { id } = request.params;
    requireScope(auth.actor(request), 'read', null);
    const shape = await request.space.replica.look(({ builds, instances }) => {
      const row = builds.get(id);
      if (row === undefined) return null;
      const machines = row.instances.flatMap((each) => instances.get(each)?.cloudId ?? []);
      return {
        ...buildShape(row),
        instances: machines,
        ...(row.failure === null ? {} : { reason: row.failure.reason }),
      };
    });
    if (shape === null) throw new Problem('build_unknown', `There is no build ${id}.`);
    return json(reply, 200, { instance_builds: [shape] });
  });

  app.patch('/instance-builds/:id', { schema: idSchema }, async (request, reply) => {
    const { id } = request.params;
    const basic = basicOf(request);
    if (basic === null) requireScopeEverywhere(auth.actor(request), 'build');
    else if (!showsSecretOf(request, context, basic, id)) return no(reply, 403);
    const field = fieldsOf(request);
    if (field('state') !== 'finished') return json(reply, 200, { no: 'op' });
    const cloudId = field('instance-id');
    if (cloudId === '') throw new Problem('invalid_request', 'empty "instance-id" param');
    const channel = channelOf(field('slack-channel'));
    // With the secret of its build it is the machine itself that says so.
    const by = basic === null ? auth.actor(request).name : cloudId;
    const report = () => request.space.replica.decide((turn) => reportReady(turn, id, cloudId, { channel, by }));
    let outcome = await report();
    if (!outcome.ok && (await named(request, context, id, cloudId))) outcome = await report();
    decided(outcome, request, context);
    return json(reply, 200, { sure: 'why not' });
  });
}

function instanceRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get('/instances', { schema: { hide: true } }, async (request, reply) => {
    requireScope(auth.actor(request), 'read', null);
    const wanted = (['env', 'site', 'role', 'queue'] as const).flatMap((name) => {
      const value = queryValue(request.url, name, 'first') ?? '';
      return value === '' ? [] : [{ name, value }];
    });
    const all = await instancesOf(request);
    const instances = all.filter((each) => wanted.every(({ name, value }) => each[name] === value));
    return json(reply, 200, { instances });
  });

  app.get('/instances/:id', { schema: idSchema }, async (request, reply) => {
    requireScope(auth.actor(request), 'read', null);
    const instances = (await instancesOf(request)).filter(({ id }) => id === request.params.id);
    return json(reply, 200, { instances });
  });

  app.delete('/instances/:id', { schema: idSchema }, async (request, reply) => {
    const actor = auth.actor(request);
    const channel = channelOf(queryValue(request.url, 'slack-channel', 'first'));
    const ask = { id: request.params.id, job: machineIds.job(), reason: null, channel };
    decided(await request.space.replica.decide((turn) => terminate(turn, ask, actor)), request, context);
    return json(reply, 202, { ok: 'working on that' });
  });
}

function imageRoutes(app: App, { auth }: Context): void {
  app.get('/images', { schema: { hide: true } }, async (request, reply) => {
    requireScope(auth.actor(request), 'read', null);
    const role = queryValue(request.url, 'role', 'first') ?? '';
    const isActive = activeOf(queryValue(request.url, 'active', 'first'));
    const images = await request.space.replica.look((state) =>
      [...state.images.values()]
        .filter((image) => (role === '' || image.role === role) && (isActive === null || image.isActive === isActive))
        .map(imageShape),
    );
    return json(reply, 200, { images });
  });
}

/** Whoever may look after the server itself. Throws 403, or 401. */
function operator(request: FastifyRequest, { auth }: Context) {
  const actor = auth.actor(request);
  requireScopeEverywhere(actor, 'admin');
  if (!auth.isOperator(request))
    throw new Problem('forbidden', 'This is for admins of the space main, who run the server.');
  return actor;
}

/** A machine has no key but the secret of its build, and that is good for one thing. */
function isOfMachine(request: FastifyRequest): boolean {
  return request.method === 'PATCH' && request.routeOptions.url === '/instance-builds/:id' && basicOf(request) !== null;
}

/** Whether a machine of this build has got this name of its driver; waits for it while one of them is still being named. */
function named(request: FastifyRequest, context: Context, build: string, cloudId: string): Promise<boolean> {
  const { replica, shut } = request.space;
  const machines = ({ instances, builds }: Parameters<Parameters<typeof replica.look>[0]>[0]) =>
    builds.get(build)?.instances.map((id) => instances.get(id)) ?? [];
  return whileConnected(request, (gone) => {
    const signal = AbortSignal.any([gone, context.stopping, shut, AbortSignal.timeout(unnamedForMs)]);
    return new Promise<boolean>((resolve) => {
      const end = (found: boolean): void => {
        stop();
        signal.removeEventListener('abort', giveUp);
        resolve(found);
      };
      const giveUp = (): void => end(false);
      const look = (rows: readonly (InstanceRow | undefined)[]): void => {
        if (rows.some((row) => row?.cloudId === cloudId)) end(true);
        else if (!rows.some((row) => row?.state === 'launching')) end(false);
      };
      const stop = replica.onTurn(({ state }) => look(machines(state)));
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      else void Promise.resolve(replica.look((state) => look(machines(state)))).catch(giveUp);
    });
  });
}

/** Machines that their driver has named, and that are not known to be gone. */
async function instancesOf({ space: { replica } }: FastifyRequest) {
  return replica.look(({ instances, builds }) =>
    [...instances.values()].flatMap((row) =>
      row.cloudId === null || row.state === 'gone'
        ? []
        : [instanceShape(row, row.cloudId, builds.get(row.build ?? ''))],
    ),
  );
}

/** Bodies are read to their end, within the bound, whatever type they say they have: old clients say anything. */
function rawBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/octet-stream';
    done();
  });
}

/** What was decided; throws a refusal as what it is, and to whoever sent no key, that a key might help. */
function decided<T>(outcome: Outcome<T>, request: FastifyRequest, { auth }: Context): T {
  if (outcome.ok) return outcome.value;
  const { code, message, facts } = outcome;
  if (code === 'forbidden' && auth.sentNoKey(request)) throw needsKey(String(facts?.needs));
  throw new Problem(code, message, { facts: { ...facts } });
}

function tell(reply: FastifyReply, { code, message, headers, facts }: Problem): FastifyReply {
  const { status } = problemKinds[code];
  if (status === 503) reply.header('retry-after', '1');
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  codeOfReply.set(reply, code);
  reply.header('signalbox-code', code);
  if (code === 'unauthenticated') return no(reply, 401);
  if (code === 'key_unknown' || code === 'key_expired') return no(reply.removeHeader('www-authenticate'), 403);
  return errors(reply, status, Array.isArray(facts.faults) ? facts.faults.map(String) : [message]);
}

/** The older system's word for whoever may not. */
function no(reply: FastifyReply, status: 401 | 403): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'token');
  return reply.code(status).type('text/plain; charset=utf-8').send('NO');
}

function errors(reply: FastifyReply, status: number, details: readonly string[]): FastifyReply {
  return json(reply, status, { errors: details.map((each) => ({ details: each })) });
}

/** As bytes: of a text the framework would say in which charset it is, and this type has no such parameter. */
function json(reply: FastifyReply, status: number, value: object): FastifyReply {
  return reply
    .code(status)
    .type('application/vnd.api+json')
    .send(Buffer.from(JSON.stringify(value)));
}
