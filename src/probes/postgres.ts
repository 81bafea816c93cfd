// Whether a PostgreSQL database can be used: `postgres:NAME`, `postgres://USER:PASSWORD@HOST:PORT/NAME`. Connects and asks
// SELECT 1. What always holds: nothing of what pg takes from the environment (PGPASSWORD, PGOPTIONS, ~/.pgpass, …) has a part in
// it, and the name of a database is never made into an address, so that it may contain what it likes.

import { constants } from 'node:os';
import type { Client, ClientConfig } from 'pg';
import type { ProbeTarget } from '../core/meet/target.ts';
import { codeOf } from './connection.ts';
import { type Line, tlsSettings, tryOn, Verdict } from './line.ts';
import type { Endpoint, Probe, ProbeOptions } from './probe.ts';

/** As libpq's own tools have it for the first login on a new server; the name of whoever runs Signalbox means nothing there. */
const defaultUser = 'postgres';
const defaultDatabase = 'postgres';

export const probe: Probe = async (target, endpoint, options, signal) => {
  const { default: pg } = await import('pg');
  return tryOn(options, signal, async (line) => {
    const client = new pg.Client(settings(target, endpoint, options, line));
    forgetEnvironment(client);
    // Once the try is decided, pg may still report how the connection ended.
    client.on('error', (error) => line.fail(verdict(error, target)));
    // pg makes TLS of the socket by itself, after it has asked for it.
    client.connection.on('sslconnect', () => line.guard(client.connection.stream));
    try {
      await client.connect();
      await client.query('SELECT 1');
    } catch (error) {
      throw verdict(error, target);
    }
    line.farewell = () => void client.end();
    return { state: 'up', detail: 'ready' };
  });
};

function settings(target: ProbeTarget, endpoint: Endpoint, options: ProbeOptions, line: Line): ClientConfig {
  return {
    stream: () => line.socket,
    host: endpoint.address,
    port: endpoint.port,
    user: target.user ?? defaultUser,
    database: databaseOf(target),
    // A function, because for an empty password pg would look into the environment and into ~/.pgpass.
    password: () => {
      if (target.password !== null) return target.password;
      throw new Verdict('misconfigured', 'the server asks for a password, and none was given');
    },
    ssl: target.tls ? tlsSettings(endpoint, options) : false,
    sslnegotiation: 'postgres',
    application_name: 'signalbox',
    client_encoding: 'UTF8',
  };
}

/** What pg has taken from the environment for lack of a value: an empty one would not have counted as given. */
function forgetEnvironment(client: Client): void {
  const { connectionParameters } = client as unknown as { connectionParameters: Record<string, unknown> };
  connectionParameters.options = undefined;
  connectionParameters.replication = undefined;
}

function databaseOf(target: ProbeTarget): string {
  return target.resource === '' ? defaultDatabase : target.resource;
}

/** What PostgreSQL (by SQLSTATE, appendix A of its manual), pgbouncer and pg mean by an error. */
function verdict(error: unknown, target: ProbeTarget): unknown {
  const code = codeOf(error);
  const words = error instanceof Error ? error.message : '';
  const user = target.user ?? defaultUser;
  const database = databaseOf(target);
  // pgbouncer has its own words for it.
  if (code === '3D000' || /^no such database/.test(words))
    return new Verdict('down', `database "${database}" does not exist`);
  if (code === '28P01') return new Verdict('misconfigured', `password authentication failed for user "${user}"`);
  if (code === '28000' || code === '42501')
    return new Verdict('misconfigured', `user "${user}" may not use database "${database}" from here (${code})`);
  if (code === '57P03') return new Verdict('unready', startingOrStopping(words));
  if (code === '53300') return new Verdict('unready', 'too many connections');
  if (isSqlState(code)) return new Verdict('unready', `the server refuses (${code})`);
  if (words === 'The server does not support SSL connections')
    return new Verdict('misconfigured', 'TLS was asked for, and the server offers none');
  if (words === 'There was an error establishing an SSL connection' || /^received invalid response/.test(words))
    return new Verdict('unready', 'something answers that is not PostgreSQL');
  return error;
}

function startingOrStopping(words: string): string {
  if (words.includes('shutting down')) return 'the server is shutting down';
  return words.includes('starting up') ? 'the server is starting up' : 'the server does not take connections yet';
}

/** Not one of the system's: EPIPE looks like one. */
function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !(code in constants.errno);
}
