// What a job is, and what a look at the driver has found, in words. Names and ids are other people's text and are made fit to be
// shown here.

import type { Job, LookReport } from '../../client/types-machines.ts';
import { foreign } from '../text/sanitize.ts';
import { formatAge } from '../text/times.ts';
import { machines } from './words.ts';

/** In a sentence; --json has all of them. */
const mostNamed = 5;

const toDo: Readonly<Record<string, string>> = {
  build: 'build, or end a build',
  terminate: 'end a machine',
  reconcile: 'look at the driver',
};

/** `end a machine`; `tell slack of build.failed`. */
export function toDoText({ kind, notice }: Job): string {
  if (notice !== null) return `tell ${foreign(notice.sink, 60)} of ${foreign(notice.event, 60)}`;
  return toDo[kind] ?? foreign(kind, 20);
}

/** Why the last try failed; of a look, what the last one found: `4s ago: it has 3 machines, all as known`. */
export function aboutJobText({ kind, report, error }: Job, now: number): string {
  const failed = error === null ? [] : [foreign(error, 300)];
  if (kind !== 'reconcile') return failed.join('');
  const last = report === null ? 'not looked yet' : `looked ${formatAge(report.at, now)} ago: ${lookedText(report)}`;
  return [...failed, last].join('; ');
}

/** `it has 3 machines, all as known`; `it has 3 machines; adopted: i-1; being ended: i-2, i-3`. */
export function lookedText({ listed, adopted, ending, gone, removed }: LookReport): string {
  const has = listed === 0 ? 'it has no machines' : `it has ${machines(listed)}`;
  const done = [
    ['adopted', adopted],
    ['being ended', ending],
    ['gone', gone],
    ['removed', removed],
  ] as const;
  const parts = done.flatMap(([what, ids]) => (ids.length === 0 ? [] : [`${what}: ${named(ids)}`]));
  return parts.length === 0 ? `${has}, ${listed === 0 ? '' : 'all '}as known` : [has, ...parts].join('; ');
}

function named(ids: readonly string[]): string {
  const shown = ids.slice(0, mostNamed).map((id) => foreign(id, 60));
  return [...shown, ...(ids.length > mostNamed ? [`and ${ids.length - mostNamed} more`] : [])].join(', ');
}
