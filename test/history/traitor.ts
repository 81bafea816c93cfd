// A way to a server that betrays some of its clients: what they renew it gives back behind their back, and tells them that all is well.
// So a real history gets a real overlap.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';

export interface Traitor {
  readonly url: string;
  /** The next renewal of this lease gives it back. */
  betray(lease: string): void;
  stop(): void;
}

export async function startTraitor(onward: string): Promise<Traitor> {
  const betrayed = new Set<string>();
  const server = createServer((request, answer) => {
    const lease = /^\/v1\/leases\/([^/]+)\/renew$/.exec(request.url ?? '')?.[1] ?? '';
    pass(request, onward, betrayed.delete(lease) ? lease : null)
      .then(({ status, type, text }) => answer.writeHead(status, { 'content-type': type }).end(text))
      .catch(() => answer.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    betray: (lease) => void betrayed.add(lease),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Passed {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function pass(request: IncomingMessage, onward: string, betrayed: string | null): Promise<Passed> {
  const { method = 'GET', url = '/', headers } = request;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (betrayed !== null) {
    const asBefore = await read(await fetch(`${onward}/v1/leases/${betrayed}`));
    await fetch(`${onward}/v1/leases/${betrayed}`, { method: 'DELETE' });
    return asBefore;
  }
  const kept = ['content-type', 'idempotency-key'].flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as [string, string]] : [];
  });
  const body = chunks.length === 0 ? undefined : Buffer.concat(chunks);
  return read(await fetch(onward + url, { method, headers: kept, body }));
}

async function read(reply: Response): Promise<Passed> {
  return { status: reply.status, type: reply.headers.get('content-type') ?? '', text: await reply.text() };
}
