// Moments: local on a terminal, where a person reads them; RFC 3339 in UTC in pipes and logs, where programs do.

import { formatDuration } from './durations.ts';

const DAY = 86_400_000;

/** A moment as the API writes it. On a terminal: the time of day, with the day when it is not `now`'s; `-` when there is none. */
export function formatTime(moment: string | null | undefined, terminal: boolean, now: number): string {
  if (moment === null || moment === undefined) return terminal ? '–' : '';
  const at = Date.parse(moment);
  if (Number.isNaN(at)) return '?';
  if (!terminal) return new Date(at).toISOString();
  const date = new Date(at);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  const month = date.toLocaleDateString('en-GB', { month: 'short' });
  if (Math.abs(now - at) < 300 * DAY) return `${date.getDate()} ${month} ${clock}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** How long ago (or how long until, for a later one), by the clock that `now` is of. */
export function formatAge(moment: string, now: number): string {
  return formatDuration(Math.abs(now - Date.parse(moment)));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
