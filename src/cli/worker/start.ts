// What a worker beside the server consists of: what claims from the server, and, where jobs come by way of Redis, what takes from
// there and claims what it has taken.

import type { Client } from '../../client/client.ts';
import type { RedisSettings } from '../../config.ts';
import type { Attempt } from '../../provision/attempt.ts';
import type { Driver } from '../../provision/driver.ts';
import type { Task } from '../../provision/task.ts';
import { Worker } from '../../provision/worker.ts';
import { systemClock } from '../../replica/clock.ts';
import type { Ledger } from '../../sidekiq/ledger.ts';
import { Names } from '../../sidekiq/names.ts';
import { Redis } from '../../sidekiq/redis.ts';
import { startTaking } from '../../sidekiq/sidekiq.ts';
import { type Absence, RemoteDesk } from './remote-desk.ts';
import { remoteLedger } from './remote-ledger.ts';

export interface WorkOptions {
  readonly driver: Driver;
  readonly worker: string;
  readonly version: string;
  readonly absence: Absence;
  readonly client: Client;
  /** The space of that client. */
  readonly space: string;
  /** A client for another space. */
  readonly clientOf: (space: string) => Promise<Client>;
  readonly redis: RedisSettings | null;
  /** Ends whatever it has under way. */
  readonly signal: AbortSignal;
  /** A line for people. */
  readonly say: (line: string) => void;
  readonly onAttempt: (task: Task, attempt: Attempt, tookMs: number) => void;
}

export function startWork(options: WorkOptions): { stop(graceMs: number): Promise<void> } {
  const { client, driver, worker, absence, signal, say, onAttempt } = options;
  const desk = new RemoteDesk({ client, signal, absence });
  const onTrouble = (message: string, error: Error): void => say(`${message}: ${error.message}`);
  const running = new Worker({ ...{ desk, driver, worker, clock: systemClock, onAttempt, onTrouble } });
  const taking = options.redis === null ? null : take(options, options.redis, desk, onTrouble);
  return {
    stop: async (graceMs) => {
      await Promise.all([running.stop(graceMs), taking?.taker.stop(graceMs)]);
      taking?.redis.close();
    },
  };
}

function take(
  { client, space, clientOf, driver, worker, version, absence, signal, say, onAttempt }: WorkOptions,
  { url, namespace }: RedisSettings,
  desk: RemoteDesk,
  onTrouble: (message: string, error: Error) => void,
) {
  const redis = new Redis({ url, onNote: say });
  const ledgers = new Map<string, Ledger>([[space, remoteLedger(client, desk)]]);
  const ledgerOf = async (named: string | null): Promise<Ledger> => {
    const name = named ?? space;
    const known = ledgers.get(name);
    if (known !== undefined) return known;
    const other = await clientOf(name);
    const made = remoteLedger(other, new RemoteDesk({ client: other, signal, absence }));
    ledgers.set(name, made);
    return made;
  };
  const taker = startTaking({
    ...{ redis, names: new Names(namespace), clock: systemClock, version },
    ...{ driver, worker, ledgerOf, onTrouble, onAttempt },
  });
  return { redis, taker };
}
