// What became of a turn whose COMMIT was not answered, or was answered with a warning. What always holds: under the lock the
// transaction of that turn is over, so its id is there, or never will be. And what is there counts only when a later commit has
// been answered without a warning: a standby that has that one has all before it, so a turn that only this server has is not
// taken for durable.

import type { Draft } from '../log.ts';
import { StoreError } from '../store-error.ts';
import type { Session } from './session.ts';
import { toColumn } from './text.ts';
import { lockStatement } from './turns.ts';

export type Fate = 'durable' | 'lost' | 'unknown';

/** Looks on a new session. Throws what went wrong on the way; then nothing is known yet. */
export async function lookUp(session: Session, space: string, { id, prev }: Draft): Promise<Fate> {
  const literal = session.literal(toColumn(space));
  const warningsBefore = session.warnings;
  const [, , found, , committed] = await session.simple(
    `BEGIN; ${lockStatement(literal)};
    SELECT (SELECT id FROM turn WHERE space = ${literal} AND prev = ${prev}),
      (SELECT prev FROM turn WHERE space = ${literal} ORDER BY prev LIMIT 1);
    UPDATE meta SET tick = tick WHERE space = ${literal};
    COMMIT`,
  );
  if (committed?.tag !== 'COMMIT' || session.warnings > warningsBefore) return 'unknown';
  const [there, oldest] = found?.rows[0] ?? [];
  if (there === toColumn(id)) return 'durable';
  if (there == null && oldest != null && Number(oldest) > prev) {
    // Away for longer than turns are kept.
    throw new StoreError('store_failed', 'whether the last turn was kept can no longer be found out.');
  }
  return 'lost';
}
