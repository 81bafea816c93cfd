// A table of a hundred rows at most that come anew with each answer, and on a phone the same as a list.

import type { ComponentChildren } from 'preact';
import { useMedia } from '../ui/window.ts';

export interface SmallColumn<Row> {
  readonly id: string;
  readonly title: string;
  readonly isName?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

export function SmallTable<Row>(props: {
  label: string;
  columns: readonly SmallColumn<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}) {
  const { label, columns, rows, keyOf } = props;
  const isPhone = useMedia('(max-width: 639px)');
  if (isPhone)
    return (
      <ul class="small-list" aria-label={label}>
        {rows.map((row) => (
          <li key={keyOf(row)}>
            {columns.map((column) => (
              <span key={column.id}>
                <span class="second">{column.title} </span>
                {column.cell(row)}
              </span>
            ))}
          </li>
        ))}
      </ul>
    );
  return (
    <table class="table" aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ id, title }) => (
            <th key={id} class={`col-${id}`} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ id, isName, cell }) =>
              isName ? (
                <th key={id} class={`col-${id}`} scope="row">
                  {cell(row)}
                </th>
              ) : (
                <td key={id} class={`col-${id}`}>
                  {cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
