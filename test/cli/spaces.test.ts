// Two teams on one server, as their pipelines meet it: by the keys of each, and an admin of main by flag, variable and context.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { eventually } from '../eventually.ts';
import { type Env, folder, lines, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

const PATIENT = { SIGNALBOX_COMPLETION_TIMEOUT: '20s' };

/** A server with the spaces team-a and team-b, and a key of each that may do everything there. */
async function twoTeams() {
  const server = await serve([], { API_KEY: 'admin' });
  const keyOf = async (space: string): Promise<string> => {
    await new Client({ url: server.url, key: 'admin' }).putSpace(space);
    const made = await new Client({ url: server.url, key: 'admin', space }).createKey({
      name: space,
      scopes: ['admin'],
    });
    return (made.ok ? made.value.key : null) ?? expect.fail(`no key of ${space}`);
  };
  const [a, b] = [await keyOf('team-a'), await keyOf('team-b')];
  return { server, asA: { SIGNALBOX_KEY: a }, asB: { SIGNALBOX_KEY: b }, keyOfB: b };
}

type Teams = Awaited<ReturnType<typeof twoTeams>>;
const statusOf = async ({ server }: Teams, name: string, env: Env, args: readonly string[] = []) =>
  JSON.parse((await server.signalbox(['status', name, '--json', ...args], env)).stdout);

describe('with a key of its own each', () => {
  test('two teams hold an environment of the same name at the same time, and see nothing of one another', async () => {
    const { server, asA, asB } = await twoTeams();
    for (const env of [asA, asB]) expect((await server.signalbox(['acquire', 'uat', '--no-wait'], env)).code).toBe(0);
    expect((await server.signalbox(['acquire', 'uat', '--no-wait'], asA)).code).toBe(75);
    await server.signalbox(['signal', 'migrated'], asA);
    expect((await server.signalbox(['wait', 'migrated', '--timeout', '0s'], asA)).code).toBe(0);
    expect((await server.signalbox(['wait', 'migrated', '--timeout', '0s'], asB)).code).toBe(75);
    expect((await server.signalbox(['wait', 'migrated', '--timeout', '0s'])).code).toBe(75);
    expect((await server.signalbox(['history', '--kind', 'lease.', '--json'])).stdout).toContain('"items":[]');
  });

  test.each([
    ['--space', { SIGNALBOX_SPACE: '' }, ['--space', 'team-b']],
    ['SIGNALBOX_SPACE', { SIGNALBOX_SPACE: 'team-b' }, []],
  ] as const)('a key of team-a may not name team-b by %s', async (from, env, args) => {
    const { server, asA } = await twoTeams();
    for (const command of [
      ['status'],
      ['acquire', 'uat'],
      ['wait', 'built'],
      ['history', '--follow'],
      ['key', 'list'],
    ]) {
      const { code, stderr } = await server.signalbox([...command, ...args], { ...asA, ...env });
      expect({ command, code, stderr: lines(stderr) }).toEqual({
        command,
        code: 77,
        stderr: [
          'signalbox: This key is of the space team-a, and acts in no other. [forbidden]',
          `signalbox:   ${from} asks for team-b. Leave it out, or take a key of team-b.`,
        ],
      });
    }
    expect((await server.signalbox(['run', 'uat', ...args, '--', 'true'], { ...asA, ...env })).code).toBe(77);
  });

  test('naming one’s own is no harm', async () => {
    const { server, asA } = await twoTeams();
    expect((await server.signalbox(['status'], { ...asA, SIGNALBOX_SPACE: 'team-a' })).code).toBe(0);
  });
});

/** How an admin of main says which space is meant: what is typed, and what is set. */
const ways: readonly (readonly [string, (teams: Teams) => Promise<{ env: Env; args: readonly string[] }>])[] = [
  ['by flag', async () => ({ env: { SIGNALBOX_SPACE: 'team-b' }, args: ['--space', 'team-a'] })],
  ['by variable', async () => ({ env: { SIGNALBOX_SPACE: 'team-a' }, args: [] })],
  [
    'by context',
    async ({ server }) => {
      const home = { XDG_CONFIG_HOME: folder() };
      await signalbox(['login', server.url, '--space', 'team-a'], home, 'admin\n');
      return { env: { ...home, SIGNALBOX_URL: '', SIGNALBOX_KEY: '' }, args: [] };
    },
  ],
];

describe.each(ways)('an admin of main names a space %s', (way, choose) => {
  async function there() {
    const teams = await twoTeams();
    const { env, args } = await choose(teams);
    const call = (command: readonly string[], more: Env = {}) =>
      teams.server.signalbox([...command, ...args], { ...env, ...more });
    return { ...teams, env, args, call };
  }

  test('for status, env, freeze, queue, revoke, history, key and waits', async () => {
    const { server, asA, call } = await there();
    await call(['env', 'create', 'uat', '--capacity', '2']);
    await call(['freeze', '--all', '--as', 'night', '--reason', 'night']);
    expect((await call(['queue', 'uat'])).code).toBe(0);
    expect(JSON.parse((await call(['status', 'uat', '--json'])).stdout)).toMatchObject({ capacity: 2 });
    expect((await server.signalbox(['freeze', '--list'], asA)).stdout).toContain('night');
    expect((await server.signalbox(['freeze', '--list'])).stdout).toBe('');
    await call(['unfreeze', '--as', 'night']);
    await server.signalbox(['acquire', 'uat'], asA);
    expect((await call(['revoke', 'uat', '--reason', 'incident', '--now'])).code).toBe(0);
    expect((await call(['history', 'uat'])).stdout).toContain('lease.revoked');
    expect((await call(['key', 'list'])).stdout).toContain('team-a');
    expect((await call(['waits', '--json'])).code).toBe(0);
    expect((await server.signalbox(['status', 'uat'])).code).toBe(64);
  });

  test('for signal, wait and barrier', async () => {
    const { server, asA, call } = await there();
    await call(['signal', 'built', '--data', '1']);
    expect((await server.signalbox(['signal', 'show', 'built'], asA)).stdout).toBe('1\n');
    expect((await server.signalbox(['signal', 'show', 'built'])).code).toBe(75);
    expect(await call(['wait', 'built', '-q'])).toMatchObject({ code: 0, stdout: '1\n' });
    expect((await call(['signal', 'list'])).stdout).toContain('built');
    expect((await call(['barrier', 'meet', '--parties', '1', '--as', 'one'])).code).toBe(0);
    expect((await server.signalbox(['barrier', 'list'], asA)).stdout).toContain('meet');
    expect((await server.signalbox(['barrier', 'list'])).stdout).toBe('');
  });

  test('for acquire with its file: renew, check and release find the lease whatever is set then', async () => {
    const teams = await there();
    const { server, asA, call } = teams;
    const file = join(folder(), 'lease');
    expect((await call(['acquire', 'uat', '--ttl', '10m', '--state', file])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('\nSIGNALBOX_SPACE=team-a\n');
    const elsewhere = { SIGNALBOX_SPACE: 'team-b' };
    expect((await server.signalbox(['renew', '--state', file], elsewhere)).code).toBe(0);
    expect((await server.signalbox(['check', '--state', file], elsewhere)).stdout).toBe('current\n');
    expect(await statusOf(teams, 'uat', asA)).toMatchObject({ held: [{ fence: expect.any(Number) }] });
    expect((await server.signalbox(['release', '--state', file], elsewhere)).stderr).toContain('uat released');
    expect(existsSync(file)).toBe(false);
    expect(await statusOf(teams, 'uat', asA)).toMatchObject({ held: [] });
  });

  test('for run: it is held there and renewed while the command runs, whose variables are those of before', async () => {
    const teams = await there();
    const { server, asA, env, args } = teams;
    const go = join(folder(), 'go');
    const script = `echo "child in $SIGNALBOX_SPACE"; until [ -e ${go} ]; do sleep 0.1; done`;
    const run = start('signalbox', ['run', 'uat', '--ttl', '10s', ...args, '--', 'sh', '-c', script], {
      ...server.env,
      ...env,
    });
    await run.says('child in');
    const [before] = (await statusOf(teams, 'uat', asA)).held;
    await eventually(async () => {
      const [now] = (await statusOf(teams, 'uat', asA)).held;
      expect(Date.parse(now.expiresAt)).toBeGreaterThan(Date.parse(before.expiresAt) + 1000);
    });
    expect((await server.signalbox(['status', 'uat'])).code).toBe(64);
    writeFileSync(go, '');
    expect((await run.ended).code).toBe(0);
    expect(run.stdout()).toBe(`child in ${env.SIGNALBOX_SPACE ?? ''}\n`);
    expect(await statusOf(teams, 'uat', asA)).toMatchObject({ held: [] });
  });

  test('for history --follow', async () => {
    const { server, asA, env, args } = await there();
    const follow = start('signalbox', ['history', '--follow', ...args], { ...server.env, ...env });
    await follow.says('key.created');
    await server.signalbox(['signal', 'in-main']);
    await server.signalbox(['signal', 'in-team-a'], asA);
    await follow.says('in-team-a');
    follow.child.kill('SIGTERM');
    expect((await follow.ended).stdout).not.toContain('in-main');
  });

  test('for doctor, which says where it comes from', async () => {
    const { server, call, args } = await there();
    const from =
      way === 'by flag' ? '--space' : way === 'by variable' ? 'SIGNALBOX_SPACE' : `context ${new URL(server.url).host}`;
    const { code, stdout } = await call(['doctor']);
    expect(code).toBe(0);
    expect(lines(stdout)).toContain(`good\tspace\tteam-a\t${from}`);
    expect(args.length > 0).toBe(way === 'by flag');
  });
});

test.each(ways.slice(1))('names are completed in the space that is named %s', async (_, choose) => {
  const teams = await twoTeams();
  const { env } = await choose(teams);
  await teams.server.signalbox(['env', 'create', 'uat'], teams.asA);
  await teams.server.signalbox(['env', 'create', 'of-main']);
  const { stdout } = await teams.server.signalbox(['completion', 'environments'], { ...env, ...PATIENT });
  expect(stdout).toBe('uat\n');
});

describe('a lease that is handed on', () => {
  test('is found by a step that has its file and no key', async () => {
    const { server, asA } = await twoTeams();
    const file = join(folder(), 'lease');
    await server.signalbox(['acquire', 'uat', '--ttl', '10m', '--state', file], asA);
    expect((await server.signalbox(['renew', '--state', file], { SIGNALBOX_KEY: '' })).code).toBe(0);
    const { code, stderr } = await server.signalbox(['release', '--state', file, '--strict'], { SIGNALBOX_KEY: '' });
    expect({ code, released: stderr.includes('uat released') }).toEqual({ code: 0, released: true });
  });

  test('in variables names its space, in main none', async () => {
    const { server } = await twoTeams();
    const there = await server.signalbox(['acquire', 'uat', '--format', 'dotenv', '--space', 'team-a']);
    expect(lines(there.stdout)).toContain('SIGNALBOX_SPACE=team-a');
    const here = await server.signalbox(['acquire', 'uat', '--format', 'dotenv']);
    expect(here.stdout).not.toContain('SIGNALBOX_SPACE');
  });

  test('in main is not looked for in the space that is set since', async () => {
    const { server } = await twoTeams();
    const file = join(folder(), 'lease');
    await server.signalbox(['acquire', 'uat', '--state', file]);
    const { stderr } = await server.signalbox(['release', '--state', file], { SIGNALBOX_SPACE: 'team-a' });
    expect(stderr).toContain('uat released');
  });

  test('by --steal remembers its space too', async () => {
    const { server, asA } = await twoTeams();
    const file = join(folder(), 'lease');
    await server.signalbox(['acquire', 'uat'], asA);
    await server.signalbox([
      'revoke',
      'uat',
      '--reason',
      'x',
      '--now',
      '--steal',
      '--state',
      file,
      '--space',
      'team-a',
    ]);
    expect((await server.signalbox(['check', '--state', file])).stdout).toBe('current\n');
  });
});

describe('space', () => {
  test('create makes one and says what comes next; again it only changes the words', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    expect(await server.signalbox(['space', 'create', 'team-a', '--description', 'payments'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: [
        'signalbox: space team-a is made: payments\n',
        'signalbox: its first key: signalbox key create admin --space team-a --scope admin\n',
      ].join(''),
    });
    const again = await server.signalbox(['space', 'create', 'team-a', '--description', 'shop']);
    expect(again).toMatchObject({ code: 0, stderr: 'signalbox: space team-a was there already: shop\n' });
    const json = await server.signalbox(['space', 'create', 'team-b', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'team-b', open: true, createdBy: 'admin' });
  });

  test('list shows main first, and what each is for', async () => {
    const { server } = await twoTeams();
    await server.signalbox(['space', 'create', 'team-a', '--description', 'payments\u001b[31m']);
    const rows = lines((await server.signalbox(['space', 'list'])).stdout).map((line) => line.split('\t'));
    expect(rows).toEqual([
      ['main', 'open', '', '', ''],
      ['team-a', 'open', expect.stringMatching(/Z$/), 'admin', 'payments'],
      ['team-b', 'open', expect.stringMatching(/Z$/), 'admin', ''],
    ]);
    const { items } = JSON.parse((await server.signalbox(['space', 'list', '--json'])).stdout);
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['main', 'team-a', 'team-b']);
  });

  test('create is not hindered by a variable that names the space already', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const set = { SIGNALBOX_SPACE: 'team-a' };
    expect((await server.signalbox(['space', 'create', 'team-a'], set)).code).toBe(0);
    expect((await server.signalbox(['space', 'list'], { SIGNALBOX_SPACE: 'nowhere' })).code).toBe(0);
    expect((await server.signalbox(['completion', 'spaces'], { ...PATIENT, SIGNALBOX_SPACE: 'nowhere' })).stdout).toBe(
      'main\nteam-a\n',
    );
    expect((await server.signalbox(['space', 'create', 'x', '--space', 'team-a'])).code).toBe(64);
  });

  test('remove says what happens: keys are unknown, who waits is sent away, and what it holds is there again', async () => {
    const { server, asA } = await twoTeams();
    await server.signalbox(['acquire', 'uat'], asA);
    const waiting = start('signalbox', ['acquire', 'uat'], { ...server.env, ...asA });
    await waiting.says('next in line');
    const named = start('signalbox', ['wait', 'built', '--space', 'team-a'], server.env);
    await named.says('waiting for');
    const { code, stderr } = await server.signalbox(['space', 'remove', 'team-a']);
    expect({ code, stderr: lines(stderr) }).toEqual({
      code: 0,
      stderr: [
        'signalbox: space team-a is out of service: its keys are unknown, and who waited in it is sent away',
        'signalbox: what it holds stays in the store, and is there again with: signalbox space create team-a',
      ],
    });
    const sentAway = await waiting.ended;
    expect({ code: sentAway.code, unknown: sentAway.stderr.includes('[key_unknown]') }).toEqual({
      code: 77,
      unknown: true,
    });
    const other = await named.ended;
    expect({ code: other.code, unknown: other.stderr.includes('[space_unknown]') }).toEqual({
      code: 64,
      unknown: true,
    });
    expect((await server.signalbox(['status'], asA)).code).toBe(77);
    const again = await server.signalbox(['space', 'remove', 'team-a']);
    expect({ code: again.code, unknown: again.stderr.includes('[space_unknown]') }).toEqual({
      code: 64,
      unknown: true,
    });
  });

  test('of a file goes on where it was, when it is made again', async () => {
    const place = folder();
    const server = await serve(['--store', `sqlite:${place}/signalbox.db`], { API_KEY: 'admin' });
    await server.signalbox(['space', 'create', 'team-a']);
    const key = (await server.signalbox(['key', 'create', 'a', '--space', 'team-a', '--scope', 'admin'])).stdout.trim();
    const lease = (await server.signalbox(['acquire', 'uat'], { SIGNALBOX_KEY: key })).stdout.trim();
    expect(existsSync(join(place, 'signalbox.team-a.db'))).toBe(true);
    await server.signalbox(['space', 'remove', 'team-a']);
    await server.signalbox(['space', 'create', 'team-a']);
    expect((await server.signalbox(['check', lease], { SIGNALBOX_KEY: key })).stdout).toBe('current\n');
  });

  test('is for admins of main alone', async () => {
    const { server, asA } = await twoTeams();
    for (const command of [['list'], ['create', 'team-c'], ['remove', 'team-b']]) {
      const { code, stderr } = await server.signalbox(['space', ...command], asA);
      expect({ command, code, stderr }).toEqual({
        command,
        code: 77,
        stderr: 'signalbox: Spaces are the business of admins of main: this needs a key of theirs. [forbidden]\n',
      });
    }
  });

  test('asks for a proper name', async () => {
    const server = await serve();
    for (const [command, name] of [
      ['create', 'Team_A'],
      ['create', 'main'],
      ['remove', 'main'],
    ] as const) {
      const { code, stderr } = await server.signalbox(['space', command, name]);
      expect({ name, code, told: stderr.includes('[invalid_name]') }).toEqual({ name, code: 64, told: true });
    }
  });
});

describe('a space that is not there', () => {
  test('is 64, and it is said what asked for it', async () => {
    const { server } = await twoTeams();
    for (const command of [['status'], ['run', 'uat'], ['acquire', 'uat'], ['history', '--follow'], ['signal', 'x']]) {
      const tail = command[0] === 'run' ? ['--', 'true'] : [];
      const { code, stderr } = await server.signalbox([...command, ...tail], { SIGNALBOX_SPACE: 'team-x' });
      expect({ command, code }).toEqual({ command, code: 64 });
      expect(stderr).toContain('There is no space team-x.');
      expect(stderr).toContain('[space_unknown]');
      expect(stderr).toContain('team-x is asked for by SIGNALBOX_SPACE');
      expect(stderr).toContain('signalbox space list');
    }
  });

  test.each([
    'Team-A',
    'a b',
    'a\u00e9',
    'x'.repeat(41),
    '-a',
  ])('%j is no name for one, and nothing is asked', async (name) => {
    const { code, stderr } = await signalbox(['status', `--space=${name}`], { SIGNALBOX_URL: 'http://127.0.0.1:2' });
    expect({ code, told: stderr.includes('is not a name for a space [bad_setting]') }).toEqual({
      code: 78,
      told: true,
    });
  });

  test('is a failure of the doctor, and the key is none', async () => {
    const { server, asA } = await twoTeams();
    const unknown = await server.signalbox(['doctor', '--space', 'team-x']);
    expect(unknown.code).toBe(1);
    expect(unknown.stdout).toMatch(/^good\tkey\t/m);
    expect(unknown.stdout).toMatch(/^failure\tspace\tThere is no space team-x\..*\t--space$/m);
    const other = await server.signalbox(['doctor', '--space', 'team-b'], asA);
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/^good\tkey\t/m);
    expect(other.stdout).toMatch(/^failure\tspace\tThis key is of the space team-a.*\t--space$/m);
  });
});

test('the doctor says which space a key is of', async () => {
  const { server, asA } = await twoTeams();
  const { code, stdout } = await server.signalbox(['doctor'], asA);
  expect(code).toBe(0);
  expect(lines(stdout)).toContain('good\tspace\tteam-a, which the key is of\tSIGNALBOX_KEY');
});

describe('login', () => {
  test('--space keeps it, and the list of contexts shows it', async () => {
    const { server } = await twoTeams();
    const home = { XDG_CONFIG_HOME: folder() };
    const { code, stderr } = await signalbox(
      ['login', server.url, '--space', 'team-a', '--name', 'a'],
      home,
      'admin\n',
    );
    expect({ code, told: stderr.includes('as admin in space team-a; kept as context a') }).toEqual({
      code: 0,
      told: true,
    });
    await signalbox(['login', server.url, '--name', 'main'], home, 'admin\n');
    const listed = lines((await signalbox(['context', 'list'], home)).stdout).map((line) => line.split('\t'));
    expect(listed).toEqual([
      ['a', server.url, 'a key of 5 characters', '', 'team-a'],
      ['main', server.url, 'a key of 5 characters', 'current', ''],
    ]);
    await signalbox(['signal', 'built', '--context', 'a'], { ...home, SIGNALBOX_SPACE: 'team-b' });
    expect((await server.signalbox(['signal', 'list', '--space', 'team-a'])).stdout).toContain('built');
    const other = await signalbox(['status'], { ...home, SIGNALBOX_SPACE: 'team-x' });
    expect(other.stderr).toContain('team-x is asked for by SIGNALBOX_SPACE');
  });

  test('keeps no space that is not there, or that the key is not of', async () => {
    const { server, keyOfB } = await twoTeams();
    const home = { XDG_CONFIG_HOME: folder() };
    expect((await signalbox(['login', server.url, '--space', 'team-x'], home, 'admin\n')).code).toBe(64);
    expect((await signalbox(['login', server.url, '--space', 'team-a'], home, `${keyOfB}\n`)).code).toBe(77);
    expect(existsSync(join(home.XDG_CONFIG_HOME, 'signalbox'))).toBe(false);
  });

  test('on a server without keys asks for none, whatever space is named', async () => {
    const server = await serve();
    const home = { XDG_CONFIG_HOME: folder() };
    const { code, stderr } = await signalbox(['login', server.url, '--space', 'team-x'], home);
    expect({ code, told: stderr.includes('[space_unknown]') }).toEqual({ code: 64, told: true });
  });
});

describe('key create', () => {
  test('of a space says so', async () => {
    const { server } = await twoTeams();
    const { stderr } = await server.signalbox(['key', 'create', 'ci', '--space', 'team-a', '--scope', 'acquire,read']);
    expect(stderr).toMatch(/^signalbox: key \S+ "ci" of space team-a may acquire, read\. It is not shown again\.\n$/);
  });

  test('makes the first key of all in main only, and an admin', async () => {
    const server = await serve();
    expect((await server.signalbox(['space', 'create', 'team-a'])).stderr).toContain(
      'signalbox key create admin --scope admin',
    );
    const { code, stderr } = await server.signalbox(['key', 'create', 'x', '--space', 'team-a', '--scope', 'admin']);
    expect({ code, stderr: lines(stderr) }).toEqual({
      code: 64,
      stderr: [
        'signalbox: the first key of a server must be an admin of main: from then on every request needs a key. [usage]',
        'signalbox:   Make that one first, with --space main --scope admin, or start the server with API_KEY.',
      ],
    });
    const env = { SIGNALBOX_SPACE: 'team-a' };
    const first = await server.signalbox(['key', 'create', 'x', '--space', 'main', '--scope', 'admin'], env);
    expect(first.code).toBe(0);
    const asAdmin = { ...env, SIGNALBOX_KEY: first.stdout.trim() };
    expect((await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire'], asAdmin)).code).toBe(0);
  });
});

test('too many spaces say what to do', async () => {
  const problem = {
    code: 'too_many_spaces',
    status: 429,
    detail: 'There are 10000 spaces already. Remove those that nobody uses.',
  };
  const full = await recordingServer({ status: 429, type: 'application/problem+json', body: JSON.stringify(problem) });
  const { code, stderr } = await signalbox(['space', 'create', 'team-a'], { SIGNALBOX_URL: full.url });
  expect(code).toBe(75);
  expect(stderr).toContain(
    'Which there are: signalbox space list. To put one out of service: signalbox space remove NAME',
  );
});

test('call-me-client asks in the space that is set', async () => {
  const teams = await twoTeams();
  const env = { HOST: new URL(teams.server.url).host, API_KEY: 'admin', SIGNALBOX_SPACE: 'team-a' };
  expect((await start('call-me-client', ['request', 'uat'], env).ended).code).toBe(0);
  expect(await statusOf(teams, 'uat', teams.asA)).toMatchObject({ held: [{}] });
  expect((await start('call-me-client', ['release', 'uat'], env).ended).code).toBe(0);
  expect(await statusOf(teams, 'uat', teams.asA)).toMatchObject({ held: [] });
});
