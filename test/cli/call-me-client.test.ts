// The client of call-me: what scripts that call it have always seen, and that it stands in the queue.

import { describe, expect, onTestFinished, test } from 'vitest';
import { lines, start } from './process.ts';
import { type Server, serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

const GO_DURATION = /^waited (\d+h)?(\d+m)?\d+(\.\d+)?(s|ms|µs)$/;

async function callMeServer(): Promise<{ server: Server; env: Record<string, string> }> {
  const server = await serve([], { API_KEY: 'E-MO-TION' });
  return { server, env: { HOST: new URL(server.url).host, API_KEY: 'E-MO-TION' } };
}

const client = (args: readonly string[], env: Record<string, string> = {}) => start('call-me-client', args, env);

describe('request', () => {
  test('of a free slot prints that it was acquired and how long that took, in the style of Go', async () => {
    const { server, env } = await callMeServer();
    const { code, stdout, stderr } = await client(['request', 'uat'], env).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines(stdout)).toEqual(['acquired slot for environment: uat', expect.stringMatching(GO_DURATION)]);
    expect((await server.send('GET', '/v1/environments/uat')).held).toHaveLength(1);
  });

  test('of a taken one says that it waits, and has it when it is freed', async () => {
    const { server, env } = await callMeServer();
    await client(['request', 'uat'], env).ended;
    const second = client(['request', 'uat'], env);
    await second.says('waiting for free slot on environment: uat');
    await expect.poll(async () => (await server.send('GET', '/v1/environments/uat')).waiting).toBe(1);
    expect((await client(['release', 'uat'], env).ended).stdout).toBe('slot has been freed for environment: uat\n');
    const { code, stdout } = await second.ended;
    expect(code).toBe(0);
    expect(lines(stdout)).toEqual([
      'waiting for free slot on environment: uat',
      'acquired slot for environment: uat',
      expect.stringMatching(GO_DURATION),
    ]);
  });

  test('waits for what was taken by other means too', async () => {
    const { server, env } = await callMeServer();
    const lease = (await server.signalbox(['acquire', 'uat'])).stdout.trim();
    const waiting = client(['request', 'uat'], env);
    await waiting.says('waiting for free slot');
    await server.signalbox(['release', lease]);
    expect((await waiting.ended).code).toBe(0);
  });

  test('asks again with the same key while it waits, so that it is one request', async () => {
    const taken = { status: 403, body: '' };
    const server = await recordingServer((_seen, count) => (count < 4 ? taken : { status: 201, body: '' }));
    const { code, stdout } = await client(['request', 'uat'], { HOST: `127.0.0.1:${server.port}`, API_KEY: 'k' }).ended;
    expect(code).toBe(0);
    expect(lines(stdout).filter((line) => line.startsWith('waiting'))).toHaveLength(3);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array(4).fill('POST /maybe?environment=uat'),
    );
    const [first, ...later] = server.seen.map(({ headers }) => ({
      prefer: headers.prefer,
      key: headers['idempotency-key'],
    }));
    expect(first).toEqual({ prefer: undefined, key: undefined });
    expect(new Set(later.map(({ key }) => key)).size).toBe(1);
    expect(later.every(({ prefer, key }) => prefer === 'wait=30' && /^call-me:/.test(String(key)))).toBe(true);
  });

  test('goes on waiting when the server is away for a moment', async () => {
    const { createServer } = await import('node:http');
    let asked = 0;
    const server = createServer((request, response) => {
      asked++;
      if (asked === 1) response.writeHead(403, { 'content-length': 0 }).end();
      else if (asked === 2) request.socket.destroy();
      else if (asked === 3) response.writeHead(503, { 'content-length': 0 }).end();
      else response.writeHead(201, { 'content-length': 0 }).end();
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { code, stdout } = await client(['request', 'uat'], { HOST: `http://127.0.0.1:${port}`, API_KEY: 'k' }).ended;
    expect({ code, asked }).toEqual({ code: 0, asked: 4 });
    expect(stdout).toContain('acquired slot');
  });

  test('of a name with all kinds of characters', async () => {
    const { server, env } = await callMeServer();
    const { stdout } = await client(['request', 'a b&c=d/é'], env).ended;
    expect(lines(stdout)[0]).toBe('acquired slot for environment: a b&c=d/é');
    expect((await server.send('GET', '/v1/environments')).items[0].name).toBe('a b&c=d/é');
  });
});

describe('release', () => {
  test('of nothing is fine', async () => {
    const { env } = await callMeServer();
    const { code, stdout } = await client(['release', 'never-seen'], env).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'slot has been freed for environment: never-seen\n' });
  });
});

describe('errors are on stderr, and exit 1', () => {
  test.each([
    [['request'], { HOST: 'h', API_KEY: 'k' }, 'this command requires an argument\n'],
    [['release', ''], { HOST: 'h', API_KEY: 'k' }, 'this command requires an argument\n'],
    [['request', 'uat'], { API_KEY: 'k' }, 'HOST must be set\n'],
    [['release', 'uat'], { HOST: 'h' }, 'API_KEY must be set\n'],
    [['request', 'uat'], { HOST: '127.0.0.1:2', API_KEY: 'k' }, 'cannot reach 127.0.0.1:2: connection refused\n'],
  ] as [string[], Record<string, string>, string][])('%j %j', async (args, env, said) => {
    expect(await client(args, env).ended).toMatchObject({ code: 1, stdout: '', stderr: said });
  });

  test('a wrong key', async () => {
    const { env } = await callMeServer();
    for (const name of ['request', 'release']) {
      expect(await client([name, 'uat'], { ...env, API_KEY: 'wrong' }).ended).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'unauthenticated for invalid credentials\n',
      });
    }
  });

  test('something else that answers there is not taken for a slot', async () => {
    for (const status of [200, 302, 404]) {
      const other = await recordingServer({ status, type: 'text/html', body: '<h1>nginx</h1>' });
      const { code, stdout } = await client(['request', 'uat'], { HOST: `127.0.0.1:${other.port}`, API_KEY: 'k' })
        .ended;
      expect({ status, code, stdout }).toEqual({ status, code: 1, stdout: '' });
    }
  });
});

test('an unknown command is 3', async () => {
  expect(await client(['acquire', 'uat']).ended).toMatchObject({ code: 3, stdout: '' });
});

test.each([[[]], [['help']], [['--help']], [['h']]])('%j is help, 0', async (args) => {
  const { code, stdout } = await client(args).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/request .*\n.*release/);
});
