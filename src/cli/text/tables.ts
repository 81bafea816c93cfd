// Rows of an answer. On a terminal: columns under each other, as wide as needed, cut at the edge. In a pipe:
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
  /** The column that gives way first when there is not room for all; the last one is cut after it. */
  readonly flexible?: number;
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
  giveWay(widths, options);
  const line = (cells: readonly (Cell | string)[]) => aligned(cells, widths, options.width);
  return [(options.paintHead ?? same)(line(head)), ...rows.map(line)];
}

const GAP = 2;
const NARROWEST = 10;

function giveWay(widths: number[], { width, flexible }: TableOptions): void {
  if (flexible === undefined) return;
  const total = widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1));
  const own = widths[flexible] ?? 0;
  if (total > width) widths[flexible] = Math.min(own, Math.max(NARROWEST, own - (total - width)));
}

/** One line, never wider than `room`: what has none left is cut or left out. */
function aligned(cells: readonly (Cell | string)[], widths: readonly number[], room: number): string {
  let line = '';
  let used = 0;
  for (const [column, cell] of cells.entries()) {
    const width = Math.min(widths[column] ?? 0, room - used);
    if (width <= 0) break;
    const shown = cut(textOf(cell), width);
    line += typeof cell === 'string' || cell.paint === undefined ? shown : cell.paint(shown);
    line += ' '.repeat(Math.min(width - columnsOf(shown) + GAP, room - used - columnsOf(shown)));
    used += width + GAP;
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
  if (width <= 0) return '';
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
