// `signalbox acquire`: queues, hands the lease on, and leaves no trace when it does not get it.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, lines, root, start, startFile } from './process.ts';
import { type Server, serve } from './real-server.ts';

const LEASE = /^ls_\w+$/;

/** Leases of an environment in a state, as the server knows them. */
async function leases(
  server: Server,
  state: string,
  environment = 'uat',
): Promise<{ id: string; [field: string]: unknown }[]> {
  return (await server.send('GET', `/v1/leases?environment=${environment}&state=${state}`)).items;
}

describe('what it prints', () => {
  test('is the id of the lease and nothing else on stdout', async () => {
    const server = await serve();
    const { code, stdout, stderr } = await server.signalbox(['acquire', 'uat']);
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(LEASE);
    expect(lines(stdout)).toHaveLength(1);
    expect(stderr).toMatch(/^signalbox: uat is yours at once · fence \d+ · yours until you release it/m);
  });

  test('is the same under its other name', async () => {
    const server = await serve();
    expect((await server.signalbox(['request', 'uat'])).stdout.trim()).toMatch(LEASE);
  });

  test('with --json is the lease in the shape of the API', async () => {
    const server = await serve();
    const { stdout } = await server.signalbox([
      'acquire',
      'uat',
      '--json',
      '--ttl',
      '10m',
      '--reason',
      'hotfix',
      '--holder',
      'anna',
      '--holder-url',
      'https://ci.example/7',
    ]);
    const lease = JSON.parse(stdout);
    expect(lease).toMatchObject({
      state: 'held',
      ttlSeconds: 600,
      reason: 'hotfix',
      holder: { name: 'anna', url: 'https://ci.example/7' },
    });
    const { secret: _secret, created: _created, expiresInSeconds: _left, expiresAt: _at, ...shown } = lease;
    expect(await server.send('GET', `/v1/leases/${lease.id}`)).toMatchObject(shown);
  });

  test('with --format env can be read by a shell, whatever the names are', async () => {
    const server = await serve();
    const hostile = "it's $(touch /tmp/signalbox-was-here) `id` ; uat";
    await server.signalbox(['env', 'create', hostile, '--label', 'kind=odd']);
    const { stdout } = await server.signalbox(['acquire', '--label', 'kind=odd', '--format', 'env']);
    const shell = spawnSync(
      'sh',
      [
        '-c',
        `${stdout}\nprintf '%s\\n' "$SIGNALBOX_LEASE" "$SIGNALBOX_FENCE" "$SIGNALBOX_ENVIRONMENT" "$SIGNALBOX_ENVIRONMENTS"`,
      ],
      { encoding: 'utf8' },
    );
    const [lease = '', fence, environment, list = ''] = lines(shell.stdout);
    expect(lease).toMatch(LEASE);
    expect(fence).toMatch(/^\d+$/);
    expect(environment).toBe(hostile);
    expect(JSON.parse(list)).toEqual([hostile]);
    expect(existsSync('/tmp/signalbox-was-here')).toBe(false);
  });

  test('with --format dotenv is never quoted, as $GITHUB_ENV wants it', async () => {
    const server = await serve();
    const { stdout } = await server.signalbox(['acquire', 'uat', 'db', '--format', 'dotenv']);
    expect(lines(stdout).slice(2)).toEqual(['SIGNALBOX_ENVIRONMENT=uat db', 'SIGNALBOX_ENVIRONMENTS=["uat","db"]']);
  });

  test('says that an environment was made, and which one was probably meant', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat']);
    const { stderr } = await server.signalbox(['acquire', 'uta']);
    expect(stderr).toContain('signalbox: "uta" did not exist and was made now (nearest: uat)');
  });

  test('says nothing but errors with -q', async () => {
    const server = await serve();
    const { stderr, stdout } = await server.signalbox(['acquire', 'uat', '-q']);
    expect({ stderr, lease: stdout.trim() }).toEqual({ stderr: '', lease: expect.stringMatching(LEASE) });
  });
});

describe('the state file', () => {
  test('is for its owner only, and holds what the next step needs', async () => {
    const server = await serve();
    const file = join(folder(), 'state');
    const { stdout } = await server.signalbox(['acquire', 'uat', '--state', file]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const written = readFileSync(file, 'utf8');
    expect(written).toContain(`SIGNALBOX_LEASE=${stdout.trim()}\n`);
    expect(written).toContain(`SIGNALBOX_URL=${server.url}\n`);
    expect(written).toMatch(/^SIGNALBOX_LEASE_SECRET=\S+$/m);
  });

  test('the secret in it is in no output', async () => {
    const server = await serve();
    const file = join(folder(), 'state');
    const { stdout, stderr } = await server.signalbox(['acquire', 'uat', '--state', file, '--format', 'env']);
    const [, secret = 'none'] = /SECRET=(.*)/.exec(readFileSync(file, 'utf8')) ?? [];
    expect(secret.length).toBeGreaterThan(20);
    expect(stdout + stderr).not.toContain(secret);
  });

  test('that cannot be written is said before anything is asked for', async () => {
    const server = await serve();
    const { code, stderr } = await server.signalbox(['acquire', 'uat', '--state', '/nonexistent/state']);
    expect(code).toBe(73);
    expect(stderr).toContain('cannot write /nonexistent/state');
    expect((await server.send('GET', '/v1/environments')).items).toEqual([]);
  });

  test('that cannot be written at the end gives the lease back', async () => {
    const server = await serve();
    const place = join(folder(), 'state');
    await server.signalbox(['acquire', 'uat']);
    const waiting = start('signalbox', ['acquire', 'uat', '--state', place], server.env);
    await waiting.says('is held');
    mkdirSync(place);
    const [holder] = await leases(server, 'held');
    await server.signalbox(['release', holder?.id ?? '']);
    expect(await waiting.ended).toMatchObject({ code: 73, stdout: '' });
    expect(await leases(server, 'held')).toEqual([]);
  });

  test('of an earlier lease is replaced', async () => {
    const server = await serve();
    const file = join(folder(), 'state');
    writeFileSync(file, 'SIGNALBOX_LEASE=ls_old\n', { mode: 0o644 });
    const { stdout } = await server.signalbox(['acquire', 'uat', '--state', file]);
    expect(readFileSync(file, 'utf8')).toContain(`SIGNALBOX_LEASE=${stdout.trim()}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe('when it is held', () => {
  test('--no-wait is 75 at once, and says who holds it', async () => {
    const server = await serve();
    await server.signalbox(['acquire', 'uat', '--holder', 'shop deploy #1841 (anna)']);
    const { code, stdout, stderr } = await server.signalbox(['acquire', 'uat', '--no-wait']);
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
    expect(lines(stderr)[0]).toMatch(
      /^signalbox: uat is held by shop deploy #1841 \(anna\) since \S+\. \[environment_busy\]$/,
    );
  });

  test('it waits, says so in the log, and has it as soon as it is released', async () => {
    const server = await serve();
    const first = (await server.signalbox(['acquire', 'uat', '--holder', 'anna'])).stdout.trim();
    const second = start('signalbox', ['acquire', 'uat'], server.env);
    await second.says('next in line');
    expect(second.stdout()).toBe('');
    await server.signalbox(['release', first]);
    const { code, stdout, stderr } = await second.ended;
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(LEASE);
    expect(lines(stderr)[0]).toBe('signalbox: uat is held, next in line (waited 0s)');
    expect(lines(stderr)[1]).toMatch(/^signalbox: held by anna since /);
    expect(lines(stderr).at(-1)).toMatch(/^signalbox: uat is yours /);
    expect(stderr).not.toContain('\r');
  });

  test('on a terminal one line is redrawn, and is gone when it is ours', async () => {
    const server = await serve();
    const first = (await server.signalbox(['acquire', 'uat', '--holder', 'anna'])).stdout.trim();
    const command = `${root}/bin/signalbox acquire uat`;
    const second = startFile('script', ['-qefc', command, '/dev/null'], {
      TERM: 'xterm',
      NO_COLOR: '1',
      ...server.env,
    });
    await second.says(/uat · next · held \d+s by anna · .*Ctrl-C leaves the queue/);
    await server.signalbox(['release', first]);
    const { stdout } = await second.ended;
    const lasting = stdout.replaceAll('\r\n', '\n').split('\r').at(-1)?.split('\n');
    expect(lasting?.[0]).toMatch(/^\S*✓ uat is yours (at once|after \d+s) · fence \d+ · yours until you release it/);
    expect(lasting?.[1]).toMatch(LEASE);
  });

  test('folds of the CI are closed before the line that says "yours"', async () => {
    const server = await serve();
    const first = (await server.signalbox(['acquire', 'uat'])).stdout.trim();
    const second = start('signalbox', ['acquire', 'uat'], { ...server.env, GITHUB_ACTIONS: 'true', CI: 'true' });
    await second.says('::group::Waiting for uat');
    await server.signalbox(['release', first]);
    const said = lines((await second.ended).stderr);
    expect(said.indexOf('::endgroup::')).toBe(said.length - 2);
  });

  test('--wait ends with 75, and the place in the queue is gone', async () => {
    const server = await serve();
    await server.signalbox(['acquire', 'uat', '--holder', 'anna']);
    const { code, stdout, stderr } = await server.signalbox(['acquire', 'uat', '--wait', '1s']);
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
    expect(stderr).toContain('uat was not yours within 1s (--wait). [not_granted]');
    expect(await leases(server, 'waiting')).toEqual([]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s leaves the queue and exits %d', async (signal, exitCode) => {
    const server = await serve();
    await server.signalbox(['acquire', 'uat']);
    const waiting = start('signalbox', ['acquire', 'uat'], server.env);
    await waiting.says('next in line');
    expect(await leases(server, 'waiting')).toHaveLength(1);
    waiting.child.kill(signal);
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(lines(stderr).at(-1)).toMatch(/^signalbox: stopped after \d+s; left the queue of uat\. \[not_granted\]$/);
    expect(await leases(server, 'waiting')).toEqual([]);
  });

  test('in CI the death of the shell that started it leaves the queue too', async () => {
    const server = await serve();
    await server.signalbox(['acquire', 'uat']);
    const parent = startFile('sh', ['-c', `${root}/bin/signalbox acquire uat; true`], { ...server.env, CI: 'true' });
    await parent.says('next in line');
    parent.child.kill('SIGKILL');
    await expect.poll(() => leases(server, 'waiting'), { timeout: 30_000 }).toEqual([]);
  });

  test('all or nothing: one that is free is not held while the other is waited for', async () => {
    const server = await serve();
    await server.signalbox(['acquire', 'db']);
    const both = start('signalbox', ['acquire', 'uat', 'db'], server.env);
    await both.says('db is held');
    expect(await leases(server, 'held', 'uat')).toEqual([]);
    both.child.kill('SIGTERM');
    expect((await both.ended).code).toBe(143);
  });
});

describe('what can never be', () => {
  test('an unknown name is 64 on a server with declared environments only', async () => {
    const server = await serve(['--declared-only']);
    await server.signalbox(['env', 'create', 'uat']);
    const { code, stderr } = await server.signalbox(['acquire', 'uta']);
    expect(code).toBe(64);
    expect(lines(stderr)[0]).toBe('signalbox: There is no environment "uta". Did you mean uat? [environment_unknown]');
    expect(stderr).toContain('All that there are: signalbox status');
  });

  test('more of a label than there are is 64', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'db-1', '--label', 'kind=db']);
    expect((await server.signalbox(['acquire', '--label', 'kind=db:2'])).code).toBe(64);
  });

  test('a priority that the key may not ask for is 77', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const key = (await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire'])).stdout.trim();
    expect((await server.signalbox(['acquire', 'uat', '--priority', '5'], { SIGNALBOX_KEY: key })).code).toBe(77);
  });
});

test('the same idempotency key is the same lease', async () => {
  const server = await serve();
  const ask = () => server.signalbox(['acquire', 'uat', '--idempotency-key', 'job-7']);
  const first = (await ask()).stdout;
  expect((await ask()).stdout).toBe(first);
});

test('a server that is away is tried for as long as --server-wait says', async () => {
  const server = await serve();
  server.process.child.kill('SIGKILL');
  await server.process.ended;
  const { code, stderr } = await server.signalbox(['acquire', 'uat', '--server-wait', '1s']);
  expect(code).toBe(69);
  expect(stderr).toMatch(
    /cannot reach \S+: connection refused\. \[unreachable\]\nsignalbox: {3}tried for 1s \(--server-wait\)/,
  );
});
