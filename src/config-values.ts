// What may be written for a setting of the server, and what it means. A wrong value is an outcome that says what to give instead,
// never an exception, and never repeats what may have a password in it.

import { isIP } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Template } from './core/machines/template.ts';
import { isSpaceName, mainSpace } from './core/space-name.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type StoreSetting =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'postgres';
      /** May hold a password: never shown. */
      readonly url: string;
      /** Parts that the address leaves out, from the usual PG* variables. */
      readonly defaults: PostgresDefaults;
    };

export type DriverSetting =
  /** An executable that is asked for machines. */
  | { readonly kind: 'command'; readonly program: string }
  /** Amazon's EC2, or what speaks like it. */
  | { readonly kind: 'ec2' };

/** `none`: no machines, although AWS credentials are set. */
export type DriverGiven = DriverSetting | { readonly kind: 'none' };

export type PostgresDefaults = Readonly<
  Record<'host' | 'port' | 'user' | 'password' | 'database' | 'sslmode' | 'sslrootcert', string | null>
>;

export type Parsed<T> = { readonly ok: true; readonly value: T } | WrongValue;
interface WrongValue {
  readonly ok: false;
  readonly expected: string;
  /** What was given may have a password in it, and is not repeated. */
  readonly hidden?: true;
}
export type Parse<T> = (written: string) => Parsed<T>;

export function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function bad(expected: string): WrongValue {
  return { ok: false, expected };
}

export function integer(min: number, max: number): Parse<number> {
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

export function portNumber(written: string): Parsed<number> {
  const port = integer(0, 65_535)(written);
  if (!port.ok || !REFUSED_PORTS.has(port.value)) return port;
  return bad('browsers and other clients refuse to connect to this port; give another');
}

export function toggle(written: string): Parsed<boolean> {
  if (/^(?:1|true|yes|on)$/i.test(written)) return good(true);
  return /^(?:0|false|no|off)$/i.test(written) ? good(false) : bad('give yes or no');
}

export function address(written: string): Parsed<string> {
  const bare = /^\[(.*)\]$/.exec(written)?.[1] ?? written;
  const isName = /^[a-z0-9](?:[a-z0-9.-]{0,252})$/i.test(bare) && !/^[\d.]+$/.test(bare);
  return isIP(bare) !== 0 || isName
    ? good(bare)
    : bad('give an address (127.0.0.1, 0.0.0.0, ::) or a name of this machine');
}

export function store(written: string): Parsed<StoreSetting> {
  if (written === 'memory:') return good({ kind: 'memory' });
  // Whatever is wrong with it is said where it is read, without its password.
  if (/^postgres/.test(written)) return good({ kind: 'postgres', url: written, defaults: noDefaults });
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(written)?.[1];
  return path === undefined
    ? bad('give sqlite:PATH (sqlite:./signalbox.db), postgres://HOST/DATABASE or memory:')
    : good({ kind: 'sqlite', path });
}

export const noDefaults: PostgresDefaults = {
  ...{ host: null, port: null, user: null, password: null, database: null, sslmode: null, sslrootcert: null },
};

const SCOPES = ['read', 'acquire', 'force', 'signal', 'wait', 'probe', 'build', 'terminate'];

export function scopes(written: string): Parsed<string[]> {
  const list = commaList(written);
  const wrong = list.find((item) => !SCOPES.includes(item.split(':', 1)[0] ?? '') || /\s|:$/.test(item));
  if (wrong === undefined) return good(list);
  if (/^admin(?::|$)/.test(wrong)) return bad('nobody may be admin without a key');
  return bad(`${JSON.stringify(wrong)} is no scope; there are ${SCOPES.join(', ')}, each also as scope:glob`);
}

export function header(written: string): Parsed<string> {
  return /^[a-z0-9-]{1,64}$/i.test(written)
    ? good(written.toLowerCase())
    : bad('give the name of a header, like X-Forwarded-User');
}

export function ranges(written: string): Parsed<string[]> {
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

export function level(written: string): Parsed<LogLevel> {
  const found = LOG_LEVELS.find((known) => known === written.toLowerCase());
  return found === undefined ? bad(`give one of ${LOG_LEVELS.join(', ')}`) : good(found);
}

export function webAddress(written: string): Parsed<string> {
  const parsedUrl = URL.parse(written);
  const fits =
    parsedUrl !== null && /^https?:$/.test(parsedUrl.protocol) && parsedUrl.username === '' && parsedUrl.search === '';
  return fits && parsedUrl.hash === ''
    ? good(parsedUrl.href.replace(/\/+$/, ''))
    : bad('give an address like https://signalbox.example');
}

/** An address that may have a token in it, and is not repeated. */
export function secretAddress(written: string): Parsed<string> {
  const url = URL.parse(written);
  const fits = url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '';
  return fits ? good(url.href) : { ...bad('give an address like https://hooks.example/services/…'), hidden: true };
}

const scriptAtMost = 1 << 20;

/** An init script as the older system takes it: base64 of gzip. */
export function packedTemplate(written: string, from: string): Parsed<Template> {
  const packed = Buffer.from(written, 'base64');
  try {
    const text = utf8(gunzipSync(packed, { maxOutputLength: scriptAtMost }));
    if (text !== null) return good({ text, from });
  } catch {
    // Said below.
  }
  const expected = 'give the template as base64 of gzip, at most 1 MiB of UTF-8: gzip --stdout FILE | base64 --wrap=0';
  return { ...bad(expected), hidden: true };
}

/** A Redis server; its address may have a password in it. */
export function redisAddress(written: string): Parsed<string> {
  const url = URL.parse(written);
  const fits = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '' && /^\/?\d*$/.test(url.pathname);
  return fits && isDecodable(url.username) && isDecodable(url.password)
    ? good(written)
    : { ...bad('give redis://:PASSWORD@HOST:PORT/DATABASE, or rediss:// for TLS'), hidden: true };
}

/** What stands before each key in Redis, with its colon; `none`: nothing. */
export function redisNamespace(written: string): Parsed<string> {
  if (written === 'none' || written === '') return good('');
  return /^[\w.-]{1,100}:?$/.test(written)
    ? good(`${written.replace(/:$/, '')}:`)
    : bad('give a name like pudding, or none for keys without one');
}

/** Every byte of a text kept, a mark of its order too; null where it is no UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function postgresUrl(written: string): Parsed<string> {
  const url = URL.parse(written);
  const fits = url !== null && /^postgres(?:ql)?:$/.test(url.protocol) && url.hostname !== '';
  if (fits && isDecodable(url.username) && isDecodable(url.password)) return good(written);
  return { ...bad('give postgres://USER:PASSWORD@HOST:PORT/{{.}}, with %25 for a % in the password'), hidden: true };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

export function commaList(written: string): string[] {
  return written
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function spaceName(written: string): Parsed<string> {
  return isSpaceName(written) ? good(written) : bad('give a-z, 0-9 and single -, at most 40 of them, like team-a');
}

/** Several: `team-a=postgres://db-a/signalbox team-b=sqlite:./b.db`. */
export function spaceStores(written: string): Parsed<ReadonlyMap<string, StoreSetting>> {
  const stores = new Map<string, StoreSetting>();
  for (const part of written.split(/\s+/).filter((part) => part !== '')) {
    const [, name = '', url = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [];
    const given = store(url);
    if (!isSpaceName(name) || name === mainSpace || stores.has(name) || !given.ok)
      return {
        ...bad('give SPACE=STORE, several with blanks between them: team-a=postgres://HOST/DATABASE'),
        hidden: true,
      };
    stores.set(name, given.value);
  }
  return good(stores);
}

export function driver(written: string): Parsed<DriverGiven> {
  if (written === 'ec2' || written === 'none') return good({ kind: written });
  const program = /^command:(.+)$/.exec(written)?.[1];
  return program === undefined
    ? bad('give ec2, command:PATH, an executable (docs/machines.md), or none')
    : good({ kind: 'command', program });
}

export interface ServerOption<T> {
  /** As commander wants it; without a value it is a switch. */
  readonly flag: string;
  readonly environment: readonly string[];
  readonly help: string;
  /** As written; null: none, and then the setting is null. */
  readonly fallback: string | null;
  readonly parse: Parse<T>;
}

export function option<T>(
  flag: string,
  environment: string[],
  help: string,
  fallback: string,
  parse: Parse<T>,
): ServerOption<T> {
  return { flag, environment, help, fallback, parse };
}

export function optional<T>(
  flag: string,
  environment: string[],
  help: string,
  parse: Parse<T>,
): ServerOption<T | null> {
  return { flag, environment, help, fallback: null, parse };
}
