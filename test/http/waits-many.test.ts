// Many who wait for one name, each on a connection of its own: one set answers all of them, each once, and nothing is left; nor
// is anything left of those who go away. As many as a machine lets a test have: bench/ does the same with 10,000.

import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { figure, nobodyWaits } from './meet.ts';
import { start, type TestServer } from './server.ts';

/** Each is two sockets here: the client's end, and the server's in the same process. 2 x 2,000 fit below the usual 4,096 files. */
const waiters = 2_000;
const connectedAtOnce = 200;

interface Waiter {
  readonly socket: Socket;
  received: string;
}

async function waitBy(server: TestServer, path: string): Promise<Waiter[]> {
  const all: Waiter[] = [];
  onTestFinished(() => {
    for (const { socket } of all) socket.destroy();
  });
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
      const waiter: Waiter = { socket, received: '' };
      all.push(waiter);
      socket.on('data', (text: string) => (waiter.received += text));
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        resolve();
      });
    });
  while (all.length < waiters) await Promise.all(Array.from({ length: connectedAtOnce }, one));
  await eventually(async () => expect(await figure(server, 'waits')).toBe(waiters));
  return all;
}

test(`one set answers ${waiters} who wait for it, each once, and nothing is left`, async () => {
  const server = await start();
  const all = await waitBy(server, '/v1/signals/go?wait=60');
  expect((await server.call('GET', '/v1/signals')).json.items).toMatchObject([{ name: 'go', waiting: waiters }]);
  await server.call('PUT', '/v1/signals/go', { body: { data: 'go on' } });
  await eventually(() => expect(all.every(({ received }) => received.includes('"data":"go on"'))).toBe(true));
  await nobodyWaits(server);
  // Asked anew on the same connection: had anybody been answered twice, this would be the third answer.
  for (const { socket } of all) socket.write('GET /v1/signals/go HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answers = ({ received }: Waiter): number => received.split('HTTP/1.1 200 ').length - 1;
  await eventually(() => expect(all.every((waiter) => answers(waiter) >= 2)).toBe(true));
  expect(new Set(all.map(answers))).toEqual(new Set([2]));
  const { text } = await server.call('GET', '/metrics');
  expect(text).toContain(`signalbox_waits_ended_total{space="main",outcome="met"} ${waiters}\n`);
});

test(`${waiters} who go away without an answer leave nothing`, async () => {
  const server = await start();
  const all = await waitBy(server, '/v1/signals/never?wait=60');
  for (const { socket } of all) socket.destroy();
  await nobodyWaits(server);
  expect((await server.call('GET', '/v1/signals')).json.items).toEqual([]);
  expect((await server.call('GET', '/v1/waits')).json.timedOut).toEqual([]);
  await eventually(async () => expect(await figure(server, 'connections')).toBeLessThan(10));
  const { text } = await server.call('GET', '/metrics');
  expect(text).toContain(`signalbox_waits_ended_total{space="main",outcome="left"} ${waiters}\n`);
});
