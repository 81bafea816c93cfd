// Where a store on PostgreSQL is, read from `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`. What always holds: every
// part is read here, so that the driver finds none by itself in the environment; and what is shown holds no password.

import { readFileSync } from 'node:fs';
import { StoreError } from '../store-error.ts';

/** Parts that the address leaves out; the usual PG* variables. */
export interface PostgresDefaults {
  readonly host?: string | null;
  readonly port?: string | null;
  readonly user?: string | null;
  readonly password?: string | null;
  readonly database?: string | null;
  readonly sslmode?: string | null;
  readonly sslrootcert?: string | null;
}

export interface PostgresHost {
  /** A name, an address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
}

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

export interface PostgresAddress {
  /** Tried one after the other; the one that is the primary is taken. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly sslMode: (typeof SSL_MODES)[number];
  /** PEM of the authority that the server's certificate must be signed by. */
  readonly authority: string | null;
  /** For people: `postgres://db:5432/signalbox`. */
  readonly shown: string;
}

const FORM = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE';
const PARTS = /^postgres(?:ql)?:\/\/(?:([^/?#@]*)@)?([^/?#@]*)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;

/** Refuses with a StoreError. */
export function postgresAddress(written: string, defaults: PostgresDefaults = {}): PostgresAddress {
  const parts = PARTS.exec(written);
  if (parts === null)
    throw refused(`the address of the store is not right. Give ${FORM}, with %40 for @ in a password.`);
  const [, account = '', places = '', path = '', query = ''] = parts;
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((key) => !['host', 'sslmode', 'sslrootcert'].includes(key));
  if (unknown !== undefined)
    throw refused(
      `the address of the store has an option ${JSON.stringify(unknown)}. There are host, sslmode and sslrootcert.`,
    );
  const [writtenUser = '', ...writtenPassword] = account.split(':');
  const user = decoded(writtenUser) || defaults.user || 'postgres';
  const database = decoded(path) || defaults.database || user;
  const hosts = hostsOf(options.get('host') ?? (places || defaults.host || 'localhost'), defaults.port ?? null);
  return {
    ...{ hosts, user, database },
    password: decoded(writtenPassword.join(':')) || defaults.password || '',
    sslMode: sslModeOf(options.get('sslmode') ?? defaults.sslmode ?? 'prefer'),
    authority: authorityOf(options.get('sslrootcert') ?? defaults.sslrootcert ?? null),
    shown: `postgres://${hosts.map(shownHost).join(',')}/${database}`,
  };
}

function hostsOf(written: string, defaultPort: string | null): PostgresHost[] {
  return written.split(',').map((place) => {
    if (place.startsWith('/')) return { host: place, port: portOf(defaultPort ?? '5432') };
    const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(place) ?? [];
    const host = bracketed ?? decoded(bare ?? '');
    if (host === '') throw refused(`the address of the store has no host. Give ${FORM}.`);
    return { host, port: portOf(port ?? defaultPort ?? '5432') };
  });
}

function portOf(written: string): number {
  const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw refused(`${JSON.stringify(written)} is no port of a PostgreSQL server. Give ${FORM}.`);
}

function sslModeOf(written: string): PostgresAddress['sslMode'] {
  const mode = SSL_MODES.find((known) => known === (written === 'allow' ? 'prefer' : written));
  if (mode !== undefined) return mode;
  throw refused(`sslmode=${JSON.stringify(written)} is not known. There are ${SSL_MODES.join(', ')}.`);
}

function authorityOf(file: string | null): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new StoreError('store_unsupported', `sslrootcert: ${file} cannot be read.`, { cause });
  }
}

export function shownHost({ host, port }: PostgresHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refused('the address of the store has a % that stands for nothing. Write %25 for it.');
  }
}

function refused(message: string): StoreError {
  return new StoreError('store_unsupported', message);
}
