// From the result codes of SQLite and of the file system to store errors.

import { StoreError, type StoreErrorCode } from '../store-error.ts';

/** https://www.sqlite.org/rescode.html; node:sqlite gives the extended code as `errcode`. */
const FULL = 13;
const IOERR_SHMSIZE = 10 | (19 << 8);

const meanings: Readonly<Record<number, { code: StoreErrorCode; says: string }>> = {
  3: { code: 'store_not_writable', says: 'may not be opened. Give this user the right to read and write it.' },
  5: { code: 'store_failed', says: 'is being written by another program. Close it (a sqlite3 shell?).' },
  6: { code: 'store_failed', says: 'is being written by another program. Close it (a sqlite3 shell?).' },
  8: { code: 'store_not_writable', says: 'cannot be written. Give this user the right to write it and its directory.' },
  11: { code: 'store_corrupt', says: 'is damaged. Put a backup in its place with signalbox store restore.' },
  13: { code: 'store_full', says: 'has no room: the disk is full. Make room.' },
  14: { code: 'store_not_writable', says: 'cannot be opened. Give a file that this user may read and write.' },
  26: { code: 'store_not_ours', says: 'is not a Signalbox store. Give another path with --store.' },
};

const fileMeanings: Readonly<Record<string, { code: StoreErrorCode; says: string }>> = {
  EACCES: { code: 'store_not_writable', says: 'may not be written. Give this user the right to write its directory.' },
  EPERM: { code: 'store_not_writable', says: 'may not be written. Give this user the right to write its directory.' },
  EROFS: { code: 'store_not_writable', says: 'is on a disk that cannot be written. Give a path on another.' },
};

/** Whether a write failed because there is no room. SQLite's shared memory grows with its log, and tells of it by a code of its own. */
export function isFull(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === 'store_full';
  const { errcode, code } = error as { errcode?: number; code?: string };
  return errcode === FULL || errcode === IOERR_SHMSIZE || code === 'ENOSPC' || code === 'EDQUOT';
}

export function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && [5, 6].includes(errcode & 0xff);
}

/** What an error means for the store that a person calls `shown`. */
export function storeErrorOf(error: unknown, shown: string): StoreError {
  if (error instanceof StoreError) return error;
  const { errcode, errstr, code, message } = error as Partial<Record<'errstr' | 'code' | 'message', string>> & {
    errcode?: number;
  };
  const known = isFull(error) ? meanings[FULL] : (meanings[(errcode ?? 0) & 0xff] ?? fileMeanings[code ?? '']);
  if (known !== undefined) return new StoreError(known.code, `${shown} ${known.says}`, { cause: error });
  const why = errcode === undefined ? message : `${errstr}, ${errcode}`;
  return new StoreError(
    'store_failed',
    `${shown} cannot be used any more (${why}). Look at the disk, then start again.`,
    {
      cause: error,
    },
  );
}
