// The oldest PostgreSQL that is supported, and the newest: the log does there what it does on the machine's own, and servers on
// it learn from each other.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Draft } from '../../src/log/log.ts';
import { eventually } from '../eventually.ts';
import { startServers } from '../many/servers.ts';
import { durableConformance, logConformance, type Place } from './conformance.ts';
import { Hand, rowsOf } from './drafts.ts';
import { openPostgresLog } from './opened.ts';
import { hasCommit, startProxy } from './postgres-proxy.ts';
import { type Major, startVersion, type Version, versions, whyAbsent } from './postgres-versions.ts';

for (const major of Object.keys(versions) as Major[]) {
  const reason = whyAbsent(major);
  if (reason === null) describe(`PostgreSQL ${major}:`, () => onVersion(major));
  else test.skip(`PostgreSQL ${major}: ${reason}`, () => {});
}

function onVersion(major: Major): void {
  let version: Version;
  beforeAll(async () => {
    version = await startVersion(major);
  });
  afterAll(() => version?.stop());

  test('it is this version that is tested', async () => {
    const [row] = await version.query('SHOW server_version');
    expect(String(row?.server_version)).toMatch(new RegExp(`^${major}\\.`));
  });

  logConformance(() => newPlace(version));
  durableConformance(() => newPlace(version));

  test('two servers learn from each other, and a third after one was killed', async () => {
    const [a, b, c] = await startServers(3, version.url(await version.newDatabase()));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were started');
    onTestFinished(async () => void (await Promise.all([a, b, c].map((server) => server.kill()))));
    const held = await a.ask({ environment: 'uat', ttlSeconds: 60 });
    const second = await b.ask({ environment: 'uat', queueSeconds: null });
    const third = await a.ask({ environment: 'uat', queueSeconds: null });
    const told = b.call('GET', `/v1/leases/${second.id}?wait=60`);
    told.catch(() => {});
    await eventually(async () =>
      expect((await b.call('GET', '/metrics')).text).toMatch(/^signalbox_polls(\{.*\})? 1$/m),
    );
    await a.call('DELETE', `/v1/leases/${held.id}`);
    expect((await told).json).toMatchObject({ id: second.id, state: 'held' });
    const { fence } = (await told).json;
    expect(fence).toBeGreaterThan(held.fence ?? 0);
    await b.kill();
    expect(await c.lease(second.id)).toMatchObject({ state: 'held', fence });
    await c.call('DELETE', `/v1/leases/${second.id}`);
    expect((await a.call('GET', `/v1/leases/${third.id}?wait=60`)).json).toMatchObject({ state: 'held' });
    await b.start();
    expect(await b.lease(third.id)).toMatchObject({ state: 'held' });
  });

  describe('a commit whose answer does not come', () => {
    test('is found to be kept, and is answered then, once', async () => {
      const { way, hand } = await throughWay(version);
      way.toServer = (piece, link) => {
        if (hasCommit(piece)) link.marks.add('committing');
        return piece;
      };
      way.toClient = (piece, link) => {
        if (!link.marks.has('committing')) return piece;
        way.toClient = (unchanged) => unchanged;
        link.cut();
        return null;
      };
      expect(await hand.log.turn(hand.seq, () => draft(hand, 'kept'))).toEqual({ outcome: 'durable' });
      expect(await rowsOf(hand.log)).toEqual({ kept: {} });
    });

    test('is found to be lost when it never arrived', async () => {
      const { way, hand } = await throughWay(version);
      way.toServer = (piece, link) => {
        if (!hasCommit(piece)) return piece;
        way.toServer = (unchanged) => unchanged;
        setTimeout(() => link.cut(), 20);
        return null;
      };
      expect(await hand.log.turn(hand.seq, () => draft(hand, 'lost'))).toMatchObject({ outcome: 'lost' });
      expect(await rowsOf(hand.log)).toEqual({});
      expect(await hand.take([{ id: 'again' }])).toEqual({ outcome: 'durable' });
    });

    test('because the database was killed: what was acknowledged is there afterwards, and the next turn is taken', async () => {
      const { way, hand } = await throughWay(version);
      expect(await hand.take([{ id: 'acknowledged' }])).toEqual({ outcome: 'durable' });
      let restarted: Promise<void> | null = null;
      way.toServer = (piece) => {
        if (!hasCommit(piece)) return piece;
        way.toServer = (unchanged) => unchanged;
        restarted = version.restart();
        return null;
      };
      expect(await hand.log.turn(hand.seq, () => draft(hand, 'unknown'))).toMatchObject({ outcome: 'lost' });
      await restarted;
      // Refused as away until the log has found it again.
      await eventually(async () => expect(await rowsOf(hand.log)).toEqual({ acknowledged: {} }));
      expect(await hand.take([{ id: 'next' }])).toEqual({ outcome: 'durable' });
      expect(Object.keys(await rowsOf(hand.log))).toEqual(['acknowledged', 'next']);
    });
  });
}

let spaces = 0;

/** A space of its own; a database for each would take most of the time. */
function newPlace(version: Version): Place {
  spaces++;
  const space = `space-${spaces}`;
  return {
    open: () => openPostgresLog(version.url('postgres'), { space }),
    // It goes with the cluster.
    clear: async () => {},
  };
}

/** A log that reaches its database over a way on which things go wrong. */
async function throughWay(version: Version) {
  const way = await startProxy(version.port);
  const log = await openPostgresLog(version.url(await version.newDatabase(), way.port));
  onTestFinished(async () => {
    await log.close();
    await way.stop();
  });
  return { way, hand: await Hand.on(log) };
}

function draft(hand: Hand, id: string): Draft {
  return { ...hand.draft([{ id }]), id: crypto.randomUUID() };
}
