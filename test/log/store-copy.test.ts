// A store is copied from SQLite to PostgreSQL and back: all spaces of it, or nothing, and so that no fence comes twice.

import { existsSync, linkSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { copyStore } from '../../src/log/copy.ts';
import type { Log } from '../../src/log/log.ts';
import { start } from '../cli/process.ts';
import { eventually } from '../eventually.ts';
import { sql } from './damage.ts';
import { Hand, type Happened, type Put } from './drafts.ts';
import { newFolder } from './folder.ts';
import { openLog } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';
import { startProxy, type Tamper } from './postgres-proxy.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const newFile = () => `sqlite:${join(newFolder(), 'signalbox.db')}`;
const fileOf = (url: string) => url.replace('sqlite:', '');
const newDatabase = async () => cluster.url(await cluster.newDatabase());

const oddTexts = ['\u0000', '\ud800', '\udc00\ud800', '🚂', 'ä', '\u001a0000', `'"\\`, '\r\n\t', '\u2028', '{}', ''];
const odd: readonly Put[] = oddTexts.map((text, i) => ({
  id: `odd-${i}-${text.toWellFormed()}`,
  row: { text, nested: { [text]: [text, 1.5, null, true] } },
}));
const oddEvents: readonly Happened[] = oddTexts.map((text) => ({
  ...{ subject: text.toWellFormed(), actor: text.toWellFormed(), at: 1_700_000_000_123 },
  data: { lease: text, text, [text]: text },
}));

async function filled(
  url: string,
  puts: readonly Put[] = odd,
  happened: readonly Happened[] = oddEvents,
  space?: string,
): Promise<void> {
  await using(url, space, async (log) => {
    const hand = await Hand.on(log);
    for (let i = 0; i < happened.length || i === 0; i += 5_000)
      await hand.take(i === 0 ? puts : [{ id: 'last' }], happened.slice(i, i + 5_000));
    await log.beat(hand.tick + 7);
  });
}

/** main, team-a, and team-b, which has a store of its own. */
async function filledWithSpaces(url: string, ofTeam: readonly Happened[] = oddEvents): Promise<void> {
  const listed = ['team-a', 'team-b'].map((id): Put => ({ kind: 'space', id, row: { description: id } }));
  await filled(url, [...odd, ...listed]);
  await filled(url, [{ id: 'of-team-a' }], ofTeam, 'team-a');
}

async function using<T>(url: string, space: string | undefined, act: (log: Log) => Promise<T>): Promise<T> {
  const log = await openLog(url, space === undefined ? {} : { space });
  try {
    return await act(log);
  } finally {
    await log.close();
  }
}

function contents(url: string, space?: string) {
  return using(url, space, async (log) => {
    const { isNew: _, ...contents } = await log.load();
    const events = [];
    for (let afterSeq = 0; ; afterSeq = events.at(-1)?.seq ?? 0) {
      const part = await log.events({ order: 'asc', limit: 1_000, afterSeq });
      if (part.length === 0) break;
      events.push(...part);
    }
    const found = await log.events({ order: 'asc', limit: 1_000, subject: '🚂' });
    const ofLease = await log.events({ order: 'asc', limit: 1_000, lease: '🚂' });
    return { ...contents, events, found, ofLease };
  });
}

test('there and back it is what it was, odd texts too, but for the epoch, which rises each time', async () => {
  const [old, database, back] = [newFile(), await newDatabase(), newFile()];
  await filled(old);
  const before = await contents(old);
  expect(before).toMatchObject({ seq: 22, epoch: 0, found: [{ subject: '🚂' }], ofLease: [{ subject: '🚂' }] });
  const there = await copyStore(old, database);
  const figures = { rows: { count: 11 }, events: { count: 11 } };
  expect(there).toMatchObject({ spaces: [{ space: 'main', epoch: 1, from: figures, to: figures }], elsewhere: [] });
  expect(there.spaces[0]?.from).toEqual(there.spaces[0]?.to);
  expect(await contents(database)).toEqual({ ...before, epoch: 1 });
  const andBack = await copyStore(database, back);
  expect(await contents(back)).toEqual({ ...before, epoch: 2 });
  expect(andBack.spaces[0]?.to).toEqual(there.spaces[0]?.from);
});

test('all spaces of a store go over, each with its own secret, but those that it does not hold', async () => {
  const [old, database, back] = [newFile(), await newDatabase(), newFile()];
  await filledWithSpaces(old);
  const [main, team] = [await contents(old), await contents(old, 'team-a')];
  expect(team.secret).not.toBe(main.secret);
  for (const [from, to, epoch] of [
    [old, database, 1],
    [database, back, 2],
  ] as const) {
    const { spaces, elsewhere } = await copyStore(from, to);
    expect(spaces).toMatchObject([
      { space: 'main', epoch, to: { rows: { count: 13 }, events: { count: 11 } } },
      { space: 'team-a', epoch, to: { rows: { count: 1 }, events: { count: 11 } } },
    ]);
    expect(elsewhere).toEqual(['team-b']);
    expect(await contents(to)).toEqual({ ...main, epoch });
    expect(await contents(to, 'team-a')).toEqual({ ...team, epoch });
  }
  expect(filesIn(back)).toEqual(filesIn(old));
});

describe('one space alone', () => {
  test('goes into a store that holds others, and stays where it was', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await filledWithSpaces(file);
    await filled(database);
    const [team, other] = [await contents(file, 'team-a'), await contents(database)];
    const { spaces, elsewhere } = await copyStore(file, database, { space: 'team-a' });
    expect(spaces).toMatchObject([{ space: 'team-a', epoch: 1 }]);
    expect(elsewhere).toEqual([]);
    expect(await contents(database, 'team-a')).toEqual({ ...team, epoch: 1 });
    expect(await contents(database)).toEqual(other);
    expect(await contents(file, 'team-a')).toEqual(team);
    const another = newFile();
    await filled(another);
    await copyStore(database, another, { space: 'team-a' });
    expect(await contents(another, 'team-a')).toEqual({ ...team, epoch: 2 });
  });

  test('is refused where there is one of its name, and where it is not', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await filledWithSpaces(file);
    await filledWithSpaces(database);
    const before = [await contents(file, 'team-a'), await contents(database, 'team-a')];
    for (const [from, to] of [
      [file, database],
      [database, file],
    ] as const) {
      await expect(copyStore(from, to, { space: 'team-a' })).rejects.toMatchObject({ code: 'store_not_writable' });
      await expect(copyStore(from, to, { space: 'team-b' })).rejects.toMatchObject({ code: 'store_not_ours' });
    }
    expect([await contents(file, 'team-a'), await contents(database, 'team-a')]).toEqual(before);
  });
});

test('20,000 events go over, and turns go on behind them', async () => {
  const [old, database, back] = [newFile(), await newDatabase(), newFile()];
  const many = Array.from({ length: 20_000 }, (_, i) => ({ subject: `uat-${i % 40}`, data: { lease: `ls_${i}`, i } }));
  await filled(old, odd, many);
  const steps: number[] = [];
  await copyStore(old, database, { onProgress: ({ events }) => steps.push(events) });
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(steps.length).toBeGreaterThan(10);
  const before = await contents(old);
  expect(before.events).toHaveLength(20_000);
  expect(await contents(database)).toEqual({ ...before, epoch: 1 });
  await using(database, undefined, async (log) => {
    const hand = await Hand.on(log);
    expect(await hand.take([{ id: 'next' }], [{ subject: 'next' }])).toEqual({ outcome: 'durable' });
  });
  await copyStore(database, back);
  const after = await contents(back);
  expect(after).toMatchObject({ seq: before.seq + 2, epoch: 2 });
  expect(after.events.slice(0, -1)).toEqual(before.events);
});

test('servers stay behind, and no lease keeps a seat at one of them', async () => {
  const [database, file] = [await newDatabase(), newFile()];
  const lease = { state: 'held', seat: 'srv_1', holder: { name: 'anna' }, ttlTick: 9 };
  await filled(
    database,
    [
      { kind: 'server', id: 'srv_1', row: { aliveTick: 1 } },
      { id: 'a', row: lease },
    ],
    [],
  );
  const { spaces } = await copyStore(database, file);
  expect(spaces[0]?.to.rows.count).toBe(1);
  const { rows } = await contents(file);
  expect(rows).toMatchObject([{ kind: 'lease', row: { ...lease, id: 'a', seat: null } }]);
});

describe('is refused, and changes nothing', () => {
  test('into a store that holds anything', async () => {
    const [file, database, another] = [newFile(), await newDatabase(), newFile()];
    await filled(file);
    await filled(database);
    await filled(another);
    const before = [await contents(file), await contents(database)];
    for (const [from, to] of [
      [file, database],
      [database, file],
      [another, file],
      [file, file],
      [database, database],
    ] as const)
      await expect(copyStore(from, to)).rejects.toMatchObject({ code: 'store_not_writable' });
    expect([await contents(file), await contents(database)]).toEqual(before);
  });

  test('from where there is none', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await expect(copyStore(file, database)).rejects.toMatchObject({ code: 'store_not_ours' });
    await expect(copyStore(database, file)).rejects.toMatchObject({ code: 'store_not_ours' });
    expect(existsSync(fileOf(file))).toBe(false);
    const schemas = await cluster.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'signalbox'`, nameOf(database));
    expect(schemas).toEqual([]);
  });

  test('into a store that holds any of its spaces', async () => {
    const [file, database, target] = [newFile(), await newDatabase(), newFile()];
    await filledWithSpaces(file);
    await filled(database, odd, oddEvents, 'team-z');
    await expect(copyStore(file, database)).rejects.toMatchObject({ code: 'store_not_writable' });
    expect(await everythingIn(database, 'main')).toEqual([]);
    await filled(target, odd, oddEvents, 'team-a');
    const team = await contents(target, 'team-a');
    await expect(copyStore(file, target)).rejects.toMatchObject({ code: 'store_not_writable' });
    expect(existsSync(fileOf(target))).toBe(false);
    expect(await contents(target, 'team-a')).toEqual(team);
  });

  test.each(['main', 'team-a'])('while the lock of %s is taken', async (space) => {
    const [file, database, target] = [newFile(), await newDatabase(), newFile()];
    await filledWithSpaces(database);
    const holding = cluster.query(
      `SELECT pg_advisory_lock(hashtextextended('${space}', 7)); SELECT pg_sleep(600)`,
      nameOf(database),
    );
    const ended = expect(holding).rejects.toThrow();
    const waiting = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted`;
    await expect.poll(() => cluster.query(waiting, nameOf(database))).toHaveLength(1);
    await expect(copyStore(database, target)).rejects.toMatchObject({ code: 'store_in_use' });
    await cluster.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`, nameOf(database));
    await ended;
    expect(existsSync(fileOf(target)) || existsSync(fileOf(file))).toBe(false);
  });

  test('while a file of one of its spaces is served', async () => {
    const [file, target] = [newFile(), newFile()];
    await filledWithSpaces(file);
    await using(file, 'team-a', async () => {
      await expect(copyStore(file, target)).rejects.toMatchObject({ code: 'store_in_use' });
      await expect(copyStore(file, target, { space: 'team-a' })).rejects.toMatchObject({ code: 'store_in_use' });
    });
    expect(filesIn(target)).toEqual([]);
  });

  test('while another user has the database open as Signalbox', async () => {
    const [database, another, target] = [await newDatabase(), await newDatabase(), newFile()];
    await filled(database);
    await cluster.query(
      `CREATE ROLE other LOGIN; CREATE ROLE owner LOGIN; GRANT ALL ON SCHEMA signalbox TO owner;
       GRANT ALL ON ALL TABLES IN SCHEMA signalbox TO owner`,
      nameOf(database),
    );
    const asOther = new pg.Client({ connectionString: cluster.url(nameOf(database)), user: 'other' });
    const elsewhere = new pg.Client({ connectionString: cluster.url(nameOf(another)), user: 'other' });
    for (const client of [asOther, elsewhere]) {
      onTestFinished(() => client.end());
      await client.connect();
      await client.query(`SET application_name = 'signalbox'`);
    }
    const asOwner = database.replace('postgres@', 'owner@');
    await expect(copyStore(asOwner, target)).rejects.toMatchObject({ code: 'store_in_use' });
    await asOther.query(`SET application_name = 'psql'`);
    await copyStore(asOwner, target);
    expect((await contents(target)).epoch).toBe(1);
  });

  test('more spaces than the database can lock', async () => {
    const small = await startCluster({ max_connections: '4', max_locks_per_transaction: '10', max_wal_senders: '0' });
    onTestFinished(() => small.stop());
    const database = small.url(await small.newDatabase());
    const names = Array.from({ length: 2_000 }, (_, i) => `team-${i}`);
    await filled(
      database,
      names.map((id): Put => ({ kind: 'space', id })),
    );
    await small.query(
      `INSERT INTO signalbox.meta (space, epoch, timeline, system, seq, tick, secret)
       SELECT 'team-' || n, epoch, timeline, system, 0, 0, secret FROM signalbox.meta, generate_series(0, 1999) AS n`,
      nameOf(database),
    );
    await expect(copyStore(database, newFile())).rejects.toThrow('max_locks_per_transaction');
  });

  test('an epoch beyond the last', async () => {
    const [database, file] = [await newDatabase(), newFile()];
    await filled(database);
    await cluster.query('UPDATE signalbox.meta SET epoch = 8191', nameOf(database));
    await expect(copyStore(database, file)).rejects.toThrow('as often as fences allow');
    expect(existsSync(fileOf(file))).toBe(false);
    await filled(file);
    sql(fileOf(file), `UPDATE meta SET value = 8191 WHERE key = 'epoch'`);
    const target = await newDatabase();
    await expect(copyStore(file, target)).rejects.toThrow('as often as fences allow');
    expect(await everythingIn(target)).toEqual([]);
  });
});

test('a copy of which one space does not read back as it was written is not kept', async () => {
  const [file, database] = [newFile(), await newDatabase()];
  await filledWithSpaces(file);
  await using(database, undefined, (log) => log.load());
  await cluster.query(
    `CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.data = '{}'; RETURN NEW; END $$;
     CREATE TRIGGER spoil BEFORE INSERT ON signalbox.event FOR EACH ROW WHEN (NEW.space = 'team-a' AND NEW.subject = 'ä') EXECUTE FUNCTION spoil()`,
    nameOf(database),
  );
  await expect(copyStore(file, database)).rejects.toThrow('does not give back what was written');
  expect(await everythingIn(database)).toEqual([]);
});

test('a store of which one space cannot be copied leaves nothing', async () => {
  const [database, target, file] = [await newDatabase(), await newDatabase(), newFile()];
  await filledWithSpaces(database);
  const spoil = (set: string) => cluster.query(`UPDATE signalbox.${set} WHERE space = 'team-a'`, nameOf(database));
  await spoil(`event SET data = '{"lease":'`);
  await expect(copyStore(database, target)).rejects.toMatchObject({ code: 'store_corrupt' });
  expect(await everythingIn(target)).toEqual([]);
  await spoil('meta SET epoch = 8191');
  await expect(copyStore(database, file)).rejects.toThrow('as often as fences allow');
  expect(filesIn(file)).toEqual([]);
});

describe('killed in the middle, there is no copy, and it can be made again', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ({ subject: 'uat', data: { i } }));

  test('to PostgreSQL', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await filledWithSpaces(file, many);
    await killedAt('INSERT INTO event', (url) => ['store', 'copy', file, url(nameOf(database))]);
    await eventually(async () => expect(await cluster.sessions(nameOf(database))).toEqual([]));
    expect(await everythingIn(database)).toEqual([]);
    await copyStore(file, database);
    expect(await contents(database, 'team-a')).toEqual({ ...(await contents(file, 'team-a')), epoch: 1 });
  });

  test('to SQLite', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await filledWithSpaces(database, many);
    await killedAt('ORDER BY seq LIMIT 2000', (url) => ['store', 'copy', url(nameOf(database)), file], 5);
    const left = ['signalbox.db.lock', 'signalbox.db.restoring', 'signalbox.team-a.db.lock'];
    expect(readdirSync(dirname(fileOf(file))).sort()).toEqual([...left, 'signalbox.team-a.db.restoring']);
    for (const end of ['', '-journal']) writeFileSync(`${fileOf(file)}.restoring${end}`, 'half of something');
    await copyStore(database, file);
    expect(await contents(file)).toEqual({ ...(await contents(database)), epoch: 1 });
    expect(readdirSync(dirname(fileOf(file))).filter((name) => name.includes('restoring'))).toEqual([]);
  });

  test('to SQLite, when some files were in their places already, and no others were', async () => {
    const [database, file, other] = [await newDatabase(), newFile(), newFile()];
    await filledWithSpaces(database);
    for (const target of [file, other]) {
      const [main, team] = [fileOf(target), fileOf(target).replace('.db', '.team-a.db')];
      for (const made of [main, team]) writeFileSync(`${made}.restoring`, 'all of something');
      if (target === file) linkSync(`${team}.restoring`, team);
      else writeFileSync(team, 'all of something');
    }
    await copyStore(database, file);
    expect(await contents(file, 'team-a')).toEqual({ ...(await contents(database, 'team-a')), epoch: 1 });
    await expect(copyStore(database, other)).rejects.toMatchObject({ code: 'store_not_writable' });
  });

  /** Runs a command over a way that holds the n-th such piece back, and kills it there. */
  async function killedAt(
    mark: string,
    args: (url: (database: string) => string) => string[],
    which = 3,
  ): Promise<void> {
    const way = await startProxy(cluster.port);
    onTestFinished(() => way.stop());
    let seen = 0;
    const isThere = new Promise<void>((resolve) => {
      const hold: Tamper = (piece) => {
        if (piece.includes(mark)) seen++;
        if (seen < which) return piece;
        resolve();
        return null;
      };
      way.toServer = hold;
    });
    const command = start(
      'signalbox',
      args((database) => cluster.url(database, way.port)),
    );
    await Promise.race([isThere, command.ended.then(({ stderr }) => Promise.reject(new Error(`it ended: ${stderr}`)))]);
    command.child.kill('SIGKILL');
    await command.ended;
  }
});

const nameOf = (url: string) => new URL(url).pathname.slice(1);

/** The stores that lie in the folder of one. */
const filesIn = (url: string) =>
  readdirSync(dirname(fileOf(url))).filter((name) => name.endsWith('.db') || name.endsWith('.restoring'));

/** Of all spaces, or of one. */
async function everythingIn(url: string, space?: string): Promise<Record<string, unknown>[]> {
  const where = space === undefined ? 'true' : `space = '${space}'`;
  return cluster.query(
    `SELECT 'item', seq FROM signalbox.item WHERE ${where} UNION ALL SELECT 'event', seq FROM signalbox.event WHERE ${where}
     UNION ALL SELECT 'meta', seq FROM signalbox.meta WHERE seq > 0 AND ${where}`,
    nameOf(url),
  );
}
