// A store is copied while it is served, and put back so that no fence comes twice.

import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { backupStore, restoreStore } from '../../src/log/sqlite/backup.ts';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import { damage, sql, swapLeaves } from './damage.ts';
import { Hand, rowsOf } from './drafts.ts';
import { newFolder } from './folder.ts';
import { ServerProcess } from './server-process.ts';

/** Names in a folder of their own. */
function names(): { store: string; backup: string; folder: string } {
  const folder = newFolder();
  return { folder, store: join(folder, 'signalbox.db'), backup: join(folder, 'backup.db') };
}

async function write(path: string, id: string): Promise<void> {
  const log = await openSqliteLog(path);
  await (await Hand.on(log)).take([{ id }], [{ subject: id }]);
  await log.close();
}

async function contents(path: string) {
  const log = await openSqliteLog(path);
  const { seq, epoch, secret } = await log.load();
  const rows = Object.keys(await rowsOf(log));
  const subjects = (await log.events({ order: 'asc', limit: 1_000 })).map(({ subject }) => subject);
  await log.close();
  return { seq, epoch, secret, rows, subjects };
}

test('a backup of a running server is whole, of one moment, and for its owner alone', async () => {
  const { store, backup, folder } = names();
  const server = await ServerProcess.start(store);
  await server.hasTaken(5);
  const before = server.acknowledged;
  backupStore(store, backup);
  await server.hasTaken(server.acknowledged + 5);
  await server.kill();

  expect((statSync(backup).mode & 0o777).toString(8)).toBe('600');
  expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  const { seq, rows, subjects } = await contents(backup);
  const turns = subjects.length;
  expect(turns).toBeGreaterThanOrEqual(before);
  expect(seq).toBe(turns * 11);
  expect(rows).toHaveLength(turns * 9 + 1);
});

test('what is put back has the rows, the history and the secret of the backup, and a higher epoch each time', async () => {
  const { store, backup } = names();
  await write(store, 'first');
  const { secret } = await contents(store);
  backupStore(store, backup);
  await write(store, 'second');
  for (const epoch of [1, 2, 3]) {
    expect(restoreStore(backup, store).spaces).toMatchObject([{ space: 'main', epoch }]);
    expect(await contents(store)).toEqual({ seq: 2, epoch, secret, rows: ['first'], subjects: ['first'] });
    await write(store, 'after');
  }
});

test('what was there before is kept beside it, with what was still in its log', async () => {
  const { store, backup } = names();
  await write(store, 'first');
  backupStore(store, backup);
  const server = await ServerProcess.start(store);
  await server.hasTaken(3);
  await server.kill();
  expect(existsSync(`${store}-wal`)).toBe(true);
  restoreStore(backup, store);
  expect((await contents(store)).rows).toEqual(['first']);
  const { rows } = await contents(`${store}.replaced`);
  expect(rows.slice(0, 2)).toEqual(['first', 'turn-1-0']);
  expect(rows.length).toBeGreaterThanOrEqual(1 + 3 * 9 + 1);
});

test('what a removed store has left beside it gets into no other', async () => {
  const { store, backup } = names();
  await write(store, 'first');
  backupStore(store, backup);
  const removeAfterCrash = async () => {
    const server = await ServerProcess.start(store);
    await server.hasTaken(server.acknowledged + 3);
    await server.kill();
    expect(existsSync(`${store}-wal`)).toBe(true);
    rmSync(store);
  };
  await removeAfterCrash();
  restoreStore(backup, store);
  expect(await contents(store)).toMatchObject({ seq: 2, rows: ['first'] });
  await removeAfterCrash();
  expect(await contents(store)).toMatchObject({ seq: 0, rows: [] });
});

describe('of spaces', () => {
  const beside = (file: string) => file.replace('.db', '.team-a.db');

  /** main, team-a beside it, and team-b, which has a store of its own. */
  async function withTeams(path: string): Promise<void> {
    const log = await openSqliteLog(path);
    await (await Hand.on(log)).take(['team-a', 'team-b'].map((id) => ({ kind: 'space', id })));
    await log.close();
    await write(beside(path), 'of team-a');
  }

  test('all that have a file are copied and put back, each in its own place', async () => {
    const { store, backup, folder } = names();
    await withTeams(store);
    const before = [await contents(store), await contents(beside(store))];
    const { spaces, elsewhere } = backupStore(store, backup);
    expect(spaces).toEqual([
      { space: 'main', store, backup },
      { space: 'team-a', store: beside(store), backup: beside(backup) },
    ]);
    expect(elsewhere).toEqual(['team-b']);
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.db', 'backup.team-a.db']);
    await write(store, 'later');
    await write(beside(store), 'later');
    const restored = restoreStore(backup, store);
    expect(restored).toMatchObject({ spaces: [{ epoch: 1 }, { space: 'team-a', epoch: 1 }], missing: ['team-b'] });
    expect([await contents(store), await contents(beside(store))]).toEqual(before.map((is) => ({ ...is, epoch: 1 })));
    expect((await contents(`${beside(store)}.replaced`)).rows).toContain('later');
  });

  test('one alone is copied and put back, and the others stay', async () => {
    const { store, backup } = names();
    await withTeams(store);
    expect(backupStore(store, backup, 'team-a').spaces).toEqual([{ space: 'team-a', store: beside(store), backup }]);
    expect(existsSync(beside(backup))).toBe(false);
    await write(store, 'later');
    await write(beside(store), 'later');
    expect(restoreStore(backup, store, 'team-a').spaces).toMatchObject([{ space: 'team-a', epoch: 1 }]);
    expect((await contents(store)).rows).toContain('later');
    expect(await contents(beside(store))).toMatchObject({ epoch: 1, rows: ['of team-a'] });
  });

  test('a file of one is not put in the place of another', async () => {
    const { store, backup } = names();
    await withTeams(store);
    backupStore(store, backup);
    const before = [await contents(store), await contents(beside(store))];
    const refused = expect.objectContaining({ code: 'store_not_ours' });
    expect(() => restoreStore(beside(backup), store)).toThrow(refused);
    expect(() => restoreStore(backup, store, 'team-a')).toThrow(refused);
    expect([await contents(store), await contents(beside(store))]).toEqual(before);
    // What was served since has become a store.
    copyFileSync(beside(backup), join(dirname(backup), 'own.db'));
    await write(join(dirname(backup), 'own.db'), 'first');
    expect(restoreStore(join(dirname(backup), 'own.db'), store).spaces).toMatchObject([{ space: 'main' }]);
  });

  test('a backup of which one file cannot be made leaves none, and what a killed one has left is in nobody’s way', async () => {
    const { store, backup, folder } = names();
    await withTeams(store);
    writeFileSync(beside(backup), 'mine');
    expect(() => backupStore(store, backup)).toThrow(expect.objectContaining({ code: 'store_not_writable' }));
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.team-a.db']);
    linkSync(beside(backup), `${beside(backup)}.partial`);
    backupStore(store, backup);
    expect((await contents(beside(backup))).rows).toEqual(['of team-a']);
  });

  test('while one of them is served, or damaged in the backup, none is put back', async () => {
    const { store, backup } = names();
    await withTeams(store);
    backupStore(store, backup);
    await write(store, 'later');
    const log = await openSqliteLog(beside(store));
    expect(() => restoreStore(backup, store)).toThrow(expect.objectContaining({ code: 'store_in_use' }));
    await log.close();
    const shell = new DatabaseSync(beside(store));
    shell.exec('BEGIN; SELECT * FROM item');
    expect(() => restoreStore(backup, store)).toThrow(expect.objectContaining({ code: 'store_in_use' }));
    shell.close();
    damage(beside(backup), 'event', () => true);
    expect(() => restoreStore(backup, store)).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
    expect(await contents(store)).toMatchObject({ epoch: 0, rows: ['team-a', 'team-b', 'later'] });
    expect(await contents(beside(store))).toMatchObject({ epoch: 0, rows: ['of team-a'] });
  });
});

describe('the epoch rises', () => {
  test('when the store that is replaced is damaged', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    restoreStore(backup, store);
    await write(store, 'under epoch 1');
    sql(store, `DELETE FROM meta WHERE key = 'epoch'`);
    expect(restoreStore(backup, store).spaces).toMatchObject([{ epoch: 2 }]);
  });

  test('when the store was removed, whether a backup takes its place or a new one', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    rmSync(store);
    expect(restoreStore(backup, store).spaces).toMatchObject([{ epoch: 1 }]);
    await write(store, 'under epoch 1');
    rmSync(store);
    expect(await contents(store)).toMatchObject({ epoch: 2, seq: 0, rows: [] });
  });

  test('when a backup was copied by hand, once', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    await write(store, 'second');
    copyFileSync(backup, store);
    expect(await contents(store)).toMatchObject({ epoch: 1, rows: ['first'] });
    expect(await contents(store)).toMatchObject({ epoch: 1 });
  });

  test('when a backup is put where no store was yet', async () => {
    const { store, backup, folder } = names();
    await write(store, 'first');
    backupStore(store, backup);
    expect(restoreStore(backup, join(folder, 'elsewhere.db')).spaces).toMatchObject([{ epoch: 1 }]);
    expect(await contents(join(folder, 'elsewhere.db'))).toMatchObject({ epoch: 1, rows: ['first'] });
  });
});

describe('a restore is refused, and changes nothing,', () => {
  async function refused(backup: string, store: string, code: string): Promise<void> {
    const before = existsSync(store) ? await contentsOrNull(store) : null;
    expect(() => restoreStore(backup, store)).toThrow(expect.objectContaining({ code }));
    expect(await contentsOrNull(store)).toEqual(before);
    expect(existsSync(`${store}.restoring`)).toBe(false);
  }
  const contentsOrNull = (store: string) => contents(store).catch(() => null);

  test('while a server has the store', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    const log = await openSqliteLog(store);
    onTestFinished(() => log.close());
    expect(() => restoreStore(backup, store)).toThrow(expect.objectContaining({ code: 'store_in_use' }));
    expect(Object.keys(await rowsOf(log))).toEqual(['first']);
  });

  test('while a shell has it open', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    await write(store, 'second');
    const shell = new DatabaseSync(store);
    shell.exec('BEGIN; SELECT * FROM item');
    await refused(backup, store, 'store_in_use');
    shell.close();
    expect(restoreStore(backup, store).spaces).toMatchObject([{ epoch: 1 }]);
  });

  test('when a page of the backup is damaged', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    backupStore(store, backup);
    damage(backup, 'event', () => true);
    await refused(backup, store, 'store_corrupt');
  });

  test('when pages of the backup are in each other’s place', async () => {
    const { store, backup } = names();
    const log = await openSqliteLog(store);
    await (await Hand.on(log)).take(Array.from({ length: 1_000 }, (_, i) => ({ id: `ls_${i}` })));
    await log.close();
    backupStore(store, backup);
    swapLeaves(backup, 'item');
    await refused(backup, store, 'store_corrupt');
  });

  test('when there is no backup, or it is none', async () => {
    const { store, backup } = names();
    await write(store, 'first');
    await refused(backup, store, 'store_not_ours');
    writeFileSync(backup, 'no database'.repeat(1_000));
    await refused(backup, store, 'store_not_ours');
    await refused(store, store, 'store_in_use');
  });

  test('when what it would replace is not ours', async () => {
    const { store, backup, folder } = names();
    await write(store, 'first');
    backupStore(store, backup);
    const other = join(folder, 'notes.txt');
    writeFileSync(other, 'not to be lost'.repeat(1_000));
    await refused(backup, other, 'store_not_ours');
    mkdirSync(join(folder, 'directory'));
    await refused(backup, join(folder, 'directory'), 'store_not_ours');
  });
});

test('a backup takes no name that is in use, and none of a store that is not there', async () => {
  const { store, backup } = names();
  expect(() => backupStore(store, backup)).toThrow(expect.objectContaining({ code: 'store_not_ours' }));
  expect(existsSync(store)).toBe(false);
  await write(store, 'first');
  writeFileSync(backup, 'mine');
  expect(() => backupStore(store, backup)).toThrow(expect.objectContaining({ code: 'store_not_writable' }));
});
