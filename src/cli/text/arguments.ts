// What people write after flags, as values: durations, moments, labels. A value that cannot be read is wrong usage that names
// the flag and shows how it is meant.

import type { Labels } from '../../client/types.ts';
import { parseDuration } from './durations.ts';
import { usage } from './errors.ts';

/** Milliseconds. */
export function durationArgument(written: string, flag: string): number {
  const milliseconds = parseDuration(written);
  if (milliseconds === null)
    throw usage(`${flag}: "${written}" is not a duration.`, 'Write it like 90s, 10m, 2h, 1h30m or 3d.');
  return milliseconds;
}

/** Whole seconds for the API, `none` as null, absent as undefined. */
export function secondsArgument(written: string | undefined, flag: string): number | null | undefined {
  if (written === undefined) return undefined;
  return written === 'none' ? null : Math.ceil(durationArgument(written, flag) / 1000);
}

export function integerArgument(written: string, flag: string, min: number, max: number): number {
  const value = /^[+-]?\d{1,9}$/.test(written) ? Number(written) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usage(`${flag}: "${written}" is not a whole number from ${min} to ${max}.`);
}

/** `kind=uat,site=eu`, or several of these, as one selector. */
export function labelsArgument(written: readonly string[], flag = '--label'): Labels {
  const labels: Record<string, string> = {};
  for (const part of written.flatMap((list) => list.split(','))) {
    const [, name, value] = /^\s*([^=\s]+)=(.*?)\s*$/.exec(part) ?? [];
    if (name === undefined || value === undefined || value === '') {
      throw usage(`${flag}: "${part}" is not a label.`, 'Write it like kind=uat; several with commas.');
    }
    labels[name] = value;
  }
  return labels;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/**
 * A moment as RFC 3339: `2026-11-23T08:00:00Z`, `2026-11-23 08:00` and `08:00` and `Mon 08:00` by this machine's zone, or a
 * duration counted from now into the given direction.
 */
export function momentArgument(written: string, flag: string, direction: 'ahead' | 'ago', now: number): string {
  const at = momentOf(written.trim(), direction, now);
  if (at === null || Number.isNaN(at)) {
    const example = direction === 'ahead' ? '2h, 18:00, Mon 08:00' : '1h, 7d, 02:10';
    throw usage(
      `${flag}: "${written}" is not a time.`,
      `Write it like ${example}, 2026-11-23 08:00 or 2026-11-23T08:00:00Z.`,
    );
  }
  return new Date(at).toISOString();
}

function momentOf(written: string, direction: 'ahead' | 'ago', now: number): number | null {
  const duration = parseDuration(written);
  if (duration !== null) return direction === 'ahead' ? now + duration : now - duration;
  const clock = /^(?:(sun|mon|tue|wed|thu|fri|sat)[a-z]* )?(\d{1,2}):(\d{2})$/i.exec(written);
  if (clock !== null) return clockMoment(clock[1]?.toLowerCase(), Number(clock[2]), Number(clock[3]), direction, now);
  if (/^\d{4}-\d{2}-\d{2}$/.test(written)) return Date.parse(`${written}T00:00:00`);
  if (/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/i.test(written))
    return Date.parse(written.replace(' ', 'T'));
  return null;
}

/** The nearest such time of day (of that weekday) ahead or ago. */
function clockMoment(
  day: string | undefined,
  hours: number,
  minutes: number,
  direction: 'ahead' | 'ago',
  now: number,
): number | null {
  if (hours > 23 || minutes > 59) return null;
  const step = direction === 'ahead' ? 1 : -1;
  for (let days = 0; days <= 7; days++) {
    const date = new Date(now);
    date.setDate(date.getDate() + days * step);
    date.setHours(hours, minutes, 0, 0);
    const fits = day === undefined || DAYS[date.getDay()] === day;
    if (fits && (date.getTime() - now) * step > 0) return date.getTime();
  }
  return null;
}
