// The only place that wires: settings → log → replica → HTTP. What always holds: a start that is refused leaves nothing behind
// (no lock on the store, no port), and a stop answers whoever waits before it ends.

import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type ServerSettings, StartRefusal } from './config.ts';
import { defaultSettings } from './core/state.ts';
import { buildApp } from './http/app.ts';
import { Authentication } from './http/auth.ts';
import type { App, Context } from './http/context.ts';
import { Metrics } from './http/metrics.ts';
import type { Log } from './log/log.ts';
import { openLog } from './log/open.ts';
import { StoreError } from './log/store-error.ts';
import { systemClock } from './replica/clock.ts';
import { randomIds } from './replica/ids.ts';
import { Polls } from './replica/polls.ts';
import { Replica } from './replica/replica.ts';

export interface RunningServer {
  readonly url: string;
  readonly store: string;
  readonly isNew: boolean;
  /** What the store held: `3 environments, 2 held, 4 waiting`. */
  readonly summary: string;
  readonly keysOn: boolean;
  /** Resolves when the store has failed while it served: nothing more can be decided, and only a new start can tell what was kept. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

const hour = 60 * 60 * 1000;
const manifest: { version: string } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'),
);

/** Starts a server. Throws StartRefusal with one line that says what to do. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const logger = pino({ level: settings.logLevel, base: undefined });
  const log = await opened(settings);
  try {
    return await served(settings, log, logger);
  } catch (error) {
    await log.close().catch(() => undefined);
    throw refusal(error);
  }
}

async function opened(settings: ServerSettings): Promise<Log> {
  try {
    return await openLog(settings.store.kind === 'memory' ? 'memory:' : `sqlite:${settings.store.path}`);
  } catch (error) {
    throw refusal(error);
  }
}

async function served(settings: ServerSettings, log: Log, logger: pino.Logger): Promise<RunningServer> {
  const stopping = new AbortController();
  // Each open stream listens; their number has a bound of its own.
  setMaxListeners(0, stopping.signal);
  const replica = await Replica.open({
    log,
    clock: systemClock,
    ids: randomIds,
    settings: {
      ...defaultSettings,
      declaredOnly: settings.declaredOnly,
      graceMs: settings.graceSeconds * 1000,
      retentionMs: settings.retentionHours * hour,
      maxEnvironments: settings.maxEnvironments,
      hasAdminElsewhere: settings.adminKeys.length > 0,
    },
    historyMs: settings.historyDays * 24 * hour,
    startFacts: { version: manifest.version },
  });
  const failed = new Promise<Error>((resolve) => replica.onBroken(resolve));
  const polls = new Polls(replica, systemClock);
  const auth = new Authentication(settings, systemClock.wall);
  auth.setKeys(await replica.look((state) => [...state.keys.values()]));
  replica.onTurn((turn) => {
    if (turn.changes.some((change) => change.kind === 'key')) auth.setKeys(turn.state.keys.values());
  });
  const host = listenHost(settings, auth.keysOn);
  const context: Context = {
    ...{ replica, polls, auth },
    ids: randomIds,
    metrics: new Metrics(replica, polls),
    settings: {
      version: manifest.version,
      publicUrl: settings.publicUrl,
      maxConnections: settings.maxConnections,
      maxStreams: settings.maxStreams,
      insecure: settings.insecure,
    },
    stopping: stopping.signal,
    baseUrl: settings.publicUrl ?? '',
  };
  const app = await buildApp(context, logger);
  await listen(app, settings.port, host);
  const url = addressOf(app, host);
  context.baseUrl = settings.publicUrl ?? url;
  const summary = await replica.look((state) => {
    const held = state.leases.size - state.ended.size - state.waiting.size;
    return `${state.environments.size} environments, ${held} held, ${state.waiting.size} waiting`;
  });
  return {
    ...{ url, summary, store: log.name, isNew: replica.isNew, keysOn: auth.keysOn },
    failed,
    close: async () => {
      stopping.abort();
      polls.stop();
      await app.close();
      await replica.close();
    },
  };
}

/** This machine only while there is no key; elsewhere without one is refused unless somebody insists. */
function listenHost(settings: ServerSettings, keysOn: boolean): string {
  const host = settings.host ?? (keysOn ? '0.0.0.0' : '127.0.0.1');
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (keysOn || isLoopback || settings.insecure) return host;
  throw new StartRefusal(
    'insecure_listen',
    `--host ${host} without a key would let anyone on the network release your locks. Set API_KEY, or add --insecure if you mean it.`,
  );
}

async function listen(app: App, port: number, host: string): Promise<void> {
  try {
    await app.listen({ port, host, backlog: 4096 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new StartRefusal(
        'port_in_use',
        `port ${port} is taken by another program on ${host}. Use --port, or stop it.`,
      );
    if (code === 'EACCES')
      throw new StartRefusal(
        'address_unavailable',
        `port ${port} needs more rights than this user has. Use --port with a number above 1023.`,
      );
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new StartRefusal('address_unavailable', `--host ${host} is no address of this machine.`);
    }
    throw error;
  }
}

function addressOf(app: App, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
}

function refusal(error: unknown): unknown {
  return error instanceof StoreError ? new StartRefusal(error.code, error.message) : error;
}
