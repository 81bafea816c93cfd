// `signalbox wait` against a real server: what it says, what it prints, and what it exits with.

import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { missingWords } from '../../src/cli/meet/words.ts';
import { Conditions } from '../../src/client/conditions.ts';
import { mortalServer, untilWaiting } from './meeting.ts';
import { type Env, lines, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

const nowhere = { SIGNALBOX_URL: 'http://127.0.0.1:2' };

/** A port of this machine that takes connections until the test ends. */
async function openPort(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

/** Without times: they are whatever they are. */
function told(stderr: string): string[] {
  return lines(stderr).map((line) => line.replace(/at once|after \d+s/g, 'AFTER').replace(/\d+s ago/, 'AGO'));
}

describe('what comes', () => {
  test('wakes whoever waits in another process, and its payload is the answer', async () => {
    const server = await serve();
    const waiting = start('signalbox', ['wait', 'signal:migrated'], server.env);
    await untilWaiting(server.url, 1);
    await server.signalbox(['signal', 'migrated', '--data', '{"version": 42}'], { CI: '' });
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"version":42}\n' });
    expect(told(stderr).at(-1)).toMatch(/^signalbox: signal:migrated set AFTER by \S+@\S+$/);
  });

  test('is seen when it was set before, on one line', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'done']);
    const { code, stdout, stderr } = await server.signalbox(['wait', 'done']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(lines(stderr)).toHaveLength(1);
  });

  test('is told one by one in the order in which it comes, until all have', async () => {
    const server = await serve();
    const port = await openPort();
    const targets = ['signal:a', 'signal:b', `tcp:127.0.0.1:${port}`, 'env:uat'];
    const waiting = start('signalbox', ['wait', ...targets, '--timeout', '60s'], server.env);
    await waiting.says(/tcp:\S+ open/);
    await server.signalbox(['signal', 'b']);
    await waiting.says(/signal:b set/);
    await server.signalbox(['signal', 'a']);
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const came = told(stderr).filter((line) => !/waiting for|waited/.test(line));
    expect(came.map((line) => line.replace(/ by .*/, ''))).toEqual([
      'signalbox: env:uat never used AFTER',
      `signalbox: tcp:127.0.0.1:${port} open AFTER`,
      'signalbox: signal:b set AFTER',
      'signalbox: signal:a set AFTER',
    ]);
    expect(stderr).toContain(`signalbox: waiting for ${targets.join(', ')} (at most 1m)`);
  });

  test('stays so while the rest is waited for, also when it is undone', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'a']);
    const waiting = start('signalbox', ['wait', 'a', 'b'], server.env);
    await waiting.says('signal:a set');
    await server.signalbox(['signal', 'a', '--clear']);
    await server.signalbox(['signal', 'b']);
    expect((await waiting.ended).code).toBe(0);
  });

  test('with --any is one of them, and the answer says which', async () => {
    const server = await serve();
    const waiting = start('signalbox', ['wait', '--any', 'signal:a', 'signal:b'], server.env);
    await untilWaiting(server.url, 2);
    await server.signalbox(['signal', 'b', '--data', '1']);
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: 'signal:b\n' });
  });

  test('may be that something is gone', async () => {
    const server = await serve();
    const gone = await server.signalbox(['wait', 'tcp:127.0.0.1:1', '--invert', '--successes', '2']);
    expect(gone).toMatchObject({ code: 0 });
  });

  test('with --json is one object per line, the last in the shape of the API', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'a', '--data', '[1]']);
    const { code, stdout, stderr } = await server.signalbox(['wait', 'a', 'env:uat', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [first, second, last, ...more] = lines(stdout).map((line) => JSON.parse(line));
    expect(more).toEqual([]);
    expect([first, second]).toMatchObject([
      { event: 'met', target: 'signal:a', data: [1] },
      { event: 'met', target: 'env:uat' },
    ]);
    expect(last).toMatchObject({ outcome: 'met', conditions: [{ target: 'signal:a' }, { target: 'env:uat' }] });
    expect(last).not.toHaveProperty('event');
  });

  test('is of this run of the CI where it is a barrier', async () => {
    const server = await serve();
    await server.send('PUT', '/v1/barriers/meet?generation=77-2', { parties: 1 });
    await server.send('POST', '/v1/barriers/meet/arrivals?generation=77-2', { party: 'a' });
    const run = { GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: '77', GITHUB_RUN_ATTEMPT: '2' };
    expect(await server.signalbox(['wait', 'barrier:meet', '--timeout', '20s'], run)).toMatchObject({ code: 0 });
    const other = await server.signalbox(['wait', 'barrier:meet', '--timeout', '0s', '--generation', ''], run);
    expect(other).toMatchObject({ code: 75, stderr: expect.stringContaining('not declared') });
  });
});

describe('what does not come', () => {
  test('is named when time is up, with how it stands and what was perhaps meant', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'migrations']);
    const port = await openPort();
    const targets = [`tcp:127.0.0.1:${port}`, 'http://127.0.0.1:1/healthz', 'signal:migration'];
    const { code, stdout, stderr } = await server.signalbox(['wait', '--all', ...targets, '--timeout', '3s']);
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
    const [head, http, signal] = told(stderr).slice(-3);
    expect(head).toBe('signalbox: timed out AFTER: 2 of 3 missing [wait_timed_out]');
    expect(http).toMatch(
      /^signalbox: {3}http:\/\/127.0.0.1:1\/healthz {2}last answer .*refused.*, AGO; like that since .*\(\d+ tries\)$/,
    );
    expect(signal).toBe(`signalbox:   signal:migration${' '.repeat(10)}  not set · did you mean signal:migrations?`);
  });

  test('with -q is an error, and with --json the reply of the API', async () => {
    const server = await serve();
    const quiet = await server.signalbox(['wait', 'a', '--timeout', '300ms', '-q']);
    expect(quiet.code).toBe(75);
    expect(told(quiet.stderr)[0]).toBe('signalbox: timed out AFTER: signal:a is missing [wait_timed_out]');
    const json = await server.signalbox(['wait', 'a', '--timeout', '0s', '--json']);
    expect(json).toMatchObject({ code: 75, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'timed_out', conditions: [{ state: 'pending' }] });
  });

  test('at one look is told with how it was found, and what is there too', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'a']);
    const port = await openPort();
    const targets = ['signal:a', `tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:1', 'signal:b'];
    const { code, stderr } = await server.signalbox(['wait', ...targets, '--timeout', '0s']);
    expect(code).toBe(75);
    const said = told(stderr);
    expect(said.slice(0, 2).map((line) => line.replace(/ by .*/, ''))).toEqual([
      'signalbox: signal:a set AFTER',
      `signalbox: tcp:127.0.0.1:${port} open AFTER`,
    ]);
    expect(said[2]).toBe('signalbox: looked once: 2 of 4 missing [wait_timed_out]');
    expect(said[3]).toMatch(/^signalbox: {3}tcp:127.0.0.1:1 {2}last answer connection refused, AGO;.*\(1 try\)$/);
    expect(said[4]).toMatch(/^signalbox: {3}signal:b {9}not set/);
    expect(said).toHaveLength(5);
    const there = await server.signalbox(['wait', ...targets.slice(0, 2), '--timeout', '0s']);
    expect(there).toMatchObject({ code: 0 });
  });

  test('stands as it does since the wait began where nothing else was found', () => {
    const reply = { target: 'tcp:a:1', state: 'pending', detail: 'refused', by: null, data: null, since: '' } as const;
    const standing = new Conditions('all', 1, 1000);
    standing.note(0, { ...reply, settledAt: null, tries: 42, triedAt: 'x', nearest: null }, 21_000, 0);
    expect(missingWords(standing.found[0] ?? null, 21_000)).toBe(
      'last answer refused, 0s ago; like that since 20s (42 tries)',
    );
  });

  test('ends the wait at once when it has failed, with a reason that can do no harm', async () => {
    const server = await serve();
    const waiting = start('signalbox', ['wait', 'signal:migrated', 'signal:other'], server.env);
    await untilWaiting(server.url, 2);
    const reason = 'V42 \u001b[31mbroke\u001b[0m\n::error::<script>##[command]\u202e';
    await server.signalbox(['signal', 'migrated', '--fail', reason], {
      ...{ BUILDKITE: 'true', BUILDKITE_PIPELINE_SLUG: 'db-migrate', BUILDKITE_BUILD_NUMBER: '310' },
    });
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(told(stderr).at(-1)).toBe(
      'signalbox: signal:migrated failed AFTER: "V42 broke ⏎ ::error::<script># #[command]" (by db-migrate #310) [wait_failed]',
    );
  });

  test('shows no password of a target, neither before nor after it was read', async () => {
    const server = await serve();
    const target = 'redis://user:hush@127.0.0.1:1/0';
    const { code, stderr } = await server.signalbox(['wait', target, '--timeout', '2s']);
    expect(code).toBe(75);
    expect(stderr).toContain('redis://127.0.0.1:1');
    expect(stderr).not.toContain('hush');
  });

  test('is left with the code of the signal that stops it', async () => {
    const server = await serve();
    for (const [name, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const waiting = start('signalbox', ['wait', 'signal:never'], server.env);
      await waiting.says('waiting for');
      waiting.child.kill(name);
      const ended = await waiting.ended;
      expect(ended.code).toBe(code);
      expect(ended.stderr).toContain('still missing: signal:never. [stopped]');
    }
  });
});

describe('the server', () => {
  test('may be killed and come back while it is waited for: answered once', { timeout: 60_000 }, async () => {
    const { server, env } = await mortalServer();
    const style: Env = { ...env, SIGNALBOX_LOG_STYLE: 'github' };
    const waiting = start('signalbox', ['wait', 'signal:migrated'], style);
    await untilWaiting(server.url, 1);
    await server.kill();
    await waiting.says('server not reachable');
    await server.start();
    await waiting.says('connected again');
    await signalbox(['signal', 'migrated', '--data', '"42"'], env);
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '"42"\n' });
    // A server that takes long to come back is waited for in one more line.
    const seen = told(stderr)
      .filter((line) => !line.startsWith('signalbox: waited '))
      .map((line) => line.replace(/ \(connection.*?\)| by .*/, ''));
    expect(seen).toEqual([
      'signalbox: waiting for signal:migrated',
      '::group::Waiting',
      'signalbox: server not reachable, trying again',
      'signalbox: connected again AFTER',
      '::endgroup::',
      'signalbox: signal:migrated set AFTER',
      expect.stringMatching(/^signalbox: signal:migrated came AFTER$/),
    ]);
  });

  test('that is not there ends it with 69 after --server-wait', async () => {
    const { code, stderr } = await signalbox(['wait', 'a', '--server-wait', '300ms'], nowhere);
    expect(code).toBe(69);
    expect(lines(stderr).find((line) => line.includes('[unreachable]'))).toContain('cannot reach http://127.0.0.1:2');
  });

  test('that takes no more waits is asked again', async () => {
    const server = await serve(['--max-waits', '1']);
    const first = start('signalbox', ['wait', 'a'], server.env);
    await untilWaiting(server.url, 1);
    const second = start('signalbox', ['wait', 'b'], server.env);
    await second.says('signalbox: the server is full (too many wait there already), trying again');
    await server.signalbox(['signal', 'a']);
    await first.ended;
    await server.signalbox(['signal', 'b']);
    expect((await second.ended).code).toBe(0);
  });

  test('is asked again for what is still missing, and for nothing else twice', async () => {
    const bodies: string[] = [];
    const reply = (state: string, target: string) => ({
      ...{ target, state, detail: 'x', by: null, data: null, since: '2026-11-21T12:00:00Z', settledAt: null },
      ...{ tries: null, triedAt: null, nearest: null },
    });
    const server = await recordingServer((seen, count) => {
      bodies.push(seen.path);
      const conditions =
        count === 1 ? [reply('met', 'signal:a'), reply('pending', 'signal:b')] : [reply('met', 'signal:b')];
      return { status: 200, body: JSON.stringify({ outcome: 'met', waitedSeconds: 0, conditions }) };
    });
    const { code, stderr } = await signalbox(['wait', 'a', 'b'], { SIGNALBOX_URL: server.url });
    expect(code).toBe(0);
    expect(bodies).toEqual(['/v1/waits', '/v1/waits']);
    expect(told(stderr).filter((line) => / x AFTER/.test(line))).toHaveLength(2);
  });

  test('refuses what it may not connect to with 77, and says which setting allows it', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const { code, stderr } = await server.signalbox(['wait', 'tcp:127.0.0.1:1']);
    expect(code).toBe(77);
    expect(stderr).toContain('--probe-allow 127.0.0.1:1');
    expect(stderr).toContain('[target_not_allowed]');
  });
});

describe('what is not understood', () => {
  test('is named as it was typed, not by its place in a list', async () => {
    const server = await serve();
    const lease = await server.signalbox(['wait', 'signal:a', 'lease:nope']);
    expect(lease).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/\[lease_unknown\]\n.*it is about: lease:nope\n/),
    });
    const port = await server.signalbox(['wait', 'tcp:db:5432', 'tcp:cache']);
    expect(port.stderr).toContain('it is about: tcp:cache');
    const status = await server.signalbox(['wait', 'http://me:hush@app/', '--status', 'fine']);
    expect(status.stderr).toContain('it is about: status of http://app/');
    for (const { stderr } of [lease, port, status]) expect(stderr).not.toMatch(/any\.\d|hush/);
  });

  test('an unknown prefix is never waited for; the nearest is a question', async () => {
    const server = await serve();
    const { code, stderr } = await server.signalbox(['wait', 'singal:migrated']);
    expect(code).toBe(64);
    expect(stderr).toContain('"singal:migrated" has no known prefix. Did you mean signal:migrated?');
    expect(stderr).toContain('[invalid_target]');
  });

  test.each([
    [['wait'], 'what for? [usage]'],
    [
      ['wait', 'a', '--tiemout', '2m'],
      'signalbox wait has no option --tiemout. Did you mean --timeout? [unknown_option]',
    ],
    [['wait', 'a', '--timeout', 'soon'], '--timeout: "soon" is not a duration. [usage]'],
    [['wait', 'a', '--all', '--any'], 'give --all or --any, not both. [usage]'],
    [['wait', 'a', '--successes', '3'], '--successes is for probes (tcp:, http:// …), and there is none. [usage]'],
    [['wait', 'tcp:a:1', '--status', '200'], '--status is for http targets, and there is none. [usage]'],
    [['wait', 'tcp:a:1', '--successes', '0'], '--successes: "0" is not a whole number from 1 to 100. [usage]'],
    [['wait', 'tcp:a:1', '--interval', '2m'], '--interval: 2m is not between 50ms and 60s. [usage]'],
    [['wait', 'a', '--generation', '1'], '--generation is for barriers, and there is none. [usage]'],
    [['wait', 'a', '--progress', 'loud'], '--progress: "loud" is none of auto, tty, plain, quiet. [usage]'],
    [['wait', 'a', '--postgresURL', 'x'], '--postgresURL is for --local: a server has a setting of its own. [usage]'],
    [
      ['wait', ...Array.from({ length: 65 }, (_, i) => `s${i}`)],
      '65 targets are too many: one wait has 64 at most. [usage]',
    ],
  ])('%j', async (args, first) => {
    const { code, stdout, stderr } = await signalbox(args, nowhere);
    expect(lines(stderr)[0]).toBe(`signalbox: ${first}`);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});
