// A store with spaces, made by a real server: main and team-a, in each of which anna holds uat, and team-b, which has a store of
// its own.

import { expect } from 'vitest';
import { type Server, serve } from './real-server.ts';

export const asAdmin = { API_KEY: 'the-admin-key' };

interface Held {
  readonly id: string;
  readonly fence: number;
}

export async function stop(server: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  server.process.child.kill(signal);
  await server.process.ended;
}

/** What is held, by space. */
export async function withTeams(store: string): Promise<Record<string, Held>> {
  const server = await serve(['--store', store, '--space-stores', 'team-b=memory:'], asAdmin);
  const held: Record<string, Held> = {};
  for (const space of ['main', 'team-a', 'team-b']) {
    if (space !== 'main') await inSpace(server.url, 'main', 'PUT', `/v1/spaces/${space}`, {});
    if (space !== 'team-b') held[space] = await acquired(server.url, space, 'uat');
  }
  await stop(server);
  return held;
}

/** It is held as it was, and every new fence is higher. */
export async function isHeldAt(url: string, space: string, { id, fence }: Held): Promise<void> {
  const uat = await inSpace(url, space, 'GET', '/v1/environments/uat');
  expect(uat).toMatchObject({ held: [{ id, fence, holder: { name: 'anna' } }] });
  expect((await acquired(url, space, 'other')).fence).toBeGreaterThan(fence);
}

function acquired(url: string, space: string, environment: string): Promise<Held> {
  return inSpace(url, space, 'POST', '/v1/leases', { environment, holder: { name: 'anna' }, ttlSeconds: 3600 });
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
export async function inSpace(url: string, space: string, method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${asAdmin.API_KEY}`,
      'signalbox-space': space,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
}
