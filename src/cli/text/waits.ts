// Waits in rows: those that go on, those that were in vain, and the probes that are made for them. Targets, holders and what a
// probe was answered are other people's text and are made fit to be shown here.

import type { OpenWait, WaitList } from '../../client/types.ts';
import type { Colours } from '../frame/output.ts';
import { whoText } from '../meet/words.ts';
import { foreign } from './sanitize.ts';
import { type Cell, cut } from './tables.ts';
import { formatAge, formatTime } from './times.ts';

type TimedOut = WaitList['timedOut'][number];
type Probe = WaitList['probes'][number];

/** Columns of what is said of how something stands: the whole of it is in the pipe. */
const wordsWide = 40;

export const WAIT_HEAD = ['WHO', 'WAITS FOR', 'MISSING', 'SINCE', 'UNTIL'];

export function waitRow(wait: OpenWait, now: number): string[] {
  return [
    whoText(wait.by, wait.holder),
    targetsText(wait),
    cut(missingText(wait), wordsWide),
    formatAge(wait.since, now),
    formatTime(wait.until, true, now),
  ];
}

export function waitPipeRow(wait: OpenWait): string[] {
  return [
    'waits',
    whoText(wait.by, wait.holder),
    targetsText(wait),
    missingText(wait),
    formatTime(wait.since, false, 0),
    formatTime(wait.until, false, 0),
  ];
}

function targetsText({ conditions }: OpenWait): string {
  return conditions.map(({ target }) => foreign(target, 300)).join(', ');
}

/** `not set`; of several what is missing, and how each stands: `signal:b not set, tcp:db:5432 connection refused`. */
function missingText({ conditions }: OpenWait): string {
  const missing = conditions.filter(({ state }) => state === 'pending');
  if (conditions.length === 1) return missing.map(({ detail }) => foreign(detail)).join('');
  return missing.map(({ target, detail }) => `${foreign(target, 300)} ${foreign(detail)}`).join(', ');
}

export const TIMED_OUT_HEAD = ['WHO', 'WAITED FOR', 'HOW IT WAS', 'WAITED', 'AGO'];

export function timedOutRow({ target, detail, by, holder, since, at }: TimedOut, now: number): string[] {
  return [
    whoText(by, holder),
    foreign(target, 300),
    cut(foreign(detail), wordsWide),
    formatAge(since, Date.parse(at)),
    formatAge(at, now),
  ];
}

export function timedOutPipeRow({ target, detail, by, holder, since, at }: TimedOut): string[] {
  const [from, until] = [formatTime(since, false, 0), formatTime(at, false, 0)];
  return ['timed_out', whoText(by, holder), foreign(target, 300), foreign(detail), from, until];
}

export const PROBE_HEAD = ['', 'TARGET', 'LAST ANSWER', 'AGO', 'TRIES', 'WAITING'];

export function probeRow(probe: Probe, now: number, colours: Colours): (Cell | string)[] {
  const { symbol, paint } = looks[probe.state ?? 'untried'] ?? looks.untried;
  return [
    { text: symbol, paint: colours[paint] },
    foreign(probe.target, 300),
    { text: cut(answerText(probe), wordsWide), paint: colours[paint] },
    probe.triedAt === null ? '–' : formatAge(probe.triedAt, now),
    String(probe.tries),
    String(probe.waiting),
  ];
}

export function probePipeRow(probe: Probe): string[] {
  return [
    'probe',
    String(probe.waiting),
    foreign(probe.target, 300),
    answerText(probe),
    formatTime(probe.since, false, 0),
    formatTime(probe.triedAt, false, 0),
  ];
}

function answerText({ detail }: Probe): string {
  return detail === null ? 'not tried yet' : foreign(detail);
}

const looks = {
  up: { symbol: '●', paint: 'green' },
  unready: { symbol: '◐', paint: 'yellow' },
  down: { symbol: '○', paint: 'yellow' },
  misconfigured: { symbol: '▲', paint: 'red' },
  untried: { symbol: '◌', paint: 'dim' },
} as const satisfies Record<NonNullable<Probe['state']> | 'untried', { symbol: string; paint: keyof Colours }>;
