// Reading the turns that others have taken. What always holds: they are handed over in one unbroken line that begins with the
// last turn this server knows, found by its id: where that turn is missing, or another stands in its place, what this server
// knows is not what the database holds, and only loading again helps.

import type { Change, EventRecord } from '../../core/rows.ts';
import type { Learned, Reload } from '../log.ts';
import type { Answer, Asked, Row, Statement } from './session.ts';
import { fromColumn, fromJson } from './text.ts';

/** Where this server is: the last turn that it has taken or learned. `id` is null before the first. */
export interface Position {
  readonly prev: number;
  readonly seq: number;
  readonly id: string | null;
  readonly tick: number;
}

export interface Missed {
  readonly outcome: 'missed';
  readonly turns: readonly Learned[];
  readonly position: Position;
  /** There may be more of them. */
  readonly more: boolean;
}

const MILLISECONDS = '(extract(epoch FROM at) * 1000)::bigint';
export const EVENT_COLUMNS = `seq, ${MILLISECONDS}, kind, subject, actor, data`;

/** Values: space, prev of the known turn, whether that is a turn at all, how many. The known turn comes too, for its id alone. */
const TURNS: Statement = {
  name: 'turns',
  text: `SELECT prev, seq, id, tick, ${MILLISECONDS}, CASE WHEN $3::boolean AND prev = $2::bigint THEN NULL ELSE changes END
    FROM turn WHERE space = $1::text AND prev >= $2::bigint ORDER BY prev LIMIT $4::bigint`,
};
/** Values: space, seq of the known turn, its prev, how many turns. */
const EVENTS: Statement = {
  name: 'events',
  text: `SELECT ${EVENT_COLUMNS} FROM event WHERE space = $1::text AND seq > $2::bigint AND seq <= (
      SELECT max(seq) FROM (
        SELECT seq FROM turn WHERE space = $1::text AND prev >= $3::bigint ORDER BY prev LIMIT $4::bigint
      ) AS missed
    ) ORDER BY seq`,
};

/** Two statements: at most `limit` turns after the position, and their events. `space`: as in a column. */
export function missedStatements(space: string, { prev, seq, id }: Position, limit: number): readonly Asked[] {
  return [
    [TURNS, [space, prev, id !== null, limit + 1]],
    [EVENTS, [space, seq, prev, limit + 1]],
  ];
}

/** Takes the answers of `missedStatements`. */
export function readMissed(turns: Answer, events: Answer, position: Position, limit: number): Missed | Reload {
  const rows = [...turns.rows];
  if (position.id !== null) {
    const known = rows.shift();
    if (known === undefined || Number(known[1]) !== position.seq || fromColumn(known[2] as string) !== position.id)
      return {
        outcome: 'reload',
        why: 'the last turn that this server knows is not in the database, or no longer kept',
      };
  }
  const happened = events.rows.map(eventOf);
  const learned: Learned[] = [];
  let at = position;
  let next = 0;
  for (const row of rows) {
    const turn = turnOf(row);
    if (turn.prev !== at.seq) return { outcome: 'reload', why: 'turns that this server has missed are no longer kept' };
    const first = next;
    while ((happened[next]?.seq ?? Number.POSITIVE_INFINITY) <= turn.seq) next++;
    learned.push({ ...turn, events: happened.slice(first, next) });
    at = { prev: turn.prev, seq: turn.seq, id: fromColumn(row[2] as string), tick: Math.max(at.tick, turn.tick) };
  }
  return { outcome: 'missed', turns: learned, position: at, more: turns.rows.length > limit };
}

function turnOf([prev, seq, , tick, at, changes]: Row): Omit<Learned, 'events'> {
  return {
    ...{ prev: Number(prev), seq: Number(seq), tick: Number(tick), at: Number(at) },
    changes: fromJson<Change[]>(changes as string),
  };
}

export function eventOf([seq, at, kind, subject, actor, data]: Row): EventRecord {
  return {
    ...{ seq: Number(seq), at: Number(at), kind: fromColumn(kind as string) },
    ...{ subject: fromColumn(subject as string), actor: fromColumn(actor as string) },
    data: fromJson<EventRecord['data']>(data as string),
  };
}
