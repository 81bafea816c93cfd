// For how long: the ends that people mean when they reserve or freeze something, in their own time zone and by the server's clock.

import { serverNow } from '../clock.ts';

const hourMs = 3_600_000;

export interface HowLong {
  readonly choice: string;
  /** What was typed for `at`, as the browser's field has it: local time without a zone. */
  readonly at: string;
}

export interface End {
  readonly choice: string;
  readonly text: string;
  /** In ms; null: it has none. */
  readonly at: number | null;
}

/** The ends that are offered; the one without end last, and `at` stands for one that is typed. */
export function endsFrom(now: number, withoutEnd: string): End[] {
  const ends: End[] = [
    { choice: '1h', text: 'for 1 hour', at: now + hourMs },
    { choice: '4h', text: 'for 4 hours', at: now + 4 * hourMs },
  ];
  const evening = onDay(now, 0, 18);
  if (evening - now > hourMs / 2) ends.push({ choice: 'today', text: 'until today 18:00', at: evening });
  const untilMonday = (8 - new Date(now).getDay()) % 7 || 7;
  if (untilMonday > 1) ends.push({ choice: 'tomorrow', text: 'until tomorrow 08:00', at: onDay(now, 1, 8) });
  ends.push({ choice: 'monday', text: 'until Monday 08:00', at: onDay(now, untilMonday, 8) });
  ends.push({ choice: 'none', text: withoutEnd, at: null });
  return ends;
}

/** When it ends, in ms; null: never; undefined: no time that will come was given. */
export function endOf({ choice, at }: HowLong): number | null | undefined {
  const now = serverNow();
  if (choice !== 'at') return endsFrom(now, '').find((end) => end.choice === choice)?.at;
  const typed = Date.parse(at);
  return typed > now ? typed : undefined;
}

function onDay(now: number, days: number, hour: number): number {
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hour).getTime();
}

/** As a time to live that begins now; null: until it is released. */
export function secondsUntil(end: number | null | undefined): number | null {
  return end == null ? null : Math.max(1, Math.round((end - serverNow()) / 1000));
}
