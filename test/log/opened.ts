// One space of a store, for tests that want nothing else of it: what is closed is both.

import { mainSpace } from '../../src/core/space-name.ts';
import type { Log } from '../../src/log/log.ts';
import { openStore } from '../../src/log/open.ts';
import { openPostgresStore, type PostgresOptions } from '../../src/log/postgres.ts';
import type { Store } from '../../src/log/store.ts';

export async function openLog(url: string, options: PostgresOptions & { space?: string } = {}): Promise<Log> {
  return only(await openStore(url, options), options.space);
}

export async function openPostgresLog(url: string, options: PostgresOptions & { space?: string } = {}): Promise<Log> {
  return only(await openPostgresStore(url, options), options.space);
}

export type PostgresLogOptions = NonNullable<Parameters<typeof openPostgresLog>[1]>;

async function only(store: Store, space = mainSpace): Promise<Log> {
  const log = await store.open(space).catch(async (error) => {
    await store.close();
    throw error;
  });
  const close = log.close.bind(log);
  log.close = async () => {
    await close();
    await store.close();
  };
  return log;
}
