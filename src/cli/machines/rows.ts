// Builds, machines and jobs in rows.

import type { Build, Instance, Job } from '../../client/types-machines.ts';
import type { Colours } from '../frame/output.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import { type Cell, cut } from '../text/tables.ts';
import { formatAge, formatTime } from '../text/times.ts';
import { aboutJobText, lookedText, toDoText } from './job-words.ts';
import { cancelledText, factsText, failureText, running, stateText, wantedText } from './words.ts';

/** Columns of a reason on a terminal: the whole of it is in the pipe. */
const wordsWide = 60;

const looks: Readonly<Record<string, { symbol: string; paint: 'dim' | 'green' | 'red' | 'yellow' }>> = {
  pending: { symbol: '◌', paint: 'dim' },
  building: { symbol: '◔', paint: 'yellow' },
  started: { symbol: '●', paint: 'green' },
  finished: { symbol: '●', paint: 'green' },
  failed: { symbol: '▲', paint: 'red' },
  cancelling: { symbol: '◒', paint: 'yellow' },
  planned: { symbol: '◌', paint: 'dim' },
  launching: { symbol: '◔', paint: 'yellow' },
  running: { symbol: '●', paint: 'green' },
  ready: { symbol: '●', paint: 'green' },
  ending: { symbol: '◒', paint: 'yellow' },
  waiting: { symbol: '◌', paint: 'dim' },
  claimed: { symbol: '◔', paint: 'yellow' },
  dead: { symbol: '▲', paint: 'red' },
};

function symbol(state: string, colours: Colours): Cell {
  const { symbol: text, paint } = looks[state] ?? { symbol: '○', paint: 'dim' as const };
  return { text, paint: colours[paint] };
}

export const BUILD_HEAD = ['', 'BUILD', 'STATE', 'WHAT', 'RUN', 'BY', 'AGO', 'WHY'];

export function buildRow(build: Build, now: number, colours: Colours): (Cell | string)[] {
  return [
    symbol(stateText(build), colours),
    foreign(build.id),
    stateText(build),
    wantedText(build),
    `${running(build).length} of ${build.count}`,
    foreign(build.by, 60),
    formatAge(build.createdAt, now),
    cut(whyText(build), wordsWide),
  ];
}

export function buildPipeRow(build: Build): string[] {
  const { id, count, instanceType, site, env, queue, role, by, createdAt, pool } = build;
  return [
    foreign(id),
    stateText(build),
    `${running(build).length}`,
    `${count}`,
    ...[instanceType, site, env, queue, role, by].map((text) => foreign(text)),
    formatTime(createdAt, false, 0),
    whyText(build),
    foreign(pool ?? ''),
  ];
}

/** Why it is not what was asked for; empty: nothing went wrong. */
export function whyText({ cancelling, failure }: Build): string {
  const failed = failure === null ? '' : `failed ${failureText(failure)}`;
  if (cancelling === null) return failed;
  // Of a pool it is cancelled because it has failed: that comes first, and is what is asked for.
  return `${failed === '' ? '' : `${failed}; `}cancelled ${cancelledText(cancelling)}`;
}

export const INSTANCE_HEAD = ['', 'MACHINE', 'STATE', 'ENVIRONMENT', 'ID', 'BUILD', 'SINCE', 'BY', 'FACTS'];

export function instanceRow(instance: Instance, now: number, colours: Colours): (Cell | string)[] {
  const { id, cloudId, state, build, launchedAt, by, facts } = instance;
  return [
    symbol(state, colours),
    cloudId === null ? '–' : foreign(cloudId, 60),
    foreign(state, 20),
    environmentText(instance),
    foreign(id),
    build === null ? '–' : foreign(build),
    formatTime(launchedAt, true, now),
    foreign(by, 60),
    factsText(facts),
  ];
}

/** What it is in its pool; `(docker)`: it is for this pool, and cannot be leased now. */
function environmentText({ pool, environment }: Instance): string {
  if (environment !== null) return foreign(environment, 60);
  return pool === null ? '–' : `(${foreign(pool, 60)})`;
}

export function instancePipeRow(instance: Instance): string[] {
  const { id, cloudId, state, build, pool, environment, launchedAt, by, facts } = instance;
  return [
    foreign(id),
    foreign(state, 20),
    foreign(cloudId ?? ''),
    foreign(build ?? ''),
    formatTime(launchedAt, false, 0),
    foreign(by),
    factsText(facts),
    foreign(pool ?? ''),
    foreign(environment ?? ''),
  ];
}

export const JOB_HEAD = ['', 'JOB', 'TO DO', 'OF', 'STATE', 'FAILED', 'DUE', 'LAST TRY'];

/** `now`: by the server's clock. */
export function jobRow(job: Job, now: number, colours: Colours): (Cell | string)[] {
  const { id, subject, state, tries, dueInSeconds } = job;
  return [
    symbol(state, colours),
    foreign(id),
    toDoText(job),
    subject === '' ? '–' : foreign(subject),
    state === 'dead' ? 'given up' : foreign(state, 20),
    String(tries),
    state !== 'waiting' ? '–' : dueInSeconds === 0 ? 'now' : `in ${formatDuration(dueInSeconds * 1000)}`,
    aboutJobText(job, now),
  ];
}

export function jobPipeRow(job: Job): string[] {
  const { id, kind, subject, state, tries, worker, dueInSeconds, createdAt, error, report } = job;
  return [
    foreign(id),
    foreign(kind, 20),
    foreign(subject),
    foreign(state, 20),
    String(tries),
    foreign(worker ?? ''),
    String(dueInSeconds),
    formatTime(createdAt, false, 0),
    foreign(error ?? '', 500),
    toDoText(job),
    formatTime(report?.at, false, 0),
    report === null ? '' : lookedText(report),
  ];
}
