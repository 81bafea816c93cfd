// Copies a store into a new one, or one space of it, while no server has either. What always holds:
//   - what is copied is there when all of it is whole and was read back and found equal, or nothing of it is there at all;
//   - the epoch of each space is above those of both its places, so that no fence comes twice; all else is as it was: rows,
//     history, seqs, log time and the secret, but for what only meant the servers that have gone.

import { type Digests, digestsOf, EventDigest, RowDigest } from './copying/digest.ts';
import type { CopiedRow, NewSpace, NewStore, OldSpace, OldStore } from './copying/sides.ts';
import { openNewSqlite, openOldSqlite } from './copying/sqlite.ts';
import { sqlitePath } from './open.ts';
import { type PostgresAddress, type PostgresDefaults, postgresAddress } from './postgres/address.ts';
import { fromJson } from './postgres/text.ts';
import { StoreError } from './store-error.ts';

export interface CopyOptions {
  /** The only space to be copied, into a store that may hold others. Default all that are there, into a store that is new. */
  readonly space?: string | null;
  /** For addresses of PostgreSQL. */
  readonly defaults?: PostgresDefaults;
  readonly onProgress?: (progress: CopyProgress) => void;
}

export interface CopyProgress {
  readonly step: 'copying' | 'reading back';
  readonly space: string;
  readonly rows: number;
  readonly events: number;
  readonly ofRows: number;
  readonly ofEvents: number;
}

export interface Copied {
  /** For people, without passwords. */
  readonly from: string;
  readonly to: string;
  /** `main` first. */
  readonly spaces: readonly CopiedSpace[];
  /** Spaces that `main` lists and that are kept in other stores: they stay there. */
  readonly elsewhere: readonly string[];
}

export interface CopiedSpace {
  readonly space: string;
  readonly epoch: number;
  /** What was read, and what was read back: the same. */
  readonly from: Digests;
  readonly to: Digests;
}

type Tell = (progress: CopyProgress) => void;

const LAST_EPOCH = 8_191;

/** Refuses with a StoreError. */
export async function copyStore(from: string, to: string, options: CopyOptions = {}): Promise<Copied> {
  const old = await openOld(from, options);
  try {
    const made = await openNew(to, old.spaces, options);
    try {
      const spaces: CopiedSpace[] = [];
      for (const space of old.spaces) spaces.push(await over(old, made, space, options.onProgress ?? (() => {})));
      await made.keep();
      return { from: old.name, to: made.name, spaces, elsewhere: old.elsewhere };
    } finally {
      await made.close();
    }
  } finally {
    await old.close();
  }
}

async function openOld(written: string, { defaults, space = null }: CopyOptions): Promise<OldStore> {
  const { path, address } = placeOf(written, defaults);
  if (address === null) return openOldSqlite(path, space);
  return (await import('./copying/postgres.ts')).openOldPostgres(address, space);
}

async function openNew(
  written: string,
  spaces: readonly string[],
  { defaults, space = null }: CopyOptions,
): Promise<NewStore> {
  const { path, address } = placeOf(written, defaults);
  if (address === null) return openNewSqlite(path, spaces);
  return (await import('./copying/postgres.ts')).openNewPostgres(address, spaces, space);
}

type Place =
  | { readonly path: string; readonly address: null }
  | { readonly path: null; readonly address: PostgresAddress };

function placeOf(written: string, defaults: PostgresDefaults = {}): Place {
  const path = sqlitePath(written);
  if (path !== null) return { path, address: null };
  if (/^postgres(ql)?:/.test(written)) return { path: null, address: postgresAddress(written, defaults) };
  throw new StoreError('store_unsupported', 'only sqlite:PATH and postgres://HOST/DATABASE can be copied.');
}

async function over(old: OldStore, made: NewStore, space: string, tell: Tell): Promise<CopiedSpace> {
  const source = await old.open(space);
  try {
    const target = await made.open(space);
    try {
      return await copied(source, target, { space, name: made.name, tell });
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

interface About {
  readonly space: string;
  /** Of the new store. */
  readonly name: string;
  readonly tell: Tell;
}

async function copied(old: OldSpace, made: NewSpace, about: About): Promise<CopiedSpace> {
  const { space, name, tell } = about;
  const epoch = Math.max(old.meta.epoch, made.epoch ?? -1) + 1;
  if (epoch > LAST_EPOCH)
    throw new StoreError(
      'store_failed',
      'this store was copied or put back as often as fences allow. Begin a new one.',
    );
  await made.begin({ ...old.meta, epoch });
  const { counts, digests: sent } = await send(old, made, about);
  tell({ ...counts, space, step: 'reading back' });
  const found = await digestsOf(made);
  if (JSON.stringify(found) !== JSON.stringify(sent))
    throw new StoreError(
      'store_failed',
      `${name} does not give back what was written into it: ${inWords(found)} of ${inWords(sent)} in ${space}. Nothing of it was kept.`,
    );
  await made.end();
  return { space, epoch, from: sent, to: found };
}

async function send(old: OldSpace, made: NewSpace, { space, tell }: About) {
  const counts = { rows: 0, events: 0, ofRows: old.rowCount, ofEvents: old.eventCount };
  const [rows, events] = [new RowDigest(), new EventDigest()];
  const told = () => tell({ ...counts, space, step: 'copying' });
  for await (const part of old.rows()) {
    const kept = part.filter(({ kind }) => kind !== 'server').map(withoutSeat);
    for (const row of kept) rows.add(row);
    await made.putRows(kept);
    counts.rows += part.length;
    told();
  }
  for await (const part of old.events()) {
    for (const event of part) events.add(event);
    await made.putEvents(part);
    counts.events += part.length;
    told();
  }
  return { counts, digests: { rows: rows.end(), events: events.end() } };
}

/** The server at which its client was on the line is no server of the new store. */
function withoutSeat(row: CopiedRow): CopiedRow {
  if (row.kind !== 'lease') return row;
  const body = fromJson<{ seat?: unknown }>(row.body);
  return typeof body.seat === 'string' ? { ...row, body: JSON.stringify({ ...body, seat: null }) } : row;
}

function inWords({ rows, events }: Digests): string {
  return `${rows.count} rows (${rows.hash.slice(0, 16)}) and ${events.count} events (${events.hash.slice(0, 16)})`;
}
