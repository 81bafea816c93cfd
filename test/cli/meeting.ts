// What the tests of wait, signal and barrier share: looking at who waits, and a server that can be killed and comes back.

import { onTestFinished } from 'vitest';
import { ServerProcess } from '../crash/server-process.ts';
import type { Env } from './process.ts';

/** Asks until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries > 600) throw new Error('it did not become so');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Until so many conditions are waited for on the server. */
export function untilWaiting(url: string, count: number): Promise<void> {
  return until(async () => {
    const reply = await fetch(`${url}/v1/waits`);
    const { items } = (await reply.json()) as { items: { conditions: unknown[] }[] };
    return items.reduce((sum, { conditions }) => sum + conditions.length, 0) >= count;
  });
}

/** A server on a file, for tests that kill it; gone after the test. */
export async function mortalServer(): Promise<{ server: ServerProcess; env: Env }> {
  const server = await ServerProcess.create();
  onTestFinished(() => server.remove());
  await server.start();
  return { server, env: { SIGNALBOX_URL: server.url } };
}
