// A server on a log that a test brings along, wired as src/main.ts does it: for stores that are slow, full or broken.

import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { serverSettings } from '../../src/config.ts';
import type { EventRecord } from '../../src/core/rows.ts';
import { defaultSettings } from '../../src/core/state.ts';
import { buildApp } from '../../src/http/app.ts';
import { Authentication } from '../../src/http/auth.ts';
import type { Context } from '../../src/http/context.ts';
import { Metrics } from '../../src/http/metrics.ts';
import type { Contents, EventQuery, LearnOutcome, Log, TurnOutcome } from '../../src/log/log.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { Allowed } from '../../src/probes/allowed.ts';
import { Prober } from '../../src/probes/prober.ts';
import { deskOf } from '../../src/provision/builders.ts';
import { InitScripts } from '../../src/provision/init-script.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { randomIds } from '../../src/replica/ids.ts';
import { Spaces } from '../../src/replica/spaces.ts';
import { type TestServer, testServer } from './server.ts';

/** A log in memory with faults that can be switched on. */
export class FaultyLog implements Log {
  readonly name = 'faulty:';
  readonly #memory = new MemoryLog();
  /** No room: the replica refuses what asks for more. */
  full = false;
  isBroken = false;
  /** It cannot be reached just now. */
  isAway = false;
  /** How long a look into the history takes after it has seen what there is. */
  slowMs = 0;

  load(): Promise<Contents> {
    return this.#memory.load();
  }

  async turn(...given: Parameters<Log['turn']>): Promise<TurnOutcome> {
    if (this.isBroken) throw new Error('input/output error');
    if (this.isAway) return { outcome: 'away', message: 'no route to the database' };
    return this.#memory.turn(...given);
  }

  learn(): Promise<LearnOutcome> {
    return this.#memory.learn();
  }

  beat(tick: number): Promise<void> {
    return this.#memory.beat(tick);
  }

  async events(query: EventQuery): Promise<EventRecord[]> {
    const found = await this.#memory.events(query);
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    return found;
  }

  oldestEvent(): Promise<number | null> {
    return this.#memory.oldestEvent();
  }

  prune(beforeAt: number, limit: number): Promise<number> {
    return this.#memory.prune(beforeAt, limit);
  }

  subscribe(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    return this.#memory.close();
  }
}

export async function startOnLog(log: FaultyLog): Promise<TestServer> {
  const usual = serverSettings({}, {});
  if (usual.outcome !== 'ready') throw new Error(usual.message);
  const spaces = await Spaces.open({
    ...{ clock: systemClock, ids: randomIds, settings: defaultSettings },
    ...{ historyMs: Number.MAX_SAFE_INTEGER, startFacts: {} },
    ...{ hasLog: async () => true, openLog: async () => ({ log, isShared: false, forgets: true }), server: 'sv_test' },
    ...{ maxWaits: usual.settings.maxWaits, onTrouble: () => undefined },
  });
  const allowed = new Allowed({ allow: [], loopback: () => true, always: null, everything: false });
  const prober = new Prober({ allowed, postgres: null });
  const stopping = new AbortController();
  const context: Context = {
    ...{
      spaces,
      prober,
      driver: null,
      ids: randomIds,
      stopping: stopping.signal,
      shutDown: () => undefined,
      baseUrl: '',
    },
    auth: new Authentication(usual.settings, systemClock.wall),
    deskOf: (space) => deskOf(space, () => null),
    scripts: new InitScripts(usual.settings.scripts),
    metrics: new Metrics(prober),
    settings: { ...usual.settings, version: 'of a test' },
  };
  const app = await buildApp(context, pino({ level: 'silent' }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const stop = async (): Promise<void> => {
    stopping.abort();
    spaces.stop();
    await app.close();
    await prober.close();
    await spaces.close();
  };
  onTestFinished(stop);
  return testServer(url, stop);
}
