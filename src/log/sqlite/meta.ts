// What a store knows of itself: the table `meta`.

import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { damaged, StoreError } from '../store-error.ts';

export interface Meta {
  readonly seq: number;
  readonly tick: number;
  readonly epoch: number;
  readonly secret: string;
  /** When it was copied, in a backup that has not been put in place. */
  readonly copiedAt: number | null;
}

/** Fences are `epoch * 2^40 + seq`, and exact in JSON below this. */
const EPOCHS = 8_192;

export function newMeta(epoch: number): Meta {
  return { seq: 0, tick: 0, epoch: validEpoch(epoch), secret: randomBytes(32).toString('hex'), copiedAt: null };
}

export function readMeta(database: DatabaseSync, shown: string): Meta {
  const rows = database.prepare('SELECT key, value FROM meta').all() as { key: string; value: unknown }[];
  const values = new Map(rows.map(({ key, value }) => [key, value]));
  const number = (key: string): number => {
    const value = values.get(key);
    if (Number.isSafeInteger(value)) return value as number;
    throw damaged(shown, `its ${key} is missing`);
  };
  const secret = values.get('secret');
  if (typeof secret !== 'string' || !/^[0-9a-f]{64}$/.test(secret)) number('secret');
  return {
    seq: number('seq'),
    tick: number('tick'),
    epoch: number('epoch'),
    secret: secret as string,
    copiedAt: values.has('copied_at') ? number('copied_at') : null,
  };
}

export function writeMeta(database: DatabaseSync, meta: Meta): void {
  const put = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  put.run('seq', meta.seq);
  put.run('tick', meta.tick);
  put.run('epoch', validEpoch(meta.epoch));
  put.run('secret', meta.secret);
  if (meta.copiedAt === null) database.exec(`DELETE FROM meta WHERE key = 'copied_at'`);
  else put.run('copied_at', meta.copiedAt);
}

/** The epoch of a store that is put in the place of another: above all that the place and the store have had. */
export function epochAfter(...known: readonly (number | null)[]): number {
  return Math.max(...known.map((epoch) => epoch ?? -1)) + 1;
}

function validEpoch(epoch: number): number {
  if (epoch < EPOCHS) return epoch;
  throw new StoreError(
    'store_failed',
    `this store was put back from a backup ${EPOCHS} times, which is as often as fences allow. Begin a new one.`,
  );
}
