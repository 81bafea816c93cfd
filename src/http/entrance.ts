// Which space a request is for, and whether it may come in. What always holds: a key opens its own space only (an admin of `main`
// may name any); whatever another server has answered before is known here before anything is shown, and before a key is refused
// that may have been made there.

import type { FastifyRequest } from 'fastify';
import { mainSpace } from '../core/space-name.ts';
import type { Space } from '../replica/spaces.ts';
import { basicOf, pathsOfBuilds } from './build-secret.ts';
import type { Context } from './context.ts';
import { asksForPage } from './dashboard.ts';
import { needsKey, Problem } from './problem.ts';

/** Sets `request.space`, or refuses. Null: done at once. */
export function enter(request: FastifyRequest, context: Context): Promise<void> | null {
  const { auth, spaces } = context;
  const path = request.routeOptions.url ?? '/';
  request.space = spaces.main;
  if (notOfTheStore.has(path) || path.startsWith('/docs') || asksForPage(request)) return null;
  const machine = pathsOfBuilds.has(path) ? basicOf(request) : null;
  if (machine !== null) return enterAsMachine(request, context, machine.user);
  const isOfServer = path.startsWith('/v1/spaces');
  const name = auth.sentUnknownKey(request) ? null : isOfServer ? mainSpace : auth.spaceOf(request);
  const space = name === null ? undefined : spaces.get(name);
  if (space === undefined) return enterLate(request, context, path);
  request.space = space;
  const caughtUp = looks(request, path) ? space.replica.caughtUp() : null;
  if (caughtUp !== null) return caughtUp.then(() => admit(request, context, path));
  admit(request, context, path);
  return null;
}

const notOfTheStore = new Set(['/healthz', '/readyz', '/openapi.json', '/assets/:file']);

/** A key or a space that is not known here may be known since: whoever made it was answered by another server. */
async function enterLate(request: FastifyRequest, context: Context, path: string): Promise<void> {
  const { auth, spaces } = context;
  // No key, and a space that is not there: nobody is told which there are.
  if (auth.sentNoKey(request)) throw needsKey(null);
  await Promise.all(Array.from(spaces, ({ replica }) => replica.caughtUp()));
  await spaces.tried();
  if (auth.sentUnknownKey(request) && !spaces.areAllOpen) {
    auth.countUnknownKey(request);
    throw new Problem('store_away', 'A space cannot be reached just now, and this key may be of it.');
  }
  request.space = spaceOf(request, context);
  admit(request, context, path);
}

/** It says which space it is of. Whether it may come in its route says, of a space that is not there as of a wrong secret. */
async function enterAsMachine(request: FastifyRequest, { auth, spaces }: Context, name: string): Promise<void> {
  if (spaces.get(name) === undefined) {
    await spaces.main.replica.caughtUp();
    await spaces.tried(name);
  }
  const space = spaces.get(name);
  if (space !== undefined) request.space = space;
  else if (!spaces.areAllOpen) {
    auth.countUnknownKey(request);
    throw new Problem('store_away', 'A space cannot be reached just now, and this machine may be of it.');
  }
  await request.space.replica.caughtUp();
}

function spaceOf(request: FastifyRequest, { auth, spaces }: Context): Space {
  const name = auth.spaceOf(request);
  const space = spaces.get(name);
  if (space !== undefined) return space;
  for (const [closed, why] of spaces.notOpen())
    if (closed === name) {
      // Where its store is only those are told who run the server.
      const reason = auth.isOperator(request) ? `: ${why}` : '.';
      throw new Problem('store_away', `The space ${name} cannot be served just now${reason}`);
    }
  throw new Problem('space_unknown', `There is no space ${name}. signalbox space list shows them.`, {
    field: 'Signalbox-Space',
  });
}

/** Whether it asks how things are. What is decided needs no asking: a turn learns first. */
function looks(request: FastifyRequest, path: string): boolean {
  return path !== '/metrics' && (request.method === 'GET' || request.method === 'HEAD' || path === '/v1/waits');
}

function admit(request: FastifyRequest, { auth }: Context, path: string): void {
  if (needsAdmission(request, path)) auth.admit(request);
}

/**
 * Whether the key is looked at before the body is even read. Not where a lease's own secret may do instead, and not where
 * somebody without a key asks what they may do.
 */
function needsAdmission(request: FastifyRequest, path: string): boolean {
  if (!path.startsWith('/v1/')) return false;
  if (request.headers['signalbox-lease-secret'] !== undefined) return false;
  return path !== '/v1/me';
}
