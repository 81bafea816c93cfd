// A load balancer that knows no stickiness: each request goes to another server. One that cannot be asked, or dies before it has
// answered, costs the client its connection.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

export interface Balancer {
  readonly url: string;
  stop(): void;
}

/** `next`: the address of the server for the next request. */
export async function startBalancer(next: () => string): Promise<Balancer> {
  const server = createServer((asked, answer) => {
    const { method = 'GET', url = '/', headers } = asked;
    const onward = request(next() + url, { method, headers, agent: false }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
      reply.on('error', () => answer.destroy());
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
