// One event of the history as a line: when, about what, what, who, and what matters about it.

import type { HistoryEvent } from '../../client/types.ts';
import { formatDuration } from './durations.ts';
import { foreign } from './sanitize.ts';
import type { Cell } from './tables.ts';
import { formatTime } from './times.ts';

export const HISTORY_HEAD = ['WHEN', 'WHAT', '', 'WHO', ''];

/** Widths that the columns of a line have at least, so that lines that come later stand under the earlier ones. */
const WIDTHS = [8, 12, 10, 24];

export function eventCells(event: HistoryEvent, terminal: boolean, now: number): string[] {
  const what = terminal ? verbOf(event) : event.kind;
  const cells = [
    formatTime(event.at, terminal, now),
    foreign(event.subject, 60),
    foreign(what, 40),
    whoOf(event),
    aboutOf(event),
  ];
  return terminal ? cells : [...cells, String(event.seq), foreign(event.actor, 60)];
}

/** A line of `--follow`, where the rows to come are not known. */
export function eventLine(event: HistoryEvent, now: number): string {
  return eventCells(event, true, now)
    .map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0))
    .join('  ')
    .trimEnd();
}

export function eventRow(event: HistoryEvent, terminal: boolean, now: number): (Cell | string)[] {
  return eventCells(event, terminal, now);
}

/** `granted`, `created`, `frozen`; kinds whose last word alone says too little stay whole. */
function verbOf({ kind, data }: HistoryEvent): string {
  if (kind === 'environment.changed' && typeof data.state === 'string')
    return data.state === 'open' ? 'opened' : data.state;
  return /^(?:lease|environment)\./.test(kind) ? kind.slice(kind.indexOf('.') + 1) : kind;
}

function whoOf(event: HistoryEvent): string {
  const { holder } = event.data;
  if (typeof holder === 'string') return foreign(holder, 60);
  if (typeof holder === 'object' && holder !== null && 'name' in holder && typeof holder.name === 'string')
    return foreign(holder.name, 60);
  return foreign(event.actor, 60);
}

function aboutOf(event: HistoryEvent): string {
  const { waitedSeconds, heldSeconds, fence, by, reason, position, how } = event.data;
  const parts = [
    typeof heldSeconds === 'number' ? `held ${formatDuration(heldSeconds * 1000)}` : '',
    typeof waitedSeconds === 'number' ? `waited ${formatDuration(waitedSeconds * 1000)}` : '',
    typeof position === 'number' ? `place ${position}` : '',
    typeof fence === 'number' && event.kind === 'lease.granted' ? `fence ${fence}` : '',
    typeof how === 'string' && !event.kind.endsWith(how) ? foreign(how.replaceAll('_', ' '), 40) : '',
    byText(event, by, reason),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** `by carla: "prod incident"`; who released their own is no news. */
function byText(event: HistoryEvent, by: unknown, reason: unknown): string {
  const who = typeof by === 'string' ? by : event.actor;
  const isTold = /revok/.test(event.kind) && who !== '' && whoOf(event) !== foreign(who, 60);
  const parts = [
    isTold ? `by ${foreign(who, 60)}` : '',
    typeof reason === 'string' && reason !== '' ? `"${foreign(reason)}"` : '',
  ];
  return parts.filter((part) => part !== '').join(': ');
}
