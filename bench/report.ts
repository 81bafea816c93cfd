// The printed table of a run.

import { judge } from './goals.ts';
import type { Fsync, Fsyncs, Machine } from './machine.ts';
import type { Plan } from './plan.ts';
import { rowsOf } from './rows.ts';
import type { Samples } from './samples.ts';
import type { System } from './systems/system.ts';

/** From this share of a core on, the load generator and not the server may be what is measured. */
const LOAD_IS_THE_LIMIT = 0.9;
/** From this share of the machine on, others disturb the run. */
const OTHERS_DISTURB = 0.1;
const SUBJECT = 'signalbox';

export interface Report {
  date: string;
  command: string;
  plan: Plan;
  machine: Machine;
  fsync: { before: Fsyncs; after: Fsyncs };
  loadAverage: { before: number; after: number };
  seconds: number;
  complete: boolean;
  systems: { name: System['name']; version: string }[];
  /** Asked for, but not installed. */
  missing: { name: System['name']; install: string }[];
}

export function render(report: Report, measured: readonly System[], samples: Samples): string {
  return [heading(report), figures(report, measured, samples), reached(samples), remarks(report, measured, samples)]
    .filter((part) => part !== '')
    .join('\n\n');
}

export function notMeasured({ name, install }: { name: string; install: string }): string {
  return `${name} is not installed and not measured. To have it: ${install}`;
}

function heading(report: Report): string {
  const { machine, fsync, loadAverage, plan } = report;
  const fsyncs = (one: Fsync) => `${one.p50Micros} / ${one.p99Micros}`;
  return [
    `${report.date}   ${report.command}   ${plan.repetitions} repetitions, ${Math.round(report.seconds)} s`,
    `${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}`,
    `${report.systems.map(({ name, version }) => `${name} ${version}`).join(', ')}`,
    `load average ${loadAverage.before} before, ${loadAverage.after} after`,
    `write + fdatasync of 4 KB on ${machine.fileSystem}, p50 / p99 µs:`,
    `  to the end of a file  ${fsyncs(fsync.before.append)} before, ${fsyncs(fsync.after.append)} after`,
    `  within a file         ${fsyncs(fsync.before.overwrite)} before, ${fsyncs(fsync.after.overwrite)} after`,
  ].join('\n');
}

function figures(report: Report, measured: readonly System[], samples: Samples): string {
  const subject = measured.find((system) => system.name === SUBJECT);
  const others = subject === undefined ? [] : measured.filter((system) => system !== subject);
  const head = ['', ...measured.map((system) => system.title), ...others.map((other) => `/ ${other.title}`)];
  const lines = rowsOf(report.plan).map((row) => [
    row.title,
    ...measured.map((system) => number(samples.median(system.name, row.id))),
    ...others.map((other) => (row.compared ? times(samples.ratio(SUBJECT, other.name, row.id)) : '')),
  ]);
  return table([head, ...lines]);
}

function reached(samples: Samples): string {
  const lines = judge(samples).map(({ title, measured, steps, verdict }) => [
    title,
    steps[0] === steps[1] ? '' : number(steps[0]),
    number(steps[1]),
    number(measured),
    verdict,
  ]);
  return lines.length === 0 ? '' : table([['to reach', 'first', 'then', 'this run', ''], ...lines]);
}

function remarks(report: Report, measured: readonly System[], samples: Samples): string {
  const lines = report.missing.map(notMeasured);
  for (const { name, title } of measured) {
    for (const n of [64, 256]) {
      const busy = samples.median(name, `loadBusy.${n}`);
      if (busy === null || busy < LOAD_IS_THE_LIMIT) continue;
      lines.push(`${title}: the load generator was ${percent(busy)} busy with ${n} clients; the server may do more.`);
    }
    const others = samples.median(name, 'othersBusy.64');
    if (others !== null && others > OTHERS_DISTURB) {
      lines.push(
        `${title}: other processes used ${percent(others)} of the machine meanwhile; repeat when it is quiet.`,
      );
    }
  }
  const most = Math.max(...report.plan.fresh.map((job) => job.waiters));
  for (const { title, maxWaiters } of measured) {
    if (maxWaiters < most)
      lines.push(`${title}: not measured with more than ${number(maxWaiters)} waiters on one name.`);
  }
  for (const { system, repetition, what, reason } of samples.failures) {
    lines.push(`FAILED ${system}, repetition ${repetition}, ${what}: ${reason}`);
  }
  if (!report.complete)
    lines.push(`Ended by its limit of ${report.plan.limitSeconds} s; what is missing was not measured.`);
  return lines.join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => pad(cell, widths[column] ?? 0, column > 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

export function number(value: number | null): string {
  if (value === null) return '-';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

function times(value: number | null): string {
  return value === null ? '-' : `${number(value)}x`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
