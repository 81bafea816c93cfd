// A table of live rows: steady under pointer and focus, windowed when it is long, walked with j, k and the arrows; on a phone the
// same lines as cards.
//
// Must always hold: a change of one row repaints that row alone; the focus is never lost by an update: the row that has it stays
// in the page wherever one scrolls.

import { Component, type ComponentChildren, type VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type RowSource, useRow } from '../live/rows.ts';
import { onKeys } from './keys.ts';
import { useSteady } from './steady.ts';
import { useMedia, useWindow } from './window.ts';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** The cell that names the row: its first link is what the keyboard walks over. */
  readonly isName?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
  /** Whether rows can be ordered by it. */
  readonly isSorted?: boolean;
}

/** What stands in the table, from top to bottom. */
export type Line =
  | { readonly key: string; readonly kind: 'row'; readonly id: string }
  | {
      readonly key: string;
      readonly kind: 'group';
      readonly title: ComponentChildren;
      readonly more: ComponentChildren;
    };

export interface Sorting {
  readonly column: string;
  readonly isDown: boolean;
}

export interface DataTableProps<Row> {
  /** What it is a table of, for those who hear it. */
  readonly label: string;
  readonly rows: RowSource<Row>;
  readonly lines: readonly Line[];
  /** What was asked for; with another question the lines are shown anew, wherever the pointer is. */
  readonly question: string;
  readonly columns: readonly Column<Row>[];
  readonly sorting: Sorting | null;
  readonly onSort: (column: string) => void;
  /** The row on a phone: a link of two lines. */
  readonly card: (row: Row) => VNode;
  /** What is said of a row that has gone while pointer or focus hold the table still. */
  readonly gone: (id: string) => string;
}

const cardHeight = 64;

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, sorting, onSort, question } = props;
  const isPhone = useMedia('(max-width: 639px)');
  const isCoarse = useMedia('(pointer: coarse)');
  const height = isPhone ? cardHeight : isCoarse ? 44 : 32;
  const box = useRef<HTMLElement>(null);
  const body = useRef<HTMLElement>(null);
  const { lines, moved, reorder } = useSteady(props.lines, question, box);
  const seen = useWindow(body, lines.length, height);
  const walk = useWalk(lines, box);
  const pieces = piecesOf(lines, seen, walk.active);
  const isWindowed = seen.from > 0 || seen.to < lines.length;
  const shown = pieces.map((piece) =>
    'gap' in piece ? (
      <Gap key={`gap ${piece.at}`} lines={piece.gap} height={height} isPhone={isPhone} columns={columns.length} />
    ) : piece.line.kind === 'group' ? (
      <Group key={piece.line.key} line={piece.line} isPhone={isPhone} columns={columns.length} />
    ) : (
      <OneRow
        key={piece.line.key}
        id={piece.line.id}
        index={isWindowed ? piece.at + 2 : undefined}
        {...{ rows: props.rows, columns, card: props.card, gone: props.gone, isPhone }}
      />
    ),
  );
  return (
    <>
      {isPhone ? (
        <div ref={box as never}>
          <ol class="cards" ref={body as never} aria-label={label}>
            {shown}
          </ol>
        </div>
      ) : (
        <table
          class="table"
          ref={box as never}
          aria-label={label}
          aria-rowcount={isWindowed ? lines.length + 1 : undefined}
        >
          <thead>
            <tr aria-rowindex={isWindowed ? 1 : undefined}>
              {columns.map((column) => (
                <Head key={column.id} column={column} sorting={sorting} onSort={onSort} />
              ))}
            </tr>
          </thead>
          <tbody ref={body as never}>{shown}</tbody>
        </table>
      )}
      {moved > 0 && (
        <div class="would-move">
          <button type="button" onClick={reorder}>
            {moved === 1 ? '1 row' : `${moved} rows`} would move · reorder
          </button>
        </div>
      )}
    </>
  );
}

function Head<Row>({
  column,
  sorting,
  onSort,
}: {
  column: Column<Row>;
  sorting: Sorting | null;
  onSort: (column: string) => void;
}) {
  const { id, title, isSorted = false } = column;
  const isThis = sorting?.column === id;
  if (!isSorted)
    return (
      <th class={`col-${id}`} scope="col">
        {title === '' ? <span class="only-heard">Actions</span> : title}
      </th>
    );
  return (
    <th class={`col-${id}`} scope="col" aria-sort={isThis ? (sorting.isDown ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="plain" onClick={() => onSort(id)}>
        {title}
        {isThis && <span aria-hidden="true">{sorting.isDown ? ' ↓' : ' ↑'}</span>}
      </button>
    </th>
  );
}

interface OneRowProps<Row> {
  readonly id: string;
  readonly index: number | undefined;
  readonly rows: RowSource<Row>;
  readonly columns: readonly Column<Row>[];
  readonly card: (row: Row) => VNode;
  readonly gone: (id: string) => string;
  readonly isPhone: boolean;
}

function PlainRow<Row>({ id, index, rows, columns, card, gone, isPhone }: OneRowProps<Row>) {
  const row = useRow(rows, id);
  const changes = useRef({ row, count: -1 });
  if (changes.current.row !== row) changes.current = { row, count: changes.current.count + 1 };
  // Two names of one animation, in turn: it begins anew with each change, and not when the row is first shown.
  const quiet = changes.current.count < 0 ? '' : `changed-${changes.current.count % 2}`;
  if (isPhone)
    return (
      <li data-row={id} class={quiet}>
        {row === null ? <span class="card gone">{gone(id)}</span> : card(row)}
      </li>
    );
  if (row === null)
    return (
      <tr data-row={id} class="gone" aria-rowindex={index}>
        <td colSpan={columns.length}>{gone(id)}</td>
      </tr>
    );
  return (
    <tr data-row={id} class={quiet} aria-rowindex={index}>
      {columns.map((column) =>
        column.isName ? (
          <th key={column.id} class={`col-${column.id}`} scope="row">
            {column.cell(row)}
          </th>
        ) : (
          <td key={column.id} class={`col-${column.id}`}>
            {column.cell(row)}
          </td>
        ),
      )}
    </tr>
  );
}

/** Repainted by its own row, and not because others have been. */
class OneRow<Row> extends Component<OneRowProps<Row>> {
  override shouldComponentUpdate(next: OneRowProps<Row>): boolean {
    const names = Object.keys(next) as (keyof OneRowProps<Row>)[];
    return names.some((name) => next[name] !== this.props[name]);
  }

  override render(props: OneRowProps<Row>) {
    return <PlainRow {...props} />;
  }
}

function Group({
  line,
  isPhone,
  columns,
}: {
  line: Extract<Line, { kind: 'group' }>;
  isPhone: boolean;
  columns: number;
}) {
  const content = (
    <>
      {line.title} <span class="second">{line.more}</span>
    </>
  );
  if (isPhone) return <li class="group">{content}</li>;
  return (
    <tr class="group">
      <th colSpan={columns} scope="rowgroup">
        {content}
      </th>
    </tr>
  );
}

function Gap(props: { lines: number; height: number; isPhone: boolean; columns: number }) {
  const height = `${props.lines * props.height}px`;
  if (props.isPhone) return <li class="gap" aria-hidden="true" style={{ height }} />;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can have the focus
    <tr class="gap" aria-hidden="true">
      <td colSpan={props.columns} style={{ height }} />
    </tr>
  );
}

type Piece = { readonly at: number; readonly gap: number } | { readonly at: number; readonly line: Line };

/** The lines that are in the page, with gaps as high as those that are not. */
function piecesOf(lines: readonly Line[], { from, to }: { from: number; to: number }, active: string | null): Piece[] {
  const pinned = active === null ? -1 : lines.findIndex((line) => line.kind === 'row' && line.id === active);
  const pieces: Piece[] = [];
  let next = 0;
  const add = (start: number, end: number) => {
    if (start > next) pieces.push({ at: next, gap: start - next });
    for (let at = Math.max(start, next); at < end; at++) pieces.push({ at, line: lines[at] as Line });
    next = Math.max(next, end);
  };
  if (pinned >= 0 && pinned < from) add(pinned, pinned + 1);
  add(from, to);
  if (pinned >= to) add(pinned, pinned + 1);
  if (next < lines.length) pieces.push({ at: next, gap: lines.length - next });
  return pieces;
}

/** The row that has the focus, and the keys that move it. */
function useWalk(lines: readonly Line[], box: { readonly current: HTMLElement | null }): { active: string | null } {
  const [active, setActive] = useState<string | null>(null);
  const last = useRef<string | null>(null);
  const goal = useRef<string | null>(null);
  useEffect(() => {
    const element = box.current;
    const rowOf = (target: EventTarget | null) =>
      (target as HTMLElement | null)?.closest?.<HTMLElement>('[data-row]')?.dataset.row ?? null;
    const focusIn = (event: FocusEvent) => {
      const id = rowOf(event.target);
      last.current = id ?? last.current;
      setActive(id);
    };
    const focusOut = (event: FocusEvent) => {
      if (!element?.contains(event.relatedTarget as Node | null) && goal.current === null) setActive(null);
    };
    element?.addEventListener('focusin', focusIn);
    element?.addEventListener('focusout', focusOut);
    return () => {
      element?.removeEventListener('focusin', focusIn);
      element?.removeEventListener('focusout', focusOut);
    };
  });
  useEffect(() => {
    const ids = lines.flatMap((line) => (line.kind === 'row' ? [line.id] : []));
    const step = (by: number) => {
      const at = last.current === null ? -1 : ids.indexOf(last.current);
      const id = ids[at < 0 ? 0 : Math.min(Math.max(at + by, 0), ids.length - 1)];
      if (id === undefined) return;
      last.current = id;
      goal.current = id;
      setActive(id);
      // Where it is that row already, no repaint follows.
      focusRow(box.current, id);
    };
    const act = () => {
      const row = rowElement(box.current, last.current);
      row?.querySelector<HTMLElement>('[data-row-menu]')?.click();
    };
    return onKeys({ j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), '.': act });
  }, [lines]);
  useLayoutEffect(() => {
    if (goal.current === null) return;
    if (focusRow(box.current, goal.current)) goal.current = null;
  });
  return { active };
}

function rowElement(box: HTMLElement | null, id: string | null): HTMLElement | null {
  return id === null ? null : (box?.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`) ?? null);
}

function focusRow(box: HTMLElement | null, id: string): boolean {
  const row = rowElement(box, id);
  const link = row?.querySelector<HTMLElement>('a, button');
  if (!row || !link) return false;
  link.focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
  return true;
}
