// Brings the tables up to what this version knows: the numbered files in schema/postgres, each once, in order. What always holds:
//   - any number of servers may start at once; one of them does it, the others wait, all or nothing of it is kept;
//   - a schema that is newer than this version is refused;
//   - a file that was released is never changed, only followed; servers of the version before must be able to go on beside it.

import { readdirSync, readFileSync } from 'node:fs';
import { StoreError } from '../store-error.ts';
import { codeOf } from './faults.ts';
import type { Session } from './session.ts';

const folder = new URL('../schema/postgres/', import.meta.url);

interface Step {
  readonly number: number;
  readonly name: string;
}

/** Of the files `001-tables.sql` and so on, the number and the name. */
export function knownSteps(): readonly Step[] {
  return readdirSync(folder)
    .filter((name) => /^\d{3}-.*\.sql$/.test(name))
    .sort()
    .map((name) => ({ number: Number(name.slice(0, 3)), name }));
}

export async function migrate(session: Session, shown: string): Promise<void> {
  const known = knownSteps();
  const newest = known.at(-1)?.number ?? 0;
  if ((await appliedTo(session, shown, newest)) === newest) return;
  try {
    await session.simple(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('signalbox schema', 7))`);
    await apply(session, known, shown, newest);
    const answer = await session.simple('COMMIT');
    if (answer[0]?.tag !== 'COMMIT') throw new Error('the tables could not be made');
  } catch (error) {
    if (!session.isLost) await session.simple('ROLLBACK');
    if (codeOf(error) === '42P07') {
      const message = `${shown} has a schema signalbox that is not ours. Give another database.`;
      throw new StoreError('store_not_ours', message, { cause: error });
    }
    throw error;
  }
}

async function apply(session: Session, known: readonly Step[], shown: string, newest: number): Promise<void> {
  // In a statement after the lock: another server may have done it meanwhile.
  const applied = await appliedTo(session, shown, newest);
  if (applied === 0) await makeSchema(session);
  for (const { number, name } of known) {
    if (number <= applied) continue;
    await session.simple(readFileSync(new URL(name, folder), 'utf8'));
    await session.simple(`INSERT INTO schema_step (number, name) VALUES (${number}, ${session.literal(name)})`);
  }
}

async function makeSchema(session: Session): Promise<void> {
  // Asked first: whoever may not make schemas may still have been given this one.
  const [there] = await session.simple(`SELECT 1 FROM pg_namespace WHERE nspname = 'signalbox'`);
  if (there?.rows.length === 0) await session.simple('CREATE SCHEMA signalbox');
  await session.simple(
    'CREATE TABLE schema_step (number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
  );
}

/** The number of the last step that was applied; 0 in a database without our tables. */
async function appliedTo(session: Session, shown: string, newest: number): Promise<number> {
  // Asked of the catalogue itself: to_regclass answers from a cache, and misses what another server has made meanwhile.
  const [table] = await session.simple(
    `SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = 'signalbox' AND relname = 'schema_step'`,
  );
  if (table?.rows.length === 0) return 0;
  const [last] = await session.simple('SELECT coalesce(max(number), 0) FROM signalbox.schema_step');
  const applied = Number(last?.rows[0]?.[0]);
  if (applied <= newest) return applied;
  throw new StoreError(
    'store_newer',
    `${shown} was written by a later version of Signalbox (its tables are at step ${applied}, this version knows ${newest}). Use that version.`,
  );
}
