// A primary and its standby: the one is killed, the other promoted. What was confirmed is there, and no fence comes twice.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Log, TurnOutcome } from '../../src/log/log.ts';
import { eventually } from '../eventually.ts';
import { Hand, rowsOf } from './drafts.ts';
import { openPostgresLog } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let primary: Cluster;
let standby: Cluster;
let log: Log | null;
beforeEach(async () => {
  log = null;
  primary = await startCluster();
  standby = await primary.startStandby();
  await primary.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await primary.query('SELECT pg_reload_conf()');
});
afterEach(async () => {
  await log?.close();
  await Promise.all([primary.stop(), standby.stop()]);
});

const both = () => `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres?sslmode=disable`;

test('a standby alone is refused', async () => {
  await expect(openPostgresLog(standby.url('postgres'))).rejects.toMatchObject({
    code: 'store_away',
    message: expect.stringMatching(/is a standby/),
  });
});

test('after a failover the log is away, then must be loaded again, with a higher epoch and all that was confirmed', async () => {
  log = await openPostgresLog(both());
  const hand = await Hand.on(log);
  expect(await hand.take([{ id: 'x' }])).toEqual({ outcome: 'durable' });
  await primary.kill();
  const outcomes = new Set<string>();
  const tryAgain = async (): Promise<TurnOutcome> => {
    const outcome = await (log as Log).turn(hand.seq, () => null);
    outcomes.add(outcome.outcome);
    return outcome;
  };
  await eventually(async () => expect(await tryAgain()).toMatchObject({ outcome: 'away' }));
  await standby.query('SELECT pg_promote()');
  await eventually(async () => expect(await tryAgain()).toMatchObject({ outcome: 'reload' }));
  expect([...outcomes].sort()).toEqual(['away', 'reload']);

  const contents = await log.load();
  expect(contents).toMatchObject({ epoch: 1, seq: 1, rows: [{ id: 'x' }] });
  const again = new Hand(log, contents);
  expect(await again.take([{ id: 'y' }])).toEqual({ outcome: 'durable' });
  const other = await openPostgresLog(standby.url('postgres'));
  expect(await other.load()).toMatchObject({ epoch: 1, isNew: false });
  await other.close();

  // The old primary comes back and does not know: nobody listens to it.
  await primary.start();
  await primary.query(`ALTER SYSTEM RESET ALL`);
  await primary.query('SELECT pg_reload_conf()');
  await standby.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalbox'`);
  await eventually(async () => expect(await log?.turn(again.seq, () => null)).toMatchObject({ outcome: 'away' }));
});

test('a turn whose commit was under way when the primary died is found out on the new one', async () => {
  log = await openPostgresLog(both());
  const hand = await Hand.on(log);
  await hand.take([{ id: 'x' }]);
  // Nothing reaches the standby any more, so this commit is never confirmed, and is on the old primary alone.
  await standby.query('SELECT pg_wal_replay_pause()');
  await primary.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
  await primary.query(`ALTER SYSTEM SET max_wal_senders = 0`);
  await primary.query('SELECT pg_reload_conf()');
  await primary.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_replication`);
  await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
  await standby.query('SELECT pg_reload_conf(), pg_wal_replay_resume()');
  await eventually(async () => expect(await primary.query('SELECT 1 FROM pg_stat_replication')).toEqual([]));
  const turn = log.turn(hand.seq, () => hand.draft([{ id: 'never confirmed' }]));
  await eventually(async () =>
    expect(await primary.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)).toHaveLength(1),
  );
  await primary.kill();
  await standby.query('SELECT pg_promote()');
  expect(await turn).toMatchObject({ outcome: 'lost' });
  expect(await log.turn(hand.seq, () => null)).toMatchObject({ outcome: 'reload' });
  expect(await rowsOf(log)).toEqual({ x: {} });
});
