// What the database knows of a space: the table `meta`. What always holds: the epoch has risen before anything is written on
// a new timeline. A database that was failed over may have lost turns, and their seqs come again; with a higher epoch no fence
// does. So every session looks at the timeline before it is used, and each turn looks at the epoch.

import { randomBytes } from 'node:crypto';
import { StoreError } from '../store-error.ts';
import type { Position } from './learning.ts';
import type { Session } from './session.ts';
import { fromColumn, toColumn } from './text.ts';

/** The first eight digits of the name of the file that is being written; `system` tells a copy of the database from itself. */
const TIMELINE = `('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int8`;
const SYSTEM = '(SELECT system_identifier::text FROM pg_control_system())';

/** Makes the space if there is none, and says whether it did. */
export async function makeSpace(session: Session, space: string): Promise<boolean> {
  const { count } = await session.run(
    {
      name: '',
      text: `INSERT INTO meta (space, epoch, timeline, system, seq, tick, secret)
        VALUES ($1, 0, ${TIMELINE}, ${SYSTEM}, 0, 0, $2) ON CONFLICT (space) DO NOTHING`,
    },
    [toColumn(space), randomBytes(32).toString('hex')],
  );
  return count === 1;
}

/** Raises the epochs of all spaces if the database has another timeline than when it was last looked at, or is a copy of that one. */
export async function raiseEpochs(session: Session): Promise<void> {
  const [answer] = await session.simple(
    `SELECT ${TIMELINE}, ${SYSTEM}, max(epoch) FROM meta WHERE NOT (timeline = ${TIMELINE} AND system = ${SYSTEM})`,
  );
  const [timeline, system, highest] = answer?.rows[0] ?? [];
  if (highest == null) return;
  if (Number(highest) >= 8191) {
    throw new StoreError(
      'store_failed',
      'this store was failed over or put back 8192 times, which is as often as fences allow. Begin a new one.',
    );
  }
  // Of several servers that see it at once, one raises them: the others find the rows changed.
  await session.run(
    {
      name: '',
      text: 'UPDATE meta SET epoch = epoch + 1, timeline = $1, system = $2 WHERE NOT (timeline = $1 AND system = $2)',
    },
    [timeline, system],
  );
}

/**
 * Raises the epoch of a space that has gone back behind a turn which this server has known in that epoch: somebody has put an older
 * copy in its place, and its seqs, which are in fences, would come again.
 */
export async function raiseIfGoneBack(
  session: Session,
  space: string,
  { prev, seq, id }: Position,
  epoch: number,
): Promise<void> {
  const { rows } = await session.run(
    {
      name: '',
      text: `SELECT (SELECT id FROM turn WHERE space = $1 AND prev = $2),
        coalesce((SELECT seq FROM turn WHERE space = $1 ORDER BY prev DESC LIMIT 1), (SELECT seq FROM meta WHERE space = $1))`,
    },
    [toColumn(space), prev],
  );
  const [there, newest] = rows[0] ?? [];
  // Where there is none in its place, it may only be no longer kept.
  const isBack = there == null ? newest != null && Number(newest) < seq : fromColumn(there) !== id;
  if (!isBack) return;
  // Of several servers that see it, one raises it.
  const text = 'UPDATE meta SET epoch = epoch + 1 WHERE space = $1 AND epoch = $2';
  await session.run({ name: '', text }, [toColumn(space), epoch]);
}

/** Keeps a log time that is later than all before. */
export async function keepTick(session: Session, space: string, tick: number): Promise<void> {
  const text = 'UPDATE meta SET tick = $2 WHERE space = $1 AND tick < $2';
  await session.run({ name: 'beat', text }, [toColumn(space), tick]);
}

export interface SpaceMeta {
  readonly seq: number;
  readonly tick: number;
  readonly epoch: number;
  readonly secret: string;
}

/** As of the last turn. Null: there is no such space. */
export async function readSpaceMeta(session: Session, space: string): Promise<SpaceMeta | null> {
  const { rows } = await session.run(
    {
      name: '',
      text: `SELECT coalesce(turn.seq, meta.seq), greatest(meta.tick, turn.tick), meta.epoch, meta.secret FROM meta
        LEFT JOIN (SELECT seq, tick FROM turn WHERE space = $1 ORDER BY prev DESC LIMIT 1) AS turn ON true
        WHERE space = $1`,
    },
    [toColumn(space)],
  );
  const [seq, tick, epoch, secret] = rows[0] ?? [];
  if (seq === undefined) return null;
  return { seq: Number(seq), tick: Number(tick), epoch: Number(epoch), secret: secret as string };
}

/** Whether anything was ever kept in a space, or in any (null). One that was made and never used does not count. */
export async function holdsAnything(session: Session, space: string | null): Promise<boolean> {
  const { rows } = await session.run(
    {
      name: '',
      text: `SELECT EXISTS (SELECT 1 FROM meta WHERE space = coalesce($1, space) AND seq > 0)
        OR EXISTS (SELECT 1 FROM turn WHERE space = coalesce($1, space))
        OR EXISTS (SELECT 1 FROM item WHERE space = coalesce($1, space))
        OR EXISTS (SELECT 1 FROM event WHERE space = coalesce($1, space))`,
    },
    [space === null ? null : toColumn(space)],
  );
  return rows[0]?.[0] === 't';
}

/** Makes a space whose turns begin where those of another store have ended. */
export async function copySpace(session: Session, space: string, meta: SpaceMeta): Promise<void> {
  await session.run(
    {
      name: '',
      text: `INSERT INTO meta (space, epoch, timeline, system, seq, tick, secret)
        VALUES ($1, $2, ${TIMELINE}, ${SYSTEM}, $3, $4, $5) ON CONFLICT (space) DO UPDATE
        SET epoch = excluded.epoch, timeline = excluded.timeline, system = excluded.system, seq = excluded.seq,
          tick = excluded.tick, secret = excluded.secret`,
    },
    [toColumn(space), meta.epoch, meta.seq, meta.tick, meta.secret],
  );
}
