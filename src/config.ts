// The only reader of process.env. Where each setting of the server may be given (flag first, then environment), what it is
// when nobody gave it, and what is refused. A wrong setting is an outcome that names the setting, never an exception, and
// never shows the value of a key. How the CLI finds its server is in src/cli/connection/settings.ts, by `variables` from here.

import { type FileSettings, type NotifySettings, noFile } from './config-file/settings.ts';
import {
  address,
  commaList,
  type DriverGiven,
  type DriverSetting,
  driver,
  good,
  header,
  integer,
  LOG_LEVELS,
  type LogLevel,
  level,
  noDefaults,
  option,
  optional,
  packedTemplate,
  portNumber,
  postgresUrl,
  ranges,
  redisAddress,
  redisNamespace,
  type ServerOption,
  type StoreSetting,
  scopes,
  secretAddress,
  spaceStores,
  store,
  toggle,
  webAddress,
} from './config-values.ts';
import type { ScriptTemplates, Template } from './core/machines/template.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** The environment of this process. Everything else gets it as an argument, so that tests need not change a global. */
export function variables(): Variables {
  return process.env;
}

/** A variable that is set and not empty: `API_KEY=` in a compose file means that there is none. */
export function variable(env: Variables, name: string): string | null {
  const value = env[name]?.trim();
  return value === undefined || value === '' ? null : value;
}

export interface ServerSettings {
  /** 0 takes any free port. */
  readonly port: number;
  /** null: 127.0.0.1 while no key exists, else 0.0.0.0; only the store knows which. */
  readonly host: string | null;
  readonly store: StoreSetting;
  /** Stores of spaces that have one of their own. */
  readonly spaceStores: ReadonlyMap<string, StoreSetting>;
  /** Take a PostgreSQL that may lose what it has confirmed. */
  readonly allowAckedLoss: boolean;
  /** Keys from the environment, all with the scope admin; `name` is the variable. */
  readonly adminKeys: readonly { readonly name: string; readonly key: string }[];
  /** What makes machines; null: nothing. */
  readonly driver: DriverSetting | null;
  /** Whether this server works on machines itself, where it has a driver; else it leaves that to workers beside it. */
  readonly worker: boolean;
  /** How builds and ends of machines come to their workers; null: from the store. */
  readonly redis: RedisSettings | null;
  /** What machines run when they start, and how long after their launch they may fetch it. */
  readonly scripts: ScriptTemplates;
  readonly scriptSeconds: number;
  /** Who is told of what happens to machines. */
  readonly notify: NotifySettings;
  /** What the file says, beside what stands above. */
  readonly file: FileSettings;
  /** What a caller without a key may do once keys are on: `scope` or `scope:glob`. */
  readonly anonymous: readonly string[];
  /** How long a wait of the older systems lasts when it does not say. */
  readonly timeoutSeconds: number;
  readonly declaredOnly: boolean;
  readonly insecure: boolean;
  /** The header in which a sign-in proxy names the person, lower case, and the addresses (or CIDR ranges) of that proxy. */
  readonly trustUser: { readonly header: string; readonly from: readonly string[] } | null;
  readonly historyDays: number;
  /** How long ended leases and idempotency keys are kept. */
  readonly retentionHours: number;
  /** How long the place of a waiter that is out of contact is kept. */
  readonly graceSeconds: number;
  readonly logLevel: LogLevel;
  /** Address under which people reach the dashboard, without a slash at the end; null: where it listens. */
  readonly publicUrl: string | null;
  readonly maxConnections: number;
  /** Event streams at the same time. */
  readonly maxStreams: number;
  readonly maxEnvironments: number;
  /** What probes may connect to beside what is always allowed: `db:5432`, `10.0.0.0/8`. */
  readonly probeAllow: readonly string[];
  /** The PostgreSQL server of `postgres:NAME`; `{{.}}` stands for the name of the database. */
  readonly postgresURL: string;
  /** Whether a path at the root that is nothing else is a signal. */
  readonly rendezvous: boolean;
  /** Conditions that are waited for at the same time. */
  readonly maxWaits: number;
}

export interface RedisSettings {
  /** May hold a password: never shown. */
  readonly url: string;
  /** Before each key, with its colon; may be empty. */
  readonly namespace: string;
}

/** A start that was refused for a reason that the person who started can mend. Thrown by whatever starts the server. */
export class StartRefusal extends Error {
  /** port_in_use, store_in_use, store_not_writable, insecure_listen …: src/cli/text/exit-codes.ts says what to exit with. */
  readonly code: string;

  /** `message` is one line: what is wrong, and what to do about it. */
  constructor(code: string, message: string) {
    super(message);
    this.name = 'StartRefusal';
    this.code = code;
  }
}

/** Every setting that has a flag, in the order of `serve --help`. */
export const SERVER_OPTIONS = {
  config: optional(
    '--config <file>',
    ['SIGNALBOX_CONFIG'],
    'environments, pools, images, drivers; else ./signalbox.yaml if there',
    (written) => good(written),
  ),
  port: option('--port <number>', ['PORT', 'RS_PORT'], 'port to listen on; 0 takes a free one', '8080', portNumber),
  host: optional(
    '--host <address>',
    ['SIGNALBOX_HOST'],
    'address to listen on; 127.0.0.1 without a key, 0.0.0.0 with one',
    address,
  ),
  store: option(
    '--store <url>',
    ['SIGNALBOX_STORE'],
    'sqlite:PATH, postgres://HOST/DATABASE, or memory: to forget all',
    'sqlite:./signalbox.db',
    store,
  ),
  spaceStores: option(
    '--space-stores <list>',
    ['SIGNALBOX_SPACE_STORES'],
    'spaces with a store of their own: team-a=postgres://HOST/DATABASE',
    '',
    spaceStores,
  ),
  allowAckedLoss: option(
    '--allow-acked-loss',
    ['SIGNALBOX_ALLOW_ACKED_LOSS'],
    'take a PostgreSQL whose synchronous_commit is below on',
    'no',
    toggle,
  ),
  driver: optional(
    '--driver <driver>',
    ['SIGNALBOX_DRIVER'],
    'what makes machines: ec2, command:PATH, an executable, or none',
    driver,
  ),
  noWorker: option(
    '--no-worker',
    ['SIGNALBOX_NO_WORKER'],
    'leave machines to workers beside this server (signalbox worker)',
    'no',
    toggle,
  ),
  redisNamespace: option(
    '--redis-namespace <name>',
    ['SIGNALBOX_REDIS_NAMESPACE'],
    'what stands before each key in Redis (REDIS_URL); none: nothing',
    'pudding',
    redisNamespace,
  ),
  anonymous: option(
    '--anonymous <scopes>',
    ['SIGNALBOX_ANONYMOUS'],
    'what a caller without a key may do: acquire:release,read',
    '',
    scopes,
  ),
  timeout: option(
    '--timeout <seconds>',
    ['SIGNALBOX_TIMEOUT'],
    'how long a wait lasts that does not say so itself',
    '30',
    integer(1, 3600),
  ),
  declaredOnly: option(
    '--declared-only',
    ['SIGNALBOX_DECLARED_ONLY'],
    'refuse environments that nobody declared',
    'no',
    toggle,
  ),
  insecure: option(
    '--insecure',
    ['SIGNALBOX_INSECURE'],
    'let other machines in although there is no key',
    'no',
    toggle,
  ),
  trustUserHeader: optional(
    '--trust-user-header <name>',
    ['SIGNALBOX_TRUST_USER_HEADER'],
    'header in which a sign-in proxy names the person',
    header,
  ),
  trustUserFrom: optional(
    '--trust-user-from <addresses>',
    ['SIGNALBOX_TRUST_USER_FROM'],
    'addresses or CIDR ranges of that proxy',
    ranges,
  ),
  historyDays: option(
    '--history-days <days>',
    ['SIGNALBOX_HISTORY_DAYS'],
    'how long the history is kept',
    '90',
    integer(1, 36_500),
  ),
  retentionHours: option(
    '--retention-hours <hours>',
    ['SIGNALBOX_RETENTION_HOURS'],
    'how long ended leases are kept, at least 24',
    '24',
    integer(24, 8760),
  ),
  graceSeconds: option(
    '--grace-seconds <seconds>',
    ['SIGNALBOX_GRACE_SECONDS'],
    'how long a place is kept for a waiter out of contact',
    '60',
    integer(1, 3600),
  ),
  logLevel: option('--log-level <level>', ['SIGNALBOX_LOG_LEVEL'], LOG_LEVELS.join(', '), 'info', level),
  publicUrl: optional(
    '--public-url <url>',
    ['SIGNALBOX_PUBLIC_URL', 'PUDDING_WEB_HOSTNAME'],
    'address of this server as people reach it, for links',
    webAddress,
  ),
  maxConnections: option(
    '--max-connections <number>',
    ['SIGNALBOX_MAX_CONNECTIONS'],
    'connections at the same time',
    '10000',
    integer(10, 1_000_000),
  ),
  maxStreams: option(
    '--max-streams <number>',
    ['SIGNALBOX_MAX_STREAMS'],
    'event streams at the same time',
    '1000',
    integer(1, 100_000),
  ),
  maxEnvironments: option(
    '--max-environments <number>',
    ['SIGNALBOX_MAX_ENVIRONMENTS'],
    'environments in all',
    '10000',
    integer(1, 1_000_000),
  ),
  probeAllow: option(
    '--probe-allow <targets>',
    ['SIGNALBOX_PROBE_ALLOW'],
    'what probes may connect to: db:5432,*.test:443,10.0.0.0/8',
    '',
    (written) => good(commaList(written)),
  ),
  postgresURL: option(
    '--postgresURL <url>',
    ['POSTGRES_URL'],
    'PostgreSQL server of postgres:NAME; {{.}} is the name',
    'postgres://postgres:pgpass@postgres:5432/{{.}}?sslmode=disable',
    postgresUrl,
  ),
  noRendezvous: option(
    '--no-rendezvous',
    ['SIGNALBOX_NO_RENDEZVOUS'],
    'paths at the root are no signals',
    'no',
    toggle,
  ),
  maxWaits: option(
    '--max-waits <number>',
    ['SIGNALBOX_MAX_WAITS'],
    'conditions that are waited for at the same time',
    '100000',
    integer(1, 10_000_000),
  ),
} as const;

export type ServerOptionName = keyof typeof SERVER_OPTIONS;
/** Flags as commander hands them over: text, `true` for a switch, absent when not given. */
export type ServerFlags = Readonly<Partial<Record<ServerOptionName, string | boolean | undefined>>>;

export type Configured =
  | { readonly outcome: 'ready'; readonly settings: ServerSettings }
  /** `setting` is the flag or the variable that is wrong; `message` is a whole sentence that names it. */
  | { readonly outcome: 'wrong'; readonly setting: string; readonly message: string };

/** Reads the file of that name; null: the usual one, where it is there. */
export type ReadFile = (path: string | null) =>
  | { readonly outcome: 'ready'; readonly file: FileSettings }
  /** `message` names file, line and path. */
  | { readonly outcome: 'wrong'; readonly message: string };

/** The settings of the server, or the first wrong one. Without `readFile` there is no file. */
export function serverSettings(
  flags: ServerFlags,
  env: Variables = variables(),
  readFile: ReadFile = () => ({ outcome: 'ready', file: noFile }),
): Configured {
  const read = <T>(name: ServerOptionName, from: ServerOption<T>): T => readOption(from, flags[name], env);
  const { trustUserHeader, trustUserFrom, ...o } = SERVER_OPTIONS;
  try {
    const found = readFile(read('config', o.config));
    if (found.outcome === 'wrong') return { outcome: 'wrong', setting: '--config', message: found.message };
    const { file } = found;
    const notify = notifySettings(file, env);
    return {
      outcome: 'ready',
      settings: {
        port: read('port', o.port),
        host: read('host', o.host),
        store: withDefaults(read('store', o.store), env),
        spaceStores: mapped(read('spaceStores', o.spaceStores), (given) => withDefaults(given, env)),
        allowAckedLoss: read('allowAckedLoss', o.allowAckedLoss),
        adminKeys: adminKeys(env),
        driver: chosenDriver(read('driver', o.driver) ?? file.driver, env),
        worker: !read('noWorker', o.noWorker),
        redis: redisSettings(read('redisNamespace', o.redisNamespace), env),
        scripts: scriptTemplates(file, notify.slack.channel, env),
        scriptSeconds: file.scriptSeconds,
        notify,
        file,
        anonymous: read('anonymous', o.anonymous),
        timeoutSeconds: read('timeout', o.timeout),
        declaredOnly: read('declaredOnly', o.declaredOnly),
        insecure: read('insecure', o.insecure),
        trustUser: trustUser(read('trustUserHeader', trustUserHeader), read('trustUserFrom', trustUserFrom)),
        historyDays: read('historyDays', o.historyDays),
        retentionHours: read('retentionHours', o.retentionHours),
        graceSeconds: read('graceSeconds', o.graceSeconds),
        logLevel: read('logLevel', o.logLevel),
        publicUrl: read('publicUrl', o.publicUrl),
        maxConnections: read('maxConnections', o.maxConnections),
        maxStreams: read('maxStreams', o.maxStreams),
        maxEnvironments: read('maxEnvironments', o.maxEnvironments),
        probeAllow: read('probeAllow', o.probeAllow),
        postgresURL: read('postgresURL', o.postgresURL),
        rendezvous: !read('noRendezvous', o.noRendezvous),
        maxWaits: read('maxWaits', o.maxWaits),
      },
    };
  } catch (error) {
    if (error instanceof WrongSetting) return { outcome: 'wrong', setting: error.setting, message: error.message };
    throw error;
  }
}

class WrongSetting extends Error {
  readonly setting: string;

  constructor(setting: string, complaint: string) {
    super(`${setting}: ${complaint}`);
    this.setting = setting;
  }
}

function readOption<T>(option: ServerOption<T>, flag: string | boolean | undefined, env: Variables): T {
  const name = option.flag.split(' ', 1)[0] ?? option.flag;
  if (flag !== undefined) return parsed(option, name, String(flag));
  for (const variableName of option.environment) {
    const written = variable(env, variableName);
    if (written !== null) return parsed(option, variableName, written);
  }
  return option.fallback === null ? (null as T) : parsed(option, name, option.fallback);
}

function parsed<T>(option: ServerOption<T>, setting: string, written: string): T {
  const result = option.parse(written);
  if (result.ok) return result.value;
  const shown = written.replace(/:\/\/.*@/, '://…@');
  const given = result.hidden === true ? 'what was given' : JSON.stringify(shown);
  throw new WrongSetting(setting, `${given} is not right: ${result.expected}`);
}

/** Variables that each hold an admin key. */
const ADMIN_KEY_VARIABLES = ['API_KEY', 'PUDDING_AUTH_TOKEN'];

function adminKeys(env: Variables): { name: string; key: string }[] {
  return ADMIN_KEY_VARIABLES.flatMap((name) => {
    const key = variable(env, name);
    if (key === null) return [];
    if (!/^[\x21-\x7e]{1,256}$/.test(key)) {
      throw new WrongSetting(
        name,
        'a key is up to 256 printable ASCII characters without spaces (signalbox key generate makes one)',
      );
    }
    return [{ name, key }];
  });
}

/** Each of them means that this process was given a way into AWS. The role of a machine is none: every machine there has one. */
const AWS_CREDENTIAL_VARIABLES = [
  ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ['AWS_PROFILE'],
  ['AWS_WEB_IDENTITY_TOKEN_FILE'],
  ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'],
  ['AWS_CONTAINER_CREDENTIALS_FULL_URI'],
];

function chosenDriver(given: DriverGiven | null, env: Variables): DriverSetting | null {
  if (given !== null) return given.kind === 'none' ? null : given;
  const isSet = (name: string): boolean => variable(env, name) !== null;
  return AWS_CREDENTIAL_VARIABLES.some((names) => names.every(isSet)) ? { kind: 'ec2' } : null;
}

const REDIS_VARIABLES = ['PUDDING_REDIS_URL', 'REDIS_URL'];

function redisSettings(namespace: string, env: Variables): RedisSettings | null {
  const name = REDIS_VARIABLES.find((each) => variable(env, each) !== null);
  if (name === undefined) return null;
  const result = redisAddress(variable(env, name) ?? '');
  if (result.ok) return { url: result.value, namespace };
  throw new WrongSetting(name, `what was given is not right: ${result.expected}`);
}

/** As the older system has them; each goes before what the file says. */
function scriptTemplates({ scripts }: FileSettings, slackChannel: string | null, env: Variables): ScriptTemplates {
  const packed = variable(env, 'INIT_SCRIPT_TEMPLATE');
  const papertrail = variable(env, 'PAPERTRAIL_SITE');
  return {
    ...scripts,
    usual: packed === null ? scripts.usual : unpacked('INIT_SCRIPT_TEMPLATE', packed),
    values: {
      ...scripts.values,
      // As they are: a key ends with a line break.
      ...(variable(env, 'INSTANCE_RSA') === null ? {} : { InstanceRSA: env.INSTANCE_RSA }),
      ...(variable(env, 'INSTANCE_YML') === null ? {} : { InstanceYML: env.INSTANCE_YML }),
      ...(papertrail === null ? {} : { PapertrailSite: papertrail }),
    },
    slackChannel,
  };
}

function unpacked(name: string, written: string): Template {
  const result = packedTemplate(written, name);
  if (result.ok) return result.value;
  throw new WrongSetting(name, `what was given is not right: ${result.expected}`);
}

function notifySettings({ notify }: FileSettings, env: Variables): NotifySettings {
  const webhook = variable(env, 'SLACK_WEBHOOK_URL');
  const address = webhook === null ? null : secretAddress(webhook);
  if (address?.ok === false)
    throw new WrongSetting('SLACK_WEBHOOK_URL', `what was given is not right: ${address.expected}`);
  return {
    ...notify,
    slack: {
      webhook: address?.value ?? notify.slack.webhook,
      channel: variable(env, 'PUDDING_DEFAULT_SLACK_CHANNEL') ?? notify.slack.channel,
    },
  };
}

function trustUser(name: string | null, from: readonly string[] | null): ServerSettings['trustUser'] {
  if (name === null && from === null) return null;
  if (from === null)
    throw new WrongSetting('--trust-user-header', 'needs --trust-user-from, or anyone could say who they are');
  if (name === null)
    throw new WrongSetting(
      '--trust-user-from',
      'needs --trust-user-header, the header in which the proxy names the person',
    );
  return { header: name, from };
}

function withDefaults(setting: StoreSetting, env: Variables): StoreSetting {
  if (setting.kind !== 'postgres') return setting;
  const named = Object.keys(noDefaults).map((part) => [part, variable(env, `PG${part.toUpperCase()}`)]);
  return { ...setting, defaults: Object.fromEntries(named) };
}

function mapped<T>(map: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value)]));
}
