// A pool by its name: there are few, and the API lists them all at once.

import type { Pool } from '../../client/types-machines.ts';
import type { Connection } from '../connection/connect.ts';
import { gather } from '../connection/pages.ts';
import { Failure } from '../text/errors.ts';
import { didYouMean } from '../text/nearest.ts';
import { foreign } from '../text/sanitize.ts';

export async function findPool(
  { client, need }: Connection,
  name: string,
): Promise<{ pool: Pool | undefined; names: readonly string[] }> {
  const { items } = await gather((page) => client.pools(page), need);
  return { pool: items.find((each) => each.name === name), names: items.map((each) => each.name) };
}

export async function knownPool(connection: Connection, name: string): Promise<Pool> {
  const { pool, names } = await findPool(connection, name);
  if (pool !== undefined) return pool;
  throw new Failure({
    what: `There is no pool ${foreign(name, 60)}.${didYouMean(name, names)}`,
    code: 'pool_unknown',
    more: ['All that there are: signalbox pool list'],
  });
}
