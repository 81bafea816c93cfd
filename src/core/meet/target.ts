// What can be waited for, as it is written: `signal:migrated`, `tcp:db:5432`, `http://app/healthz`, `postgres:mydb`. What always
// holds: a prefix that is not known is refused and never becomes a signal that is waited for for ever, and no password is in a
// target's `text`, which is what people and logs see, nor in what refuses it.

import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import { nameFault, nearestName } from '../names.ts';

export const probeKinds = ['tcp', 'http', 'postgres', 'redis', 'mysql', 'dns', 'grpc'] as const;
export type ProbeKind = (typeof probeKinds)[number];

/** Something outside of Signalbox that is asked whether it is ready. */
export interface ProbeTarget {
  readonly kind: ProbeKind;
  /** As people see it: without user, password and query. */
  readonly text: string;
  /** A name or an address, without brackets; null: the PostgreSQL server that is configured (`postgres:NAME`). */
  readonly host: string | null;
  /** null for dns, and for the PostgreSQL server that is configured. */
  readonly port: number | null;
  readonly tls: boolean;
  readonly user: string | null;
  readonly password: string | null;
  /** http: path and query; postgres, mysql: database; redis: number of the database; grpc: service; dns: type of record. */
  readonly resource: string;
}

export type Target =
  | { readonly kind: 'signal'; readonly text: string; readonly name: string }
  | { readonly kind: 'barrier'; readonly text: string; readonly name: string }
  | { readonly kind: 'env'; readonly text: string; readonly name: string }
  | { readonly kind: 'lease'; readonly text: string; readonly id: string }
  | { readonly kind: 'instance'; readonly text: string; readonly id: string; readonly ready: boolean }
  | { readonly kind: 'probe'; readonly text: string; readonly probe: ProbeTarget };

const maxTargetLength = 2_000;
const prefixes = [
  ...[
    'signal',
    'barrier',
    'env',
    'lease',
    'instance',
    'tcp',
    'http',
    'https',
    'postgres',
    'postgresql',
    'redis',
    'rediss',
  ],
  ...['mysql', 'dns', 'grpc', 'grpcs'],
] as const;
type Prefix = (typeof prefixes)[number];
const kindsInASentence =
  'signal: barrier: env: lease: instance: tcp: http:// https:// postgres: redis: mysql: dns: grpc:';

/** Ports of those that are mostly found at one; everything else must say it. */
const defaultPorts: Readonly<Partial<Record<Prefix, number>>> = {
  ...{ http: 80, https: 443, postgres: 5432, postgresql: 5432, redis: 6379, rediss: 6379, mysql: 3306 },
};
export const recordTypes = ['ANY', 'A', 'AAAA', 'CNAME', 'MX', 'NS', 'SRV', 'TXT'] as const;

/** Reads one target. A bare word is a signal. */
export function parseTarget(text: string): Outcome<Target> {
  if (text.length > maxTargetLength) return malformed(`A target has ${maxTargetLength} characters at most.`);
  const prefix = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (prefix === undefined) return text.includes(':') ? unknownPrefix(text, '') : named('signal', text);
  if (!isPrefix(prefix)) return unknownPrefix(text, prefix);
  const rest = text.slice(prefix.length + 1);
  switch (prefix) {
    case 'signal':
    case 'barrier':
    case 'env':
      return named(prefix, rest);
    case 'lease':
      return /^[\x21-\x7e]{1,100}$/.test(rest)
        ? accept({ kind: 'lease', text: `lease:${rest}`, id: rest })
        : malformed('A lease is written lease:ID, with the id that it was given.');
    case 'instance':
      return instance(rest);
    case 'http':
    case 'https':
      return web(text);
    case 'dns':
      return dns(rest);
    case 'postgres':
    case 'postgresql':
      if (rest.startsWith('//')) return address(prefix, rest);
      // Without its slashes an address would be a database of that name, shown to everybody with its password.
      if (/:.*@/s.test(rest)) return malformed('Write postgres://USER:PASSWORD@HOST/NAME, or postgres:NAME.');
      // As with the other prefixes one may mean HOST/NAME, and would wait in vain for a database of that name elsewhere.
      if (rest.includes('/')) return malformed('For a database on another server write postgres://HOST/NAME.');
      return database(rest);
    default:
      return address(prefix, rest);
  }
}

/** The database `name` on the PostgreSQL server that is configured; the name is taken as it is, whatever it contains. */
export function database(name: string): Outcome<Target> {
  if (name === '') return malformed('The name of the database is missing: postgres:NAME.');
  if (/\p{Cc}|\p{Surrogate}/u.test(name) || new TextEncoder().encode(name).length > 63)
    return malformed('The name of a PostgreSQL database has 63 bytes at most and no control characters.');
  return probe({
    ...{ kind: 'postgres', text: `postgres:${name}`, host: null, port: null, tls: false },
    ...{ user: null, password: null, resource: name },
  });
}

function isPrefix(word: string): word is Prefix {
  return (prefixes as readonly string[]).includes(word);
}

function named(kind: 'signal' | 'barrier' | 'env', name: string): Outcome<Target> {
  const fault = nameFault(name);
  if (fault !== null) return malformed(`The name in ${kind}:NAME ${fault}.`);
  return accept({ kind, text: `${kind}:${name}`, name });
}

/** A machine by its id here or at the driver, or a build, which is all its machines. */
function instance(rest: string): Outcome<Target> {
  const [, id = '', ready] = /^([\x21-\x2e\x30-\x7e]{1,200})(\/ready)?$/.exec(rest) ?? [];
  if (id === '') return malformed('Machines are written instance:ID, of a machine or a build, or instance:ID/ready.');
  return accept({ kind: 'instance', text: `instance:${rest}`, id, ready: ready !== undefined });
}

/** `KIND:HOST[:PORT][/RESOURCE]`, or the same as a URL with `//`, which may carry a user and a password. */
function address(
  prefix: Exclude<Prefix, 'signal' | 'barrier' | 'env' | 'lease' | 'instance' | 'http' | 'https' | 'dns'>,
  rest: string,
) {
  const shape = `${prefix}:HOST:PORT`;
  const url = URL.parse(`x://${rest.startsWith('//') ? rest.slice(2) : rest}`);
  if (url === null || url.hostname === '') return malformed(`This is not a target: write ${shape}.`);
  const kind =
    prefix === 'postgresql' ? 'postgres' : prefix === 'rediss' ? 'redis' : prefix === 'grpcs' ? 'grpc' : prefix;
  const port = url.port === '' ? (defaultPorts[prefix] ?? null) : Number(url.port);
  if (port === null || port === 0) return malformed(`The port is missing: write ${shape}.`);
  const host = decoded(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const resource = decoded(url.pathname.replace(/^\//, ''));
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (host === null || resource === null || user === null || password === null || !isHost(host))
    return malformed(`This is not a target: write ${shape}.`);
  const fault = resourceFault(kind, resource);
  if (fault !== null) return malformed(fault);
  if (kind === 'tcp' && (user !== '' || url.search !== '')) return malformed(`Write ${shape}, and nothing else.`);
  if (url.hash !== '') return malformed(`A target has no # in it: write ${shape}.`);
  const tls = asksTls(kind, url.searchParams);
  if (tls === null) return malformed(`The mode of TLS is none that ${kind} knows.`);
  return probe({
    kind,
    text: `${prefix === 'postgresql' ? 'postgres' : prefix}:${rest.startsWith('//') ? '//' : ''}${bracketed(host)}:${port}${resource === '' ? '' : `/${resource}`}`,
    ...{ host, port, resource },
    tls: prefix === 'rediss' || prefix === 'grpcs' || tls,
    user: user === '' ? null : user,
    password: password === '' ? null : password,
  });
}

/** The parameter by which clients of these databases ask for TLS, and what of it asks for none. */
const tlsModes: Readonly<
  Partial<Record<ProbeKind, { parameter: string; without: readonly string[]; with: readonly string[] }>>
> = {
  // Where a mode leaves the choice to the server there is none.
  postgres: {
    parameter: 'sslmode',
    without: ['disable', 'allow', 'prefer'],
    with: ['require', 'verify-ca', 'verify-full'],
  },
  mysql: {
    parameter: 'ssl-mode',
    without: ['disabled', 'preferred'],
    with: ['required', 'verify_ca', 'verify_identity'],
  },
};

/** Whether the query of a target asks for TLS; null where what it says is no mode. */
function asksTls(kind: ProbeKind, query: URLSearchParams): boolean | null {
  const modes = tlsModes[kind];
  const mode = modes === undefined ? null : (query.get(modes.parameter)?.toLowerCase() ?? null);
  if (modes === undefined || mode === null || modes.without.includes(mode)) return false;
  return modes.with.includes(mode) ? true : null;
}

function resourceFault(kind: ProbeKind, resource: string): string | null {
  if (/[\p{Cc}\p{Surrogate}]/u.test(resource)) return 'A target has no control characters.';
  if (kind === 'tcp' && resource !== '') return 'A tcp target has no path: write tcp:HOST:PORT.';
  if (kind === 'redis' && !/^\d{0,4}$/.test(resource)) return 'The path of a redis target is the number of a database.';
  return null;
}

function web(text: string): Outcome<Target> {
  const url = /^https?:\/\/./i.test(text) ? URL.parse(text) : null;
  if (url === null || url.port === '0' || !isHost(url.hostname.replace(/^\[(.*)\]$/, '$1')))
    return malformed('This is not an address: write http://HOST:PORT/PATH.');
  const tls = url.protocol === 'https:';
  const [user, password] = [decoded(url.username), decoded(url.password)];
  // Asked without the one that is meant, it might answer something else.
  if (user === null || password === null)
    return malformed('The user and the password of an address are escaped with %.');
  return probe({
    kind: 'http',
    // The query may carry a token, so people do not see it.
    text: `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    tls,
    user: user === '' ? null : user,
    password: password === '' ? null : password,
    resource: `${url.pathname}${url.search}`,
  });
}

function dns(rest: string): Outcome<Target> {
  const [name = '', type = 'ANY', ...more] = rest.split('/');
  const known = recordTypes.find((each) => each === type.toUpperCase());
  if (!isHost(name) || more.length > 0) return malformed('This is not a name: write dns:NAME, or dns:NAME/TYPE.');
  if (known === undefined) return malformed(`The type of a record is one of ${recordTypes.slice(1).join(', ')}.`);
  return probe({
    ...{ kind: 'dns', text: `dns:${name}${known === 'ANY' ? '' : `/${known}`}`, host: name, port: null, tls: false },
    ...{ user: null, password: null, resource: known },
  });
}

function probe(target: ProbeTarget): Outcome<Target> {
  return accept({ kind: 'probe', text: target.text, probe: target });
}

/** Whether it can be the name or the address of a host; what it resolves to is looked at when it is connected to. */
function isHost(host: string): boolean {
  return host.length > 0 && host.length <= 253 && !/[\s/\\?#@%\p{Cc}\p{Surrogate}]/u.test(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function unknownPrefix(text: string, prefix: string): Outcome<Target> {
  const nearest = prefix === '' ? null : nearestName(prefix, prefixes);
  const port = /^[^:/]+:\d{1,5}$/.test(text);
  const shown = withoutSecrets(text);
  const meant = port
    ? `tcp:${shown}`
    : nearest === null
      ? `signal:${shown}`
      : `${nearest}:${shown.slice(prefix.length + 1)}`;
  return refuse(
    'invalid_target',
    `"${shown.slice(0, 100)}" has no known prefix. Did you mean ${meant.slice(0, 100)}? There are ${kindsInASentence}.`,
    { field: 'target', facts: { nearest: meant } },
  );
}

/** Whoever mistypes the prefix of an address may have written a password behind it. */
function withoutSecrets(text: string): string {
  return text.replace(/:(\/*).*@/s, ':$1…@').replace(/\?.*$/s, '?…');
}

function malformed(message: string): Outcome<never> {
  return refuse('invalid_target', message, { field: 'target' });
}
