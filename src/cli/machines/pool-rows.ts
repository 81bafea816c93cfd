// Pools and images in rows and in words. Names and labels are other people's text and are made fit to be shown here.

import type { Image, Pool } from '../../client/types-machines.ts';
import type { Colours, Output } from '../frame/output.ts';
import { formatDuration, formatExact } from '../text/durations.ts';
import { labelsText } from '../text/leases.ts';
import { foreign } from '../text/sanitize.ts';
import type { Cell } from '../text/tables.ts';
import { formatTime } from '../text/times.ts';

export const POOL_HEAD = ['', 'POOL', 'STATE', 'MACHINES', 'FREE', 'HELD', 'WANTED', 'LABELS', 'WHAT'];

export function poolRow(pool: Pool, colours: Colours): (Cell | string)[] {
  const { name, labels, max, machines, waiting } = pool;
  const { symbol, paint, word } = lookOf(pool);
  return [
    { text: symbol, paint: colours[paint] },
    foreign(name, 60),
    { text: word, paint: colours[paint] },
    `${machines.there} of ${max}`,
    ...[machines.free, machines.held, waiting].map(String),
    labelsText(labels),
    whatText(pool),
  ];
}

export function poolPipeRow({ name, labels, machines, waiting, build, ...pool }: Pool): string[] {
  const { min, max, idle, pausedForSeconds, source } = pool;
  return [
    foreign(name),
    labelsText(labels),
    ...[machines.there, machines.building, machines.free, machines.held, machines.ending, waiting].map(String),
    ...[min, max, idle].map(String),
    pausedForSeconds === null ? '' : String(pausedForSeconds),
    ...['instanceType', 'site', 'env', 'queue', 'role'].map((field) => foreign(build[field] ?? '')),
    source,
  ];
}

function lookOf({ pausedForSeconds, machines, waiting, max }: Pool) {
  const { there, building, free, ending } = machines;
  if (pausedForSeconds !== null) {
    const word = `paused for ${formatDuration(pausedForSeconds * 1000)}`;
    return { symbol: '▲', paint: 'red', word } as const;
  }
  const ends = ending === 0 ? [] : [`ends ${ending}`];
  if (building > 0) return { symbol: '◔', paint: 'yellow', word: [`builds ${building}`, ...ends].join(', ') } as const;
  if (ending > 0) return { symbol: '◒', paint: 'yellow', word: `ends ${ending}` } as const;
  if (waiting > free && there >= max) return { symbol: '◌', paint: 'yellow', word: 'full' } as const;
  return { symbol: there > 0 ? '●' : '○', paint: 'green', word: there > 0 ? 'there' : 'empty' } as const;
}

/** `small for org/ci, queue docker, role worker`. */
function whatText({ build: { instanceType, site, env, queue, role } }: Pool): string {
  const of = (text: string | null | undefined): string => foreign(text ?? '', 60);
  return `${of(instanceType)} for ${of(site)}/${of(env)}, queue ${of(queue)}, role ${of(role)}`;
}

/** `0 to 5 machines for pool=docker: small for org/ci, queue docker, role worker`. */
export function poolText(pool: Pool): string {
  const { min, max, idle, once, labels } = pool;
  const parts = [
    `${min} to ${max} machines for ${labelsText(labels)}: ${whatText(pool)}`,
    idle === 0 ? '' : `${idle} idle`,
    once ? 'one lease each' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

export function poolDetails(pool: Pool, { colours }: Output): string[] {
  const { name, labels, machines, waiting, min, max, idle, idleForSeconds, maxAgeSeconds, once, source, build } = pool;
  const { symbol, paint, word } = lookOf(pool);
  const { there, free, held, building, ending } = machines;
  const { nameTemplate, image, subnet, securityGroup, slackChannel } = build;
  const ready = `within ${formatExact(pool.readyWithinSeconds * 1000)}`;
  const facts: (readonly [string, string | null | undefined])[] = [
    ['labels', labelsText(labels)],
    ['machines', `${there}: ${free} free, ${held} held, ${building} being built, ${ending} being ended`],
    ['wanted', `${waiting} by requests in the queue`],
    [
      'how many',
      `${min} to ${max}, ${idle} idle; one that nobody needs is kept for ${formatExact(idleForSeconds * 1000)}`,
    ],
    ['how old', maxAgeSeconds === null ? null : `at most ${formatExact(maxAgeSeconds * 1000)}`],
    ['leases', once ? 'one for each machine' : 'one after the other'],
    ['ready', pool.readyWhen === 'started' ? 'as soon as it runs' : `when it has said so, ${ready}`],
    ['built as', whatText(pool)],
    ['image', image ?? 'the newest active one of the role'],
    ['subnet', subnet],
    ['group', securityGroup],
    ['called', nameTemplate],
    ['channel', slackChannel],
    ['declared', source === 'file' ? 'in the file of the server' : null],
  ];
  return [
    `${colours[paint](symbol)} ${colours.bold(foreign(name, 200))} ${colours[paint](word)}`,
    ...facts.flatMap(([title, text]) =>
      text == null ? [] : [`  ${colours.dim(title.padEnd(9))} ${foreign(text, 500)}`],
    ),
  ];
}

export const IMAGE_HEAD = ['', 'IMAGE', 'ROLE', 'NAME', 'ACTIVE', 'STATE', 'SAID BY', 'MADE'];

export function imageRow(image: Image, now: number, colours: Colours): (Cell | string)[] {
  const { id, role, name, active, state, source, createdAt } = image;
  return [
    { text: active ? '●' : '○', paint: active ? colours.green : colours.dim },
    foreign(id, 200),
    role === null ? '–' : foreign(role, 60),
    name === null ? '–' : foreign(name, 60),
    active ? 'active' : 'no',
    foreign(state, 20),
    foreign(source, 20),
    formatTime(createdAt, true, now),
  ];
}

export function imagePipeRow({ id, role, name, active, state, source, createdAt }: Image): string[] {
  return [
    foreign(id, 200),
    foreign(role ?? ''),
    foreign(name ?? ''),
    active ? 'active' : 'inactive',
    foreign(state, 20),
    foreign(source, 20),
    formatTime(createdAt, false, 0),
  ];
}

/** `is what worker machines start from`. */
export function imageText({ role, name, active }: Image): string {
  const called = name === null ? '' : ` (${foreign(name, 60)})`;
  if (role === null) return `is for no role${called}`;
  return `is ${active ? 'active' : 'not active'} for role ${foreign(role, 60)}${called}`;
}
