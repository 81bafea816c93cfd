// What workers have to do, and what was given up; and the last look at the driver.

import type { Job } from '../../../src/client/types-machines.ts';
import { serverNow } from '../clock.ts';
import { instances } from '../live/tables.ts';
import { State } from '../ui/state.tsx';
import { Since, useTicking } from '../ui/time.tsx';
import { Due } from './due.tsx';
import { buildPath, jobLook, machines, nameOf, setRight, toDoText, triesText } from './model.ts';
import { type Column, Sheet } from './sheet.tsx';

const columns: readonly Column<Job>[] = [
  { id: 'state', title: 'State', isPlain: true, cell: (row) => <State {...jobLook(row)} /> },
  {
    id: 'name',
    title: 'What',
    isName: true,
    cell: (row) => (
      <>
        <bdi>{toDoText(row)}</bdi> <Subject job={row} />
      </>
    ),
  },
  { id: 'worker', title: 'Worker', cell: (row) => row.worker && <bdi>{row.worker}</bdi> },
  {
    id: 'due',
    title: 'When',
    cell: (row) => (row.state === 'waiting' ? <Due job={row} /> : null),
  },
  {
    id: 'error',
    title: 'Last failure',
    cell: (row) =>
      row.tries === 0 && row.error === null ? null : (
        <>
          {triesText(row.tries)}
          {row.error !== null && (
            <>
              : <bdi>{row.error}</bdi>
            </>
          )}
        </>
      ),
  },
  { id: 'since', title: 'Since', cell: (row) => <Since at={row.createdAt} /> },
];

function Subject({ job: { kind, subject } }: { job: Job }) {
  if (kind === 'build')
    return (
      <a href={buildPath(subject)}>
        <bdi>{subject}</bdi>
      </a>
    );
  const machine = kind === 'terminate' ? instances.get(subject) : null;
  return <bdi class="mono">{machine === null ? subject : nameOf(machine)}</bdi>;
}

export function JobTable({ rows }: { rows: readonly Job[] }) {
  return <Sheet label="Jobs" rows={rows} idOf={(row) => row.id} columns={columns} nameOf={({ id }) => id} />;
}

/** `2 waiting, 1 under way, 1 retrying`. */
export function jobsText(rows: readonly Job[]): string {
  const counts = Map.groupBy(rows, (row) => jobLook(row).word);
  const words = ['waiting', 'under way', 'retrying', 'given up'];
  const parts = words.flatMap((word) => (counts.has(word) ? `${counts.get(word)?.length} ${word}` : []));
  return parts.length === 0 ? 'nothing is to be done' : parts.join(', ');
}

/** Looks follow each other within seconds; one takes its time where there are many machines. */
const oldMs = 120_000;

/** The last look at the driver: when, and what it has set right. */
export function LastLook({ job }: { job: Job | null }) {
  const at = job?.report?.at ?? job?.createdAt ?? null;
  const isOld = useTicking(() => (at !== null && serverNow() - Date.parse(at) > oldMs ? 'old' : '')) !== '';
  if (job === null || at === null)
    return <p class="second">The driver was never looked at: no server with a driver works, and no worker.</p>;
  const { report, error, tries } = job;
  const set = report === null ? '' : setRight(report);
  return (
    <p class="m-look">
      {error !== null ? (
        <>
          <State shape="failed" word="driver" /> looks at it fail ({triesText(tries)}): <bdi>{error}</bdi>.{' '}
        </>
      ) : (
        <>
          <State shape={isOld ? 'failed' : 'held'} word="driver" />{' '}
        </>
      )}
      {report === null ? (
        'It was not looked at yet.'
      ) : (
        <>
          Looked at <Since at={report.at} /> ago: {report.listed === 0 ? 'no machines' : machines(report.listed)},{' '}
          {set === '' ? 'nothing to set right' : <bdi>{set}</bdi>}.
        </>
      )}
      {isOld && error === null && ' No server with a driver works, and no worker.'}
    </p>
  );
}
