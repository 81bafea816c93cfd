// What an error of the database or of the way to it means for us: whether it may pass, whether the disk is full, and one line
// that says what to do. What always holds: no sentence shows a password, nor what is in the store.

import { StoreAway } from '../log.ts';
import { StoreError, type StoreErrorCode } from '../store-error.ts';
import type { PostgresAddress } from './address.ts';

/** SQLSTATE of a statement, or the code of a system call. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}

export function isDiskFull(error: unknown): boolean {
  return codeOf(error) === '53100';
}

/** Whether it is the last that is heard of the session: connections (08), shutdowns (57P), idle in a transaction (25P03). */
export function endsSession(error: unknown): boolean {
  return /^(?:08...|57P0.|25P03)$/.test(codeOf(error));
}

/**
 * Whether the same may succeed in a moment: connections (08), resources (53), operator's hands (57), locks and deadlocks
 * (40, 55), a database that only reads for now (25006), and errors of the system. An error without a code is a bug.
 */
export function mayPass(error: unknown): boolean {
  const code = codeOf(error);
  // EPIPE has five letters too.
  const isOfDatabase = /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);
  return isOfDatabase ? /^(?:08|40|53|55|57)|^25006$|^25P03$/.test(code) : code !== '';
}

/** For a log that is open, and cannot come back for now. What can be mended only by people is no other case: they may mend it. */
export function awayOf(error: unknown, shown: string): StoreAway {
  return new StoreAway(`${shown} cannot be reached: ${oneLine((error as Error).message)}.`, { cause: error });
}

/** For a log that is open: away for now, or broken. */
export function troubleOf(error: unknown, shown: string): StoreAway | StoreError {
  if (error instanceof StoreAway || error instanceof StoreError) return error;
  if (mayPass(error)) return awayOf(error, shown);
  if (codeOf(error) === '') throw error;
  return new StoreError('store_failed', `${shown}: ${oneLine((error as Error).message)} (${codeOf(error)}).`, {
    cause: error,
  });
}

/** For a log that cannot be opened. */
export function refusalOf(error: unknown, { shown, user, database, password }: PostgresAddress): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof StoreAway) return new StoreError('store_away', `${error.message}.`, { cause: error });
  const code = codeOf(error);
  const message = oneLine((error as Error).message);
  const refusals: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
    '28P01': ['store_refused', `it does not accept the password of ${user}. Correct it in --store or PGPASSWORD.`],
    '28000': ['store_refused', `it does not let ${user} in from here: ${message}. See its pg_hba.conf.`],
    '3D000': ['store_refused', `there is no database ${database}. Make it first: createdb ${database}.`],
    '42501': [
      'store_not_writable',
      `${user} has not the rights it needs: ${message}. Make it the owner of the database, or of a schema signalbox in it.`,
    ],
    '53100': ['store_full', 'its disk is full.'],
  };
  const known = refusals[code];
  if (known !== undefined) return new StoreError(known[0], `${shown}: ${known[1]}`, { cause: error });
  if (/password must be a (non-empty )?string/.test(message)) {
    const missing = password === '' ? 'it wants a password. Give one in --store or PGPASSWORD' : message;
    return new StoreError('store_refused', `${shown}: ${missing}.`, { cause: error });
  }
  if (mayPass(error)) {
    const what = `${shown} cannot be reached: ${message}. Is it running, and is the address right?`;
    return new StoreError('store_away', what, { cause: error });
  }
  return new StoreError('store_failed', `${shown}: ${message} (${code}).`, { cause: error });
}

export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\.$/, '').slice(0, 200);
}
