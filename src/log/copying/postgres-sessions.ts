// Whether anybody has a database: each server and each copy has sessions there that say that they are Signalbox, whatever it does
// in them. A process that has ended has none; the database takes a moment to notice.

import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresAddress } from '../postgres/address.ts';
import type { Session } from '../postgres/session.ts';
import { StoreError } from '../store-error.ts';

/** For how long a session may still be there whose process has just ended. */
const LEAVING_MS = 1_000;
const LOOK_MS = 50;

/** Refuses with `store_in_use` while there is any session of Signalbox beside this one. */
export async function mustBeAlone(side: { session: Session; address: PostgresAddress }): Promise<void> {
  for (let waited = 0; await hasOthers(side.session); waited += LOOK_MS) {
    if (waited >= LEAVING_MS) throw inUse(side.address);
    await pause(LOOK_MS);
  }
}

export function inUse({ shown }: PostgresAddress): StoreError {
  return new StoreError(
    'store_in_use',
    `${shown} is in use by a Signalbox server, or by another copy. Stop all servers of this store, then copy.`,
  );
}

/** Names of applications are shown to everybody, also those of other users. */
async function hasOthers(session: Session): Promise<boolean> {
  // In a transaction the list would stay what it was when it was first read.
  const [, others] = await session.simple(
    `SELECT pg_stat_clear_snapshot(); SELECT EXISTS (SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'signalbox' AND pid <> pg_backend_pid())`,
  );
  return others?.rows[0]?.[0] === 't';
}
