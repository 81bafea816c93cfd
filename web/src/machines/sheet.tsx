// A section of this screen: a title, and its rows as a table, or as cards on a phone.
//
// Must always hold: rows do not move under pointer or focus; more than `atFirst` of them are shown only when somebody asks.

import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Failure } from '../../../src/client/outcome.ts';
import { useCell } from '../cell.ts';
import type { Rows } from '../live/rows.ts';
import { Menu, type MenuItem } from '../ui/menu.tsx';
import { Problem } from '../ui/problem.tsx';
import { useSteady } from '../ui/steady.ts';
import { useMedia } from '../ui/window.ts';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** The cell that names the row. */
  readonly isName?: boolean;
  /** It says what it is: on a phone without its title. */
  readonly isPlain?: boolean;
  /** null: there is nothing to say. */
  readonly cell: (row: Row) => ComponentChildren;
}

export interface SheetProps<Row> {
  /** What it is a table of, for those who hear it. */
  readonly label: string;
  readonly rows: readonly Row[];
  readonly idOf: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  /** What a row is called in the name of its menu. */
  readonly nameOf: (row: Row) => string;
  /** What this person may do to it; without any there is no menu. */
  readonly items?: (row: Row) => readonly MenuItem[];
  /** With another question the rows are shown anew, wherever the pointer is. */
  readonly question?: string;
}

const atFirst = 50;

export function Sheet<Row>(props: SheetProps<Row>) {
  const { label, rows, idOf, columns, nameOf, items, question = '' } = props;
  const isPhone = useMedia('(max-width: 639px)');
  const box = useRef<HTMLElement>(null);
  const { lines, more, steady } = useLines(rows.map(idOf), question, box, atFirst);
  const byId = new Map(rows.map((row) => [idOf(row), row]));
  const menu = (row: Row) => {
    const may = items?.(row) ?? [];
    return may.length > 0 && <Menu label={`Actions of ${nameOf(row)}`} items={() => items?.(row) ?? []} />;
  };
  const hasMenu = rows.some((row) => (items?.(row) ?? []).length > 0);
  return (
    <>
      {isPhone ? (
        <ol class="m-cards" aria-label={label} ref={box as never}>
          {lines.map((id) => {
            const row = byId.get(id);
            if (row === undefined) return <Gone key={id} id={id} />;
            return (
              <li key={id} data-row={id}>
                <div class="m-head">
                  {columns.filter(({ isName }) => isName).map((column) => column.cell(row))}
                  <span class="m-end">{menu(row)}</span>
                </div>
                <div class="m-facts small">
                  {columns.map((column) => {
                    const cell = column.isName ? null : column.cell(row);
                    return (
                      cell !== null && (
                        <span key={column.id}>
                          {!column.isPlain && <span class="second">{column.title} </span>}
                          {cell}
                        </span>
                      )
                    );
                  })}
                </div>
              </li>
            );
          })}
        </ol>
      ) : (
        <table class="table sheet" aria-label={label} ref={box as never}>
          <thead>
            <tr>
              {columns.map(({ id, title }) => (
                <th key={id} scope="col">
                  {title}
                </th>
              ))}
              {hasMenu && (
                <th scope="col" class="m-menu">
                  <span class="only-heard">Actions</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {lines.map((id) => {
              const row = byId.get(id);
              if (row === undefined)
                return (
                  <tr key={id} data-row={id} class="gone">
                    <td colSpan={columns.length + Number(hasMenu)}>
                      <bdi>{id}</bdi> is gone
                    </td>
                  </tr>
                );
              return (
                <tr key={id} data-row={id}>
                  {columns.map((column) =>
                    column.isName ? (
                      <th key={column.id} scope="row">
                        {column.cell(row)}
                      </th>
                    ) : (
                      <td key={column.id}>{column.cell(row) ?? <span class="second">–</span>}</td>
                    ),
                  )}
                  {hasMenu && <td class="m-menu">{menu(row)}</td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {steady}
      {more}
    </>
  );
}

export function Gone({ id }: { id: string }) {
  return (
    <li data-row={id} class="gone">
      <bdi>{id}</bdi> is gone
    </li>
  );
}

/** The ids that are shown, held still under the pointer; a button for the rest, and one that brings them into order. */
export function useLines(
  ids: readonly string[],
  question: string,
  box: { readonly current: HTMLElement | null },
  first: number,
) {
  const [limit, setLimit] = useState(first);
  const wanted = ids.slice(0, limit).map((key) => ({ key }));
  const { lines, moved, reorder } = useSteady(wanted, `${question} ${limit}`, box);
  const left = ids.length - limit;
  return {
    lines: lines.map(({ key }) => key),
    more: left > 0 && (
      <button type="button" class="m-more" onClick={() => setLimit(limit + 100)}>
        Show {Math.min(100, left)} more of {ids.length}
      </button>
    ),
    steady: moved > 0 && (
      <div class="would-move">
        <button type="button" onClick={reorder}>
          {moved === 1 ? '1 row' : `${moved} rows`} would move · reorder
        </button>
      </div>
    ),
  };
}

/** A section with what must be said where its rows could not be loaded. */
export function Section<Row>(props: {
  title: string;
  more?: ComponentChildren;
  action?: ComponentChildren;
  table: Rows<Row>;
  what: string;
  children: ComponentChildren;
}) {
  const { title, more, action, table, what, children } = props;
  const loading = useCell(table.loading);
  const failure: Failure | null = loading.state === 'failed' ? loading.failure : null;
  const id = `m-${title.toLowerCase()}`;
  return (
    <section class="m-section" aria-labelledby={id}>
      <div class="m-title">
        <h2 id={id}>{title}</h2>
        {more}
        {action && <span class="m-end">{action}</span>}
      </div>
      {failure !== null && (
        <Problem what={`${what} could not be loaded.`} failure={failure} again={() => void table.load()} />
      )}
      {children}
    </section>
  );
}
