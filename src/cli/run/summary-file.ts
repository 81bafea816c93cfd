// GitHub's job summary: a file to which every step appends Markdown.

import { appendFileSync, readFileSync } from 'node:fs';
import { marker, type Summary, summaryMarkdown } from '../speech/summary.ts';

/** A courtesy: a summary that cannot be written changes nothing. */
export function appendSummary(file: string | null, summary: Summary): void {
  if (file === null) return;
  try {
    appendFileSync(file, summaryMarkdown(summary, !contains(file, marker)));
  } catch {
    // The log says the same.
  }
}

function contains(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8').includes(text);
  } catch {
    return false;
  }
}
