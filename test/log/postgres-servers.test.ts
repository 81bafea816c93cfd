// Several logs on one space of one database, each as one server has it.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Change, EventRecord } from '../../src/core/rows.ts';
import type { Draft, Learned, LearnOutcome, Log } from '../../src/log/log.ts';
import { eventually } from '../eventually.ts';
import { Hand, type Happened, type Put } from './drafts.ts';
import { openPostgresLog, type PostgresLogOptions } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';
import { type FaultyWay, startProxy } from './postgres-proxy.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

let database: string;
let logs: Log[];
beforeEach(async () => {
  database = await cluster.newDatabase();
  logs = [];
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await Promise.all(logs.map((log) => log.close()));
});

/** A server as far as a log sees it: its rows are what it has loaded and learned. */
class Server {
  readonly log: Log;
  seq = 0;
  tick = 0;
  readonly rows = new Map<string, Change>();
  readonly learned: Learned[] = [];
  taken = 0;

  constructor(log: Log) {
    this.log = log;
  }

  async load(): Promise<void> {
    const { seq, tick, rows } = await this.log.load();
    Object.assign(this, { seq, tick });
    this.rows.clear();
    for (const change of rows) this.apply(change);
  }

  /** Takes a turn; `make` sees what this server knows by then. */
  async take(puts: readonly Put[], happened: readonly Happened[] = []): Promise<string> {
    let draft: Draft | null = null;
    const decide = (learned: readonly Learned[]) => {
      this.#learn(learned);
      const made = new Hand(this.log, this).draft(puts, happened);
      draft = { ...made, id: crypto.randomUUID() };
      return draft;
    };
    let outcome = await this.log.turn(this.seq, decide);
    // A test that was stalled in a turn may lose it, and takes it again as a replica does.
    while (outcome.outcome === 'lost') outcome = await this.log.turn(this.seq, decide);
    if (outcome.outcome === 'durable') {
      const { changes, seq, tick } = draft as unknown as Draft;
      for (const change of changes) this.apply(change);
      Object.assign(this, { seq, tick, taken: this.taken + 1 });
    }
    return outcome.outcome;
  }

  async catchUp(): Promise<LearnOutcome> {
    const outcome = await this.log.learn(this.seq);
    if (outcome.outcome === 'learned') this.#learn(outcome.turns);
    return outcome;
  }

  apply(change: Change): void {
    const key = `${change.kind} ${change.id}`;
    if (change.row === null) this.rows.delete(key);
    else this.rows.set(key, change);
  }

  get hash(): string {
    // The order of the fields of a row means nothing.
    const rows = [...this.rows.values()]
      .sort((a, b) => a.seq - b.seq)
      .map(({ row, ...change }) => ({ ...change, row: Object.entries(row ?? {}).sort() }));
    return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  }

  #learn(turns: readonly Learned[]): void {
    for (const turn of turns) {
      expect(turn.prev).toBe(this.seq);
      for (const change of turn.changes) this.apply(change);
      this.seq = turn.seq;
      this.tick = Math.max(this.tick, turn.tick);
      this.learned.push(turn);
    }
  }
}

async function open(options: PostgresLogOptions = {}, url = cluster.url(database)): Promise<Server> {
  const log = await openPostgresLog(url, options);
  logs.push(log);
  const server = new Server(log);
  await server.load();
  return server;
}

const query = (sql: string) => cluster.query(`SET search_path = signalbox; ${sql}`, database);

describe('turns of several servers', () => {
  test('each learns what the others have done, in order, with its events, before it decides', async () => {
    const [a, b] = [await open(), await open()];
    await a.take([{ id: 'x', row: { n: 1 } }], [{ subject: 'uat' }]);
    await a.take([{ id: 'x', row: null }, { id: 'y' }]);
    expect(await b.take([{ id: 'z' }])).toBe('durable');
    expect(b.learned).toEqual([
      {
        ...{ prev: 0, seq: 2, tick: 1, at: 1_000 },
        changes: [{ kind: 'lease', id: 'x', seq: 1, row: { id: 'x', seq: 1, n: 1 } }],
        events: [{ seq: 2, at: 1_000, kind: 'lease.granted', subject: 'uat', actor: 'anna', data: {} }],
      },
      {
        ...{ prev: 2, seq: 4, tick: 2, at: 1_000, events: [] },
        changes: [
          { kind: 'lease', id: 'x', seq: 3, row: null },
          { kind: 'lease', id: 'y', seq: 4, row: { id: 'y', seq: 4 } },
        ],
      },
    ]);
    expect(await a.catchUp()).toMatchObject({ outcome: 'learned', turns: [{ prev: 4, seq: 5 }] });
    expect(await a.catchUp()).toEqual({ outcome: 'learned', turns: [] });
    expect(a.hash).toBe(b.hash);
  });

  test('a turn that has waited for the lock sees what was committed while it waited', async () => {
    const [a, b] = [await open(), await open()];
    await a.take([{ id: 'before' }]);
    await b.catchUp();
    const holder = cluster.query(
      `BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('main', 7));
      SELECT pg_sleep(0.5);
      INSERT INTO signalbox.turn VALUES ('main', 1, 2, 'by-hand', 5, now(), '[{"kind":"lease","id":"while","seq":2,"row":{"id":"while","seq":2}}]');
      COMMIT; SELECT 1`,
      database,
    );
    await eventually(async () =>
      expect(await query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted`)).toHaveLength(1),
    );
    expect(await b.take([{ id: 'after' }])).toBe('durable');
    await holder;
    expect(b.learned.at(-1)).toMatchObject({ prev: 1, seq: 2, changes: [{ id: 'while' }] });
  });

  test('under the load of four nothing is lost, the line has no fork, and each gets its share', async () => {
    const servers = [await open(), await open(), await open(), await open()];
    const total = 400;
    let taken = 0;
    await Promise.all(
      servers.map(async (server, who) => {
        for (let n = 0; taken < total; n++) {
          const id = `lease-${n % 7}`;
          const outcome = await server.take(
            [{ id, row: { who, n } }, { id: `${who}-${n}` }],
            [{ data: { lease: id } }],
          );
          expect(outcome).toBe('durable');
          taken++;
        }
      }),
    );
    for (const server of servers) {
      await server.catchUp();
      expect(server.taken + server.learned.length).toBe(taken);
      expect(server.taken / taken).toBeGreaterThan(0.15);
      expect(server.taken / taken).toBeLessThan(0.4);
    }
    const fresh = await open();
    expect(fresh.rows.size).toBe(taken + 7);
    expect(new Set([...servers, fresh].map(({ hash }) => hash)).size).toBe(1);
    const line = await query('SELECT prev, seq FROM turn ORDER BY prev');
    line.reduce((at, { prev, seq }) => {
      expect(Number(prev)).toBe(at);
      return Number(seq);
    }, 0);
    expect(await query('SELECT count(*)::int AS n FROM event')).toEqual([{ n: taken }]);
  });

  test('a server that is behind by many turns reads them before it takes the lock', async () => {
    const [a, b] = [await open(), await open()];
    for (let i = 0; i < 300; i++) await a.take([{ id: `n${i}` }], [{}]);
    expect(await b.take([{ id: 'b' }])).toBe('durable');
    expect(b.learned).toHaveLength(300);
    expect(b.learned.every(({ events }) => events.length === 1)).toBe(true);
    await a.catchUp();
    expect(a.hash).toBe(b.hash);
  });

  test('log time never goes back, whoever is behind with it', async () => {
    const [a, b] = [await open(), await open()];
    a.tick = 5_000;
    await a.take([{ id: 'a' }]);
    await b.log.turn(0, ([turn]) => ({
      ...new Hand(b.log, { seq: turn?.seq ?? 0, tick: 10 }).draft([{ id: 'b' }]),
      id: 'b',
    }));
    expect(await query('SELECT tick::int FROM turn ORDER BY prev')).toEqual([{ tick: 5_001 }, { tick: 5_001 }]);
    expect(await a.catchUp()).toMatchObject({ turns: [{ tick: 5_001 }] });
  });

  test('spaces share nothing', async () => {
    const [a, b] = [await open(), await open({ space: `o'neil\\ "$1" 🚀\u0000` })];
    await a.take([{ id: 'x' }], [{}]);
    expect(await b.take([{ id: 'x', row: { n: 2 } }], [{}, {}])).toBe('durable');
    expect(b.learned).toEqual([]);
    await b.load();
    expect(b.seq).toBe(3);
    expect(await b.log.events({ order: 'asc', limit: 10 })).toHaveLength(2);
    expect(await a.log.oldestEvent()).toBe(2);
    await a.load();
    expect([...a.rows.values()].map(({ row }) => row)).toEqual([{ id: 'x', seq: 1 }]);
    const [one, two] = await query('SELECT secret FROM meta');
    expect(one).not.toEqual(two);
  });
});

describe('a server that must load again', () => {
  test('is told so when it is behind by more than is kept, before anything is decided', async () => {
    const [a, b] = [await open(), await open()];
    for (let i = 0; i < 5; i++) await a.take([{ id: `n${i}` }]);
    await query('DELETE FROM turn WHERE prev < 3');
    const decide = vi.fn(() => null);
    expect(await b.log.turn(0, decide)).toMatchObject({ outcome: 'reload' });
    expect(await b.log.learn(0)).toMatchObject({ outcome: 'reload' });
    expect(decide).not.toHaveBeenCalled();
    await b.load();
    expect(await b.take([{ id: 'b' }])).toBe('durable');
    expect(b.learned).toEqual([]);
  });

  test.each([
    ['is not there', 'DELETE FROM turn WHERE prev = 1'],
    ['is another', `UPDATE turn SET id = 'of somebody else' WHERE prev = 1`],
    ['has another end', 'UPDATE turn SET seq = 3 WHERE prev = 1'],
  ])('is told so when its last turn %s', async (_, sql) => {
    const a = await open();
    await a.take([{ id: 'x' }]);
    await a.take([{ id: 'y' }]);
    await query(sql);
    expect(await a.take([{ id: 'z' }])).toBe('reload');
  });

  test('has no use for what is no longer JSON', async () => {
    const [a, b] = [await open(), await open()];
    await a.take([{ id: 'x' }]);
    await query(`UPDATE turn SET changes = '[{'`);
    await expect(b.catchUp()).rejects.toMatchObject({ code: 'store_corrupt' });
    await expect(b.take([{ id: 'y' }])).rejects.toMatchObject({ code: 'store_corrupt' });
  });

  test('is told so when the epoch has risen, and its fences count on from there', async () => {
    const a = await open();
    await query('UPDATE meta SET epoch = epoch + 1');
    expect(await a.take([{ id: 'x' }])).toBe('reload');
    expect(await a.catchUp()).toMatchObject({ outcome: 'reload' });
    expect(await a.log.load()).toMatchObject({ epoch: 1 });
    expect(await a.take([{ id: 'x' }])).toBe('durable');
  });

  test.each([
    ['and nothing has happened since', false],
    ['and another server, which knew of nothing, has gone on from there', true],
  ])('raises the epoch where an older copy was put in the place of what it knows, %s', async (_, hasGoneOn) => {
    const a = await open();
    await a.take([{ id: 'x' }]);
    for (const table of ['turn', 'item', 'event']) await query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    for (let i = 0; i < 5; i++) await a.take([{ id: 'y' }]);
    for (const table of ['turn', 'item', 'event'])
      await query(`BEGIN; DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM kept_${table}; COMMIT`);
    const b = hasGoneOn ? await open() : null;
    for (let i = 0; i < 9; i++) await b?.take([{ id: 'z' }]);
    expect(await a.take([{ id: 'w' }])).toBe('reload');
    await a.load();
    expect(await query('SELECT epoch FROM meta')).toEqual([{ epoch: 1 }]);
    expect(await a.take([{ id: 'w' }])).toBe('durable');
    if (b !== null) expect(await b.take([{ id: 'v' }])).toBe('reload');
    // Loading again is no reason to raise it once more.
    await a.load();
    await b?.load();
    expect(await query('SELECT epoch FROM meta')).toEqual([{ epoch: 1 }]);
  });

  test('waits where the database is older than what it knows', async () => {
    await (await open()).take([{ id: 'x' }]);
    await query('UPDATE meta SET epoch = 7');
    const a = await open();
    await query('UPDATE meta SET epoch = 6');
    expect(await a.take([{ id: 'y' }])).toBe('away');
    await query('UPDATE meta SET epoch = 7');
    expect(await a.take([{ id: 'y' }])).toBe('durable');
  });

  test('may be one that has slept: old turns are dropped, by number and by time', async () => {
    const [a, b] = [
      await open({ turnsKept: { turns: 50, ms: 0 } }),
      await open({ turnsKept: { turns: 50, ms: 1e12 } }),
    ];
    for (let i = 0; i < 1_000; i++) await a.take([{ id: 'x' }]);
    await eventually(async () => expect(await query('SELECT count(*)::int AS n FROM turn')).toEqual([{ n: 50 }]));
    expect(await b.take([{ id: 'y' }])).toBe('reload');
    await b.load();
    for (let i = 0; i < 1_000; i++) await b.take([{ id: 'x' }]);
    // Asked behind the dropping, on the same connection.
    await b.log.oldestEvent();
    expect(await query('SELECT count(*)::int AS n FROM turn')).toEqual([{ n: 1_050 }]);
  });
});

describe('waking', () => {
  let proxy: FaultyWay;
  beforeEach(async () => {
    proxy = await startProxy(cluster.port);
  });
  afterEach(() => proxy.stop());

  test('a turn calls back those who listen on other servers, by a notification alone, and nobody at home', async () => {
    neverLooks();
    const [a, b] = [await open(), await open()];
    const [atHome, abroad] = [vi.fn(), vi.fn()];
    a.log.subscribe(atHome);
    b.log.subscribe(abroad);
    await listening(a, b);
    await a.take([{ id: 'x' }]);
    await eventually(() => expect(abroad).toHaveBeenCalled());
    await b.catchUp();
    expect(b.rows.size).toBe(1);
    expect(atHome).not.toHaveBeenCalled();
  });

  test('other spaces, and turns that are known already, wake nobody', async () => {
    neverLooks();
    const [a, b] = [await open(), await open()];
    await a.take([{ id: 'x' }]);
    await b.catchUp();
    const listener = vi.fn();
    b.log.subscribe(listener);
    await listening(b);
    // They come in this order.
    for (const payload of ['9 other', '1 main', 'nonsense', '2 main'])
      await query(`SELECT pg_notify('signalbox', '${payload}')`);
    await eventually(() => expect(listener).toHaveBeenCalled());
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test('a notification that is lost costs a moment, not the wake-up', async () => {
    const a = await open();
    const b = await open({}, cluster.url(database, proxy.port));
    const listener = vi.fn();
    b.log.subscribe(listener);
    await listening(b);
    // NotificationResponse: `A`.
    proxy.toClient = (piece) => (piece[0] === 0x41 ? null : piece);
    await a.take([{ id: 'x' }]);
    await eventually(() => expect(listener).toHaveBeenCalled());
  });

  test('a listener whose connection was lost is called for what it has missed meanwhile', async () => {
    const a = await open();
    const b = await open({}, cluster.url(database, proxy.port));
    const listener = vi.fn();
    const stop = b.log.subscribe(listener);
    await listening(b);
    proxy.open = false;
    proxy.cutAll();
    await a.take([{ id: 'x' }]);
    expect(listener).not.toHaveBeenCalled();
    proxy.open = true;
    await eventually(() => expect(listener).toHaveBeenCalled());
    stop();
    listener.mockClear();
    await a.take([{ id: 'y' }]);
    await listening(b);
    expect(listener).not.toHaveBeenCalled();
  });

  test('turns that are taken while a notification is on its way share the next', async () => {
    neverLooks();
    const [a, b] = [await open({}, cluster.url(database, proxy.port)), await open()];
    let learning = Promise.resolve();
    b.log.subscribe(() => {
      learning = learning.then(async () => void (await b.catchUp()));
    });
    await listening(b);
    // The answer to the first is held back.
    let held: (() => void) | null = null;
    let sent = 0;
    proxy.toServer = (piece, link) => {
      if (piece.includes('notify\0')) sent++;
      if (sent === 1 && piece.includes('notify\0')) link.marks.add('held');
      return piece;
    };
    proxy.toClient = (piece, link) => {
      if (!link.marks.delete('held')) return piece;
      held = () => link.send(piece);
      return null;
    };
    await a.take([{ id: 'x' }]);
    await eventually(() => expect(held).not.toBeNull());
    for (let i = 0; i < 20; i++) await a.take([{ id: 'x' }]);
    expect(sent).toBe(1);
    (held as unknown as () => void)();
    await eventually(() => expect(b.seq).toBe(21));
    expect(sent).toBe(2);
  });

  /** No look every 250 ms. */
  function neverLooks(): void {
    const timer = { unref: () => timer };
    vi.stubGlobal('setInterval', () => timer);
  }

  /** What is learned comes on the connection that listens, and behind that. */
  async function listening(...servers: Server[]): Promise<void> {
    for (const server of servers) await server.catchUp();
  }
});

test('any text comes back as it was written, and means nothing to the database', async () => {
  const [a, b] = [await open(), await open()];
  const nasty = fc.oneof(
    fc.constantFrom(
      "'; DROP TABLE item; --",
      '\\',
      "\\'",
      '$$',
      '$1',
      '"',
      '{NULL}',
      'NULL',
      '🚀',
      '\u0000',
      '\u001a0000',
      '\ud800',
      '\udc00x',
      '',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const id = fc.tuple(nasty, fc.uuid()).map(([text, unique]) => text + unique);
  await fc.assert(
    fc.asyncProperty(id, nasty, nasty, nasty, async (id, text, subject, actor) => {
      const key = { [text]: text };
      expect(
        await a.take([{ id, row: { text, key } }], [{ kind: `k.${text}`, subject, actor, data: { lease: id, key } }]),
      ).toBe('durable');
      await b.catchUp();
      expect(b.rows.get(`lease ${id}`)?.row).toEqual({ id, seq: a.seq - 1, text, key });
      const event = {
        seq: a.seq,
        at: 1_000,
        kind: `k.${text}`,
        subject,
        actor,
        data: { lease: id, key },
      } as EventRecord;
      expect(b.learned.at(-1)?.events).toEqual([event]);
      expect(await b.log.events({ lease: id, subject, actor, kind: event.kind, order: 'asc', limit: 10 })).toEqual([
        event,
      ]);
    }),
    { numRuns: 100, seed: 3 },
  );
  const hash = a.hash;
  await a.load();
  expect(a.hash).toBe(hash);
});
