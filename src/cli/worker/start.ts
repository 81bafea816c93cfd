// What a worker beside the server consists of: what claims from the server, and, with Redis, what takes from there.

import type { Client } from '../../client/client.ts';
import type { Attempt } from '../../provision/attempt.ts';
import type { Driver } from '../../provision/driver.ts';
import type { Task } from '../../provision/task.ts';
import { Worker } from '../../provision/worker.ts';
import { systemClock } from '../../replica/clock.ts';
import { type Absence, RemoteDesk } from './remote-desk.ts';

export interface WorkOptions {
  readonly driver: Driver;
  readonly worker: string;
  readonly absence: Absence;
  readonly client: Client;
  /** Ends whatever it has under way. */
  readonly signal: AbortSignal;
  /** A line for people. */
  readonly say: (line: string) => void;
  readonly onAttempt: (task: Task, attempt: Attempt, tookMs: number) => void;
}

export function startWork(options: WorkOptions): { stop(graceMs: number): Promise<void> } {
  const { client, driver, worker, absence, signal, say, onAttempt } = options;
  const desk = new RemoteDesk({ client, signal, absence });
  const running = new Worker({
    ...{ desk, driver, worker, clock: systemClock, onAttempt },
    onTrouble: (message, error) => say(`${message}: ${error.message}`),
  });
  return { stop: (graceMs) => running.stop(graceMs) };
}
