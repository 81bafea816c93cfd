// Whether a MySQL or MariaDB server can be used: `mysql:HOST[:PORT][/DATABASE]`. Logs in, into the database, and pings.
// Without user, password and database (`mysql:db:3306`) a refused login is as good as an answer: the server is there. The login
// is tried nevertheless and not broken off after the greeting, because MySQL counts broken handshakes and shuts out a host that
// has made too many of them. A ping and no SELECT 1, because mysql2 complains on stderr of rows that it cannot read.
// What always holds: mysql2 writes nothing to stderr about what it hears.

import type { Duplex } from 'node:stream';
import type { Connection, ConnectionOptions } from 'mysql2';
import type { ProbeTarget } from '../core/meet/target.ts';
import { codeOf } from './connection.ts';
import { type Line, tlsSettings, tryOn, Verdict } from './line.ts';
import type { Endpoint, Finding, Probe, ProbeOptions } from './probe.ts';

/** The one user that every server has; on a server for tests it often has no password. */
const defaultUser = 'root';
const ready: Finding = { state: 'up', detail: 'ready' };

export const probe: Probe = async (target, endpoint, options, signal) => {
  const mysql = await import('mysql2');
  return tryOn(options, signal, async (line) => {
    line.connect(endpoint);
    const connection = mysql.createConnection(settings(target, endpoint, options, line));
    connection.on('error', (error) => line.fail(verdict(error, target)));
    // It would be written to stderr next; thrown here, it is a fault of the line.
    connection.on('warn', () => {
      throw new Verdict('unready', 'something answers that is not MySQL');
    });
    guardTls(line, connection);
    try {
      await ping(connection);
    } catch (error) {
      if (isRefusedLogin(error) && isAnonymous(target)) return { state: 'up', detail: 'answers (nobody logged in)' };
      throw verdict(error, target);
    }
    line.farewell = () => connection.end();
    return ready;
  });
};

function settings(target: ProbeTarget, endpoint: Endpoint, options: ProbeOptions, line: Line): ConnectionOptions {
  const { rejectUnauthorized } = tlsSettings(endpoint, options);
  return {
    stream: line.socket,
    // With a socket at hand the host is only the name that the certificate must be for.
    host: endpoint.host,
    user: target.user ?? defaultUser,
    password: target.password ?? '',
    database: target.resource === '' ? undefined : target.resource,
    ssl: target.tls ? { rejectUnauthorized, verifyIdentity: rejectUnauthorized } : undefined,
    // The time of a try is the prober's; a timer of mysql2's own would outlive it.
    connectTimeout: 0,
    // A server may ask a client for its files: not this one.
    flags: ['-LOCAL_FILES'],
    connectAttributes: { program_name: 'signalbox' },
  };
}

function ping(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.ping((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** mysql2 makes TLS of the socket when it has read the greeting, and says so only by its `stream`. */
function guardTls(line: Line, connection: Connection): void {
  line.socket.once('data', () => line.guard((connection as unknown as { stream: Duplex }).stream));
}

function isAnonymous(target: ProbeTarget): boolean {
  return target.user === null && target.password === null && target.resource === '';
}

function isRefusedLogin(error: unknown): boolean {
  return refusedLogin.has(codeOf(error));
}

const refusedLogin = new Set(['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR']);
/** What waiting does not mend, in our words. */
const never: Readonly<Record<string, string>> = {
  ER_DBACCESS_DENIED_ERROR: 'the user may not use this database',
  ER_HOST_IS_BLOCKED: 'the server has blocked this host for its many connection errors (mysqladmin flush-hosts)',
  ER_HOST_NOT_PRIVILEGED: 'the server does not let this host connect',
  ER_NOT_SUPPORTED_AUTH_MODE: 'the server wants a way of login that is not known here',
  ER_MUST_CHANGE_PASSWORD_LOGIN: 'the password has expired',
  ER_ACCOUNT_HAS_BEEN_LOCKED: 'the user is locked',
  ER_SECURE_TRANSPORT_REQUIRED: 'the server lets nobody in without TLS',
};

function verdict(error: unknown, target: ProbeTarget): unknown {
  const code = codeOf(error);
  if (code === 'ER_BAD_DB_ERROR') return new Verdict('down', `database "${target.resource}" does not exist`);
  if (isRefusedLogin(error))
    return new Verdict('misconfigured', `access denied for user "${target.user ?? defaultUser}"`);
  if (never[code] !== undefined) return new Verdict('misconfigured', never[code]);
  if (code === 'ER_CON_COUNT_ERROR') return new Verdict('unready', 'too many connections');
  if (code.startsWith('ER_')) return new Verdict('unready', `the server refuses (${code})`);
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return new Verdict('misconfigured', 'TLS was asked for, and the server offers none');
  return error;
}
