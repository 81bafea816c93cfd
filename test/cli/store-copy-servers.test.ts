// `signalbox store copy` and servers: one that has a store is noticed at once, and one that comes during the copy gets in after it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { type FaultyWay, type Link, startProxy } from '../log/postgres-proxy.ts';
import { folder, type Started, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';
import { asAdmin, inSpace, isHeldAt, stop, withTeams } from './teams.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const newFile = () => `sqlite:${join(folder(), 'store.db')}`;
const newDatabase = async () => cluster.url(await cluster.newDatabase());
const nameOf = (url: string) => new URL(url).pathname.slice(1);
const copy = (from: string, to: string, ...more: string[]) => signalbox(['store', 'copy', from, to, ...more]);
const refused = { code: 78, stderr: expect.stringContaining('[store_in_use]') };

describe('a server that is there', () => {
  test.each(['sqlite', 'postgres'])('is noticed though nobody is in it: %s', async (kind) => {
    const [store, target] = [kind === 'sqlite' ? newFile() : await newDatabase(), newFile()];
    const server = await serve(['--store', store]);
    expect(await copy(store, target)).toMatchObject(refused);
    expect(existsSync(target.replace('sqlite:', ''))).toBe(false);
    await stop(server);
    expect(await copy(store, target)).toMatchObject({ code: 0 });
  });

  test('is noticed where a space is to go', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    await withTeams(file);
    const server = await serve(['--store', database]);
    expect(await copy(file, database, '--space', 'team-a')).toMatchObject(refused);
    await stop(server);
    expect(await copy(file, database, '--space', 'team-a')).toMatchObject({ code: 0 });
  });

  test('and was killed stands in the way of nothing', async () => {
    const [database, file] = [await newDatabase(), newFile()];
    const server = await serve(['--store', database]);
    await server.signalbox(['acquire', 'uat', '--holder', 'anna']);
    await stop(server, 'SIGKILL');
    expect(await copy(database, file)).toMatchObject({ code: 0 });
    const after = await serve(['--store', file]);
    expect((await after.send('GET', '/v1/environments/uat')).held).toMatchObject([{ holder: { name: 'anna' } }]);
  });
});

describe('a server that comes during a copy takes no turn before its end', () => {
  test('at the store that is copied', async () => {
    const [database, file] = [await newDatabase(), newFile()];
    const held = await withTeams(database);
    const before = await cluster.query(eventsOfEach, nameOf(database));
    const copying = await heldAt('DECLARE copied', (at) => ['store', 'copy', at(database), file]);
    const server = comes(database);
    await waitsForLock(database);
    expect(await cluster.query(eventsOfEach, nameOf(database))).toEqual(before);
    await copying.goesOn();
    await urlOf(server);
    expect(await cluster.query(eventsOfEach, nameOf(database))).not.toEqual(before);
    const after = await serve(['--store', file, '--space-stores', 'team-b=memory:'], asAdmin);
    for (const [space, lease] of Object.entries(held)) await isHeldAt(after.url, space, lease);
  });

  test('at the new store, and finds all that was copied', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    const held = await withTeams(file);
    const copying = await heldAt('INSERT INTO item', (at) => ['store', 'copy', file, at(database)]);
    const server = comes(database);
    await waitsForLock(database);
    await copying.goesOn();
    const url = await urlOf(server);
    for (const [space, lease] of Object.entries(held)) await isHeldAt(url, space, lease);
  });

  test.each(['from', 'to'])('in a space alone, which is copied %s where it is', async (which) => {
    const [file, database] = [newFile(), await newDatabase()];
    const held = await withTeams(which === 'from' ? database : file);
    const mark = which === 'from' ? 'DECLARE copied' : 'INSERT INTO item';
    const copying = await heldAt(mark, (at) =>
      which === 'from' ? ['store', 'copy', at(database), file] : ['store', 'copy', file, at(database)],
    );
    // Its main is elsewhere.
    const { url } = await serve(['--space-stores', `team-a=${database}`], asAdmin);
    const made = inSpace(url, 'main', 'PUT', '/v1/spaces/team-a', {});
    await waitsForLock(database);
    await copying.goesOn();
    expect(await made).toMatchObject({ name: 'team-a' });
    await eventually(async () => expect(await inSpace(url, 'main', 'GET', '/v1/spaces')).toMatchObject(teamIsOpen));
    if (which === 'to') await isHeldAt(url, 'team-a', held['team-a'] as { id: string; fence: number });
  });
});

const eventsOfEach = 'SELECT space, count(*)::int AS events FROM signalbox.event GROUP BY space ORDER BY space';
const teamIsOpen = { items: [{ name: 'main' }, { name: 'team-a', open: true }] };

function comes(store: string): Started {
  const args = ['serve', '--json', '--port', '0', '--host', '127.0.0.1', '--log-level', 'silent', '--store', store];
  return start('signalbox', [...args, '--space-stores', 'team-b=memory:'], asAdmin);
}

async function urlOf(server: Started): Promise<string> {
  await server.says(/"url":"[^"]+"/);
  return JSON.parse(server.stdout().split('\n')[0] ?? '').url;
}

/** A copy over a way on which the answer to the first such statement does not come before it is told to go on. */
async function heldAt(mark: string, args: (at: (database: string) => string) => string[]) {
  const way: FaultyWay = await startProxy(cluster.port);
  onTestFinished(() => way.stop());
  const kept: Buffer[] = [];
  let held: Link | null = null;
  let isOver = false;
  way.toServer = (piece, link) => {
    if (!isOver && piece.includes(mark)) held = link;
    return piece;
  };
  way.toClient = (piece, link) => {
    if (isOver || link !== held) return piece;
    kept.push(piece);
    return null;
  };
  const command = start(
    'signalbox',
    args((url) => cluster.url(nameOf(url), way.port)),
  );
  await eventually(() => expect(kept).not.toEqual([]));
  return {
    goesOn: async () => {
      isOver = true;
      for (const piece of kept) held?.send(piece);
      expect(await command.ended).toMatchObject({ code: 0 });
    },
  };
}

/** For that of its turn, or for a space that is being made. */
async function waitsForLock(database: string): Promise<void> {
  await eventually(async () => {
    const waiting = `SELECT pid FROM pg_locks WHERE NOT granted`;
    expect(await cluster.query(waiting, nameOf(database))).not.toEqual([]);
  });
}
