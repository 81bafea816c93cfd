// Times as people read them: how long ago, how much is left, and the exact time on hover, here and in UTC.
//
// Must always hold: one timer moves them all (clock.ts), and only those repaint whose text has changed.

import { useEffect, useState } from 'preact/hooks';
import { formatDuration } from '../../../src/cli/text/durations.ts';
import { second, serverNow } from '../clock.ts';

const soonMs = 60_000;

/** `4m12s`: since then. */
export function Since({ at }: { at: string }) {
  const text = useTicking(() => formatDuration(serverNow() - Date.parse(at)));
  return (
    <time dateTime={at} title={exact(at)}>
      {text}
    </time>
  );
}

/** `48s`, or `over` where that time has passed. Within the last minute in the colour of what is soon over. */
export function Left({ until }: { until: string }) {
  const text = useTicking(() => leftText(until));
  const isSoon = useTicking(() => (Date.parse(until) - serverNow() < soonMs ? 'soon' : ''));
  return (
    <time class={isSoon} dateTime={until} title={exact(until)}>
      {text}
    </time>
  );
}

export function leftText(until: string): string {
  const ms = Date.parse(until) - serverNow();
  return ms <= 0 ? 'over' : formatDuration(ms);
}

/** `14:20:31`, with its date where that is not today. */
export function Moment({ at }: { at: string | number }) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date(serverNow()).toDateString();
  const day = isToday ? '' : `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })} `;
  return (
    <time dateTime={date.toISOString()} title={exact(date.toISOString())}>
      {day}
      {date.toLocaleTimeString(undefined, { hour12: false })}
    </time>
  );
}

export function exact(at: string): string {
  const date = new Date(at);
  const local = date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long', hour12: false });
  return `${local} · ${date.toISOString().replace('T', ' ').replace('Z', ' UTC')}`;
}

/** A text of the time, looked at once a second. */
export function useTicking(text: () => string): string {
  const [, repaint] = useState(0);
  const shown = text();
  useEffect(() => second.watch(() => text() !== shown && repaint((count) => count + 1)));
  return shown;
}
