// Rows of an answer. On a terminal: columns under each other, as wide as needed, the last one cut at the edge. In a pipe:
// tab-separated, no head, no symbols, nothing cut, so that `cut` and `awk` work. Cells are already made fit to be shown
// (sanitize.ts): they hold no tab and no newline.

import { lineStart } from './sanitize.ts';

export interface Cell {
  readonly text: string;
  /** Colours for a terminal; its result is as wide as the text. */
  readonly paint?: ((text: string) => string) | undefined;
}

export interface TableOptions {
  readonly terminal: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  readonly paintHead?: ((text: string) => string) | undefined;
  /** Columns whose numbers stand at the right edge. */
  readonly right?: readonly number[];
}

/** The lines of a table; `head` is left out in a pipe. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (Cell | string)[])[],
  options: TableOptions,
): string[] {
  if (!options.terminal)
    return rows.map((row) =>
      row
        .map(textOf)
        .map((text, column) => (column === 0 ? lineStart(text) : text))
        .join('\t'),
    );
  const widths = head.map((title, column) =>
    Math.max(columnsOf(title), ...rows.map((row) => columnsOf(textOf(row[column] ?? '')))),
  );
  const line = (cells: readonly (Cell | string)[]) => aligned(cells, widths, options);
  return [(options.paintHead ?? same)(line(head)), ...rows.map(line)];
}

function aligned(cells: readonly (Cell | string)[], widths: readonly number[], options: TableOptions): string {
  let used = 0;
  let line = '';
  for (const [column, cell] of cells.entries()) {
    const text = textOf(cell);
    const width = widths[column] ?? 0;
    const isLast = column === cells.length - 1;
    const room = Math.max(1, options.width - used);
    const shown = isLast && columnsOf(text) > room ? cut(text, room) : text;
    const padding = ' '.repeat(Math.max(0, width - columnsOf(shown)));
    const painted = typeof cell === 'string' || cell.paint === undefined ? shown : cell.paint(shown);
    if (options.right?.includes(column)) line += padding + painted + (isLast ? '' : '  ');
    else line += painted + (isLast ? '' : `${padding}  `);
    used += width + 2;
  }
  return line.trimEnd();
}

function textOf(cell: Cell | string): string {
  return typeof cell === 'string' ? cell : cell.text;
}

/** Columns that a text takes in a terminal: East Asian wide characters and emoji take two, combining marks none. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : NO_WIDTH.test(character) ? 0 : 1;
  return columns;
}

/** At most `width` columns of a text, with `…` where it was cut. */
export function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let shown = '';
  let columns = 1;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width) break;
    shown += character;
  }
  return `${shown}…`;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\u200c\u200d]/u;

function same(text: string): string {
  return text;
}
