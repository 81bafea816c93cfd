// A server that is killed in the middle of its turns: what it acknowledged is there, and no turn is there in half.

import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Log } from '../../src/log/log.ts';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import { rowsOf } from './drafts.ts';
import { newFolder } from './folder.ts';
import { ServerProcess } from './server-process.ts';

const kills = 10;

test('after kill -9 every acknowledged turn is there whole, and no other but perhaps the one under way', async () => {
  const path = join(newFolder(), 'signalbox.db');
  let last = 0;
  for (let kill = 0; kill < kills; kill++) {
    const server = await ServerProcess.start(path);
    await server.hasTaken(last + 1 + Math.floor(Math.random() * 30));
    await after(Math.random() * 3);
    await server.kill();

    const log = await openSqliteLog(path);
    last = await wholeTurns(log);
    expect(last - server.acknowledged).toBeGreaterThanOrEqual(0);
    expect(last - server.acknowledged).toBeLessThanOrEqual(1);
    await log.close();
  }
});

/** How many turns are there, each of them whole. */
async function wholeTurns(log: Log): Promise<number> {
  const rows = (await rowsOf(log)) as Record<string, { n: number }>;
  const turns = rows.latest?.n ?? 0;
  const expected = Array.from({ length: turns }, (_, i) => Array.from({ length: 9 }, (_, k) => `turn-${i + 1}-${k}`));
  expect(Object.keys(rows)).toEqual([...expected.flat(), 'latest']);
  const events = [];
  for (let page = await next(log, -1); page.length > 0; page = await next(log, page.at(-1)?.seq ?? 0))
    events.push(...page);
  expect(events.map(({ data }) => data.n)).toEqual(expected.map((_, i) => i + 1));
  expect((await log.load()).seq).toBe(turns * 11);
  return turns;
}

function next(log: Log, afterSeq: number) {
  return log.events({ afterSeq, order: 'asc', limit: 1_000 });
}
