// Reads the history, beside the writer: what is asked for is looked up block by block, each by its range of seqs, until
// there is enough. Asking for a subject or a time looks only at blocks where they can be.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EventQuery } from '../log.ts';
import type { Value } from './batch.ts';
import { blockOf, firstSeqOf, lastSeqOf } from './blocks.ts';

interface Condition {
  readonly sql: string;
  readonly value: Value;
}

/** How many different forms of a query are kept prepared. There are a few dozen; a bound all the same. */
const PREPARED_MAX = 200;

export class History {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Events as JSON text of an array, in the order asked for. */
  events(query: EventQuery): string {
    const conditions = conditionsOf(query);
    const statement = this.#prepare(
      `SELECT '{"seq":' || seq || ',"at":' || at || ',"kind":' || json_quote(kind) || ',"subject":' || json_quote(subject)
         || ',"actor":' || json_quote(actor) || ',"data":' || data || '}' AS text
       FROM event WHERE space = 'main' AND seq BETWEEN ? AND ? ${conditions.map(({ sql }) => `AND ${sql}`).join(' ')}
       ORDER BY seq ${query.order} LIMIT ?`,
    );
    const values = conditions.map(({ value }) => value);
    const lowest = (query.afterSeq ?? -1) + 1;
    const highest = (query.beforeSeq ?? Number.MAX_SAFE_INTEGER) - 1;
    const found: string[] = [];
    for (const block of this.#blocks(query, blockOf(lowest), blockOf(highest))) {
      const range = [Math.max(lowest, firstSeqOf(block)), Math.min(highest, lastSeqOf(block))];
      const rows = statement.all(...range, ...values, query.limit - found.length) as { text: string }[];
      for (const { text } of rows) found.push(text);
      if (found.length >= query.limit) break;
    }
    return `[${found.join(',')}]`;
  }

  oldest(): number | null {
    const row = this.#prepare(`SELECT min(seq) AS seq FROM event WHERE space = 'main'`).get();
    return (row as { seq: number | null }).seq;
  }

  /** The blocks that may hold what is asked for, in its order. The newest has no times yet, and may hold anything. */
  *#blocks(query: EventQuery, lowest: number, highest: number): Generator<number> {
    const conditions: Condition[] = [];
    if (query.since !== undefined)
      conditions.push({ sql: '(newest_at >= ? OR newest_at IS NULL)', value: query.since });
    if (query.until !== undefined) conditions.push({ sql: '(oldest_at < ? OR oldest_at IS NULL)', value: query.until });
    if (query.subject !== undefined) conditions.push({ sql: 'subject = ?', value: query.subject });
    const from =
      query.subject === undefined ? 'event_block' : 'event_subject CROSS JOIN event_block USING (space, block)';
    const statement = this.#prepare(
      `SELECT block FROM ${from} WHERE space = 'main' AND block BETWEEN ? AND ?
         ${conditions.map(({ sql }) => `AND ${sql}`).join(' ')} ORDER BY block ${query.order}`,
    );
    const rows = statement.iterate(lowest, highest, ...conditions.map(({ value }) => value));
    for (const row of rows as Iterable<{ block: number }>) yield row.block;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      if (this.#prepared.size >= PREPARED_MAX) this.#prepared.clear();
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

function conditionsOf(query: EventQuery): Condition[] {
  const conditions: Condition[] = [];
  const add = (sql: string, value: Value): void => {
    conditions.push({ sql, value });
  };
  if (query.since !== undefined) add('at >= ?', query.since);
  if (query.until !== undefined) add('at < ?', query.until);
  if (query.subject !== undefined) add('subject = ?', query.subject);
  if (query.actor !== undefined) add('actor = ?', query.actor);
  if (query.kind !== undefined) add(query.kind.endsWith('.') ? 'instr(kind, ?) = 1' : 'kind = ?', query.kind);
  if (query.lease !== undefined) {
    // Quick, and keeps most events from being read as JSON.
    add('instr(data, ?) > 0', `"lease":${JSON.stringify(query.lease)}`);
    add(`json_extract(data, '$.lease') = ?`, query.lease);
  }
  return conditions;
}
