// Servers that start at the same time on an empty database, and starts that are refused: one line, and an exit code that says why.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { start } from '../cli/process.ts';
import { type Cluster, freePort, startCluster } from '../log/postgres-cluster.ts';
import { type Postgres, startPostgres } from '../servers/postgres.ts';
import { newServer } from './servers.ts';

describe('at the same time', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ max_connections: '100' });
  });
  afterAll(() => cluster?.stop());

  test('on an empty database all start, and are one', async () => {
    for (let round = 0; round < 3; round++) {
      const store = cluster.url(await cluster.newDatabase());
      const servers = await Promise.all(Array.from({ length: 4 }, () => newServer(store)));
      try {
        await Promise.all(servers.map((server) => server.start()));
        const starts = await Promise.all(servers.map((server) => server.call('GET', '/start')));
        expect(starts.map(({ text }) => text).sort()).toEqual(['0', '0', '0', '1']);
        const { json } = await (servers[3] as (typeof servers)[0]).call('GET', '/v1/events?kind=server.started');
        expect(json.items).toHaveLength(4);
      } finally {
        await Promise.all(servers.map((server) => server.kill()));
      }
    }
  });
});

describe('a start is refused', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.stop());

  const secret = 'not-the-password';
  const at = (user: string, password: string, database: string, port = postgres.port) =>
    `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const serve = (store: string) =>
    start('signalbox', ['serve', '--port', '0', '--log-level', 'warn'], { SIGNALBOX_STORE: store }).ended;

  test.each([
    ['with a wrong password', () => at('postgres', secret, 'postgres'), 78, /does not accept the password of postgres/],
    ['without a password', () => at('postgres', '', 'postgres'), 78, /wants a password/],
    ['for a user that is not there', () => at('nobody', secret, 'postgres'), 78, /password of nobody/],
    ['for a database that is not there', () => at('postgres', postgres.password, 'none'), 78, /createdb none/],
    ['with a port that is none', () => 'postgres://db:none/signalbox', 78, /no port|no host/],
    ['with an unknown option', () => `${at('postgres', 'x', 'postgres')}?ssl=1`, 78, /sslmode/],
    ['where nobody listens', () => at('postgres', secret, 'postgres', refused), 69, /cannot be reached/],
  ])('%s', async (_, store, code, words) => {
    refused = await freePort();
    const ended = await serve(store());
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(ended.stderr).not.toContain(secret);
    expect(ended.code).toBe(code);
  });

  test('without the rights to make tables: 73', async () => {
    await postgres.query(`CREATE ROLE weak LOGIN PASSWORD '${secret}'`);
    await postgres.query('CREATE DATABASE guarded');
    const ended = await serve(at('weak', secret, 'guarded'));
    expect({ code: ended.code, lines: ended.stderr.trim().split('\n').length }).toEqual({ code: 73, lines: 1 });
    expect(ended.stderr).toMatch(/weak has not the rights/);
  });

  test('where what was confirmed may be lost, unless somebody says that this is well', async () => {
    await postgres.query('CREATE DATABASE hasty');
    await postgres.query('ALTER DATABASE hasty SET synchronous_commit = off');
    const store = at('postgres', postgres.password, 'hasty');
    const ended = await serve(store);
    expect(ended.stderr).toMatch(/synchronous_commit = off.*--allow-acked-loss/);
    expect(ended.code).toBe(78);
    const server = await newServer(store, { flags: ['--allow-acked-loss'] });
    try {
      await server.start();
      expect(await server.ask({ environment: 'uat' })).toMatchObject({ state: 'held' });
    } finally {
      await server.kill();
    }
  });

  let refused = 0;
});
