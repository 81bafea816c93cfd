// Builds, machines and jobs in the words and shapes of the screen: pure, from rows as the API gives them.

import type { Build, BuildStep, Image, Instance, Job, LookReport, Pool } from '../../../src/client/types-machines.ts';
import type { Shape } from '../ui/state.tsx';

export interface Look {
  readonly shape: Shape;
  readonly word: string;
}

export const shows = ['all', 'running', 'failed'] as const;
export type Show = (typeof shows)[number];

export interface Question {
  readonly show: Show;
  readonly text: string;
  /** The build that is opened. */
  readonly build: string | null;
}

export function questionOf(search: string): Question {
  const given = new URLSearchParams(search);
  const show = shows.find((each) => each === given.get('show')) ?? 'all';
  return { show, text: given.get('q') ?? '', build: given.get('build') };
}

export function searchOf({ show, text, build }: Question): string {
  const given = new URLSearchParams();
  if (build !== null) given.set('build', build);
  if (show !== 'all') given.set('show', show);
  if (text !== '') given.set('q', text);
  return given.size === 0 ? '' : `?${given}`;
}

/** The address of a build, to be sent to somebody. */
export const buildPath = (id: string): string => `/machines${searchOf({ show: 'all', text: '', build: id })}`;

export function isUnderWay({ state, cancelling }: Build): boolean {
  return state === 'pending' || state === 'building' || (cancelling !== null && state !== 'cancelled');
}

export function hasFailed({ state, cancelling }: Build): boolean {
  return state === 'failed' && cancelling === null;
}

const buildLooks: Readonly<Record<string, Look>> = {
  pending: { shape: 'waiting', word: 'pending' },
  building: { shape: 'partly', word: 'building' },
  started: { shape: 'held', word: 'started' },
  finished: { shape: 'held', word: 'finished' },
  failed: { shape: 'failed', word: 'failed' },
  cancelled: { shape: 'cleaning', word: 'cancelled' },
};

export function buildLook({ state, cancelling }: Build): Look {
  if (cancelling !== null && state !== 'cancelled') return { shape: 'draining', word: 'cancelling' };
  return buildLooks[state] ?? { shape: 'waiting', word: state };
}

const instanceLooks: Readonly<Record<string, Look>> = {
  planned: { shape: 'waiting', word: 'planned' },
  launching: { shape: 'partly', word: 'launching' },
  running: { shape: 'held', word: 'running' },
  ready: { shape: 'free', word: 'ready' },
  ending: { shape: 'draining', word: 'ending' },
  gone: { shape: 'cleaning', word: 'gone' },
};

export const instanceLook = ({ state }: Instance): Look => instanceLooks[state] ?? { shape: 'waiting', word: state };

export function jobLook({ state, tries }: Job): Look {
  if (state === 'dead') return { shape: 'failed', word: 'given up' };
  if (state === 'claimed') return { shape: 'partly', word: 'under way' };
  return { shape: 'waiting', word: tries > 0 ? 'retrying' : 'waiting' };
}

export type StepState = 'done' | 'under way' | 'retrying' | 'failed' | 'not done';

/** `job`: the one that works on the build, where there is one still. */
export function stepState(build: Build, step: BuildStep, job: Job | null): StepState {
  if (step.doneAt !== null) return 'done';
  if (hasFailed(build)) return build.failure?.step === step.name ? 'failed' : 'not done';
  if (build.cancelling !== null || !isUnderWay(build)) return 'not done';
  return build.failure?.step === step.name && job?.state !== 'claimed' ? 'retrying' : 'under way';
}

/** The failure that no step shows. */
export function looseFailure({ failure, steps, state }: Build): Build['failure'] {
  if (failure === null || state === 'started' || state === 'finished' || state === 'cancelled') return null;
  return steps.some(({ name, doneAt }) => name === failure.step && doneAt === null) ? null : failure;
}

/** `2 × c5.xlarge worker for org/staging, queue main`. */
export function wantedText({ count, instanceType, role, site, env, queue }: Build): string {
  return `${count} × ${instanceType} ${role} for ${site}/${env}, queue ${queue}`;
}

const order = ['ready', 'running', 'launching', 'planned', 'ending', 'gone'];

/** `1 running, 1 launching`. */
export function machinesText({ instances }: Build): string {
  const counts = Map.groupBy(instances, ({ state }) => state);
  return order
    .flatMap((state) => (counts.has(state as never) ? `${counts.get(state as never)?.length} ${state}` : []))
    .join(', ');
}

export const machines = (count: number): string => (count === 1 ? '1 machine' : `${count} machines`);
export const triesText = (tries: number): string => (tries === 1 ? '1 try' : `${tries} tries`);

export const nameOf = ({ id, cloudId }: Instance): string => cloudId ?? id;
export const addressOf = ({ facts }: Instance): string | null => facts.ip ?? facts.privateIp ?? null;

/** Those that cost something: the driver has made them, or may be about to. */
export function thereOf({ instances }: Build): Instance[] {
  return instances.filter(({ state }) => state !== 'planned' && state !== 'gone');
}

export function matchesBuild(build: Build, text: string): boolean {
  const { id, site, env, queue, role, instanceType, by, pool, instances } = build;
  const named = instances.flatMap(({ cloudId, facts }) => [cloudId, ...Object.values(facts)]);
  return matches([id, site, env, queue, role, instanceType, by, pool, buildLook(build).word, ...named], text);
}

export function matchesInstance(instance: Instance, text: string): boolean {
  const { id, cloudId, build, pool, environment, by, facts } = instance;
  return matches(
    [id, cloudId, build, pool, environment, by, instanceLook(instance).word, ...Object.values(facts)],
    text,
  );
}

/** Every word of what was typed is somewhere in it. */
function matches(texts: readonly (string | null)[], text: string): boolean {
  const all = texts
    .filter((each) => each !== null)
    .join('\n')
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

const byText = new Intl.Collator('en', { numeric: true }).compare;
const newest = (a: { createdAt: string; id: string }, b: { createdAt: string; id: string }) =>
  a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : byText(a.id, b.id);

/** What is under way first, then the newest. */
export function sortedBuilds(builds: readonly Build[]): Build[] {
  return builds.toSorted((a, b) => Number(isUnderWay(b)) - Number(isUnderWay(a)) || newest(a, b));
}

export function sortedInstances(instances: readonly Instance[]): Instance[] {
  return instances.toSorted(
    (a, b) => byText(a.pool ?? '\uffff', b.pool ?? '\uffff') || byText(nameOf(a), nameOf(b)) || byText(a.id, b.id),
  );
}

export const sortedPools = (pools: readonly Pool[]): Pool[] => pools.toSorted((a, b) => byText(a.name, b.name));
export const sortedImages = (images: readonly Image[]): Image[] => images.toSorted(newest);

const urgency: Readonly<Record<string, number>> = { 'given up': 0, retrying: 1, 'under way': 2, waiting: 3 };

/** Without the looks at the driver: what was given up first. */
export function sortedJobs(jobs: readonly Job[]): Job[] {
  const rank = (job: Job): number => urgency[jobLook(job).word] ?? 4;
  return jobs.filter(({ kind }) => kind !== 'reconcile').toSorted((a, b) => rank(a) - rank(b) || newest(b, a));
}

export const jobOfBuild = (jobs: readonly Job[], build: string): Job | null =>
  jobs.find(({ kind, subject }) => kind === 'build' && subject === build) ?? null;

const toDo: Readonly<Record<string, string>> = { build: 'build, or end a build', terminate: 'end a machine' };

export function toDoText({ kind, notice }: Job): string {
  return notice === null ? (toDo[kind] ?? kind) : `tell ${notice.sink} of ${notice.event}`;
}

const mostNamed = 5;

/** What a look has set right: `adopted: i-1; being ended: i-2, i-3`; empty: nothing. */
export function setRight({ adopted, ending, gone, removed }: LookReport): string {
  const done = { adopted, 'being ended': ending, gone, removed };
  return Object.entries(done)
    .flatMap(([what, ids]) => {
      if (ids.length === 0) return [];
      const more = ids.length > mostNamed ? ` and ${ids.length - mostNamed} more` : '';
      return [`${what}: ${ids.slice(0, mostNamed).join(', ')}${more}`];
    })
    .join('; ');
}

/** The image that a build of this role takes when it names none. */
export function nextImage(images: readonly Image[], role: string | null): Image | null {
  return sortedImages(images.filter((image) => image.active && role !== null && image.role === role))[0] ?? null;
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** What `k=v,k2=v2` says; null where a part of it is no pair. */
export function parseLabels(text: string): Record<string, string> | null {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const pairs = parts.map((part) => [part.split('=', 1)[0] as string, part.slice(part.indexOf('=') + 1)] as const);
  return parts.every((part) => part.indexOf('=') > 0) ? Object.fromEntries(pairs) : null;
}
