// What a turn costs the write-ahead log of the database: the disk and the standbys of a shared one are what fills up first.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgresStore } from '../../src/log/postgres.ts';
import { Hand } from './drafts.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ autovacuum: 'off' });
}, 60_000);
afterAll(() => cluster.stop());

/** As a core makes them, in that order: most of it stays as it is when the lease ends. */
const lease = (state: string) => ({
  ...{ state, wants: [{ environment: 'uat' }], granted: ['uat'], holder: { name: null, url: null, ref: null } },
  ...{
    reason: 'x'.repeat(300),
    owner: 'environment:API_KEY',
    by: 'admin',
    via: 'v1',
    ttlMs: 60_000,
    order: 1,
    fence: 2,
  },
  ...{ queuedAt: 1_795_287_550_343, queuedTick: 10_334, ttlTick: state === 'held' ? 70_334 : null },
  ...{
    endedAt: state === 'held' ? null : 1_795_287_550_674,
    end: state === 'held' ? null : { how: state, by: 'admin' },
  },
});

test('ending leases logs only what has changed in them', async () => {
  const database = await cluster.newDatabase();
  const store = await openPostgresStore(cluster.url(database));
  try {
    const hand = await Hand.on(await store.open('main'));
    const count = 400;
    const put = (state: string) => Array.from({ length: count }, (_, i) => ({ id: `ls_${i}`, row: lease(state) }));
    const logged = async (state: string): Promise<number> => {
      const now = `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`;
      // What a page is logged as a whole for, the first time after a checkpoint, is not what is asked here.
      const [before] = await cluster.query(now);
      await hand.take(put(state));
      const [after] = await cluster.query(now);
      return (Number(after?.bytes) - Number(before?.bytes)) / count;
    };
    const bytes = JSON.stringify({ id: 'ls_100', seq: 100, ...lease('held') }).length;
    expect(await logged('held')).toBeGreaterThan(bytes);
    expect(await logged('released')).toBeLessThan(bytes * 0.7);
  } finally {
    await store.close();
  }
});
