// The only place that wires: settings → log → replica → HTTP. What always holds: a start that is refused leaves nothing behind
// (no lock on the store, no port), and a stop answers whoever waits before it ends.

import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type ServerSettings, StartRefusal } from './config.ts';
import type { StoreSetting } from './config-values.ts';
import { applyDeclared } from './core/declared.ts';
import { mainSpace } from './core/space-name.ts';
import { defaultSettings } from './core/state.ts';
import { buildApp } from './http/app.ts';
import { Authentication } from './http/auth.ts';
import type { App, Context } from './http/context.ts';
import { Metrics } from './http/metrics.ts';
import { StoreAway } from './log/log.ts';
import { openStore } from './log/open.ts';
import type { Store } from './log/store.ts';
import { StoreError } from './log/store-error.ts';
import { Notifiers } from './notify/notifiers.ts';
import { openSinks } from './notify/open.ts';
import { Allowed, allowEntryFault } from './probes/allowed.ts';
import { postgresServer } from './probes/postgres-server.ts';
import { Prober } from './probes/prober.ts';
import { Builders, deskOf } from './provision/builders.ts';
import { InitScripts, scriptFault } from './provision/init-script.ts';
import { openDriver } from './provision/open.ts';
import { systemClock } from './replica/clock.ts';
import { randomIds, serverId } from './replica/ids.ts';
import type { Replica } from './replica/replica.ts';
import { type Space, Spaces } from './replica/spaces.ts';
import { localLedger } from './sidekiq/local-ledger.ts';
import { Sidekiq } from './sidekiq/sidekiq.ts';

export interface RunningServer {
  readonly url: string;
  readonly store: string;
  readonly isNew: boolean;
  /** What the store held: `3 environments, 2 held, 4 waiting`. */
  readonly summary: string;
  readonly keysOn: boolean;
  /** Resolves when the store has failed while it served: nothing more can be decided, and only a new start can tell what was kept. */
  readonly failed: Promise<Error>;
  /** Resolves when somebody who may has asked it to stop (DELETE /); closing it is for whoever has started it. */
  readonly stopAsked: Promise<void>;
  close(): Promise<void>;
}

const hour = 60 * 60 * 1000;
const manifest: { version: string } = JSON.parse(
  readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'),
);

/** Starts a server. Throws StartRefusal with one line that says what to do. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const logger = pino({ level: settings.logLevel, base: undefined });
  for (const entry of settings.probeAllow) {
    const fault = allowEntryFault(entry);
    if (fault !== null)
      throw new StartRefusal('bad_setting', `--probe-allow: ${JSON.stringify(entry)} is not right: ${fault}`);
  }
  if (postgresServer(settings.postgresURL) === null)
    throw new StartRefusal(
      'bad_setting',
      '--postgresURL: give postgres://USER:PASSWORD@HOST:PORT/{{.}}, perhaps with ?sslmode=require',
    );
  const fault = scriptFault(settings.scripts);
  if (fault !== null) throw new StartRefusal('bad_setting', fault);
  const stores = new Stores(settings);
  const server = serverId();
  let spaces: Spaces | null = null;
  try {
    spaces = await openSpaces(settings, stores, server, logger);
    return await served(settings, stores, spaces, server, logger);
  } catch (error) {
    await spaces?.close();
    await stores.close();
    throw refusal(error);
  }
}

/** The stores that spaces are kept in, each opened when it is first needed. */
class Stores {
  readonly #settings: ServerSettings;
  readonly #open = new Map<StoreSetting, Promise<Store>>();

  constructor(settings: ServerSettings) {
    this.#settings = settings;
  }

  of(space: string): Promise<Store> {
    const { store, spaceStores, allowAckedLoss } = this.#settings;
    const setting = spaceStores.get(space) ?? store;
    const known = this.#open.get(setting);
    if (known !== undefined) return known;
    const opening = opened(setting, allowAckedLoss);
    this.#open.set(setting, opening);
    // Tried again by whoever asks next.
    opening.catch(() => this.#open.delete(setting));
    return opening;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#open.values());
    for (const store of opened) if (store.status === 'fulfilled') await store.value.close().catch(() => undefined);
  }
}

function opened(store: StoreSetting, allowAckedLoss: boolean): Promise<Store> {
  if (store.kind === 'postgres') return openStore(store.url, { defaults: store.defaults, allowAckedLoss });
  return openStore(store.kind === 'memory' ? 'memory:' : `sqlite:${store.path}`);
}

function openSpaces(settings: ServerSettings, stores: Stores, server: string, logger: pino.Logger): Promise<Spaces> {
  return Spaces.open({
    hasLog: async (space) => (await stores.of(space)).has(space),
    openLog: async (space) => {
      const store = await stores.of(space);
      return { log: await store.open(space), isShared: store.isShared, forgets: store.forgets };
    },
    clock: systemClock,
    ids: randomIds,
    server,
    settings: {
      ...defaultSettings,
      declaredOnly: settings.declaredOnly,
      graceMs: settings.graceSeconds * 1000,
      retentionMs: settings.retentionHours * hour,
      maxEnvironments: settings.maxEnvironments,
      hasAdminElsewhere: settings.adminKeys.length > 0,
      sinks: openSinks(settings.notify, systemClock).map(({ name, events }) => ({ name, events })),
      scriptMs: settings.scriptSeconds * 1000,
      jobsThroughRedis: settings.redis !== null,
    },
    historyMs: settings.historyDays * 24 * hour,
    startFacts: { version: manifest.version },
    maxWaits: settings.maxWaits,
    onTrouble: (space, error) => logger.warn({ space, err: error }, `the space ${space} is not served for now`),
  });
}

async function served(
  settings: ServerSettings,
  stores: Stores,
  spaces: Spaces,
  server: string,
  logger: pino.Logger,
): Promise<RunningServer> {
  const stopping = new AbortController();
  // Each open stream listens; their number has a bound of its own.
  setMaxListeners(0, stopping.signal);
  const stopAsked = Promise.withResolvers<void>();
  const { name } = await stores.of(mainSpace);
  const { replica } = spaces.main;
  const failed = new Promise<Error>((resolve) => replica.onBroken(resolve));
  const auth = new Authentication(settings, systemClock.wall);
  await declare(settings, replica);
  await watchKeys(spaces, auth);
  await spaces.tried();
  const prober = makeProber(settings, () => !auth.keysOn);
  const host = listenHost(settings, auth.keysOn);
  const driver = settings.worker ? await openDriver(settings.driver, settings.file.ec2) : null;
  const scripts = new InitScripts(settings.scripts);
  const desks = (space: Space) => {
    const { name, replica: of } = space;
    return deskOf(space, (build) => scripts.userDataFor(context.baseUrl, { name, secret: of.secret }, build));
  };
  const context: Context = {
    ...{ spaces, prober, auth, driver: driver?.name ?? workersBeside(settings), scripts, deskOf: desks },
    ids: randomIds,
    metrics: new Metrics(prober),
    settings: {
      version: manifest.version,
      publicUrl: settings.publicUrl,
      maxConnections: settings.maxConnections,
      maxStreams: settings.maxStreams,
      insecure: settings.insecure,
      rendezvous: settings.rendezvous,
      timeoutSeconds: settings.timeoutSeconds,
    },
    stopping: stopping.signal,
    shutDown: stopAsked.resolve,
    baseUrl: settings.publicUrl ?? '',
  };
  const app = await buildApp(context, logger);
  await listen(app, settings.port, host);
  const builders = new Builders(spaces, {
    ...{ driver, clock: systemClock, worker: server },
    deskOf: desks,
    onTrouble: (message, error) => logger.error({ err: error }, message),
  });
  const sidekiq =
    settings.redis === null
      ? null
      : new Sidekiq(spaces, {
          ...{ ...settings.redis, driver, clock: systemClock, worker: server, version: manifest.version },
          ledgerOf: (space) => localLedger(space, desks(space)),
          onNote: (message) => logger.warn(message),
          onTrouble: (message, error) => logger.error({ err: error }, message),
        });
  const notifiers = new Notifiers(spaces, {
    ...{ sinks: openSinks(settings.notify, systemClock), clock: systemClock, worker: server },
    onOutcome: (sink, outcome) => context.metrics.countNotice(sink, outcome),
    onNote: (message) => logger.warn(message),
    onTrouble: (message, error) => logger.error({ err: error }, message),
  });
  const url = addressOf(app, host);
  context.baseUrl = settings.publicUrl ?? url;
  if (settings.driver?.kind === 'ec2' && settings.publicUrl === null && scripts.hasAny)
    logger.warn(
      `machines are told to fetch their init script from ${url}: set --public-url to where they reach this server`,
    );
  const summary = await replica.look((state) => {
    const held = state.leases.size - state.ended.size - state.waiting.size;
    return `${state.environments.size} environments, ${held} held, ${state.waiting.size} waiting`;
  });
  return {
    ...{ url, summary, store: name, isNew: replica.isNew, keysOn: auth.keysOn },
    failed,
    stopAsked: stopAsked.promise,
    close: async () => {
      stopping.abort();
      spaces.stop();
      await app.close();
      await prober.close();
      await builders.stop();
      await sidekiq?.stop();
      await notifiers.stop();
      await spaces.close();
      await stores.close();
    },
  };
}

/** Who makes machines where this server does not, in words; null: nobody. */
function workersBeside({ worker, redis }: ServerSettings): string | null {
  if (!worker) return 'workers beside this server';
  return redis === null ? null : 'workers on Redis';
}

/** What the file declares is of `main`. Without a file nothing is said, and all stays. */
async function declare({ file }: ServerSettings, replica: Replica): Promise<void> {
  if (file.path === null) return;
  const outcome = await replica.decide((turn) => applyDeclared(turn, file));
  if (!outcome.ok) throw new StartRefusal('bad_setting', `${file.path}: ${outcome.message}`);
}

/** Keys of all spaces, as durable; those of `main` are known when it resolves. */
async function watchKeys(spaces: Spaces, auth: Authentication): Promise<void> {
  const { main } = spaces;
  const take = ({ name, replica }: typeof main) => replica.look(({ keys }) => auth.setKeys(name, keys.values()));
  spaces.onOpen((space) => {
    const { name, replica } = space;
    replica.onTurn(({ changes, state }) => {
      if (changes.some(({ kind }) => kind === 'key')) auth.setKeys(name, state.keys.values());
    });
    replica.onReload(() => void take(space));
    void take(space);
  });
  spaces.onClose(({ name }) => auth.setKeys(name, []));
  await take(main);
}

/** On a laptop, without a key, what runs on the same machine may be probed; everywhere else only what is listed. */
function makeProber(settings: ServerSettings, loopback: () => boolean): Prober {
  const postgres = postgresServer(settings.postgresURL);
  const allowed = new Allowed({ allow: settings.probeAllow, loopback, always: postgres, everything: false });
  return new Prober({ allowed, postgres });
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
  if (error instanceof StoreError) return new StartRefusal(error.code, error.message);
  return error instanceof StoreAway ? new StartRefusal('store_away', error.message) : error;
}
