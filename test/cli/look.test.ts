// status and queue: what they say of the world, to people on a terminal and to programs in a pipe.

import { describe, expect, test } from 'vitest';
import { lookOf, pipeRow, terminalRow } from '../../src/cli/text/environments.ts';
import { columnsOf } from '../../src/cli/text/tables.ts';
import type { Environment, Lease } from '../../src/client/types.ts';
import { lines, start } from './process.ts';
import { type Server, serve } from './real-server.ts';
import { onTerminal, plain } from './terminal.ts';

const HOSTILE = '::error::\u001b[31mgone\u202e ##[endgroup]';

async function busyServer(): Promise<Server> {
  const server = await serve();
  await server.signalbox(['env', 'create', 'db', '--capacity', '3', '--label', 'kind=db']);
  await server.signalbox([
    'acquire',
    'uat',
    '--ttl',
    '10m',
    '--holder',
    'shop deploy #1841 (anna)',
    '--holder-url',
    'https://ci.example/1841',
  ]);
  await server.signalbox(['acquire', 'db', '--holder', 'perf']);
  await server.signalbox(['env', 'create', 'prod']);
  await server.signalbox(['freeze', 'prod', '--reason', 'release week', '--until', '2d']);
  return server;
}

describe('status', () => {
  test('with --json is the list of the API', async () => {
    const server = await busyServer();
    const { stdout } = await server.signalbox(['status', '--json']);
    const list = JSON.parse(stdout);
    expect(list.items.map(({ name }: { name: string }) => name)).toEqual(['db', 'prod', 'uat']);
    expect(list).toMatchObject({ next: null, asOf: { seq: expect.any(Number), at: expect.any(String) } });
    const { stdout: one } = await server.signalbox(['status', 'prod', '--json']);
    expect(JSON.parse(one)).toEqual(await server.send('GET', '/v1/environments/prod'));
  });

  test('in a pipe is tabs, full times, no head, no symbols, no colours', async () => {
    const server = await busyServer();
    const { stdout, stderr } = await server.signalbox(['status']);
    const rows = lines(stdout).map((line) => line.split('\t'));
    expect(stderr).toBe('');
    expect(rows.map(([name, state, free, capacity, holders]) => [name, state, free, capacity, holders])).toEqual([
      ['db', '1 of 3', '2', '3', 'perf'],
      ['prod', 'frozen', expect.any(String), '1', ''],
      ['uat', 'held', '0', '1', 'shop deploy #1841 (anna)'],
    ]);
    expect(rows[2]?.[5]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rows[2]?.[6]).toMatch(/Z$/);
    expect(rows[1]?.[8]).toMatch(/^by .*: "release week"$/);
    expect(rows.every((row) => row.length === 9)).toBe(true);
  });

  test('on a terminal is a table with a sum', async () => {
    const server = await busyServer();
    const said = lines(plain(await onTerminal(server, 'status')));
    expect(said[0]).toMatch(/^ +ENVIRONMENT +STATE +HELD BY +SINCE +LEFT +QUEUE$/);
    expect(said[1]).toMatch(/^◐ {2}db +1 of 3 +perf +\d+s +– +0$/);
    expect(said[2]).toMatch(/^❄ {2}prod +frozen +by .*: "release week" +until \d+ \w+ \d\d:\d\d:\d\d/);
    expect(said[3]).toMatch(/^● {2}uat +held +shop deploy #1841 \(anna\) +\d+s +9m\d\ds +0$/);
    expect(said[4]).toBe('3 environments · 1 free · 0 waiting');
  });

  test('colours stand on a terminal only, and not with NO_COLOR', async () => {
    const server = await busyServer();
    expect(await onTerminal(server, 'status')).toContain('\u001b[34m');
    expect(await onTerminal(server, 'status', 120, { NO_COLOR: '1' })).not.toContain('\u001b[');
    expect((await server.signalbox(['status'])).stdout).not.toContain('\u001b[');
  });

  test('no line is wider than the terminal', async () => {
    const server = await busyServer();
    for (const columns of [100, 60, 20]) {
      for (const command of ['status', 'queue uat', 'history']) {
        const widths = lines(plain(await onTerminal(server, command, columns))).map(columnsOf);
        expect({ command, columns, wider: widths.filter((width) => width > columns) }).toEqual({
          command,
          columns,
          wider: [],
        });
      }
    }
  });

  test('of one environment is all about it, with its queue', async () => {
    const server = await busyServer();
    const waiting = start('signalbox', ['acquire', 'uat', '--holder', 'api tests #77'], server.env);
    await waiting.says('is held');
    const said = plain(await onTerminal(server, 'status uat', 160));
    expect(said).toMatch(
      /^● uat held\n {2}held by +shop deploy #1841 \(anna\) · since .* · 9m\d\ds left · fence \d+ · lease ls_\w+ · https:\/\/ci\.example\/1841$/m,
    );
    expect(said).toMatch(/^1 +api tests #77 +\d+s +0 +uat/m);
    expect(said).toContain('after expiry  free');
    expect(said).toContain('no: made when it was first asked for');
  });

  test('--label shows a pool', async () => {
    const server = await busyServer();
    const { stdout } = await server.signalbox(['status', '--label', 'kind=db']);
    expect(lines(stdout).map((line) => line.split('\t')[0])).toEqual(['db']);
  });

  test('of a name that is not there is a question, 64', async () => {
    const server = await busyServer();
    const { code, stderr } = await server.signalbox(['status', 'uta']);
    expect(code).toBe(64);
    expect(stderr).toMatch(/Did you mean uat\? \[environment_unknown\]/);
  });

  test('of nothing says how the first environment comes to be', async () => {
    const server = await serve();
    expect(await onTerminal(server, 'status')).toContain('signalbox run uat -- ./deploy.sh');
    expect(await server.signalbox(['status'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});

describe('names and holders of other people', () => {
  test('bring no colour, no order, no command of a CI to a log', async () => {
    const server = await serve();
    await server.send('PUT', `/v1/environments/${encodeURIComponent('::error::x ##[endgroup]')}`, {});
    await server.send('POST', '/v1/leases', { environment: 'uat', holder: { name: HOSTILE }, reason: HOSTILE });
    for (const args of [['status'], ['status', 'uat'], ['queue', 'uat'], ['history']]) {
      const { stdout, stderr } = await server.signalbox(args);
      expect(stdout).toContain('gone');
      for (const line of lines(stdout + stderr)) {
        expect(line).not.toMatch(/^\s*::|##\w*\[|\p{Cc}(?<!\t)|\u202e/u);
      }
    }
  });

  test('nor to a terminal', async () => {
    const server = await serve();
    await server.send('POST', '/v1/leases', { environment: 'uat', holder: { name: HOSTILE }, reason: HOSTILE });
    for (const command of ['status', 'status uat', 'queue uat', 'history']) {
      expect(await onTerminal(server, command, 200, { NO_COLOR: '1' })).not.toMatch(/\p{Cc}(?<!\n)|\u202e/u);
    }
  });
});

describe('queue', () => {
  async function queued() {
    const server = await serve();
    await server.signalbox(['acquire', 'uat', '--holder', 'shop', '--holder-url', 'https://ci.example/1841']);
    await server.signalbox(['acquire', 'db', '--holder', 'etl #9']);
    const first = start('signalbox', ['acquire', 'uat', '--holder', 'api', '--reason', 'tests'], server.env);
    await first.says('next in line');
    const second = start('signalbox', ['acquire', 'uat', 'db', '--holder', 'both'], server.env);
    await second.says('is held');
    return server;
  }

  test('shows who holds, who waits in which order, for what and why', async () => {
    const server = await queued();
    const said = lines(plain(await onTerminal(server, 'queue uat', 160)));
    expect(said[0]).toMatch(/^# +WHO +WAITS +PRIORITY +WANTS +ABOUT +WHY$/);
    expect(said[1]).toMatch(/^– +shop +\d+s held +https:\/\/ci\.example\/1841$/);
    expect(said[2]).toMatch(/^1 +api +\d+s +0 +uat/);
    expect(said[3]).toMatch(/^2 +both +\d+s +0 +uat, db .*db is held by etl #9$/);
    expect(said[4]).toBe('queue of uat · fair by priority, then arrival');
  });

  test('says which one is ours', async () => {
    const server = await queued();
    const { id } = (await server.send('GET', '/v1/leases?environment=uat&state=waiting')).items[0];
    expect(plain(await onTerminal(server, 'queue uat', 160, { SIGNALBOX_LEASE: id }))).toMatch(
      /^1 +you \(this shell\) /m,
    );
  });

  test('in a pipe is tabs with ids and full times; with --json the waiting leases', async () => {
    const server = await queued();
    const rows = lines((await server.signalbox(['queue', 'uat'])).stdout).map((line) => line.split('\t'));
    expect(rows.map(([place, , who, , , wants]) => [place, who, wants])).toEqual([
      ['0', 'shop', 'uat'],
      ['1', 'api', 'uat'],
      ['2', 'both', 'uat, db'],
    ]);
    expect(rows.every((row) => row.length === 9 && /^ls_/.test(row[1] ?? ''))).toBe(true);
    const { stdout } = await server.signalbox(['queue', 'uat', '--json']);
    expect(JSON.parse(stdout).items.map(({ holder }: Lease) => holder.name)).toEqual(['api', 'both']);
  });
});

describe('the look of an environment', () => {
  const lease = {
    holder: { name: 'anna', url: null, ref: null },
    grantedAt: '2026-11-21T12:00:00Z',
    queuedAt: '2026-11-21T12:00:00Z',
    expiresInSeconds: null,
    expiresAt: null,
    revoking: null,
  } as unknown as Lease;
  const free: Environment = {
    ...{
      name: 'uat',
      capacity: 1,
      labels: {},
      description: '',
      state: 'open',
      stateReason: null,
      stateBy: null,
      stateUntil: null,
    },
    ...{
      frozenBy: [],
      declared: true,
      onExpire: 'free',
      ttlSeconds: null,
      maxHoldSeconds: null,
      held: [],
      waiting: 0,
      free: 1,
    },
    ...{ dirty: 0, oldestWaitSince: null, seq: 1, createdAt: '2026-11-21T12:00:00Z', page: null },
  };

  test.each<[string, Partial<Environment>]>([
    ['○ free', {}],
    ['● held', { held: [lease], free: 0 }],
    ['◐ 1 of 3', { held: [lease], free: 2, capacity: 3 }],
    ['● 2 of 2', { held: [lease, lease], free: 0, capacity: 2 }],
    ['❄ frozen', { state: 'frozen' }],
    ['◒ draining', { state: 'draining', held: [lease] }],
    ['◒ drained', { state: 'drained' }],
    ['▲ dirty', { dirty: 1, free: 0 }],
    ['▲ 1 dirty', { dirty: 1, capacity: 2 }],
  ])('%s', (look, change) => {
    const { symbol, word } = lookOf({ ...free, ...change });
    expect(`${symbol} ${word}`).toBe(look);
  });

  test('a freeze by labels names itself where nobody gave a reason', () => {
    expect(pipeRow({ ...free, state: 'frozen', frozenBy: ['release-week'] }, 0).at(-1)).toBe('by freeze release-week');
  });

  test('who is losing it is said', () => {
    const losing = { ...lease, revoking: { by: 'carla', reason: 'x', at: '2026-11-21T12:00:00Z' } };
    const paint = (text: string) => text;
    const row = terminalRow({ ...free, held: [losing], free: 0 }, Date.parse('2026-11-21T12:04:12Z'), {
      blue: paint,
    } as never);
    expect(row.slice(3, 5)).toEqual(['anna (being taken away by carla)', '4m12s']);
  });
});
