// Turns whose end is not what it should be: nothing that was not kept is told to be, nothing is kept twice, and no way of dying
// holds the others up. Servers are killed, stopped, cut off; commits wait for a standby that is not there.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Draft, Log, TurnOutcome } from '../../src/log/log.ts';
import { eventually } from '../eventually.ts';
import { Hand, type Put, rowsOf } from './drafts.ts';
import { openPostgresLog, type PostgresLogOptions } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';
import { type FaultyWay, hasCommit, startProxy } from './postgres-proxy.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

let database: string;
let way: FaultyWay;
let logs: Log[];
beforeEach(async () => {
  database = await cluster.newDatabase();
  way = await startProxy(cluster.port);
  logs = [];
});
afterEach(async () => {
  await settings({});
  await Promise.all(logs.map((log) => log.close()));
  await way.stop();
});

/** A hand that learns, and whose turns have ids of their own. */
class Server extends Hand {
  drafts = 0;

  async go(puts: readonly Put[]): Promise<TurnOutcome> {
    let draft: Draft | null = null;
    const outcome = await this.log.turn(this.seq, (learned) => {
      this.seq = learned.at(-1)?.seq ?? this.seq;
      this.drafts++;
      draft = { ...this.draft(puts), id: crypto.randomUUID() };
      return draft;
    });
    if (outcome.outcome === 'durable') this.seq = (draft as unknown as Draft).seq;
    return outcome;
  }

  /** The same, again where it is lost: a test that was stalled for long loses its turn too. */
  async insist(puts: readonly Put[]): Promise<TurnOutcome> {
    let outcome: TurnOutcome;
    do outcome = await this.go(puts);
    while (outcome.outcome === 'lost');
    return outcome;
  }
}

async function open(options: PostgresLogOptions = {}, url = cluster.url(database, way.port)): Promise<Server> {
  const log = await openPostgresLog(url, options);
  logs.push(log);
  return new Server(log, await log.load());
}

const direct = (options: PostgresLogOptions = {}) => open(options, cluster.url(database));
const query = (sql: string) => cluster.query(`SET search_path = signalbox; ${sql}`, database);

/** Settings of the whole cluster; those that are not named go back to what they were. */
async function settings(given: Record<string, string>): Promise<void> {
  await cluster.query('ALTER SYSTEM RESET ALL');
  for (const [name, value] of Object.entries(given)) await cluster.query(`ALTER SYSTEM SET ${name} = '${value}'`);
  await cluster.query('SELECT pg_reload_conf()');
}

/** What the rows of one kind do when they are put. */
async function onPut(id: string, does: string): Promise<void> {
  await query(
    `CREATE FUNCTION does() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = '${id}' THEN ${does}; END IF; RETURN new; END $$;
    CREATE TRIGGER does BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION does()`,
  );
}

/** The session of Signalbox of which a condition holds, once there is one. */
function session(condition: string): Promise<number> {
  return eventually(async () => {
    const [row] = await cluster.query(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'signalbox' AND datname = '${database}' AND ${condition}`,
    );
    expect(row).toBeDefined();
    return Number(row?.pid);
  });
}

const waitsForStandby = (more = '') => session(`wait_event = 'SyncRep' ${more}`);
const noStandby = () => settings({ synchronous_standby_names: 'nobody' });

describe('a commit whose answer does not come', () => {
  test('is found to be kept, and is answered then, once', async () => {
    const a = await open();
    way.toServer = (piece, link) => {
      if (hasCommit(piece)) link.marks.add('committing');
      return piece;
    };
    way.toClient = (piece, link) => {
      if (!link.marks.has('committing')) return piece;
      way.toClient = (piece) => piece;
      link.cut();
      return null;
    };
    expect(await a.go([{ id: 'x' }])).toEqual({ outcome: 'durable' });
    expect(a.drafts).toBe(1);
    expect(await query('SELECT count(*)::int AS n FROM turn')).toEqual([{ n: 1 }]);
    expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' });
    expect(Object.keys(await rowsOf(a.log))).toEqual(['x', 'y']);
  });

  test.each([
    ['was never sent', () => null],
    ['was cut off in the middle', (piece: Buffer) => piece.subarray(0, piece.length - 8)],
  ])('is found to be lost when it %s', async (_, passed) => {
    const a = await open();
    way.toServer = (piece, link) => {
      if (!hasCommit(piece)) return piece;
      way.toServer = (piece) => piece;
      setTimeout(() => link.cut(), 20);
      return passed(piece);
    };
    expect(await a.go([{ id: 'x' }])).toMatchObject({ outcome: 'lost' });
    expect(await rowsOf(a.log)).toEqual({});
    expect(await a.insist([{ id: 'x' }])).toEqual({ outcome: 'durable' });
  });

  test('is not taken for the turn of another server that came in between', async () => {
    const [a, b] = [await open(), await direct()];
    way.toServer = (piece) => {
      if (!hasCommit(piece)) return piece;
      way.open = false;
      way.cutAll();
      return null;
    };
    const turn = a.go([{ id: 'x' }]);
    await eventually(() => expect(way.open).toBe(false));
    await b.insist([{ id: 'y' }]);
    way.toServer = (piece) => piece;
    way.open = true;
    expect(await turn).toMatchObject({ outcome: 'lost' });
    expect(await a.insist([{ id: 'x' }])).toEqual({ outcome: 'durable' });
    expect(Object.keys(await rowsOf(b.log))).toEqual(['y', 'x']);
  });

  test('is given up after a while when nothing at all is heard any more', async () => {
    const a = await open({ answerMs: 300 });
    way.toClient = (piece, link) => (link.marks.has('silent') ? null : piece);
    way.toServer = (piece, link) => {
      if (hasCommit(piece)) {
        link.marks.add('silent');
        way.toServer = (piece) => piece;
      }
      return piece;
    };
    expect(await a.insist([{ id: 'x' }])).toEqual({ outcome: 'durable' });
  });

  test('stays unknown while the database is away, and is found out when it is back', async () => {
    const a = await open();
    way.toServer = (piece, link) => {
      if (!hasCommit(piece)) return piece;
      way.open = false;
      setTimeout(() => way.cutAll(), 50);
      return link.marks.has('passed') ? null : piece;
    };
    way.toClient = (piece) => (way.open ? piece : null);
    let outcome: TurnOutcome | null = null;
    const turn = a.go([{ id: 'x' }]).then((told) => {
      outcome = told;
    });
    await eventually(async () => expect(await query('SELECT 1 FROM turn')).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(outcome).toBeNull();
    way.toServer = (piece) => piece;
    way.open = true;
    await turn;
    expect(outcome).toEqual({ outcome: 'durable' });
  });

  test('ends with an error when the log is closed before it is known', async () => {
    const a = await open();
    way.toServer = (piece) => {
      if (!hasCommit(piece)) return piece;
      way.open = false;
      way.cutAll();
      return null;
    };
    const turn = a.go([{ id: 'x' }]);
    const refused = expect(turn).rejects.toMatchObject({ code: 'store_failed' });
    await eventually(() => expect(way.open).toBe(false));
    await a.log.close();
    await refused;
  });

  test('is not guessed when turns from that time are no longer kept', async () => {
    const [a, b] = [await open(), await direct()];
    way.toServer = (piece) => {
      if (!hasCommit(piece)) return piece;
      way.open = false;
      way.cutAll();
      return null;
    };
    const turn = a.go([{ id: 'x' }]);
    const refused = expect(turn).rejects.toMatchObject({ code: 'store_failed', message: /can no longer be found out/ });
    await eventually(() => expect(way.open).toBe(false));
    await b.insist([{ id: 'y' }]);
    await b.insist([{ id: 'y' }]);
    await query('DELETE FROM turn WHERE prev = 0');
    way.toServer = (piece) => piece;
    way.open = true;
    await refused;
  });
});

describe('a turn that the database refuses', () => {
  test('is not kept, and throws: COMMIT alone would not say so', async () => {
    const a = await direct();
    await onPut('bad', `RAISE EXCEPTION 'no such thing'`);
    await expect(a.go([{ id: 'good' }, { id: 'bad' }])).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/no such thing/),
    });
    expect(await rowsOf(a.log)).toEqual({});
    expect(await a.insist([{ id: 'good' }])).toEqual({ outcome: 'durable' });
  });

  test('is not kept where COMMIT answers ROLLBACK and nothing has failed', async () => {
    const a = await open();
    way.toServer = (piece) => {
      // The statement is prepared in the first turn of a session.
      const at = piece.indexOf('COMMIT\0');
      if (at >= 0) piece.write('ABORT ', at);
      return piece;
    };
    expect(await a.go([{ id: 'x' }])).toMatchObject({ outcome: 'lost' });
    expect(await query('SELECT 1 FROM turn')).toEqual([]);
  });

  test('is told to be full when the disk is, and the log goes on', async () => {
    const a = await direct();
    await onPut('big', `RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'`);
    expect(await a.go([{ id: 'big' }])).toMatchObject({
      outcome: 'full',
      message: expect.stringMatching(/No space left/),
    });
    expect(a.log.full).toBe(true);
    expect(await a.insist([{ id: 'small' }])).toEqual({ outcome: 'durable' });
    expect(a.log.full).toBe(false);
    expect(Object.keys(await rowsOf(a.log))).toEqual(['small']);
  });

  test('may be taken again when it was only cancelled', async () => {
    const a = await direct();
    await onPut('slow', 'PERFORM pg_sleep(30)');
    const turn = a.go([{ id: 'slow' }]);
    await cluster.query(`SELECT pg_cancel_backend(${await session(`wait_event = 'PgSleep'`)})`);
    expect(await turn).toMatchObject({ outcome: 'lost' });
    expect(await a.insist([{ id: 'x' }])).toEqual({ outcome: 'durable' });
  });
});

describe('a backend that is killed', () => {
  test('between two turns costs nothing', async () => {
    const a = await direct();
    await a.insist([{ id: 'x' }]);
    for (const pid of await cluster.sessions(database)) await cluster.query(`SELECT pg_terminate_backend(${pid})`);
    expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' });
    expect(await a.log.events({ order: 'asc', limit: 1 })).toEqual([]);
  });

  test('in the middle of a turn takes the turn with it', async () => {
    const a = await direct();
    await onPut('slow', 'PERFORM pg_sleep(30)');
    const turn = a.go([{ id: 'slow' }]);
    await cluster.query(`SELECT pg_terminate_backend(${await session(`wait_event = 'PgSleep'`)})`);
    expect(await turn).toMatchObject({ outcome: 'lost' });
    expect(await a.insist([{ id: 'x' }])).toEqual({ outcome: 'durable' });
    expect(Object.keys(await rowsOf(a.log))).toEqual(['x']);
  });
});

describe('a commit that waits for a standby', () => {
  test.each([
    ['is cancelled: it says COMMIT, and only a warning tells that no standby has it', 'pg_cancel_backend'],
    ['is killed: it is there, and no standby has it', 'pg_terminate_backend'],
  ])('%s', async (_, end) => {
    const a = await direct();
    await noStandby();
    let outcome: TurnOutcome | null = null;
    const turn = a.go([{ id: 'x' }]).then((told) => {
      outcome = told;
    });
    const first = await waitsForStandby();
    await cluster.query(`SELECT ${end}(${first})`);
    // It looks for its turn, finds it, and waits: a later commit must reach the standby.
    await waitsForStandby(`AND pid <> ${first}`);
    expect(await query('SELECT 1 FROM turn')).toHaveLength(1);
    expect(outcome).toBeNull();
    // And no better when that is cut short too.
    const second = await waitsForStandby(`AND pid <> ${first}`);
    await cluster.query(`SELECT ${end}(${second})`);
    await waitsForStandby(`AND pid NOT IN (${first}, ${second})`);
    expect(outcome).toBeNull();
    await settings({});
    await turn;
    expect(outcome).toEqual({ outcome: 'durable' });
    expect(a.drafts).toBe(1);
  });

  test('and loses its connection meanwhile is not taken for lost: its transaction still holds the lock', async () => {
    const a = await open();
    await noStandby();
    let outcome: TurnOutcome | null = null;
    const turn = a.go([{ id: 'x' }]).then((told) => {
      outcome = told;
    });
    await waitsForStandby();
    way.cutAll();
    await session(`wait_event = 'advisory'`);
    expect(outcome).toBeNull();
    await settings({});
    await turn;
    expect(outcome).toEqual({ outcome: 'durable' });
  });
});

describe('a database that is too far away', () => {
  test('loses each turn, and whoever asks is told so instead of waiting for ever', async () => {
    const a = await open();
    await a.insist([{ id: 'x' }]);
    // What is sent to it arrives later than a transaction may do nothing.
    way.toServer = (piece, link) => {
      setTimeout(() => link.pass(piece), 400);
      return null;
    };
    const outcomes = new Set<string>();
    while (!outcomes.has('away')) outcomes.add((await a.go([{ id: 'y' }])).outcome);
    expect(outcomes).toEqual(new Set(['lost', 'away']));
    way.toServer = (piece) => piece;
    await eventually(async () => expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' }));
  });
});

describe('a server that is stopped', () => {
  test('in a turn holds the others up for a moment only, and comes back', async () => {
    const a = await open({ answerMs: 1_000 });
    const b = await direct();
    await a.insist([{ id: 'x' }]);
    await b.insist([{ id: 'y' }]);
    // It does not hear that its turn has begun, as if it were stopped then.
    let begun = false;
    way.toServer = (piece, link) => {
      if (piece.includes('\0lock\0')) link.marks.add('stopped');
      return piece;
    };
    way.toClient = (piece, link) => {
      if (!link.marks.has('stopped')) return piece;
      begun = true;
      return null;
    };
    const turn = a.go([{ id: 'a' }]);
    await eventually(() => expect(begun).toBe(true));
    expect(await b.insist([{ id: 'b' }])).toEqual({ outcome: 'durable' });
    way.toServer = (piece) => piece;
    way.toClient = (piece) => piece;
    expect(await turn).toEqual({ outcome: 'durable' });
  });

  test('longer than that between the begin and the end of its turn loses the turn, and knows it', async () => {
    const a = await direct();
    const outcome = await a.log.turn(0, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
      return a.draft([{ id: 'x' }]);
    });
    expect(outcome).toMatchObject({ outcome: 'lost' });
    expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' });
    expect(Object.keys(await rowsOf(a.log))).toEqual(['y']);
  });
});

describe('a database that is away', () => {
  test('is an outcome, nothing is begun, and the log comes back by itself and says so', async () => {
    const a = await open();
    await a.insist([{ id: 'x' }]);
    const listener = vi.fn();
    a.log.subscribe(listener);
    const { drafts } = a;
    way.open = false;
    way.cutAll();
    await eventually(async () => expect(await a.go([{ id: 'y' }])).toMatchObject({ outcome: 'away' }));
    expect(a.drafts).toBe(drafts);
    expect(await a.log.learn(a.seq)).toMatchObject({ outcome: 'away' });
    await expect(a.log.load()).rejects.toThrow(/cannot be reached/);
    await expect(a.log.beat(9)).rejects.toThrow(/cannot be reached/);
    way.open = true;
    await eventually(() => expect(listener).toHaveBeenCalled());
    expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' });
    // Each of its connections comes back by itself.
    await eventually(() => a.log.beat(9));
  });

  test('takes no changes for a while: the same', async () => {
    const a = await direct();
    await query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    await a.insist([{ id: 'x' }]);
    for (const pid of await cluster.sessions(database)) await cluster.query(`SELECT pg_terminate_backend(${pid})`);
    await eventually(async () => expect(await a.go([{ id: 'y' }])).toMatchObject({ outcome: 'away' }));
    await cluster.query(`ALTER DATABASE ${database} RESET default_transaction_read_only`);
    await eventually(async () => expect(await a.insist([{ id: 'y' }])).toEqual({ outcome: 'durable' }));
  });
});
