// The only reader of process.env. Where each setting of the server may be given (flag first, then environment), what it is
// when nobody gave it, and what is refused. A wrong setting is an outcome that names the setting, never an exception, and
// never shows the value of a key. How the CLI finds its server is in src/cli/connection/settings.ts, by `variables` from here.

import { isIP } from 'node:net';

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

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type StoreSetting = { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'memory' };

export interface ServerSettings {
  /** 0 takes any free port. */
  readonly port: number;
  /** null: 127.0.0.1 while no key exists, else 0.0.0.0; only the store knows which. */
  readonly host: string | null;
  readonly store: StoreSetting;
  /** Keys from the environment, all with the scope admin; `name` is the variable. */
  readonly adminKeys: readonly { readonly name: string; readonly key: string }[];
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

type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };
type Parse<T> = (written: string) => Parsed<T>;

export interface ServerOption<T> {
  /** As commander wants it; without a value it is a switch. */
  readonly flag: string;
  readonly environment: readonly string[];
  readonly help: string;
  /** As written; null: none, and then the setting is null. */
  readonly fallback: string | null;
  readonly parse: Parse<T>;
}

/** Every setting that has a flag, in the order of `serve --help`. */
export const SERVER_OPTIONS = {
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
    'sqlite:PATH, or memory: to forget all at the end',
    'sqlite:./signalbox.db',
    store,
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
    ['SIGNALBOX_PUBLIC_URL'],
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
} as const;

export type ServerOptionName = keyof typeof SERVER_OPTIONS;
/** Flags as commander hands them over: text, `true` for a switch, absent when not given. */
export type ServerFlags = Readonly<Partial<Record<ServerOptionName, string | boolean | undefined>>>;

export type Configured =
  | { readonly outcome: 'ready'; readonly settings: ServerSettings }
  /** `setting` is the flag or the variable that is wrong; `message` is a whole sentence that names it. */
  | { readonly outcome: 'wrong'; readonly setting: string; readonly message: string };

/** The settings of the server, or the first wrong one. */
export function serverSettings(flags: ServerFlags, env: Variables = variables()): Configured {
  const read = <T>(name: ServerOptionName, from: ServerOption<T>): T => readOption(from, flags[name], env);
  const { trustUserHeader, trustUserFrom, ...o } = SERVER_OPTIONS;
  try {
    return {
      outcome: 'ready',
      settings: {
        port: read('port', o.port),
        host: read('host', o.host),
        store: read('store', o.store),
        adminKeys: adminKeys(env),
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
  if (!result.ok) throw new WrongSetting(setting, `${JSON.stringify(written)} is not right: ${result.expected}`);
  return result.value;
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

function option<T>(
  flag: string,
  environment: string[],
  help: string,
  fallback: string,
  parse: Parse<T>,
): ServerOption<T> {
  return { flag, environment, help, fallback, parse };
}

function optional<T>(flag: string, environment: string[], help: string, parse: Parse<T>): ServerOption<T | null> {
  return { flag, environment, help, fallback: null, parse };
}

function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function bad(expected: string): { ok: false; expected: string } {
  return { ok: false, expected };
}

function integer(min: number, max: number): Parse<number> {
  return (written) => {
    const value = /^\d{1,9}$/.test(written) ? Number(written) : Number.NaN;
    return value >= min && value <= max ? good(value) : bad(`give a whole number from ${min} to ${max}`);
  };
}

/** Ports that fetch refuses, here and in every browser (fetch.spec.whatwg.org, "bad port"): nobody could reach the server. */
const REFUSED_PORTS = new Set(
  (
    '1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 137 139 ' +
    '143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 ' +
    '2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  )
    .split(' ')
    .map(Number),
);

function portNumber(written: string): Parsed<number> {
  const port = integer(0, 65_535)(written);
  if (!port.ok || !REFUSED_PORTS.has(port.value)) return port;
  return bad('browsers and other clients refuse to connect to this port; give another');
}

function toggle(written: string): Parsed<boolean> {
  if (/^(?:1|true|yes|on)$/i.test(written)) return good(true);
  return /^(?:0|false|no|off)$/i.test(written) ? good(false) : bad('give yes or no');
}

function address(written: string): Parsed<string> {
  const bare = /^\[(.*)\]$/.exec(written)?.[1] ?? written;
  const isName = /^[a-z0-9](?:[a-z0-9.-]{0,252})$/i.test(bare) && !/^[\d.]+$/.test(bare);
  return isIP(bare) !== 0 || isName
    ? good(bare)
    : bad('give an address (127.0.0.1, 0.0.0.0, ::) or a name of this machine');
}

function store(written: string): Parsed<StoreSetting> {
  if (written === 'memory:') return good({ kind: 'memory' });
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(written)?.[1];
  return path === undefined
    ? bad('give sqlite:PATH (sqlite:./signalbox.db) or memory:')
    : good({ kind: 'sqlite', path });
}

const SCOPES = ['read', 'acquire', 'force', 'signal', 'wait', 'probe', 'build', 'terminate'];

function scopes(written: string): Parsed<string[]> {
  const list = commaList(written);
  const wrong = list.find((item) => !SCOPES.includes(item.split(':', 1)[0] ?? '') || /\s|:$/.test(item));
  if (wrong === undefined) return good(list);
  if (/^admin(?::|$)/.test(wrong)) return bad('nobody may be admin without a key');
  return bad(`${JSON.stringify(wrong)} is no scope; there are ${SCOPES.join(', ')}, each also as scope:glob`);
}

function header(written: string): Parsed<string> {
  return /^[a-z0-9-]{1,64}$/i.test(written)
    ? good(written.toLowerCase())
    : bad('give the name of a header, like X-Forwarded-User');
}

function ranges(written: string): Parsed<string[]> {
  const list = commaList(written);
  const wrong = list.find((item) => !isRange(item));
  if (wrong !== undefined) return bad(`${JSON.stringify(wrong)} is no address and no range; give 10.0.0.5,10.1.0.0/16`);
  return list.length === 0 ? bad('give the addresses of the proxy, like 10.0.0.5,10.1.0.0/16') : good(list);
}

function isRange(item: string): boolean {
  const [base = '', bits, rest] = item.split('/');
  const family = isIP(base);
  if (family === 0 || rest !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function level(written: string): Parsed<LogLevel> {
  const found = LOG_LEVELS.find((known) => known === written.toLowerCase());
  return found === undefined ? bad(`give one of ${LOG_LEVELS.join(', ')}`) : good(found);
}

function webAddress(written: string): Parsed<string> {
  const parsedUrl = URL.parse(written);
  const fits =
    parsedUrl !== null && /^https?:$/.test(parsedUrl.protocol) && parsedUrl.username === '' && parsedUrl.search === '';
  return fits && parsedUrl.hash === ''
    ? good(parsedUrl.href.replace(/\/+$/, ''))
    : bad('give an address like https://signalbox.example');
}

function commaList(written: string): string[] {
  return written
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
