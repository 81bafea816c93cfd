import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import { durableConformance, logConformance, type Place } from './conformance.ts';
import { sql } from './damage.ts';
import { Hand } from './drafts.ts';
import { newFolder } from './folder.ts';

function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-log-'));
  return {
    open: () => openSqliteLog(join(folder, 'signalbox.db')),
    clear: async () => rmSync(folder, { recursive: true }),
  };
}

describe('sqlite:', () => {
  logConformance(newPlace);
  durableConformance(newPlace);

  test('what is known of parts of the history goes with them', async () => {
    const path = join(newFolder(), 'signalbox.db');
    const log = await openSqliteLog(path);
    const hand = await Hand.on(log);
    for (let i = 0; i < 10; i++) {
      await hand.take(
        [],
        Array.from({ length: 1_000 }, (_, k) => ({ subject: `env-${k % 50}` })),
      );
    }
    await log.prune(Number.MAX_SAFE_INTEGER, 10_000);
    await log.close();
    expect(sql(path, 'SELECT count(*) AS n FROM event_block')).toEqual([{ n: 1 }]);
    expect(sql(path, 'SELECT count(*) AS n FROM event_subject')).toEqual([{ n: 50 }]);
  });
});
