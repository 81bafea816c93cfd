// Opening a store on PostgreSQL: whatever is not right is said in one line that tells what to do, and never shows the password.

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Log } from '../../src/log/log.ts';
import { postgresAddress } from '../../src/log/postgres/address.ts';
import { knownSteps } from '../../src/log/postgres/migrations.ts';
import { StoreError } from '../../src/log/store-error.ts';
import { eventually } from '../eventually.ts';
import { Hand } from './drafts.ts';
import { openLog } from './opened.ts';
import { type Cluster, freePort, startCluster } from './postgres-cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  // Whoever is not the superuser must show a password.
  await cluster.query(`CREATE ROLE anna LOGIN PASSWORD 'it''s a secret?&/%'`);
  await cluster.query(`CREATE ROLE guest LOGIN PASSWORD 'guest'`);
  const file = String((await cluster.query('SHOW hba_file'))[0]?.hba_file);
  await cluster.query(
    `COPY (SELECT unnest(ARRAY['host all postgres all trust', 'host all all all scram-sha-256'])) TO '${file}'`,
  );
  await cluster.query('SELECT pg_reload_conf()');
});
afterAll(() => cluster.stop());

let database: string;
beforeEach(async () => {
  vi.unstubAllEnvs();
  database = await cluster.newDatabase();
});

const secret = "it's a secret?&/%";
const anna = (password = secret) =>
  `postgres://anna:${encodeURIComponent(password)}@127.0.0.1:${cluster.port}/${database}?sslmode=disable`;

async function refusal(url: string, options = {}): Promise<StoreError> {
  const error = await openLog(url, options).then(
    async (log) => {
      await log.close();
      throw new Error('it was opened');
    },
    (refused) => refused,
  );
  expect(error).toBeInstanceOf(StoreError);
  expect(error.message).toMatch(/^postgres:\/\/|^127\.0\.0\.1:\d+ /);
  expect(error.message).toMatch(/[.?]$/);
  expect(error.message).not.toMatch(/\n|secret/);
  return error;
}

async function opened(url: string, use: (log: Log) => Promise<void> | void = () => {}): Promise<void> {
  const log = await openLog(url);
  try {
    await use(log);
  } finally {
    await log.close();
  }
}

describe('a store is refused', () => {
  test('when nobody answers', async () => {
    const url = `postgres://anna:secret@127.0.0.1:${await freePort()}/box`;
    expect(await refusal(url)).toMatchObject({ code: 'store_away', message: expect.stringMatching(/ECONNREFUSED/) });
  });

  test('with a password that is wrong, or missing', async () => {
    const refused = { code: 'store_refused', message: expect.stringMatching(/password.*PGPASSWORD/) };
    expect(await refusal(anna('wrong secret'))).toMatchObject(refused);
    expect(await refusal(anna(''))).toMatchObject(refused);
  });

  test('when there is no such database', async () => {
    const url = cluster.url('nowhere');
    expect(await refusal(url)).toMatchObject({
      code: 'store_refused',
      message: expect.stringMatching(/createdb nowhere/),
    });
  });

  test('without the right to make tables, unless the schema is there and may be used', async () => {
    expect(await refusal(anna())).toMatchObject({ code: 'store_not_writable', message: expect.stringMatching(/anna/) });
    await cluster.query('CREATE SCHEMA signalbox AUTHORIZATION anna', database);
    await opened(anna(), async (log) => {
      expect(await (await Hand.on(log)).take([{ id: 'x' }])).toEqual({ outcome: 'durable' });
    });
  });

  test('in a schema that holds something else', async () => {
    await cluster.query('CREATE SCHEMA signalbox; CREATE TABLE signalbox.item (id int); SELECT 1', database);
    expect(await refusal(cluster.url(database))).toMatchObject({ code: 'store_not_ours' });
    expect(
      await cluster.query(`SELECT relname FROM pg_class WHERE relnamespace = 'signalbox'::regnamespace`, database),
    ).toHaveLength(1);
  });

  test('that takes no changes now', async () => {
    await cluster.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    const refused = { code: 'store_away', message: expect.stringMatching(/takes no changes now/) };
    expect(await refusal(cluster.url(database))).toMatchObject(refused);
  });

  test('that a later version has written', async () => {
    await opened(cluster.url(database));
    await cluster.query(`INSERT INTO signalbox.schema_step VALUES (999, 'from the future'); SELECT 1`, database);
    expect(await refusal(cluster.url(database))).toMatchObject({ code: 'store_newer' });
  });

  test.each([
    'off',
    'local',
    'remote_write',
  ])('where synchronous_commit is %s: it may lose what it has confirmed', async (level) => {
    await cluster.query(`ALTER DATABASE ${database} SET synchronous_commit = ${level}`);
    const refused = await refusal(cluster.url(database));
    expect(refused).toMatchObject({
      code: 'store_unsupported',
      message: expect.stringMatching(`synchronous_commit = ${level}`),
    });
    const log = await openLog(cluster.url(database), { allowAckedLoss: true });
    await log.close();
  });
});

describe('a new store', () => {
  test('is made by one of any number of servers that start at once', async () => {
    const logs = await Promise.all(Array.from({ length: 6 }, () => openLog(cluster.url(database))));
    const all = await Promise.all(logs.map((log) => log.load()));
    await Promise.all(logs.map((log) => log.close()));
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(all.map(({ secret }) => secret)).size).toBe(1);
    const steps = await cluster.query('SELECT number, name FROM signalbox.schema_step ORDER BY number', database);
    expect(steps).toEqual(knownSteps());
  });

  test('updates rows where they are: no index on what changes', async () => {
    await opened(cluster.url(database), async (log) => {
      const hand = await Hand.on(log);
      for (let i = 0; i < 50; i++) await hand.take([{ id: 'x', row: { i } }]);
    });
    await eventually(async () => {
      const [row] = await cluster.query(
        `SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'item'`,
        database,
      );
      expect(row).toEqual({ updated: 49, hot: 49 });
    });
  });

  test('listens to nothing that the environment says', async () => {
    for (const [name, value] of Object.entries({
      ...{ PGHOST: 'nowhere.invalid', PGPORT: '1', PGUSER: 'nobody', PGPASSWORD: 'wrong', PGDATABASE: 'nothing' },
      ...{ PGOPTIONS: '-c search_path=public', PGAPPNAME: 'other', PGSSLMODE: 'require', PGCLIENT_ENCODING: 'LATIN1' },
      ...{ PGREPLICATION: 'database', PGSSLNEGOTIATION: 'direct', PGBINARY: 'true' },
    })) {
      vi.stubEnv(name, value);
    }
    await opened(cluster.url(database), async (log) => {
      expect(await (await Hand.on(log)).take([{ id: 'ä' }])).toEqual({ outcome: 'durable' });
      expect((await log.load()).rows).toMatchObject([{ id: 'ä' }]);
      vi.unstubAllEnvs();
      expect(await cluster.sessions(database)).not.toEqual([]);
    });
    vi.stubEnv('PGPASSWORD', secret);
    const refused = await openLog(anna('')).catch((error) => error);
    expect(refused.message).toMatch(/wants a password/);
  });
});

describe('an address', () => {
  const defaults = { host: 'h', port: '1', user: 'u', password: 'p', database: 'd', sslmode: 'require' };
  test.each([
    [
      'postgres://anna:s%40%3A@db:5433/box',
      {},
      {
        user: 'anna',
        password: 's@:',
        database: 'box',
        hosts: [{ host: 'db', port: 5433 }],
        shown: 'postgres://db:5433/box',
        sslMode: 'prefer',
      },
    ],
    ['postgresql://anna:a:b@db', {}, { password: 'a:b', database: 'anna', hosts: [{ host: 'db', port: 5432 }] }],
    [
      'postgres://',
      defaults,
      { user: 'u', password: 'p', database: 'd', hosts: [{ host: 'h', port: 1 }], sslMode: 'require' },
    ],
    [
      'postgres://a,b:6000/x',
      { port: '1' },
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6000 },
        ],
        shown: 'postgres://a:1,b:6000/x',
      },
    ],
    [
      'postgres://[::1]:5433/x?sslmode=verify-full',
      {},
      { hosts: [{ host: '::1', port: 5433 }], shown: 'postgres://[::1]:5433/x', sslMode: 'verify-full' },
    ],
    ['postgres:///x?host=/run/postgresql', {}, { hosts: [{ host: '/run/postgresql', port: 5432 }] }],
  ])('%s', (written, given, meant) => {
    expect(postgresAddress(written, given)).toMatchObject(meant);
  });
});

test('over its socket', async () => {
  const host = encodeURIComponent(cluster.folder);
  await cluster.query(
    `COPY (SELECT unnest(ARRAY['local all all trust', 'host all postgres all trust', 'host all all all scram-sha-256'])) TO '${(await cluster.query('SHOW hba_file'))[0]?.hba_file}'`,
  );
  await cluster.query('SELECT pg_reload_conf()');
  const log = await openLog(`postgres://postgres@/${database}?host=${host}`, { defaults: { port: `${cluster.port}` } });
  expect(await (await Hand.on(log)).take([{ id: 'x' }])).toEqual({ outcome: 'durable' });
  await log.close();
});
