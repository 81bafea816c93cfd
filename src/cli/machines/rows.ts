// Builds, machines and jobs in rows.

import type { Build, Instance, Job } from '../../client/types-machines.ts';
import type { Colours } from '../frame/output.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import { type Cell, cut } from '../text/tables.ts';
import { formatAge, formatTime } from '../text/times.ts';
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
  const { id, count, instanceType, site, env, queue, role, by, createdAt } = build;
  return [
    foreign(id),
    stateText(build),
    `${running(build).length}`,
    `${count}`,
    ...[instanceType, site, env, queue, role, by].map((text) => foreign(text)),
    formatTime(createdAt, false, 0),
    whyText(build),
  ];
}

/** Why it is not what was asked for; empty: nothing went wrong. */
export function whyText({ cancelling, failure }: Build): string {
  if (cancelling !== null) return `cancelled ${cancelledText(cancelling)}`;
  return failure === null ? '' : `failed ${failureText(failure)}`;
}

export const INSTANCE_HEAD = ['', 'MACHINE', 'STATE', 'ID', 'BUILD', 'SINCE', 'BY', 'FACTS'];

export function instanceRow(instance: Instance, now: number, colours: Colours): (Cell | string)[] {
  const { id, cloudId, state, build, launchedAt, by, facts } = instance;
  return [
    symbol(state, colours),
    cloudId === null ? '–' : foreign(cloudId, 60),
    foreign(state, 20),
    foreign(id),
    build === null ? '–' : foreign(build),
    formatTime(launchedAt, true, now),
    foreign(by, 60),
    factsText(facts),
  ];
}

export function instancePipeRow({ id, cloudId, state, build, launchedAt, by, facts }: Instance): string[] {
  return [
    foreign(id),
    foreign(state, 20),
    foreign(cloudId ?? ''),
    foreign(build ?? ''),
    formatTime(launchedAt, false, 0),
    foreign(by),
    factsText(facts),
  ];
}

export const JOB_HEAD = ['', 'JOB', 'TO DO', 'OF', 'STATE', 'FAILED', 'DUE', 'LAST ERROR'];

export function jobRow(job: Job, colours: Colours): (Cell | string)[] {
  const { id, kind, subject, state, tries, dueInSeconds, error } = job;
  return [
    symbol(state, colours),
    foreign(id),
    foreign(kind, 20),
    foreign(subject),
    state === 'dead' ? 'given up' : foreign(state, 20),
    String(tries),
    state !== 'waiting' ? '–' : dueInSeconds === 0 ? 'now' : `in ${formatDuration(dueInSeconds * 1000)}`,
    foreign(error ?? '', 300),
  ];
}

export function jobPipeRow({ id, kind, subject, state, tries, worker, dueInSeconds, createdAt, error }: Job): string[] {
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
  ];
}
