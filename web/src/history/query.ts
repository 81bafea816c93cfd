// What the history is asked for: as it stands in the address, as the server is asked, and which events of the stream belong to it.
//
// Must always hold: an address that somebody was given asks for the same on any day: the copied one has times and no durations.

import { parseDuration } from '../../../src/cli/text/durations.ts';
import type { EventQuery } from '../../../src/client/client.ts';
import type { HistoryEvent } from '../../../src/client/types.ts';

/** Empty: not limited by it. */
export interface Question {
  readonly subject: string;
  readonly actor: string;
  readonly kind: string;
  readonly lease: string;
  /** A time, the number of an event, or how long ago: `24h`. */
  readonly since: string;
  readonly until: string;
}

const names = ['subject', 'actor', 'kind', 'lease', 'since', 'until'] as const;

export const everything: Question = { subject: '', actor: '', kind: '', lease: '', since: '', until: '' };

export function questionOf(search: string): Question {
  const query = new URLSearchParams(search);
  return Object.fromEntries(names.map((name) => [name, query.get(name)?.trim() ?? ''])) as unknown as Question;
}

export function searchOf(question: Partial<Question>): string {
  const query = new URLSearchParams();
  for (const name of names) if (question[name]) query.set(name, question[name]);
  const written = query.toString();
  return written === '' ? '' : `?${written}`;
}

export function isFiltered(question: Question): boolean {
  return names.some((name) => question[name] !== '');
}

/** The same with times instead of durations. */
export function fixed(question: Question, now: number): Question {
  return { ...question, since: momentOf(question.since, now), until: momentOf(question.until, now) };
}

function momentOf(written: string, now: number): string {
  const ago = parseDuration(written);
  return ago === null ? written : new Date(now - ago).toISOString();
}

/** As the server is asked, newest first. `question` is one with times. */
export function queryOf(question: Question): EventQuery {
  return {
    ...Object.fromEntries(names.flatMap((name) => (question[name] ? [[name, question[name]]] : []))),
    order: 'desc',
  };
}

/** Whether an event that has just happened belongs to it, by the same rules as the server's. */
export function fits(event: HistoryEvent, { subject, actor, kind, lease, since, until }: Question): boolean {
  const isKind = kind === '' || (kind.endsWith('.') ? event.kind.startsWith(kind) : event.kind === kind);
  return (
    isKind &&
    (subject === '' || event.subject === subject) &&
    (actor === '' || event.actor === actor) &&
    (lease === '' || event.data.lease === lease) &&
    (since === '' || distance(event, since) > 0) &&
    (until === '' || distance(event, until) < 0)
  );
}

/** How far behind a moment it happened: above 0 later. */
function distance(event: HistoryEvent, moment: string): number {
  return /^\d+$/.test(moment) ? event.seq - Number(moment) : Date.parse(event.at) - Date.parse(moment);
}

/** For a field of the browser's, in its own zone: `2026-11-21T14:20`. Empty where it is no time. */
export function fieldOf(moment: string): string {
  const at = new Date(/^\d+$/.test(moment) ? Number.NaN : moment);
  if (Number.isNaN(at.getTime())) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function momentOfField(field: string): string {
  const at = new Date(field);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString();
}
