// A full disk (L14): the turn that finds no room is not kept at all, the ballast makes room for what only keeps or gives back,
// and once there is room again all goes on as before.

import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { openSqliteLog, type SqliteLogOptions } from '../../src/log/sqlite.ts';
import { Hand, rowsOf } from './drafts.ts';
import { newFolder } from './folder.ts';

const diskBytes = 12 << 20;
const options: SqliteLogOptions = { ballastBytes: 2 << 20, roomCheckMs: 20 };

/** A disk of its own, as a folder. Only root may have one; the tests below it then say that they were left out, and why. */
function smallDisk(context: TestContext): string {
  const folder = join(newFolder(), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    context.skip('no right to mount a small disk here; `max_page_count` shows the same below, but for the ballast');
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
  });
  return folder;
}

/** Takes all the room there is. Returns the file that has it. */
function fill(folder: string): string {
  const file = join(folder, 'filler');
  const descriptor = openSync(file, 'a');
  try {
    for (const bytes of [1 << 16, 1 << 12]) {
      try {
        for (;;) writeSync(descriptor, Buffer.alloc(bytes, 1));
      } catch {
        // Full.
      }
    }
  } finally {
    closeSync(descriptor);
  }
  return file;
}

/** Puts new rows until there is no room. Returns the ids of those that were kept. */
async function putUntilFull(hand: Hand): Promise<string[]> {
  const kept: string[] = [];
  for (let i = 0; i < 10_000; i++) {
    const ids = Array.from({ length: 5 }, (_, k) => `new-${hand.seq}-${k}`);
    const outcome = await hand.take(
      ids.map((id) => ({ id, row: { text: 'x'.repeat(1_000) } })),
      [{ subject: 'uat' }],
    );
    if (outcome.outcome === 'full') {
      expect(outcome.message).toMatch(/no room/);
      return kept;
    }
    kept.push(...ids);
  }
  throw new Error('it never became full');
}

describe('on a small disk', () => {
  test('new rows are refused, renewals and releases go on, and all goes on when there is room', async (context) => {
    const folder = smallDisk(context);
    const path = join(folder, 'signalbox.db');
    const log = await openSqliteLog(path, options);
    onTestFinished(() => log.close());
    const hand = await Hand.on(log);
    const held = Array.from({ length: 50 }, (_, i) => `held-${i}`);
    await hand.take(held.map((id) => ({ id, row: { renewed: 0 } })));
    const filler = fill(folder);
    expect(log.full).toBe(false);

    const kept = await putUntilFull(hand);
    expect(log.full).toBe(true);
    expect(existsSync(`${path}.ballast`)).toBe(false);
    expect(Object.keys(await rowsOf(log))).toEqual([...held, ...kept]);

    for (let renewed = 1; renewed <= 20; renewed++) {
      for (const id of held) expect(await hand.take([{ id, row: { renewed } }])).toEqual({ outcome: 'durable' });
      await log.beat(hand.tick + 1);
    }
    for (const id of held)
      expect(await hand.take([{ id, row: null }], [{ data: { lease: id } }])).toEqual({ outcome: 'durable' });
    expect(log.full).toBe(true);
    expect(Object.keys(await rowsOf(log))).toEqual(kept);
    expect(await log.events({ lease: 'held-49', order: 'desc', limit: 1 })).toHaveLength(1);

    rmSync(filler);
    await expect.poll(() => log.full, { timeout: 20_000 }).toBe(false);
    expect(existsSync(`${path}.ballast`)).toBe(true);
    expect(await hand.take([{ id: 'later', row: { text: 'x'.repeat(500_000) } }])).toEqual({ outcome: 'durable' });
    await log.close();

    const again = await openSqliteLog(path, options);
    expect(Object.keys(await rowsOf(again))).toEqual([...kept, 'later']);
    await again.close();
  });

  test('when even the ballast is used up, turns are still refused whole, and the log goes on', async (context) => {
    const folder = smallDisk(context);
    const log = await openSqliteLog(join(folder, 'signalbox.db'), options);
    onTestFinished(() => log.close());
    const hand = await Hand.on(log);
    const kept = await putUntilFull(hand);
    kept.push(...(await putUntilFull(hand)));
    await putUntilFull(hand);
    await log.beat(1_000_000);
    expect(await log.prune(1_000_000, 1)).toBeTypeOf('number');
    expect(Object.keys(await rowsOf(log))).toEqual(kept);
    expect((await log.load()).seq).toBe(hand.seq);
    expect(log.full).toBe(true);
  });

  test('a server starts on a full disk, on its ballast', async (context) => {
    const folder = smallDisk(context);
    const path = join(folder, 'signalbox.db');
    const before = await openSqliteLog(path, options);
    await (await Hand.on(before)).take([{ id: 'held' }]);
    await before.close();
    const filler = fill(folder);

    const log = await openSqliteLog(path, options);
    onTestFinished(() => log.close());
    expect(log.full).toBe(true);
    const hand = await Hand.on(log);
    expect(await hand.take([{ id: 'held', row: null }], [{}])).toEqual({ outcome: 'durable' });
    rmSync(filler);
    await expect.poll(() => log.full, { timeout: 20_000 }).toBe(false);
  });

  test('a store cannot be made on a full disk, and says so', async (context) => {
    const folder = smallDisk(context);
    fill(folder);
    await expect(openSqliteLog(join(folder, 'signalbox.db'), options)).rejects.toMatchObject({ code: 'store_full' });
  });
});

test('a database that may not grow refuses a turn whole, and takes what needs no room', async () => {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openSqliteLog(path, { ...options, maxPages: 100 });
  onTestFinished(() => log.close());
  const hand = await Hand.on(log);
  await hand.take([{ id: 'held', row: { renewed: 0 } }]);
  const kept = await putUntilFull(hand);
  expect(Object.keys(await rowsOf(log))).toEqual(['held', ...kept]);
  for (let renewed = 1; renewed < 50; renewed++) {
    expect(await hand.take([{ id: 'held', row: { renewed } }])).toEqual({ outcome: 'durable' });
  }
  expect(await hand.take(kept.map((id) => ({ id, row: null })))).toEqual({ outcome: 'durable' });
  expect(await hand.take([{ id: 'new', row: { text: 'x'.repeat(1_000) } }])).toEqual({ outcome: 'durable' });
  expect(Object.keys(await rowsOf(log))).toEqual(['held', 'new']);
});
