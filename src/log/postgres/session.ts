// One connection to the database, and what is special about ours. What always holds:
//   - no setting comes from the environment of the process: the driver would read PG* by itself, so each is given here;
//   - values come and go as text; nothing is made a number before it is asked for;
//   - queries are sent at once, one behind the other, and are answered in that order;
//   - whoever waits for an answer gets one: after `answerMs` without it the connection is dropped, and the query fails.

import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import type { PostgresAddress, PostgresHost } from './address.ts';

export interface SessionSettings {
  readonly answerMs: number;
  /** How long a transaction may do nothing: a server that was stopped in a turn must not hold the lock. */
  readonly idleInTransactionMs: number;
  readonly lockMs: number;
  readonly statementMs: number;
  /** For statements that look up rows by their key: plans that read whole tables are not considered, and plans are kept. */
  readonly byKeyOnly: boolean;
}

export type Row = readonly (string | null)[];
export interface Answer {
  /** The first word of the tag: `COMMIT`, `ROLLBACK`, `SELECT`. */
  readonly tag: string;
  readonly rows: readonly Row[];
  /** Rows that were put or deleted. */
  readonly count: number;
}

export interface Statement {
  /** Prepared once in each session under this name. */
  readonly name: string;
  readonly text: string;
}

/** A statement with its values. */
export type Asked = readonly [Statement, readonly unknown[]];

const CONNECT_MS = 3_000;
const textOnly = { getTypeParser: () => (value: string) => value };

export class Session {
  readonly #client: pg.Client;
  readonly #answerMs: number;
  readonly #lostListeners: (() => void)[] = [];
  /** Warnings that have come so far. None is expected: one beside a COMMIT means that it is not what it seems. */
  warnings = 0;
  isLost = false;
  onNotification: (payload: string) => void = () => {};

  private constructor(client: pg.Client, answerMs: number) {
    this.#client = client;
    this.#answerMs = answerMs;
    client.on('error', () => this.#lost());
    client.on('end', () => this.#lost());
    client.on('notice', () => {
      this.warnings++;
    });
    client.on('notification', ({ payload = '' }) => this.onNotification(payload));
  }

  /** Throws what the driver throws (faults.ts tells what that means). */
  static async open(address: PostgresAddress, host: PostgresHost, settings: SessionSettings): Promise<Session> {
    try {
      return await connected(address, host, settings, address.sslMode !== 'disable' && !host.host.startsWith('/'));
    } catch (error) {
      if (address.sslMode !== 'prefer' || !/does not support SSL/.test((error as Error).message)) throw error;
      return connected(address, host, settings, false);
    }
  }

  static async over(client: pg.Client, answerMs: number): Promise<Session> {
    const session = new Session(client, answerMs);
    try {
      await client.connect();
    } catch (error) {
      session.drop();
      throw withCode(error);
    }
    return session;
  }

  /** Runs statements without values, in one round trip; they are parsed anew each time. */
  async simple(sql: string): Promise<readonly Answer[]> {
    const answer = await this.#answered(this.#client.query({ text: sql, rowMode: 'array' } as pg.QueryConfig));
    return (Array.isArray(answer) ? answer : [answer]).map(shaped);
  }

  async run({ name, text }: Statement, values: readonly unknown[] = []): Promise<Answer> {
    const query = { name, text, values: values as unknown[], rowMode: 'array' } as pg.QueryConfig;
    return shaped(await this.#answered(this.#client.query(query)));
  }

  /** Runs statements one after the other, sent in one piece; throws what the first that fails says, once all are answered. */
  async inOneTrip(asked: readonly Asked[]): Promise<readonly Answer[]> {
    const answers = await Promise.allSettled(
      this.together(() => asked.map(([statement, values]) => this.run(statement, values))),
    );
    return answers.map((answer) => {
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    });
  }

  /** Whatever `send` sends goes out in one piece. */
  together<T>(send: () => T): T {
    const { stream } = (this.#client as unknown as { connection: { stream: import('node:net').Socket } }).connection;
    stream.cork();
    try {
      return send();
    } finally {
      stream.uncork();
    }
  }

  literal(text: string): string {
    return this.#client.escapeLiteral(text);
  }

  onLost(listener: () => void): void {
    if (this.isLost) listener();
    else this.#lostListeners.push(listener);
  }

  /** Without a farewell: for a connection that nobody can trust any more. */
  drop(): void {
    (this.#client as unknown as { connection: { stream: import('node:net').Socket } }).connection.stream.destroy();
    this.#lost();
  }

  async end(): Promise<void> {
    if (this.isLost) return;
    const patience = setTimeout(() => this.drop(), 1_000).unref();
    await this.#client.end().catch(() => {});
    clearTimeout(patience);
    this.#lost();
  }

  async #answered<T>(answer: Promise<T>): Promise<T> {
    const patience = setTimeout(() => this.drop(), this.#answerMs);
    try {
      return await answer;
    } catch (error) {
      throw this.isLost ? withCode(error) : error;
    } finally {
      clearTimeout(patience);
    }
  }

  #lost(): void {
    if (this.isLost) return;
    this.isLost = true;
    for (const listener of this.#lostListeners.splice(0)) listener();
  }
}

function connected(
  address: PostgresAddress,
  { host, port }: PostgresHost,
  settings: SessionSettings,
  tls: boolean,
): Promise<Session> {
  const config = {
    ...{ host, port, user: address.user, database: address.database },
    // As functions and text: what is empty the driver would look up in the environment.
    password: () => address.password,
    ...{ replication: 'false', client_encoding: 'UTF8', sslnegotiation: 'postgres', application_name: 'signalbox' },
    options: options(settings),
    ssl: tls ? tlsOptions(address, host) : false,
    connectionTimeoutMillis: CONNECT_MS,
    ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000 },
    ...{ pipeline: true, types: textOnly },
  };
  return Session.over(new pg.Client(config as pg.ClientConfig), settings.answerMs);
}

/** Settings of the session, as they are sent when it begins. Blanks are escaped there by a backslash. */
function options({ idleInTransactionMs, lockMs, statementMs, byKeyOnly }: SessionSettings): string {
  const settings = {
    search_path: 'signalbox',
    jit: 'off',
    standard_conforming_strings: 'on',
    default_transaction_isolation: 'read\\ committed',
    // Notices of triggers and the like would be taken for warnings about a COMMIT.
    client_min_messages: 'warning',
    DateStyle: 'ISO',
    idle_in_transaction_session_timeout: idleInTransactionMs,
    lock_timeout: lockMs,
    statement_timeout: statementMs,
    // What was planned while the tables were empty would else read them whole until they are analyzed.
    ...(byKeyOnly
      ? {
          enable_seqscan: 'off',
          enable_hashjoin: 'off',
          enable_mergejoin: 'off',
          plan_cache_mode: 'force_generic_plan',
        }
      : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

function tlsOptions({ sslMode, authority }: PostgresAddress, host: string): ConnectionOptions {
  const checksAuthority = sslMode === 'verify-full' || sslMode === 'verify-ca' || authority !== null;
  return {
    ...(authority === null ? {} : { ca: authority }),
    rejectUnauthorized: checksAuthority && sslMode !== 'prefer',
    ...(sslMode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(sslMode === 'verify-full' ? { host } : {}),
  };
}

/** What the driver says of a lost connection has none. 08006: connection failure. */
function withCode(error: unknown): unknown {
  return (error as { code?: unknown }).code === undefined ? Object.assign(error as Error, { code: '08006' }) : error;
}

function shaped(result: pg.QueryResult): Answer {
  return { tag: result.command ?? '', rows: result.rows as unknown as Row[], count: result.rowCount ?? 0 };
}
