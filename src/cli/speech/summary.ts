// The table in GitHub's job summary: one row per run, for whoever opens the page of the job and asks why it took so long.

import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';

export interface Summary {
  readonly environment: string;
  readonly waitedMs: number;
  /** Who was waited for. */
  readonly behind: string | null;
  /** null: it was never held. */
  readonly heldMs: number | null;
  readonly fence: number | null;
  readonly how: string;
  readonly page: string | null;
}

/** `first`: nothing of ours stands in the file yet, so the head of the table is needed. */
export function summaryMarkdown(summary: Summary, first: boolean): string {
  const name = cell(summary.environment);
  const cells = [
    summary.page && /^https?:\/\/[^\s()<>|]+$/.test(summary.page) ? `[${name}](${summary.page})` : name,
    formatDuration(summary.waitedMs),
    summary.behind === null ? '–' : cell(summary.behind),
    summary.heldMs === null ? '–' : formatDuration(summary.heldMs),
    summary.fence === null ? '–' : String(summary.fence),
    cell(summary.how),
  ];
  const head = first
    ? `\n${marker}\n\n| environment | waited | behind | held | fence | how it ended |\n|---|---|---|---|---|---|\n`
    : '';
  return `${head}| ${cells.join(' | ')} |\n`;
}

/** By this line a later run in the same step knows that the table is there. */
export const marker = '### Signalbox';

/** Foreign text in a table: no markup of any kind. */
function cell(text: string): string {
  return foreign(text).replace(/[\\`*_{}[\]()<>#!|~@]/g, (character) => `&#${character.codePointAt(0)};`);
}
