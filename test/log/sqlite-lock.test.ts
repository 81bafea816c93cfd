// One file, one server, however that server ends; and everybody may look.

import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import { Hand } from './drafts.ts';
import { newFolder } from './folder.ts';
import { ServerProcess } from './server-process.ts';

test('a second server is refused and told who is there; after kill -9 it may start at once', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const server = await ServerProcess.start(path);
  await expect(openSqliteLog(path)).rejects.toMatchObject({
    code: 'store_in_use',
    message: expect.stringMatching(
      new RegExp(
        `^${path} is open in another Signalbox \\(process ${server.pid}, since \\d\\d:\\d\\d\\)\\. [^\\n]+\\.$`,
      ),
    ),
  });
  // The refusal changed nothing for the first.
  await server.hasTaken(server.acknowledged + 3);
  await server.kill();
  const log = await openSqliteLog(path);
  await expect(openSqliteLog(path)).rejects.toMatchObject({
    message: expect.stringContaining(`process ${process.pid},`),
  });
  await log.close();
});

test('of many that start at the same moment one gets the store', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const starts = await Promise.allSettled(Array.from({ length: 5 }, () => openSqliteLog(path)));
  const logs = starts.filter((start) => start.status === 'fulfilled').map(({ value }) => value);
  const refusals = starts.filter((start) => start.status === 'rejected').map(({ reason }) => reason.code);
  for (const log of logs) await log.close();
  expect(refusals).toEqual(Array(4).fill('store_in_use'));
});

test('another name of the same file is the same store', async () => {
  const folder = newFolder();
  const log = await openSqliteLog(join(folder, 'signalbox.db'));
  onTestFinished(() => log.close());
  symlinkSync('signalbox.db', join(folder, 'link.db'));
  await expect(openSqliteLog(join(folder, 'link.db'))).rejects.toMatchObject({ code: 'store_in_use' });
});

test('another program may look into the store while it is served, and may not write into it', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openSqliteLog(path);
  onTestFinished(() => log.close());
  const hand = await Hand.on(log);
  await hand.take([{ id: 'ls_1', row: { state: 'held' } }], [{ subject: 'uat' }]);

  const script = `
    const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)});
    console.log(JSON.stringify(db.prepare('SELECT kind, id, body FROM item').all()));
    console.log(JSON.stringify(db.prepare('SELECT kind, subject FROM event').all()));
    try { db.exec("DELETE FROM item"); } catch (error) { console.log(error.message); }`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual([
    '[{"kind":"lease","id":"ls_1","body":"{\\"id\\":\\"ls_1\\",\\"seq\\":1,\\"state\\":\\"held\\"}"}]',
    '[{"kind":"lease.granted","subject":"uat"}]',
    'database is locked',
  ]);
  expect(await hand.take([{ id: 'ls_2' }])).toEqual({ outcome: 'durable' });
});

test('a reader who stays does not hold up turns, and the log is cut once it has gone', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openSqliteLog(path);
  onTestFinished(() => log.close());
  const hand = await Hand.on(log);
  await hand.take([{ id: 'first' }]);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('BEGIN');
  const count = () => reader.prepare('SELECT count(*) AS n FROM item').get()?.n;
  expect(count()).toBe(1);
  const write = async (turns: number) => {
    // Each time another text, else SQLite sees that most pages stay as they are.
    for (let i = 0; i < turns; i++) await hand.take([{ id: 'large', row: { text: `${hand.seq} `.repeat(20_000) } }]);
  };
  await write(200);
  expect(count()).toBe(1);
  const pagesInLog = () => Number(reader.prepare('PRAGMA wal_checkpoint(NOOP)').get()?.log);
  reader.exec('COMMIT');
  expect(pagesInLog()).toBeGreaterThan(3_000);
  await write(100);
  expect(pagesInLog()).toBeLessThan(1_100);
  reader.close();
});
