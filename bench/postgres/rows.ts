// The rows of the table about PostgreSQL: what each figure is called, in the order in which they are shown.

import type { StorePlan } from './plan.ts';
import { CLIENTS, SERVERS, SPARSE_CYCLES } from './plan.ts';

export interface StoreRow {
  id: string;
  title: string;
}

const three = `${SERVERS} servers`;

export function storeRowsOf(plan: StorePlan): { title: string; rows: StoreRow[] }[] {
  const row = (id: string, title: string): StoreRow => ({ id, title });
  /** Those that each measurement of cycles has. */
  const costs = (of: string) => [
    row(`${of}.perSecond`, 'cycles/s'),
    row(`${of}.p50`, 'acquire p50 ms'),
    row(`${of}.p99`, 'acquire p99 ms'),
    row(`${of}.serverCpu`, 'server CPU µs a cycle'),
    row(`${of}.postgresCpu`, 'PostgreSQL CPU µs a cycle'),
    row(`${of}.walBytes`, 'WAL bytes a cycle'),
    row(`${of}.perTurn`, 'cycles a turn'),
  ];
  const turns = (of: string) => [
    row(`${of}.leastTurns`, 'share of the turns, least of a server'),
    row(`${of}.mostTurns`, 'share of the turns, most of a server'),
  ];
  const handOffs = (of: string, title: string) => [
    row(`${of}.p50`, `hand-off to another server p50 ms, ${title}`),
    row(`${of}.p99`, `hand-off to another server p99 ms, ${title}`),
    row(`${of}.longest`, `hand-off to another server longest ms, ${title}`),
  ];
  return [
    ...CLIENTS.map((n) => ({
      title: `one server, one space, ${n} client${n === 1 ? '' : 's'}`,
      rows: costs(`one.${n}`),
    })),
    { title: `${three}, one space, 256 clients`, rows: [...costs('three'), ...turns('three')] },
    { title: `${three}, three spaces, 256 clients`, rows: [...costs('threeSpaces'), ...turns('threeSpaces')] },
    { title: 'one server, three spaces, 256 clients', rows: costs('oneThreeSpaces') },
    {
      title: `${three}, one space: hand-offs and pauses`,
      rows: [
        ...handOffs('handoffIdle', 'idle'),
        ...handOffs('handoffHalf', 'half load'),
        ...handOffs('handoffFull', 'saturated'),
        ...handOffs('handoffSilent', 'no notification arrives'),
        row('halt.longest', 'longest request elsewhere ms, one server halted in a turn'),
        row('halt.caught', 'times a server was halted in a turn'),
      ],
    },
    {
      title: 'one server alone: GET of an environment, 64 clients',
      rows: ['readPostgres', 'readSqlite'].flatMap((of) => {
        const where = of === 'readPostgres' ? 'PostgreSQL' : 'SQLite';
        return [
          row(`${of}.perSecond`, `reads/s, ${where}`),
          row(`${of}.p50`, `p50 ms, ${where}`),
          row(`${of}.p99`, `p99 ms, ${where}`),
          row(`${of}.serverCpu`, `server CPU µs a read, ${where}`),
          ...(of === 'readPostgres' ? [row(`${of}.postgresCpu`, 'PostgreSQL CPU µs a read')] : []),
        ];
      }),
    },
    {
      title: 'WAL bytes a cycle, by cycles since the last checkpoint',
      rows: ['off', 'on'].flatMap((compression) =>
        SPARSE_CYCLES.map((n) =>
          row(`sparse.${compression}.walBytes${n}`, `${n} in different environments, wal_compression ${compression}`),
        ),
      ),
    },
    ...plan.spaces.flatMap(({ count: n }) => [
      {
        title: `${n.toLocaleString('en')} spaces, one server`,
        rows: [
          row(`spaces${n}.make`, 'making a space ms'),
          row(`spaces${n}.start`, 'start until all are open ms'),
          row(`spaces${n}.startEmpty`, 'start with main alone ms'),
          row(`spaces${n}.memory`, 'KB per space'),
          ...rest(`spaces${n}.rest1`),
          ...costs(`spaces${n}.one`),
          ...['off', 'on'].map((compression) =>
            row(
              `spaces${n}.sparse.${compression}.walBytes100`,
              `WAL bytes a cycle, one in each of 100 spaces after a checkpoint, wal_compression ${compression}`,
            ),
          ),
        ],
      },
      {
        title: `${n.toLocaleString('en')} spaces, ${three}`,
        rows: [
          row(`spaces${n}.startMore`, 'start of two more servers at once, until all are open ms'),
          ...rest(`spaces${n}.rest3`),
          ...costs(`spaces${n}.three`),
          ...turns(`spaces${n}.three`),
        ],
      },
    ]),
  ];

  function rest(of: string): StoreRow[] {
    return [
      row(`${of}.serverCpu`, 'at rest: CPU of a server, share of a core'),
      row(`${of}.postgresCpu`, 'at rest: CPU of PostgreSQL, share of a core'),
      row(`${of}.turns`, 'at rest: turns/s'),
      row(`${of}.wal`, 'at rest: WAL bytes/s'),
      row(`${of}.connections`, 'connections to PostgreSQL'),
    ];
  }
}
