// `signalbox wait --local`: probes from this machine, without any server.

import { createServer as createHttp } from 'node:http';
import { createServer, type Server } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lines, signalbox, start } from './process.ts';

/** Nothing of it is asked. */
const nowhere = { SIGNALBOX_URL: 'http://127.0.0.1:2' };

async function listen<S extends Server>(server: S, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a port and an address', () => {
  test('are found, with the words and codes of a server', async () => {
    const tcp = await listen(createServer((socket) => socket.destroy()));
    const http = await listen(createHttp((_request, response) => response.end('all is ok')));
    const targets = [`tcp:127.0.0.1:${tcp}`, `http://127.0.0.1:${http}/healthz`];
    const { code, stdout, stderr } = await signalbox(['wait', '--local', ...targets, '--contains', 'is ok'], nowhere);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/tcp:127.0.0.1:\d+ open (at once|after)/);
    expect(stderr).toMatch(/healthz 200 OK (at once|after)/);
  });

  test('are waited for until they are there', async () => {
    const port = await freePort();
    const waiting = start('signalbox', ['wait', '--local', `tcp:127.0.0.1:${port}`], nowhere);
    await waiting.says('waiting for');
    await listen(
      createServer((socket) => socket.destroy()),
      port,
    );
    expect(await waiting.ended).toMatchObject({ code: 0 });
  });

  test('are missing with their last answer when time is up', async () => {
    const http = await listen(createHttp((_request, response) => response.writeHead(503).end()));
    const args = ['wait', '--local', `http://127.0.0.1:${http}/`, '--timeout', '1s', '--json'];
    const { code, stdout } = await signalbox(args, nowhere);
    expect(code).toBe(75);
    expect(JSON.parse(lines(stdout).at(-1) ?? '')).toMatchObject({
      outcome: 'timed_out',
      conditions: [{ state: 'pending', detail: '503 Service Unavailable', tries: expect.any(Number) }],
    });
  });

  test('are looked at once without time for waiting, however long that takes', async () => {
    const tcp = await listen(createServer((socket) => socket.destroy()));
    let asked = 0;
    const http = await listen(
      createHttp((_request, response) => {
        asked += 1;
        setTimeout(() => response.writeHead(503).end(), 300);
      }),
    );
    const targets = [`tcp:127.0.0.1:${tcp}`, `http://127.0.0.1:${http}/`];
    const { code, stderr } = await signalbox(['wait', '--local', ...targets, '--timeout', '0s'], nowhere);
    expect([code, asked]).toEqual([75, 1]);
    expect(stderr).toMatch(/tcp:127.0.0.1:\d+ open/);
    expect(stderr).toContain('looked once: 1 of 2 missing [wait_timed_out]');
    expect(stderr).toMatch(/last answer 503 Service Unavailable, .*\(1 try\)/);
    expect(await signalbox(['wait', '--local', targets[0] ?? '', '--timeout', '0s'], nowhere)).toMatchObject({
      code: 0,
    });
  });

  test('may be gone, which is what is waited for with --invert', async () => {
    const port = await freePort();
    expect(await signalbox(['wait', '--local', `tcp:127.0.0.1:${port}`, '--invert'], nowhere)).toMatchObject({
      code: 0,
    });
  });

  test('with --any are left alone once one is there', async () => {
    const tcp = await listen(createServer((socket) => socket.destroy()));
    const args = ['wait', '--local', '--any', `tcp:127.0.0.1:${tcp}`, `tcp:127.0.0.1:${await freePort()}`];
    expect(await signalbox(args, nowhere)).toMatchObject({ code: 0, stdout: `tcp:127.0.0.1:${tcp}\n` });
  });
});

test('what will never be ready ends it with 1', async () => {
  // What a server that wants TLS answers to plain text: an alert.
  const alert = Buffer.from([21, 3, 3, 0, 2, 2, 70]);
  const port = await listen(createServer((socket) => socket.on('error', () => {}).end(alert)));
  const { code, stderr } = await signalbox(
    ['wait', '--local', `http://127.0.0.1:${port}/`, '--timeout', '20s'],
    nowhere,
  );
  expect([code, stderr]).toEqual([1, expect.stringContaining('[wait_failed]')]);
  expect(stderr).toContain('ask with https://');
});

test('it is stopped by a signal, and leaves at once', async () => {
  const waiting = start('signalbox', ['wait', '--local', `tcp:127.0.0.1:${await freePort()}`], nowhere);
  await waiting.says('waiting for');
  waiting.child.kill('SIGTERM');
  expect((await waiting.ended).code).toBe(143);
});

describe('what only a server knows, or nobody, is refused', () => {
  test.each([
    [['signal:a'], 'signal:a is known to a server only, and --local asks none. [invalid_target]'],
    [['env:uat'], 'env:uat is known to a server only, and --local asks none. [invalid_target]'],
    [['tpc:db:5432'], /^"tpc:db:5432" has no known prefix. Did you mean tcp:db:5432\?.*\[invalid_target\]$/],
    [['tcp:db'], 'The port is missing: write tcp:HOST:PORT. [invalid_target]'],
    [['tcp:db:1', 'redis:me:hush@db:x'], /^This is not a target/],
    [['postgres:shop'], 'postgres:shop: which PostgreSQL server? [usage]'],
    [
      ['postgres:shop', '--postgresURL', 'nonsense:hush'],
      '--postgresURL is not the address of a PostgreSQL server. [usage]',
    ],
    [['http://127.0.0.1:1/', '--status', 'fine'], /^is not like 200.*\[invalid_request\]$/],
  ])('%j', async (args, first) => {
    const { code, stdout, stderr } = await signalbox(['wait', '--local', ...args], nowhere);
    const said = lines(stderr)[0]?.replace(/^signalbox: /, '');
    if (typeof first === 'string') expect(said).toBe(first);
    else expect(said).toMatch(first);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).not.toContain('hush');
  });
});

test('the PostgreSQL server of postgres:NAME is that of POSTGRES_URL', async () => {
  const port = await freePort();
  const env = { ...nowhere, POSTGRES_URL: `postgres://me:hush@127.0.0.1:${port}/{{.}}` };
  const { code, stderr } = await signalbox(['wait', '--local', 'postgres:shop', '--timeout', '1s'], env);
  expect(code).toBe(75);
  expect(stderr).toContain('connection refused');
  expect(stderr).not.toContain('hush');
});
