// Replies that nobody reads: whatever is large is given up after a minute, and its connection with it.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, onTestFinished, test, vi } from 'vitest';
import { figure } from './meet.ts';
import { start, type TestServer } from './server.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** More than the system keeps for a connection; no client reads it. */
async function askInVain(server: TestServer, path: string): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(90));
  await once(socket, 'readable');
}

const paths = ['/v1/barriers/b', '/v1/signals/s', '/v1/signals'];

test.each(paths)('a client that asks for %s again and again, and reads none of it, is let go', async (path) => {
  const server = await start();
  const parties = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(190)}`);
  await server.call('PUT', '/v1/barriers/b', { body: { parties } });
  await server.call('PUT', '/v1/signals/s', { body: { data: 'x'.repeat(65_000) } });
  for (let i = 0; i < 100; i++) await server.call('PUT', `/v1/signals/s${i}`, { body: { data: 'x'.repeat(900) } });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  await askInVain(server, path);
  const before = await figure(server, 'connections');
  // Whatever is still being answered has its minute, too.
  do await vi.advanceTimersByTimeAsync(60_000);
  while ((await figure(server, 'connections')) >= before);
});
