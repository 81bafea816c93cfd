// Files that are no store, or none that can be used: each refused with its code, in one line, and left as it was.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import type { StoreErrorCode } from '../../src/log/store-error.ts';
import { damage, sql } from './damage.ts';
import { Hand } from './drafts.ts';
import { newFolder } from './folder.ts';

async function refusal(path: string): Promise<{ code: StoreErrorCode; message: string }> {
  const error = await openSqliteLog(path).then(
    async (log) => {
      await log.close();
      throw new Error('it was opened');
    },
    (refused) => refused,
  );
  expect(error.message).toMatch(/^[^\n]+\.$/);
  expect(error.message).toContain(path);
  return error;
}

/** A closed store with some rows and events, as a path. */
async function someStore(rows = 3_000): Promise<string> {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openSqliteLog(path);
  const hand = await Hand.on(log);
  for (let i = 0; i < rows; i += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, k) => `ls_${i + k}`);
    const text = 'x'.repeat(300);
    await hand.take(
      ids.map((id) => ({ id, row: { text } })),
      ids.map((lease) => ({ data: { lease, text } })),
    );
  }
  await log.close();
  return path;
}

describe('what is no store of ours', () => {
  test('a file that is no database', async () => {
    const path = join(newFolder(), 'signalbox.db');
    writeFileSync(path, 'once upon a time '.repeat(1_000));
    const before = readFileSync(path);
    expect((await refusal(path)).code).toBe('store_not_ours');
    expect(readFileSync(path)).toEqual(before);
  });

  test('the database of another program', async () => {
    const path = join(newFolder(), 'signalbox.db');
    sql(path, 'CREATE TABLE item (name)');
    const before = readFileSync(path);
    expect((await refusal(path)).code).toBe('store_not_ours');
    expect(readFileSync(path)).toEqual(before);
  });

  test('a directory', async () => {
    const path = join(newFolder(), 'signalbox.db');
    mkdirSync(path);
    expect((await refusal(path)).code).toBe('store_not_ours');
  });

  test('a store of a later version', async () => {
    const path = await someStore(0);
    sql(path, 'PRAGMA user_version = 999');
    const before = readFileSync(path);
    const { code, message } = await refusal(path);
    expect(code).toBe('store_newer');
    expect(message).toContain('999');
    expect(readFileSync(path)).toEqual(before);
  });

  test('an empty file becomes a store', async () => {
    const path = join(newFolder(), 'signalbox.db');
    writeFileSync(path, '');
    const log = await openSqliteLog(path);
    expect((await log.load()).isNew).toBe(true);
    await log.close();
  });
});

describe('what is damaged', () => {
  test('a page of rows', async () => {
    const path = await someStore();
    damage(path, 'item', (page, pages) => page === pages[pages.length >> 1]);
    expect((await refusal(path)).code).toBe('store_corrupt');
  });

  test('a missing secret', async () => {
    const path = await someStore(0);
    sql(path, `DELETE FROM meta WHERE key = 'secret'`);
    expect((await refusal(path)).code).toBe('store_corrupt');
  });

  test.each([
    ['a row that is not JSON', `UPDATE item SET body = 'x' WHERE id = 'ls_1500'`],
    ['a row from the future', `UPDATE meta SET value = 17 WHERE key = 'seq'`],
  ])('%s is found when it is read', async (_, statement) => {
    const path = await someStore();
    sql(path, statement);
    const log = await openSqliteLog(path);
    await expect(log.load()).rejects.toMatchObject({ code: 'store_corrupt', message: expect.stringContaining(path) });
    await log.close();
  });

  test('a page of old history does not hold up turns, and is told to who asks for it', async () => {
    const path = await someStore();
    damage(path, 'event', (page, pages) => page === pages[0]);
    const log = await openSqliteLog(path);
    const hand = await Hand.on(log);
    expect(await hand.take([{ id: 'a' }], [{}])).toEqual({ outcome: 'durable' });
    expect(await log.events({ order: 'desc', limit: 5 })).toHaveLength(5);
    await expect(log.events({ order: 'asc', limit: 5 })).rejects.toMatchObject({ code: 'store_corrupt' });
    await log.close();
  });

  test('when a turn cannot be written, it and everything after it throws the same error', async () => {
    const path = await someStore();
    damage(path, 'event', (page, pages) => page === pages.at(-1));
    const log = await openSqliteLog(path);
    const hand = await Hand.on(log);
    const error = await hand.take([{ id: 'a' }], [{}]).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'StoreError', code: 'store_corrupt' });
    await expect(hand.take([{ id: 'b' }])).rejects.toBe(error);
    await expect(log.beat(1)).rejects.toBe(error);
    await expect(log.prune(1, 1)).rejects.toBe(error);
    await expect(log.load()).rejects.toBe(error);
    await log.close();
    expect(sql(path, `SELECT count(*) AS n FROM item WHERE id IN ('a', 'b')`)).toEqual([{ n: 0 }]);
  });

  test('a turn that fails half-way is taken back', async () => {
    const path = await someStore(0);
    const log = await openSqliteLog(path);
    const hand = await Hand.on(log);
    const error = await hand.take([{ id: 'a' }], [{ subject: undefined }]).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'store_failed' });
    await expect(log.turn(0, () => null)).rejects.toBe(error);
    await log.close();
    expect(sql(path, 'SELECT count(*) AS n FROM item')).toEqual([{ n: 0 }]);
  });
});

describe('what cannot be written', () => {
  // Permissions do not bind root, so these are directories in which nobody can make a file.
  test.each([
    ['a directory where no file can be made', '/proc/signalbox.db'],
    ['a directory that does not exist', join(import.meta.dirname, 'nowhere/signalbox.db')],
    ['a file in the place of the directory', join(import.meta.filename, 'signalbox.db')],
  ])('%s', async (_, path) => {
    expect((await refusal(path)).code).toBe('store_not_writable');
  });
});

test('every file of a store is for its owner alone', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openSqliteLog(path);
  for (const end of ['', '-wal', '-shm', '.lock', '.ballast']) {
    expect([end, (statSync(path + end).mode & 0o777).toString(8)]).toEqual([end, '600']);
  }
  await log.close();
});
