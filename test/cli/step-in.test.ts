// revoke, freeze, unfreeze, env, key: stepping in, and setting up.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, lines, start } from './process.ts';
import { type Server, serve } from './real-server.ts';

async function held(args: readonly string[] = []): Promise<{ server: Server; id: string }> {
  const server = await serve();
  const { stdout, stderr } = await server.signalbox(['acquire', 'uat', '--holder', 'perf #12', ...args]);
  expect(stderr).toContain('uat is yours');
  return { server, id: stdout.trim() };
}

const environment = (server: Server, name = 'uat') => server.send('GET', `/v1/environments/${name}`);

describe('revoke', () => {
  test('tells the holder first: until it has stopped the lease is held and cannot be renewed', async () => {
    const { server, id } = await held(['--ttl', '10m']);
    const { code, stdout, stderr } = await server.signalbox(['revoke', 'uat', '--reason', 'prod incident']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toBe('signalbox: uat is being taken from perf #12, who is told to stop\n');
    expect(await server.send('GET', `/v1/leases/${id}`)).toMatchObject({
      state: 'held',
      revoking: { reason: 'prod incident' },
    });
  });

  test('--now passes it on at once, with a warning that the old holder may still be working', async () => {
    const { server, id } = await held(['--ttl', '10m']);
    const { stderr } = await server.signalbox(['revoke', 'uat', '--reason', 'its runner is gone', '--now']);
    expect(stderr).toMatch(/^signalbox: uat is taken from perf #12\nsignalbox: take care: .+\n$/);
    expect((await server.send('GET', `/v1/leases/${id}`)).state).toBe('revoked');
  });

  test('of nobody is 64', async () => {
    const { server, id } = await held();
    await server.signalbox(['release', id]);
    const { code, stderr } = await server.signalbox(['revoke', 'uat', '--reason', 'x']);
    expect({ code, first: lines(stderr)[0] }).toEqual({ code: 64, first: 'signalbox: nobody holds uat. [usage]' });
  });

  test('of several holders asks which, and takes the one that is named', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'db', '--capacity', '2']);
    const first = (await server.signalbox(['acquire', 'db', '--holder', 'one'])).stdout.trim();
    const second = (await server.signalbox(['acquire', 'db', '--holder', 'two'])).stdout.trim();
    const { code, stderr } = await server.signalbox(['revoke', 'db', '--reason', 'x']);
    expect(code).toBe(64);
    expect(stderr).toMatch(new RegExp(`--lease ${first} {3}by one`));
    expect(stderr).toMatch(new RegExp(`--lease ${second} {3}by two`));
    expect((await server.signalbox(['revoke', '--lease', second, '--reason', 'x', '--now'])).code).toBe(0);
    expect((await environment(server, 'db')).held.map(({ id }: { id: string }) => id)).toEqual([first]);
  });

  test('--steal makes it ours next, before those who wait', async () => {
    const { server } = await held(['--ttl', '10m']);
    const waiting = start('signalbox', ['acquire', 'uat', '--holder', 'patient'], server.env);
    await waiting.says('next in line');
    const file = join(folder(), 'state');
    const { code, stdout } = await server.signalbox([
      'revoke',
      'uat',
      '--reason',
      'hotfix',
      '--now',
      '--steal',
      '--state',
      file,
    ]);
    expect(code).toBe(0);
    const now = await environment(server);
    expect(now.held).toMatchObject([{ id: stdout.trim(), reason: 'hotfix' }]);
    expect(readFileSync(file, 'utf8')).toContain(`SIGNALBOX_LEASE=${stdout.trim()}\n`);
    expect((await server.signalbox(['release', '--state', file])).code).toBe(0);
    expect((await waiting.ended).code).toBe(0);
  });

  test('--steal waits until the old holder has stopped', async () => {
    const { server, id } = await held(['--ttl', '10m']);
    const thief = start('signalbox', ['revoke', 'uat', '--reason', 'hotfix', '--steal'], server.env);
    await thief.says('waiting until the old holder has stopped');
    expect(thief.stdout()).toBe('');
    await server.signalbox(['release', id]);
    const { code, stdout } = await thief.ended;
    expect(code).toBe(0);
    expect((await environment(server)).held).toMatchObject([{ id: stdout.trim() }]);
  });

  test('--steal that is stopped while it waits holds nothing afterwards', async () => {
    const { server, id } = await held(['--ttl', '10m']);
    const thief = start('signalbox', ['revoke', 'uat', '--reason', 'hotfix', '--steal'], server.env);
    await thief.says('waiting until');
    thief.child.kill('SIGTERM');
    expect(await thief.ended).toMatchObject({ code: 143, stdout: '' });
    await server.signalbox(['release', id]);
    expect(await environment(server)).toMatchObject({ held: [], waiting: 0 });
  });
});

describe('freeze and unfreeze', () => {
  test('by name: nobody new, the holder goes on, whoever waits is let in afterwards', async () => {
    const { server, id } = await held();
    const { code, stderr } = await server.signalbox(['freeze', 'uat', '--reason', 'release week', '--until', '2h']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^signalbox: uat is frozen until \d{4}-\d\d-\d\dT\S+Z; its holder goes on\n$/);
    expect(await environment(server)).toMatchObject({ state: 'frozen', stateReason: 'release week', held: [{ id }] });
    await server.signalbox(['release', id]);
    const waiting = start('signalbox', ['acquire', 'uat'], server.env);
    await waiting.says('uat is frozen');
    expect((await server.signalbox(['unfreeze', 'uat'])).stderr).toBe('signalbox: uat is open\n');
    expect((await waiting.ended).code).toBe(0);
  });

  test('by label: later ones too, and the same labels end it', async () => {
    const server = await serve();
    const made = await server.signalbox(['freeze', '--label', 'site=eu,kind=uat', '--reason', 'network works']);
    expect(made.stderr).toBe('signalbox: site=eu,kind=uat is frozen, as kind=uat,site=eu\n');
    await server.signalbox(['env', 'create', 'later', '--label', 'kind=uat,site=eu']);
    expect(await environment(server, 'later')).toMatchObject({ state: 'frozen', frozenBy: ['kind=uat,site=eu'] });
    const listed = (await server.signalbox(['freeze', '--list'])).stdout.trimEnd().split('\t');
    expect(listed.slice(0, 2)).toEqual([
      'kind=uat,site=eu',
      expect.stringMatching(/^(site=eu,kind=uat|kind=uat,site=eu)$/),
    ]);
    expect(listed.at(-1)).toBe('network works');
    expect((await server.signalbox(['unfreeze', '--label', 'kind=uat', '--label', 'site=eu'])).code).toBe(0);
    expect((await environment(server, 'later')).state).toBe('open');
  });

  test('--all under a name of its own', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat']);
    expect((await server.signalbox(['freeze', '--all', '--as', 'incident-7', '--reason', 'incident'])).code).toBe(0);
    expect((await environment(server)).frozenBy).toEqual(['incident-7']);
    expect((await server.signalbox(['unfreeze', '--as', 'incident-7'])).code).toBe(0);
    expect((await environment(server)).state).toBe('open');
  });

  test('unfreeze by name of what a freeze by label covers is an error that names it', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat', '--label', 'kind=uat']);
    await server.signalbox(['freeze', '--label', 'kind=uat', '--reason', 'x']);
    const { code, stderr } = await server.signalbox(['unfreeze', 'uat']);
    expect(code).toBe(64);
    expect(stderr).toContain('signalbox unfreeze --as kind=uat');
  });

  test('of a freeze that is not there is 64', async () => {
    const server = await serve();
    const { code, stderr } = await server.signalbox(['unfreeze', '--as', 'nothing']);
    expect({ code, said: stderr.includes('[freeze_unknown]') }).toEqual({ code: 64, said: true });
  });
});

describe('env', () => {
  test('create declares with all settings, set changes only what is given', async () => {
    const server = await serve();
    const all = [
      '--capacity',
      '3',
      '--label',
      'kind=db,site=eu',
      '--description',
      'for tests',
      '--on-expire',
      'hold',
      '--ttl',
      '10m',
      '--max-hold',
      '2h',
    ];
    const made = await server.signalbox(['env', 'create', 'db', ...all]);
    expect(made).toMatchObject({
      code: 0,
      stdout: '',
      stderr:
        'signalbox: db is declared: capacity 3, kind=db,site=eu, time to live 10m, held at most 2h, dirty after an expiry\n',
    });
    const before = await environment(server, 'db');
    expect(before).toMatchObject({
      capacity: 3,
      labels: { kind: 'db', site: 'eu' },
      description: 'for tests',
      onExpire: 'hold',
      ttlSeconds: 600,
      maxHoldSeconds: 7200,
      declared: true,
    });
    await server.signalbox(['env', 'set', 'db', '--ttl', 'none', '--label', 'team=shop', '--unlabel', 'site']);
    expect(await environment(server, 'db')).toMatchObject({
      ...before,
      seq: expect.any(Number),
      ttlSeconds: null,
      labels: { kind: 'db', team: 'shop' },
    });
  });

  test('create of one that is declared is refused, of one made at first use is not', async () => {
    const server = await serve();
    await server.signalbox(['acquire', 'uat']);
    expect((await server.signalbox(['env', 'create', 'uat'])).stderr).toContain(
      'is declared now; it had been made at first use',
    );
    const { code, stderr } = await server.signalbox(['env', 'create', 'uat', '--capacity', '5']);
    expect({ code, said: stderr.includes('uat exists already.') }).toEqual({ code: 64, said: true });
    expect((await environment(server)).capacity).toBe(1);
  });

  test('list and show are status', async () => {
    const { server } = await held();
    expect((await server.signalbox(['env', 'list'])).stdout).toBe((await server.signalbox(['status'])).stdout);
    const shown = await server.signalbox(['env', 'show', 'uat', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ name: 'uat', held: [{ holder: { name: 'perf #12' } }] });
  });

  test('drain lets nobody new in, open lets them in again', async () => {
    const { server, id } = await held();
    expect((await server.signalbox(['env', 'drain', 'uat', '--reason', 'goes away'])).stderr).toBe(
      'signalbox: uat is draining: its holder goes on\n',
    );
    const refused = await server.signalbox(['acquire', 'uat']);
    expect({ code: refused.code, said: refused.stderr.includes('[environment_draining]') }).toEqual({
      code: 75,
      said: true,
    });
    await server.signalbox(['release', id]);
    expect((await environment(server)).state).toBe('drained');
    expect((await server.signalbox(['env', 'open', 'uat'])).stderr).toBe('signalbox: uat is open\n');
    expect((await server.signalbox(['acquire', 'uat'])).code).toBe(0);
  });

  test('clean frees what a lost holder left dirty', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat', '--on-expire', 'hold']);
    await server.signalbox(['acquire', 'uat', '--ttl', '1s']);
    await expect.poll(async () => (await environment(server)).dirty, { timeout: 20_000 }).toBe(1);
    expect((await server.signalbox(['acquire', 'uat', '--no-wait'])).code).toBe(75);
    expect((await server.signalbox(['env', 'clean', 'uat', '--reason', 'looked at it'])).stderr).toBe(
      'signalbox: uat is clean: 1 of 1 free\n',
    );
    expect((await server.signalbox(['acquire', 'uat', '--no-wait'])).code).toBe(0);
  });

  test('delete is refused while somebody holds it, and with --force tells them why', async () => {
    const { server, id } = await held();
    const refused = await server.signalbox(['env', 'delete', 'uat']);
    expect({ code: refused.code, said: refused.stderr.includes('[environment_in_use]') }).toEqual({
      code: 75,
      said: true,
    });
    expect((await server.signalbox(['env', 'delete', 'uat', '--force'])).code).toBe(64);
    expect((await server.signalbox(['env', 'delete', 'uat', '--force', '--reason', 'rebuilt'])).code).toBe(0);
    expect((await server.send('GET', `/v1/leases/${id}`)).end).toMatchObject({
      how: 'environment_deleted',
      reason: 'rebuilt',
    });
  });
});

describe('key', () => {
  test('create prints the key alone on stdout, once, and it works for what it may', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const made = await server.signalbox([
      'key',
      'create',
      'shop pipelines',
      '--scope',
      'acquire:shop-*,read',
      '--expires',
      '90d',
    ]);
    expect(made.stdout).toMatch(/^sbx_\S+\n$/);
    expect(made.stderr).toMatch(
      /^signalbox: key \S+ "shop pipelines" may acquire:shop-\*, read\. It is not shown again\.\n$/,
    );
    const key = made.stdout.trim();
    expect((await server.signalbox(['acquire', 'shop-1'], { SIGNALBOX_KEY: key })).code).toBe(0);
    expect((await server.signalbox(['acquire', 'bank-1'], { SIGNALBOX_KEY: key })).code).toBe(77);
    const listed = await server.signalbox(['key', 'list']);
    expect(listed.stdout).toContain('shop pipelines\tacquire:shop-*,read');
    expect(listed.stdout).not.toContain(key.slice('sbx_12345678_'.length));
  });

  test('delete makes it unknown', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const made = JSON.parse((await server.signalbox(['key', 'create', 'ci', '--scope', 'read', '--json'])).stdout);
    expect((await server.signalbox(['status'], { SIGNALBOX_KEY: made.key })).code).toBe(0);
    expect((await server.signalbox(['key', 'delete', made.id])).code).toBe(0);
    expect((await server.signalbox(['status'], { SIGNALBOX_KEY: made.key })).code).toBe(77);
    expect((await server.signalbox(['key', 'delete', made.id])).code).toBe(64);
  });

  test('the first one must be admin, or nobody could make another', async () => {
    const server = await serve();
    const locked = await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire']);
    expect({ code: locked.code, said: locked.stderr.includes('must be admin') }).toEqual({ code: 64, said: true });
    expect((await server.send('GET', '/v1/me')).keys).toBe(false);
    const first = await server.signalbox(['key', 'create', 'anna', '--scope', 'admin']);
    expect({ code: first.code, said: first.stderr.includes('keys are on now') }).toEqual({ code: 0, said: true });
    const env = { SIGNALBOX_KEY: first.stdout.trim() };
    expect((await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire'], env)).code).toBe(0);
  });

  test('a key that is not admin may make none', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const key = (await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire'])).stdout.trim();
    expect((await server.signalbox(['key', 'create', 'mine', '--scope', 'admin'], { SIGNALBOX_KEY: key })).code).toBe(
      77,
    );
  });
});
