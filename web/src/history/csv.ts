// Events as CSV (RFC 4180), for a spreadsheet: times in UTC, what happened in words, and the whole of its data.
//
// Must always hold: no cell can be taken for a formula, whatever somebody named their job; each event is one record.

import type { HistoryEvent } from '../../../src/client/types.ts';
import { wordsOf } from './words.ts';

const head = ['time (UTC)', 'number', 'event', 'about', 'what happened', 'by', 'data'];

/** What spreadsheets begin a formula with, also after blanks and in wide letters. */
const formula = /^\p{Cc}|^[\s\p{Cc}]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]/u;

export function cell(text: string): string {
  const guarded = formula.test(text) ? `'${text}` : text;
  return `"${guarded.replaceAll('"', '""')}"`;
}

export function csvOf(events: readonly HistoryEvent[]): string {
  const rows = events.map((event) => [
    new Date(event.at).toISOString(),
    String(event.seq),
    event.kind,
    event.subject,
    wordsOf(event),
    event.actor,
    JSON.stringify(event.data),
  ]);
  // The mark at the beginning tells a spreadsheet that it is UTF-8.
  return `\ufeff${[head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** Hands a file to the person, as if it had been downloaded. */
export function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it soon after.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
