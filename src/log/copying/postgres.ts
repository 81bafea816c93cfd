// The sides of a copy in PostgreSQL. What is copied is read as of one moment, under the locks that every turn takes, each of its
// space, held by the session itself; what is made is written in one transaction, under the same locks: whatever happens before
// its COMMIT leaves nothing of it. A server that starts meanwhile waits for a lock with its first turn, and then finds an epoch
// that it does not know.

import { isSpaceName, mainSpace } from '../../core/space-name.ts';
import type { PostgresAddress } from '../postgres/address.ts';
import { codeOf, refusalOf } from '../postgres/faults.ts';
import { EVENT_COLUMNS } from '../postgres/learning.ts';
import { migrate } from '../postgres/migrations.ts';
import { openPrimary } from '../postgres/primary.ts';
import type { Row, Session } from '../postgres/session.ts';
import { copySpace, holdsAnything, readSpaceMeta } from '../postgres/space.ts';
import { fromColumn, fromJson, toColumn } from '../postgres/text.ts';
import { lockStatement } from '../postgres/turns.ts';
import { StoreError } from '../store-error.ts';
import { inUse, mustBeAlone } from './postgres-sessions.ts';
import {
  type CopiedEvent,
  type CopiedRow,
  EVENTS_AT_ONCE,
  type NewSpace,
  type NewStore,
  type OldSpace,
  type OldStore,
  ROWS_AT_ONCE,
} from './sides.ts';

/** For how long one side may have to wait for the other. */
const PATIENCE_MS = 60 * 60 * 1_000;

interface Side {
  readonly session: Session;
  readonly address: PostgresAddress;
}

/** All spaces of a store, or one. Refuses with a StoreError, also while a server has it. */
export function openOldPostgres(address: PostgresAddress, only: string | null): Promise<OldStore> {
  return opened(address, async (session) => {
    const side = { session, address };
    await mustBeOurs(side);
    await mustBeAlone(side);
    await migrate(session, address.shown);
    const listed = only === null ? await listedIn(session) : [];
    const known = await knownAmong(session, [only ?? mainSpace, ...listed]);
    if (known.length === 0 || known[0] !== (only ?? mainSpace)) throw notHeld(address, only ?? mainSpace);
    await locked(side, known, 'SELECT pg_advisory_lock(hashtextextended(held, 7))');
    await mustBeAlone(side);
    // After the locks: what is read is what was there when they were taken.
    await session.simple('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return {
      ...{ name: address.shown, spaces: known, elsewhere: listed.filter((space) => !known.includes(space)) },
      open: (space) => oldSpace(side, space),
      close: () => session.end(),
    };
  });
}

async function oldSpace({ session, address }: Side, space: string): Promise<OldSpace> {
  try {
    const literal = session.literal(toColumn(space));
    const meta = await readSpaceMeta(session, space);
    if (meta === null) throw notHeld(address, space);
    const count = async (table: string) =>
      Number((await session.simple(`SELECT count(*) FROM ${table} WHERE space = ${literal}`))[0]?.rows[0]?.[0]);
    return {
      ...{ meta, rowCount: await count('item'), eventCount: await count('event') },
      rows: () => refusing(address, rowsIn(session, literal)),
      events: () => refusing(address, eventsIn(session, literal)),
      close: () => {},
    };
  } catch (error) {
    throw refusalOf(error, address);
  }
}

/**
 * Refuses with a StoreError where there is anything; where one space alone is copied, anything of that one. Makes the tables.
 */
export function openNewPostgres(
  address: PostgresAddress,
  spaces: readonly string[],
  only: string | null,
): Promise<NewStore> {
  return opened(address, async (session) => {
    const side = { session, address };
    await migrate(session, address.shown);
    await mustBeEmpty(side, only);
    await mustBeAlone(side);
    await session.simple('BEGIN');
    await locked(side, spaces, lockStatement('held'));
    await mustBeEmpty(side, only);
    await mustBeAlone(side);
    return {
      name: address.shown,
      open: (space) => newSpace(side, space),
      keep: () => commit(side),
      close: async () => {
        if (!session.isLost) await session.simple('ROLLBACK').catch(() => session.drop());
        await session.end();
      },
    };
  });
}

async function newSpace({ session, address }: Side, space: string): Promise<NewSpace> {
  const literal = session.literal(toColumn(space));
  const refuse = (error: unknown): never => {
    throw refusalOf(error, address);
  };
  const run = (text: string, values: readonly unknown[]) => session.run({ name: '', text }, values).catch(refuse);
  return {
    epoch: (await readSpaceMeta(session, space).catch(refuse))?.epoch ?? null,
    begin: (meta) => copySpace(session, space, meta).catch(refuse),
    putRows: async (rows) => {
      await run(
        `INSERT INTO item (space, kind, id, seq, body)
         SELECT ${literal}, u.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS u`,
        [
          rows.map(({ kind }) => toColumn(kind)),
          rows.map(({ id }) => toColumn(id)),
          rows.map(({ seq }) => seq),
          rows.map(({ body }) => body),
        ],
      );
    },
    putEvents: async (events) => {
      await run(
        `INSERT INTO event (space, seq, at, kind, subject, actor, lease, data)
         SELECT ${literal}, u.seq, to_timestamp(u.at / 1000.0), u.kind, u.subject, u.actor, u.lease, u.data
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
           AS u (seq, at, kind, subject, actor, lease, data)`,
        [
          events.map(({ seq }) => seq),
          events.map(({ at }) => at),
          events.map(({ kind }) => toColumn(kind)),
          events.map(({ subject }) => toColumn(subject)),
          events.map(({ actor }) => toColumn(actor)),
          events.map(({ data }) => leaseIn(data)),
          events.map(({ data }) => data),
        ],
      );
    },
    rows: () => refusing(address, rowsIn(session, literal)),
    events: () => refusing(address, eventsIn(session, literal)),
    end: async () => {},
    close: () => {},
  };
}

/** A COMMIT is believed when it has answered `COMMIT`, without a warning beside it. */
async function commit({ session, address: { shown } }: Side): Promise<void> {
  const warningsBefore = session.warnings;
  const answer = await session.simple('COMMIT').catch(() => []);
  if (answer[0]?.tag === 'COMMIT' && session.warnings === warningsBefore) return;
  throw new StoreError(
    'store_away',
    `whether ${shown} has kept the copy is not known: the answer to its COMMIT did not come. Copy again: either it is done, or it is refused because all of it is there.`,
  );
}

async function opened<T>(address: PostgresAddress, act: (session: Session) => Promise<T>): Promise<T> {
  const settings = { idleInTransactionMs: PATIENCE_MS, lockMs: 5_000, statementMs: 0, byKeyOnly: false };
  let session: Session | null = null;
  try {
    session = await openPrimary(address, { ...settings, answerMs: PATIENCE_MS }, { allowAckedLoss: false });
    return await act(session);
  } catch (error) {
    await session?.end();
    throw refusalOf(error, address);
  }
}

async function mustBeOurs({ session, address }: Side): Promise<void> {
  const [table] = await session.simple(`SELECT to_regclass('signalbox.schema_step') IS NOT NULL`);
  if (table?.rows[0]?.[0] !== 't')
    throw new StoreError('store_not_ours', `there is no Signalbox store at ${address.shown}.`);
}

/** The spaces that `main` lists, by name. */
async function listedIn(session: Session): Promise<string[]> {
  const [listed] = await session.simple(
    `SELECT id FROM item WHERE space = '${mainSpace}' AND kind = 'space' ORDER BY id COLLATE "C"`,
  );
  return (listed?.rows ?? []).map(([id]) => id as string).filter(isSpaceName);
}

/** Those of some spaces that are in this database, in the same order. */
async function knownAmong(session: Session, spaces: readonly string[]): Promise<string[]> {
  const { rows } = await session.run({ name: '', text: 'SELECT space FROM meta WHERE space = ANY($1::text[])' }, [
    spaces,
  ]);
  const known = new Set(rows.map(([space]) => space));
  return spaces.filter((space) => known.has(space));
}

async function mustBeEmpty({ session, address: { shown } }: Side, only: string | null): Promise<void> {
  if (!(await holdsAnything(session, only))) return;
  throw new StoreError(
    'store_not_writable',
    only === null
      ? `${shown} is not new: it holds a store. Give a database that is empty (createdb makes one).`
      : `${shown} holds the space ${only} already. Give a database that does not.`,
  );
}

/** Locks spaces, each called `held` in the statement. */
async function locked(side: Side, spaces: readonly string[], statement: string): Promise<void> {
  const { session, address } = side;
  const held = spaces.map((space) => session.literal(toColumn(space))).join(', ');
  try {
    await session.simple(`${statement} FROM unnest(ARRAY[${held}]) AS held`);
  } catch (error) {
    if (codeOf(error) === '55P03') throw inUse(address);
    if (codeOf(error) !== '53200') throw error;
    throw new StoreError(
      'store_failed',
      `${address.shown} has no room for the locks of ${spaces.length} spaces at a time. Raise its max_locks_per_transaction, or copy one space after the other with --space.`,
      { cause: error },
    );
  }
}

function notHeld({ shown }: PostgresAddress, space: string): StoreError {
  return new StoreError('store_not_ours', `${shown} does not hold the space ${space}.`);
}

function leaseIn(data: string): string | null {
  if (!data.includes('"lease"')) return null;
  const { lease } = fromJson<{ lease?: unknown }>(data);
  return typeof lease === 'string' ? toColumn(lease) : null;
}

async function* refusing<T>(address: PostgresAddress, parts: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* parts;
  } catch (error) {
    throw refusalOf(error, address);
  }
}

/** `space` is a literal. */
async function* rowsIn(session: Session, space: string): AsyncGenerator<CopiedRow[]> {
  await session.simple(
    `DECLARE copied NO SCROLL CURSOR FOR SELECT kind, id, seq, body FROM item WHERE space = ${space}`,
  );
  for (;;) {
    const [part] = await session.simple(`FETCH ${ROWS_AT_ONCE} FROM copied`);
    if (part === undefined || part.rows.length === 0) break;
    yield part.rows.map(([kind, id, seq, body]) => ({
      ...{ kind: fromColumn(kind as string), id: fromColumn(id as string) },
      ...{ seq: Number(seq), body: body as string },
    }));
  }
  await session.simple('CLOSE copied');
}

async function* eventsIn(session: Session, space: string): AsyncGenerator<CopiedEvent[]> {
  for (let after = -1; ; ) {
    const [part] = await session.simple(
      `SELECT ${EVENT_COLUMNS} FROM event WHERE space = ${space} AND seq > ${after} ORDER BY seq LIMIT ${EVENTS_AT_ONCE}`,
    );
    if (part === undefined || part.rows.length === 0) return;
    const events = part.rows.map(eventOf);
    yield events;
    after = events.at(-1)?.seq ?? after;
  }
}

function eventOf([seq, at, kind, subject, actor, data]: Row): CopiedEvent {
  return {
    ...{ seq: Number(seq), at: Number(at), kind: fromColumn(kind as string) },
    ...{ subject: fromColumn(subject as string), actor: fromColumn(actor as string), data: data as string },
  };
}
