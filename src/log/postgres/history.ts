// The history, read with the indexes that the table has: by seq, by time, by subject and by lease. Kind and actor are looked for
// in what these leave.

import type { EventRecord } from '../../core/rows.ts';
import type { EventQuery } from '../log.ts';
import { EVENT_COLUMNS, eventOf } from './learning.ts';
import type { Session } from './session.ts';
import { toColumn } from './text.ts';

/** Without names: prepared for one use, so that each is planned for its own values. */
const unnamed = (text: string) => ({ name: '', text });

export async function readEvents(session: Session, space: string, query: EventQuery): Promise<EventRecord[]> {
  const values: unknown[] = [toColumn(space)];
  const conditions = ['space = $1'];
  const add = (condition: (value: string) => string, value: string | number | undefined): void => {
    if (value === undefined) return;
    values.push(typeof value === 'string' ? toColumn(value) : value);
    conditions.push(condition(`$${values.length}`));
  };
  add((value) => `seq > ${value}::bigint`, query.afterSeq);
  add((value) => `seq < ${value}::bigint`, query.beforeSeq);
  add((value) => `at >= to_timestamp(${value}::bigint / 1000.0)`, query.since);
  add((value) => `at < to_timestamp(${value}::bigint / 1000.0)`, query.until);
  add((value) => `subject = ${value}::text`, query.subject);
  add((value) => `actor = ${value}::text`, query.actor);
  add((value) => `lease = ${value}::text`, query.lease);
  add(
    (value) => (query.kind?.endsWith('.') ? `starts_with(kind, ${value}::text)` : `kind = ${value}::text`),
    query.kind,
  );
  const order = query.order === 'asc' ? 'ASC' : 'DESC';
  const { rows } = await session.run(
    unnamed(
      `SELECT ${EVENT_COLUMNS} FROM event WHERE ${conditions.join(' AND ')} ORDER BY seq ${order} LIMIT ${Number(query.limit)}`,
    ),
    values,
  );
  return rows.map(eventOf);
}

export async function oldestEvent(session: Session, space: string): Promise<number | null> {
  const text = 'SELECT seq FROM event WHERE space = $1 ORDER BY seq LIMIT 1';
  const { rows } = await session.run(unnamed(text), [toColumn(space)]);
  return rows[0] === undefined ? null : Number(rows[0][0]);
}

/** Drops the oldest events before a wall time. */
export async function pruneEvents(session: Session, space: string, beforeAt: number, limit: number): Promise<number> {
  const { count } = await session.run(
    unnamed(
      `DELETE FROM event WHERE space = $1 AND seq = ANY (ARRAY(
         SELECT seq FROM event WHERE space = $1 AND at < to_timestamp($2::bigint / 1000.0) ORDER BY seq LIMIT $3::int))`,
    ),
    [toColumn(space), beforeAt, limit],
  );
  return count;
}

/** Drops turns that are older than what is kept for others to learn from. */
export async function pruneTurns(
  session: Session,
  space: string,
  kept: { readonly turns: number; readonly ms: number },
  limit: number,
): Promise<number> {
  const { count } = await session.run(
    unnamed(
      `DELETE FROM turn WHERE space = $1 AND prev = ANY (ARRAY(
         SELECT prev FROM turn WHERE space = $1 AND kept_at < now() - $3::float8 * interval '1 millisecond'
           AND prev < (SELECT prev FROM turn WHERE space = $1 ORDER BY prev DESC OFFSET $2::int LIMIT 1)
         ORDER BY prev LIMIT $4::int))`,
    ),
    [toColumn(space), kept.turns - 1, kept.ms, limit],
  );
  return count;
}
