// The printed tables of a run on PostgreSQL, as Markdown: docs/scale.md shows them as they are.

import { judge } from '../goals.ts';
import type { Fsync, Fsyncs, Machine } from '../machine.ts';
import { number } from '../report.ts';
import type { Samples } from '../samples.ts';
import { CLIENTS, SPARSE_CYCLES, type StorePlan } from './plan.ts';
import { storeRowsOf } from './rows.ts';

const SYSTEM = 'signalbox-postgres';

export interface StoreReport {
  date: string;
  command: string;
  plan: StorePlan;
  machine: Machine;
  postgres: string;
  fsync: { before: Fsyncs; after: Fsyncs };
  loadAverage: { before: number; after: number };
  seconds: number;
  complete: boolean;
}

export function renderStore(report: StoreReport, samples: Samples): string {
  const groups = storeRowsOf(report.plan).flatMap(({ title, rows }) => {
    const lines = rows.flatMap(({ id, title }) => {
      const range = samples.range(SYSTEM, id);
      return range === null ? [] : [[title, number(samples.median(SYSTEM, id)), range.map(number).join(' - ')]];
    });
    return lines.length === 0 ? [] : [table([[title, 'median', 'lowest - highest'], ...lines])];
  });
  return [heading(report), reached(samples), ...groups, remarks(report, samples)]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The same in few tables, medians alone: for docs/scale.md. */
export function renderPage(report: StoreReport, samples: Samples): string {
  const cell = (id: string) => number(samples.median(SYSTEM, id));
  const cells = (of: string, rows: readonly string[]) => rows.map((row) => cell(`${of}.${row}`));
  const spaces = report.plan.spaces.map(({ count }) => count);
  const shown = (count: number) => count.toLocaleString('en');
  const cycles: [string, string][] = [
    ...CLIENTS.map((n): [string, string] => [`1 server, 1 space, ${n} client${n === 1 ? '' : 's'}`, `one.${n}`]),
    ['1 server, 3 spaces, 256 clients', 'oneThreeSpaces'],
    ['3 servers, 1 space, 256 clients', 'three'],
    ['3 servers, 3 spaces, 256 clients', 'threeSpaces'],
    ...spaces.flatMap((n): [string, string][] => [
      [`1 server, ${shown(n)} spaces, 256 clients`, `spaces${n}.one`],
      [`3 servers, ${shown(n)} spaces, 256 clients`, `spaces${n}.three`],
    ]),
  ];
  const costs = ['perSecond', 'p50', 'p99', 'serverCpu', 'postgresCpu', 'walBytes', 'perTurn'];
  const handOffs: [string, string][] = [
    ['idle', 'handoffIdle'],
    ['half load', 'handoffHalf'],
    ['saturated', 'handoffFull'],
    ['idle, and no notification arrives', 'handoffSilent'],
  ];
  const rest = ['serverCpu', 'postgresCpu', 'turns', 'wal', 'connections'];
  const sparse = (of: string, n: number) => ['off', 'on'].map((mode) => cell(`${of}.${mode}.walBytes${n}`));
  return [
    heading(report),
    reached(samples),
    table([
      ['cycles', 'a second', 'acquire p50 ms', 'p99 ms', 'server CPU µs', 'PostgreSQL CPU µs', 'log bytes', 'a turn'],
      ...cycles.map(([title, of]) => [title, ...cells(of, costs)]),
    ]),
    table([
      ['hand-off from a client of one server to one of another, ms', 'p50', 'p99', 'longest'],
      ...handOffs.map(([title, of]) => [title, ...cells(of, ['p50', 'p99', 'longest'])]),
    ]),
    table([
      [
        'reads of an environment, 1 server, 64 clients',
        'a second',
        'p50 ms',
        'p99 ms',
        'server CPU µs',
        'PostgreSQL CPU µs',
      ],
      ['on PostgreSQL', ...cells('readPostgres', costs.slice(0, 5))],
      ['on SQLite', ...cells('readSqlite', costs.slice(0, 4)), ''],
    ]),
    table([
      ['bytes of log a cycle, after a checkpoint', 'wal_compression off', 'on'],
      ...SPARSE_CYCLES.map((n) => [`${n} in one space`, ...sparse('sparse', n)]),
      ...spaces.map((n) => [`one in each of 100 of ${shown(n)} spaces`, ...sparse(`spaces${n}.sparse`, 100)]),
    ]),
    table([
      ['at rest, nobody in any space', 'CPU of a server', 'of PostgreSQL', 'turns/s', 'log bytes/s', 'connections'],
      ...spaces.flatMap((n) =>
        [1, 3].map((k) => [
          `${k} server${k === 1 ? '' : 's'}, ${shown(n)} spaces`,
          ...cells(`spaces${n}.rest${k}`, rest),
        ]),
      ),
    ]),
    table([
      ['spaces', 'making one ms', 'start ms', 'start with main alone ms', 'two more at once ms', 'KB each in a server'],
      ...spaces.map((n) => [shown(n), ...cells(`spaces${n}`, ['make', 'start', 'startEmpty', 'startMore', 'memory'])]),
    ]),
    remarks(report, samples),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function heading({ machine, fsync, loadAverage, plan, ...report }: StoreReport): string {
  const fsyncs = (one: Fsync) => `${one.p50Micros} / ${one.p99Micros}`;
  return [
    `- \`${report.command}\`, ${report.date.slice(0, 16).replace('T', ' ')} UTC, commit ${machine.commit}: ${plan.repetitions} repetitions, ${Math.round(report.seconds)} s`,
    `- ${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, PostgreSQL ${report.postgres}, ${machine.fileSystem}`,
    `- load average ${loadAverage.before} before, ${loadAverage.after} after (the run itself is part of it)`,
    `- write + fdatasync of 4 KB, p50 / p99 µs: at the end of a file ${fsyncs(fsync.before.append)} before, ${fsyncs(fsync.after.append)} after; within a file ${fsyncs(fsync.before.overwrite)} before, ${fsyncs(fsync.after.overwrite)} after`,
  ].join('\n');
}

function reached(samples: Samples): string {
  const lines = judge(samples).map(({ title, measured, steps, verdict }) => [
    title,
    number(steps[1]),
    number(measured),
    verdict,
  ]);
  return lines.length === 0 ? '' : table([['to reach', 'goal', 'this run', ''], ...lines]);
}

function remarks(report: StoreReport, samples: Samples): string {
  const others = samples.all.filter(({ row }) => row.endsWith('.othersBusy')).map(({ value }) => value);
  const lines = samples.failures.map(
    ({ repetition, what, reason }) => `- FAILED, repetition ${repetition}, ${what}: ${reason}`,
  );
  if (others.length > 0) {
    const mean = others.reduce((sum, value) => sum + value, 0) / others.length;
    lines.unshift(
      `- While cycles and reads were measured, processes that are no part of it used ${Math.round(mean * 100)} % of the machine on average, ${Math.round(Math.max(...others) * 100)} % at most.`,
    );
  }
  if (!report.complete) lines.push(`- Ended by its limit of ${report.plan.limitSeconds} s.`);
  return lines.join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
