// One turn as the database sees it: a short transaction of two round trips. What always holds:
//   T1 the lock of the space is taken first, and what others have appended is read in later statements: a statement sees what was
//      committed before it began, so one that waited for the lock itself would miss the turn it has waited for;
//   T2 a turn is kept if and only if its COMMIT has answered `COMMIT`, without a warning beside it. `ROLLBACK` is what a COMMIT
//      answers after a statement that has failed, and it is no error; a warning says that a standby was not waited for;
//   T3 anything else is unknown, and is found out by fate.ts: nothing is answered until then.

import type { Change } from '../../core/rows.ts';
import type { Draft, Reload } from '../log.ts';
import { type Missed, missedStatements, type Position, readMissed } from './learning.ts';
import type { Answer, Session, Statement } from './session.ts';
import { toColumn } from './text.ts';

/** More than a server misses between two turns of its own; fewer than would hold the lock for long. */
const LEARNED_UNDER_LOCK = 32;

export interface Begun {
  readonly outcome: 'begun';
  readonly missed: Missed | Reload;
  readonly epoch: number;
  readonly clock: number;
  /** The database takes no changes now. */
  readonly isReadOnly: boolean;
}

/** The lock of a space, for statements that are put together; `space` is a literal. */
export function lockStatement(space: string): string {
  return `SELECT pg_advisory_xact_lock(hashtextextended(${space}, 7))`;
}

const BEGIN: Statement = { name: 'begin', text: 'BEGIN' };
const LOCK: Statement = { name: 'lock', text: lockStatement('$1::text') };
const META: Statement = {
  name: 'meta',
  text: `SELECT epoch, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, current_setting('transaction_read_only')
    FROM meta WHERE space = $1::text`,
};
const EPOCH: Statement = { name: 'epoch', text: 'SELECT epoch FROM meta WHERE space = $1::text' };

/** Begins the turn: waits for the lock, and reads what was missed. Null: there is no such space any more. */
export async function begin(session: Session, space: string, position: Position): Promise<Begun | null> {
  const column = toColumn(space);
  // Prepared, and not one text: parsing it anew each time would cost the database more than all the rest of a small turn.
  const [, , meta, turns, events] = await session.inOneTrip([
    [BEGIN, []],
    [LOCK, [column]],
    [META, [column]],
    ...missedStatements(column, position, LEARNED_UNDER_LOCK),
  ]);
  const row = meta?.rows[0];
  if (row === undefined) return null;
  return {
    ...{ outcome: 'begun', epoch: Number(row[0]), clock: Number(row[1]), isReadOnly: row[2] === 'on' },
    missed: readMissed(turns as Answer, events as Answer, position, LEARNED_UNDER_LOCK),
  };
}

/** The same without the lock, for a server that only wants to know. */
export async function learn(
  session: Session,
  space: string,
  position: Position,
  limit: number,
): Promise<{ epoch: number; missed: Missed | Reload } | null> {
  const column = toColumn(space);
  const [meta, turns, events] = await session.inOneTrip([
    [EPOCH, [column]],
    ...missedStatements(column, position, limit),
  ]);
  const row = meta?.rows[0];
  if (row === undefined) return null;
  return { epoch: Number(row[0]), missed: readMissed(turns as Answer, events as Answer, position, limit) };
}

/** Ends a turn that appends nothing. Not waited for: whatever comes next on the session comes behind it. */
export function giveBack(session: Session): void {
  if (!session.isLost) session.run({ name: 'rollback', text: 'ROLLBACK' }).catch(() => session.drop());
}

const APPEND: Statement = {
  name: 'append',
  text: `WITH turned AS (
      INSERT INTO turn (space, prev, seq, id, tick, at, changes)
      VALUES ($1::text, $2::bigint, $3::bigint, $4::text, $5::bigint, to_timestamp($6::bigint / 1000.0), $7::text)
    ), put AS (
      INSERT INTO item AS i (space, kind, id, seq, body)
      SELECT $1, u.kind, u.id, u.seq, u.body
      FROM unnest($8::text[], $9::text[], $10::bigint[], $11::text[]) AS u (kind, id, seq, body)
      ON CONFLICT (space, kind, id) DO UPDATE SET seq = excluded.seq, body = excluded.body
    ), gone AS (
      DELETE FROM item AS i USING unnest($12::text[], $13::text[]) AS u (kind, id)
      WHERE i.space = $1 AND i.kind = u.kind AND i.id = u.id
    )
    INSERT INTO event (space, seq, at, kind, subject, actor, lease, data)
    SELECT $1, u.seq, to_timestamp(u.at / 1000.0), u.kind, u.subject, u.actor, u.lease, u.data
    FROM unnest($14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[])
      AS u (seq, at, kind, subject, actor, lease, data)`,
};
const COMMIT: Statement = { name: 'commit', text: 'COMMIT' };

export type Appended =
  | { readonly outcome: 'kept' }
  /** For certain. `error` is what the database said. */
  | { readonly outcome: 'refused'; readonly error: unknown }
  | { readonly outcome: 'unknown' };

/** Appends and commits. `tick` is that of the turn, or of an earlier one if that was later: log time never goes back. */
export async function append(session: Session, space: string, draft: Draft, tick: number): Promise<Appended> {
  const warningsBefore = session.warnings;
  const values = valuesOf(space, draft, tick);
  const [appended, committed] = await Promise.allSettled(
    session.together(() => [session.run(APPEND, values), session.run(COMMIT)]),
  );
  if (committed?.status !== 'fulfilled' || session.warnings > warningsBefore) return { outcome: 'unknown' };
  if (committed.value.tag === 'COMMIT' && appended?.status === 'fulfilled') return { outcome: 'kept' };
  if (committed.value.tag !== 'ROLLBACK') return { outcome: 'unknown' };
  return { outcome: 'refused', error: appended?.status === 'rejected' ? appended.reason : null };
}

function valuesOf(space: string, { prev, seq, id, at, changes, events }: Draft, tick: number): unknown[] {
  const last = lastOfEach(changes);
  const bodies = last.map(({ row }) => (row === null ? null : bodyOf(row)));
  const put = last.flatMap((change, i) => (bodies[i] === null ? [] : [{ ...change, body: bodies[i] }]));
  const gone = last.filter(({ row }) => row === null);
  return [
    ...[toColumn(space), prev, seq, toColumn(id), tick, at, changesText(last, bodies)],
    put.map(({ kind }) => toColumn(kind)),
    put.map(({ id }) => toColumn(id)),
    put.map(({ seq }) => seq),
    put.map(({ body }) => body),
    gone.map(({ kind }) => toColumn(kind)),
    gone.map(({ id }) => toColumn(id)),
    events.map((event) => event.seq),
    events.map((event) => event.at),
    events.map(({ kind }) => toColumn(kind)),
    events.map(({ subject }) => toColumn(subject)),
    events.map(({ actor }) => toColumn(actor)),
    events.map(({ data }) => (typeof data.lease === 'string' ? toColumn(data.lease) : null)),
    events.map(({ data }) => JSON.stringify(data)),
  ];
}

/** What changes from turn to turn comes first: of an update within its page the database logs nothing of what both bodies end with alike. */
function bodyOf(row: object): string {
  const first: Record<string, unknown> = {};
  for (const name of changing) if (name in row) first[name] = (row as Record<string, unknown>)[name];
  return JSON.stringify({ ...first, ...row });
}

/** Fields, most of them of leases, which are what changes most often. */
const changing = [
  ...['seq', 'state', 'ttlTick', 'end', 'endedAt', 'endedTick', 'renewal', 'collected', 'resumed', 'revoking', 'seat'],
  ...['aliveTick', 'granted', 'grantedAt', 'grantedTick', 'fence'],
];

/** As JSON, from the bodies that are there already. */
function changesText(changes: readonly Change[], bodies: readonly (string | null)[]): string {
  const texts = changes.map(
    ({ kind, id, seq }, i) =>
      `{"kind":${JSON.stringify(kind)},"id":${JSON.stringify(id)},"seq":${seq},"row":${bodies[i] ?? 'null'}}`,
  );
  return `[${texts.join(',')}]`;
}

/** The last change of each row: the statement that puts can put each row only once. */
function lastOfEach(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.kind} ${change.id}`;
    last.delete(key);
    last.set(key, change);
  }
  return [...last.values()];
}
