// A session with the primary: the one server of those at the address that writes, and one whose COMMIT can be believed. What
// always holds: nothing is read from or written to a database that has not been looked at here, in each session anew.

import { StoreAway } from '../log.ts';
import { StoreError } from '../store-error.ts';
import { type PostgresAddress, type PostgresHost, shownHost } from './address.ts';
import { Session, type SessionSettings } from './session.ts';

/** 14 */
const OLDEST_VERSION = 140_000;

export interface Demands {
  /** Whether a database that may lose what it has confirmed is good enough. */
  readonly allowAckedLoss: boolean;
}

/** The first host that is the primary; throws what the most telling of them said. */
export async function openPrimary(
  address: PostgresAddress,
  settings: SessionSettings,
  demands: Demands,
): Promise<Session> {
  let told: unknown;
  for (const host of address.hosts) {
    try {
      return await openHost(address, host, settings, demands);
    } catch (error) {
      // A server that answers and says no tells more than one that is not there.
      if (told === undefined || (error as { code?: string }).code !== 'ECONNREFUSED') told = error;
    }
  }
  throw told;
}

async function openHost(
  address: PostgresAddress,
  host: PostgresHost,
  settings: SessionSettings,
  demands: Demands,
): Promise<Session> {
  const session = await Session.open(address, host, settings);
  try {
    await mustFit(session, `${shownHost(host)}`, demands);
    return session;
  } catch (error) {
    session.drop();
    throw error;
  }
}

async function mustFit(session: Session, shown: string, { allowAckedLoss }: Demands): Promise<void> {
  const [answer] = await session.simple(
    `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
       pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('synchronous_commit')`,
  );
  const [versionNumber, version, isStandby, isReadOnly, commit] = answer?.rows[0] ?? [];
  if (Number(versionNumber) < OLDEST_VERSION)
    throw new StoreError('store_unsupported', `${shown} is PostgreSQL ${version}. Signalbox needs 14 or newer.`);
  if (isStandby === 't') throw new StoreAway(`${shown} is a standby, not the primary`);
  if (isReadOnly === 'on') throw new StoreAway(`${shown} takes no changes now (default_transaction_read_only is on)`);
  if (!allowAckedLoss && commit !== 'on' && commit !== 'remote_apply') {
    throw new StoreError(
      'store_unsupported',
      `${shown} has synchronous_commit = ${commit}, so it may lose locks that were granted. Set it to on (ALTER DATABASE … SET synchronous_commit = on), or take it as it is: --allow-acked-loss.`,
    );
  }
}
