// What SQLite does for each statement, as it says itself: nothing may look through a whole table or sort, for that takes
// minutes where there are a million rows. Asks the plans of whatever the code prepares.

import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { EventQuery } from '../../src/log/log.ts';
import { EventBlocks } from '../../src/log/sqlite/blocks.ts';
import { migrate } from '../../src/log/sqlite/database.ts';
import { History } from '../../src/log/sqlite/history.ts';
import { Items } from '../../src/log/sqlite/items.ts';
import { newFolder } from './folder.ts';

class Recorder extends DatabaseSync {
  readonly prepared = new Set<string>();

  override prepare(sql: string): StatementSync {
    this.prepared.add(sql);
    return super.prepare(sql);
  }

  planOf(sql: string): string[] {
    return super
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
  }
}

const filters: Partial<EventQuery> = {
  since: 1,
  until: 2,
  subject: 'uat',
  kind: 'lease.',
  actor: 'anna',
  lease: 'ls_1',
};

test('no statement looks through a whole table, or sorts', () => {
  const database = new Recorder(join(newFolder(), 'signalbox.db'));
  migrate(database, () => {});
  database.prepared.clear();
  new Items(database).read(0);
  new EventBlocks(database).prune(0, 1);
  const history = new History(database);
  history.oldest();
  for (const order of ['asc', 'desc'] as const) {
    history.events({ ...filters, order, limit: 1 });
    for (const [name, value] of [['limit', 1], ...Object.entries(filters)]) {
      history.events({ limit: 1, order, [name as string]: value });
    }
  }
  expect(database.prepared.size).toBeGreaterThan(25);
  for (const sql of database.prepared) {
    const plan = database
      .planOf(sql)
      .filter((step) => /TEMP B-TREE|^SCAN (?!\(subquery|CONSTANT ROW|\d+-ROW VALUES)/.test(step));
    expect([sql, plan]).toEqual([sql, []]);
  }
  database.close();
});
