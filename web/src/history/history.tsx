// The history: every event, newest first, narrowed by what stands in the address, so that a view can be handed on.

import { useEffect, useMemo, useState } from 'preact/hooks';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { Ghosts } from '../board/ghosts.tsx';
import { useCell } from '../cell.ts';
import { serverNow } from '../clock.ts';
import { nextFrame } from '../frame.ts';
import { environments } from '../live/tables.ts';
import { place, replaceSearch } from '../router.ts';
import { DataTable, type Line } from '../ui/data-table.tsx';
import { Problem } from '../ui/problem.tsx';
import { cardOf, columnsOf } from './cells.tsx';
import { Csv } from './csv-button.tsx';
import { Details } from './details.tsx';
import { Filters } from './filters.tsx';
import { Past } from './past.ts';
import { fixed, isFiltered, type Question, questionOf, searchOf } from './query.ts';
import './history.css';

export function History() {
  const { search } = useCell(place);
  const question = useMemo(() => questionOf(search), [search]);
  // Durations count from when they were asked: all pages are of one list.
  const asked = useMemo(() => fixed(question, serverNow()), [question]);
  const past = useMemo(() => new Past(asked), [asked]);
  useEffect(() => past.start(), [past]);
  // For the suggestions of the filters.
  useEffect(() => environments.want(), []);
  const known = useCell(past.known);
  const [shown, setShown] = useState<HistoryEvent | null>(null);
  const columns = useMemo(() => columnsOf(setShown), []);
  const card = useMemo(() => cardOf(setShown), []);
  const rows = useMemo(() => ({ get: (id: string) => past.get(id), watch: () => () => undefined }), [past]);
  const { items, next, isReady, isLoading, failure, fresh, isMany } = known;
  const lines = useMemo(() => items.map(({ seq }): Line => ({ key: `${seq}`, kind: 'row', id: `${seq}` })), [items]);
  const ask = (change: Partial<Question>) => replaceSearch(searchOf({ ...question, ...change }));
  // The button goes with them: the focus goes on to the first of them.
  const showFresh = () => {
    past.showFresh();
    nextFrame(() => document.querySelector<HTMLElement>('[data-row] a, [data-row] button')?.focus());
  };
  return (
    <>
      <div class="history-head">
        <h1>History</h1>
        <span class="second" role="status">
          {isReady && countText(items.length, next !== null)}
        </span>
        <CopyLink question={asked} />
        <Csv key={search} past={past} />
      </div>
      <Filters question={question} ask={ask} items={items} />
      <p class="fresh">
        {(fresh > 0 || isMany) && (
          <button type="button" onClick={showFresh}>
            {fresh === 1 ? '1 new event' : `${isMany ? 'many' : fresh} new events`}, show
          </button>
        )}
      </p>
      {failure !== null && (
        <Problem
          what={isReady ? 'Not all events could be loaded.' : 'The events could not be loaded.'}
          failure={failure}
          again={() => void (isReady && next !== null ? past.older() : past.load())}
        />
      )}
      {!isReady && failure === null && <Ghosts columns={columns.length} />}
      {isReady && items.length === 0 && next === null && (
        <p>
          {isFiltered(question) ? (
            <>
              No event matches.{' '}
              <button type="button" onClick={() => replaceSearch('')}>
                Clear filters
              </button>
            </>
          ) : (
            'Nothing has happened yet.'
          )}
        </p>
      )}
      {lines.length > 0 && (
        <DataTable
          label="Events"
          rows={rows}
          lines={lines}
          question={`${search} ${lines.length} ${lines[0]?.key}`}
          columns={columns}
          sorting={null}
          onSort={() => undefined}
          card={card}
          gone={() => ''}
        />
      )}
      {next !== null && (
        <p class="older">
          <button type="button" onClick={() => void past.older()}>
            {isLoading ? 'Loading older events…' : 'Older events'}
          </button>
        </p>
      )}
      {shown !== null && <Details event={shown} close={() => setShown(null)} />}
    </>
  );
}

function countText(count: number, hasMore: boolean): string {
  return `${count.toLocaleString()} ${count === 1 ? 'event' : 'events'}${hasMore ? ', and older ones' : ''}`;
}

/** The address with times in it and no durations: whoever opens it tomorrow sees these events. */
function CopyLink({ question }: { question: Question }) {
  const [isCopied, setCopied] = useState(false);
  // The clipboard is there on https and on localhost only; the address bar is there everywhere.
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(location.origin + location.pathname + searchOf(question));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      {isCopied ? 'Copied' : 'Copy link'}
    </button>
  );
}
