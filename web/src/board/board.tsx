// The board: every environment, who holds it, for how long, and who waits. What the first look must answer without a click.

import { useEffect, useMemo } from 'preact/hooks';
import type { Environment } from '../../../src/client/types.ts';
import type { Pool } from '../../../src/client/types-machines.ts';
import { FreezeBar, MineBar } from '../actions/bars.tsx';
import { openFreezeAll } from '../actions/freeze-all.tsx';
import { useMayFreezeAll } from '../actions/may.ts';
import { useCell } from '../cell.ts';
import { environments } from '../live/tables.ts';
import { place, replaceSearch } from '../router.ts';
import { useAnswer } from '../ui/answer.ts';
import { DataTable, type Line } from '../ui/data-table.tsx';
import { Problem } from '../ui/problem.tsx';
import { Since } from '../ui/time.tsx';
import { card, columns } from './cells.tsx';
import { Filters } from './filters.tsx';
import { FirstVisit } from './first-visit.tsx';
import { Ghosts } from './ghosts.tsx';
import {
  type Counts,
  countsOf,
  type Group,
  grouped,
  isFiltered,
  matches,
  type Question,
  questionOf,
  searchOf,
  sorted,
} from './model.ts';
import './board.css';

/** The last filters, for the next visit. */
const slot = 'signalbox.board';

export function Board() {
  useEffect(() => {
    environments.want();
    const last = localStorage.getItem(slot);
    if (location.search === '' && last !== null) replaceSearch(last);
  }, []);
  const loading = useCell(environments.loading);
  const version = useCell(environments.version);
  const { search } = useCell(place);
  const question = useMemo(() => questionOf(search), [search]);
  const { value: poolPage } = useAnswer((client, signal) => client.pools({ limit: 500 }, { signal }), 'pools');
  const pools = useMemo(() => poolPage?.items ?? [], [poolPage]);
  const rows = useMemo(() => [...environments.all()], [version]);
  const counts = useMemo(() => countsOf(rows), [rows]);
  const lines = useMemo(() => linesOf(rows, question, pools), [rows, question, pools]);

  const ask = (next: Question) => {
    const written = searchOf(next);
    if (written === '') localStorage.removeItem(slot);
    else localStorage.setItem(slot, written);
    replaceSearch(written);
  };
  const sort = (column: string) => {
    const turns: Record<string, string> = { [column]: `-${column}`, [`-${column}`]: '' };
    ask({ ...question, sort: turns[question.sort] ?? column });
  };
  const mayFreeze = useMayFreezeAll();
  const isEmpty = rows.length === 0;
  if (isEmpty && loading.state === 'ready') return <FirstVisit />;
  return (
    <>
      <div class="board-head">
        <h1>Board</h1>
        {!isEmpty && <CountsLine counts={counts} />}
        {mayFreeze && (
          <button type="button" class="end" onClick={() => openFreezeAll(question.labels)}>
            Freeze…
          </button>
        )}
      </div>
      <FreezeBar />
      <MineBar />
      {loading.state === 'failed' && (
        <Problem
          what={isEmpty ? 'The environments could not be loaded.' : 'Not all environments could be loaded.'}
          failure={loading.failure}
          again={() => void environments.load()}
        />
      )}
      {!isEmpty && <Filters {...{ question, ask, rows, pools }} />}
      {isEmpty && loading.state !== 'failed' && <Ghosts columns={columns.length} />}
      {!isEmpty && lines.length === 0 && (
        <p>
          No environment matches.{' '}
          <button type="button" onClick={() => ask({ ...questionOf(''), sort: question.sort, group: question.group })}>
            Clear filters
          </button>
        </p>
      )}
      {lines.length > 0 && (
        <DataTable
          label="Environments"
          rows={environments}
          lines={lines}
          question={search}
          columns={columns}
          sorting={
            question.sort === ''
              ? null
              : { column: question.sort.replace(/^-/, ''), isDown: question.sort.startsWith('-') }
          }
          onSort={sort}
          card={card}
          gone={gone}
        />
      )}
      {isFiltered(question) && lines.length > 0 && (
        <p class="second small" role="status">
          {lines.filter(({ kind }) => kind === 'row').length} of {rows.length} environments are shown.
        </p>
      )}
    </>
  );
}

const gone = (name: string): string => `${name} was deleted`;

function linesOf(rows: readonly Environment[], question: Question, pools: readonly Pool[]): Line[] {
  const pool = pools.find(({ name }) => name === question.pool) ?? null;
  const shown = rows.filter((row) => matches(row, question, pool));
  const groups = grouped(sorted(shown, question.sort), question.group, pools);
  const isPlain = groups.length === 1 && groups[0]?.name === null;
  return groups.flatMap((group): Line[] => [
    ...(isPlain ? [] : [headOf(group)]),
    ...group.rows.map((row): Line => ({ key: `row ${row.name}`, kind: 'row', id: row.name })),
  ]);
}

function headOf({ name, rows }: Group): Line {
  const { of, waiting } = countsOf(rows);
  const more = [`${of.held} held`, `${of.free} free`, ...(waiting > 0 ? [`${waiting} waiting`] : [])].join(' · ');
  return {
    key: name === null ? 'rest' : `group ${name}`,
    kind: 'group',
    title: `${name ?? 'the rest'} (${rows.length})`,
    more,
  };
}

function CountsLine({ counts: { all, of, waiting, longest } }: { counts: Counts }) {
  const parts = [
    `${all} ${all === 1 ? 'environment' : 'environments'}`,
    `${of.held} held`,
    `${of.free} free`,
    ...(of.frozen > 0 ? [`${of.frozen} frozen`] : []),
    ...(of.draining > 0 ? [`${of.draining} draining`] : []),
    ...(of.dirty > 0 ? [`${of.dirty} dirty`] : []),
  ];
  return (
    <div class="counts">
      <span>{parts.join(' · ')}</span>
      {waiting > 0 && (
        <span class="queue">
          {waiting} waiting
          {longest?.oldestWaitSince != null && (
            <>
              , longest <Since at={longest.oldestWaitSince} /> (<bdi>{longest.name}</bdi>)
            </>
          )}
        </span>
      )}
    </div>
  );
}
