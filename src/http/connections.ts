// Bounds on connections. A client that connects beyond the bound is told so in one clear answer instead of being left hanging,
// and one that asks for a lot and never reads it is let go.

import type { Server, ServerResponse } from 'node:http';
import type { Context } from './context.ts';

const full =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\nConnection: close\r\n\r\n';
const fullBody = JSON.stringify({
  type: '/docs/errors#server_full',
  title: 'The server takes no more of these at once',
  status: 503,
  code: 'server_full',
  detail: 'The server has as many connections as it takes (--max-connections). Try again in 5 seconds.',
});
/** A reply that the client has not taken within this time holds memory for nothing. */
const readWithinMs = 60_000;

export function boundConnections(server: Server, { metrics, settings }: Context): void {
  server.on('connection', (socket) => {
    if (metrics.connections >= settings.maxConnections) {
      socket.on('error', () => undefined);
      socket.end(full + fullBody);
      socket.destroySoon();
      return;
    }
    metrics.connections++;
    socket.once('close', () => metrics.connections--);
  });
}

/** Lets go of a client that does not read its reply. */
export function boundReading(response: ServerResponse): void {
  const timer = setTimeout(() => response.destroy(), readWithinMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
}
