// The secret of a build, as a machine of it shows it: basic auth whose user is the space and whose password is the secret. What
// always holds: it is compared in constant time; whoever shows a wrong one is not told which spaces and builds there are, and is
// counted like whoever shows a wrong key.

import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Context } from './context.ts';

/** Routes on which the secret of a build may do instead of a key; its id is their parameter. */
export const pathsOfBuilds: ReadonlySet<string> = new Set(['/init-scripts/:id', '/instance-builds/:id']);

export interface Basic {
  readonly user: string;
  readonly password: string;
}

/** Null where the request shows none. */
export function basicOf({ headers: { authorization } }: FastifyRequest): Basic | null {
  const encoded = /^basic +([\w+/-]+=*) *$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return null;
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return user === undefined || password === undefined ? null : { user, password };
}

/** Whether the secret is that of this build in the space of the request. Throws 429 after too many wrong ones. */
export function showsSecretOf(
  request: FastifyRequest,
  { auth, scripts }: Context,
  basic: Basic,
  build: string,
): boolean {
  const { name, replica } = request.space;
  const expected = Buffer.from(scripts.secretOf(replica.secret, build));
  const given = Buffer.from(basic.password);
  const isRight = given.length === expected.length && timingSafeEqual(given, expected) && basic.user === name;
  if (!isRight) auth.countUnknownKey(request);
  return isRight;
}
