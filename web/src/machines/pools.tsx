// Pools: how many machines each keeps, how they are, and who waits for one.

import type { Pool } from '../../../src/client/types-machines.ts';
import type { MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Left } from '../ui/time.tsx';
import { mayAll } from './may.ts';
import { labelsText, machines } from './model.ts';
import { openDeletePool, openPool } from './pool-dialogs.tsx';
import { momentOf } from './rows.ts';
import { type Column, Sheet } from './sheet.tsx';

const columns: readonly Column<Pool>[] = [
  {
    id: 'name',
    title: 'Pool',
    isName: true,
    cell: (row) => (
      <a href={`/?${new URLSearchParams({ pool: row.name })}`} title="Its environments, on the board">
        <bdi>{row.name}</bdi>
      </a>
    ),
  },
  {
    id: 'size',
    title: 'Min – max',
    cell: (row) => (
      <>
        {row.min} – {row.max}
        {row.idle > 0 && <span class="second">, {row.idle} idle</span>}
      </>
    ),
  },
  {
    id: 'machines',
    title: 'Machines',
    cell: ({ machines: { there, building, free, held, ending } }) => (
      <>
        {there}
        <span class="second">
          {there > 0 && ': '}
          {Object.entries({ building, free, held, ending })
            .flatMap(([state, count]) => (count > 0 ? `${count} ${state}` : []))
            .join(', ')}
        </span>
      </>
    ),
  },
  {
    id: 'waiting',
    title: 'Queue',
    isPlain: true,
    cell: (row) => (row.waiting === 0 ? null : <State shape="waiting" word={`${row.waiting} waiting`} />),
  },
  {
    id: 'paused',
    title: 'Builds',
    cell: (row) =>
      row.pausedForSeconds === null ? (
        <bdi class="second">{`${row.build.instanceType} ${row.build.role} for ${row.build.site}/${row.build.env}`}</bdi>
      ) : (
        <>
          <State shape="failed" word="paused" />{' '}
          <span class="second">
            <Left until={momentOf(row, row.pausedForSeconds)} />: its last build failed
          </span>
        </>
      ),
  },
  { id: 'labels', title: 'Labels', cell: (row) => <bdi class="second">{labelsText(row.labels)}</bdi> },
];

export function PoolTable({ rows }: { rows: readonly Pool[] }) {
  return (
    <Sheet
      label="Pools"
      rows={rows}
      idOf={(row) => row.name}
      columns={columns}
      nameOf={(row) => row.name}
      items={actionsOn}
    />
  );
}

function actionsOn(row: Pool): readonly MenuItem[] {
  if (!mayAll('admin')) return [];
  return [
    { label: 'Change…', run: () => openPool(row) },
    { label: 'Delete…', run: () => openDeletePool(row) },
  ];
}

/** `3 machines in 2 pools`, for those who look only at the title. */
export function poolsText(rows: readonly Pool[]): string {
  const there = rows.reduce((sum, row) => sum + row.machines.there, 0);
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0);
  return `${machines(there)}${waiting > 0 ? ` · ${waiting} waiting` : ''}`;
}
