// `signalbox history`: what happened, filtered, followed, and cut short by whoever reads it.

import { describe, expect, test } from 'vitest';
import { lines, root, start, startFile } from './process.ts';
import { type Server, serve } from './real-server.ts';

async function eventful(): Promise<Server> {
  const server = await serve();
  const lease = (await server.signalbox(['acquire', 'uat', '--holder', 'shop deploy #1841'])).stdout.trim();
  await server.signalbox(['release', lease]);
  await server.signalbox(['acquire', 'uat', '--holder', 'perf #12']);
  await server.signalbox(['revoke', 'uat', '--reason', 'prod incident', '--now']);
  await server.signalbox(['acquire', 'db', '--holder', 'etl']);
  return server;
}

const rowsOf = (stdout: string) => lines(stdout).map((line) => line.split('\t'));

describe('history', () => {
  test('is newest first, in a pipe with full times, kinds and seqs', async () => {
    const server = await eventful();
    const { stdout } = await server.signalbox(['history', 'uat']);
    const rows = rowsOf(stdout);
    expect(rows.map(([, subject, kind, who]) => `${subject} ${kind} ${who}`)).toEqual([
      'uat lease.revoked perf #12',
      'uat lease.granted perf #12',
      'uat lease.released shop deploy #1841',
      'uat lease.granted shop deploy #1841',
      expect.stringContaining('uat environment.created'),
    ]);
    expect(rows[0]?.[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rows[0]?.[4]).toMatch(/^held \d+s, by .*: "prod incident"$/);
    expect(rows[1]?.[4]).toMatch(/^waited 0s, fence \d+$/);
    const seqs = rows.map((row) => Number(row[5]));
    expect(seqs).toEqual(seqs.toSorted((a, b) => b - a));
  });

  test('with --json is the list of the API', async () => {
    const server = await eventful();
    const { stdout } = await server.signalbox(['history', 'uat', '--json']);
    const { items } = await server.send('GET', '/v1/events?subject=uat&order=desc');
    expect(JSON.parse(stdout).items).toEqual(items);
  });

  test.each([
    [['--kind', 'lease.revoked'], ['lease.revoked']],
    [['uat', '--kind', 'environment.'], ['environment.created']],
    [['db', '--kind', 'lease.granted', '--since', '1h'], ['lease.granted']],
    [['db', '--until', '1h'], []],
    [['--actor', 'nobody-of-that-name'], []],
    [
      ['uat', '--limit', '2'],
      ['lease.revoked', 'lease.granted'],
    ],
  ])('%j', async (args, kinds) => {
    const server = await eventful();
    const { code, stdout } = await server.signalbox(['history', ...args]);
    expect({ code, kinds: rowsOf(stdout).map((row) => row[2]) }).toEqual({ code: 0, kinds });
  });

  test('of one lease', async () => {
    const server = await eventful();
    const { items } = await server.send('GET', '/v1/leases?environment=db');
    const { stdout } = await server.signalbox(['history', '--lease', items[0].id]);
    expect(rowsOf(stdout).map((row) => `${row[1]} ${row[2]}`)).toEqual(['db lease.granted']);
  });

  test('says on stderr that there is more, and --all leaves nothing out', async () => {
    const server = await eventful();
    const short = await server.signalbox(['history', '--limit', '3']);
    expect(lines(short.stdout)).toHaveLength(3);
    expect(short.stderr).toBe('signalbox: more before these: --limit 12, or --all\n');
    const all = await server.signalbox(['history', '--all']);
    expect(lines(all.stdout).length).toBeGreaterThan(6);
    expect(all.stderr).toBe('');
  });
});

describe('history --follow', () => {
  test('a reader that has seen enough is no error', async () => {
    const server = await eventful();
    const command = `${root}/bin/signalbox history --follow --limit 1 | head -n 1; echo "exit \${PIPESTATUS[0]}"`;
    const pipe = startFile('bash', ['-c', command], server.env);
    await pipe.says('lease.granted');
    // What happens next finds nobody who reads.
    const happen = setInterval(() => void server.send('POST', '/v1/leases', { environment: `e${Math.random()}` }), 200);
    const { stdout, stderr } = await pipe.ended;
    clearInterval(happen);
    expect({ last: lines(stdout).at(-1), stderr }).toEqual({ last: 'exit 0', stderr: '' });
  });

  test('shows the last ones oldest first, then what happens, each event once', async () => {
    const server = await eventful();
    const follow = start('signalbox', ['history', 'uat', '--follow', '--limit', '2'], server.env);
    await follow.says('lease.revoked');
    const lease = (await server.signalbox(['acquire', 'uat', '--holder', 'api'])).stdout.trim();
    await server.signalbox(['acquire', 'other']);
    await server.signalbox(['release', lease]);
    await follow.says('lease.released');
    follow.child.kill('SIGINT');
    const { code, stdout } = await follow.ended;
    expect(code).toBe(130);
    expect(rowsOf(stdout).map((row) => `${row[1]} ${row[2]} ${row[3]}`)).toEqual([
      'uat lease.granted perf #12',
      'uat lease.revoked perf #12',
      'uat lease.granted api',
      'uat lease.released api',
    ]);
  });

  test('with --json is one object on each line', async () => {
    const server = await eventful();
    const follow = start(
      'signalbox',
      ['history', '--follow', '--kind', 'lease.granted', '--limit', '1', '--json'],
      server.env,
    );
    await follow.says('"db"');
    await server.signalbox(['acquire', 'fresh']);
    await follow.says('"fresh"');
    follow.child.kill('SIGTERM');
    const { stdout } = await follow.ended;
    expect(
      lines(stdout)
        .map((line) => JSON.parse(line))
        .map(({ kind, subject }) => `${kind} ${subject}`),
    ).toEqual(['lease.granted db', 'lease.granted fresh']);
  });

  test('goes on when the server was away, and says so', async () => {
    const { mkdtempSync, rmSync } = await import('node:fs');
    const place = mkdtempSync('/tmp/signalbox-cli-');
    const store = ['--store', `sqlite:${place}/store.db`];
    const first = await serve(store);
    const port = new URL(first.url).port;
    const follow = start('signalbox', ['history', '--follow'], first.env);
    await follow.says('server.started');
    first.process.child.kill('SIGTERM');
    await first.process.ended;
    await follow.says('server not reachable');
    const second = await serve([...store, '--port', port]);
    await second.signalbox(['acquire', 'after-the-restart']);
    await follow.says('after-the-restart');
    follow.child.kill('SIGTERM');
    await follow.ended;
    rmSync(place, { recursive: true, force: true });
  });

  test('that may not read ends with 77', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const key = (await server.signalbox(['key', 'create', 'ci', '--scope', 'acquire'])).stdout.trim();
    expect((await server.signalbox(['history', '--follow'], { SIGNALBOX_KEY: key })).code).toBe(77);
  });
});
