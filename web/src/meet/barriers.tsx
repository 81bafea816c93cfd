// A barrier as a row, as a card on a phone, and in words.

import type { VNode } from 'preact';
import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Barrier } from '../../../src/client/types.ts';
import type { Column } from '../ui/data-table.tsx';
import { Menu, type MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Left, Since } from '../ui/time.tsx';

export interface BarrierDoing {
  readonly look: (id: string) => void;
  readonly items: (barrier: Barrier) => readonly MenuItem[];
}

export const barrierId = ({ name, generation }: Barrier): string =>
  generation === '' ? name : `${name}\t${generation}`;

export function BarrierState({ barrier: { state, end } }: { barrier: Barrier }) {
  if (state === 'waiting') return <State shape="waiting" word="waiting" />;
  if (state === 'open') return <State shape="free" word="open" />;
  return <State shape="failed" word={end?.how === 'cancelled' ? 'cancelled' : 'broken'} />;
}

export function BarrierName({ barrier: { name, generation } }: { barrier: Barrier }) {
  return (
    <>
      <bdi>{name}</bdi>
      {generation !== '' && (
        <span class="second">
          {' · '}
          <bdi>{generation}</bdi>
        </span>
      )}
    </>
  );
}

/** Who is missing, or how it ended. */
export function Standing({ barrier }: { barrier: Barrier }) {
  const { state, missingCount, missing, missingText, namesLeftOut } = barrier;
  if (state === 'open') return <span class="second">all have come</span>;
  const isNamed = missing !== null && missing.length > 0;
  return (
    <>
      {state === 'broken' && <Broken barrier={barrier} />}
      {missingCount > 0 && (
        <span title={missingText}>
          {state === 'broken' ? ' · ' : ''}
          {isNamed ? (
            <>
              missing <bdi>{missing.join(', ')}</bdi>
            </>
          ) : (
            `${missingCount} missing${namesLeftOut ? '' : ', nobody said who'}`
          )}
        </span>
      )}
    </>
  );
}

export function Broken({ barrier: { end, timeoutSeconds } }: { barrier: Barrier }) {
  if (end === null) return <>broken</>;
  if (end.how === 'timed_out') return <>not everybody came within {formatDuration(timeoutSeconds * 1000)}</>;
  return (
    <>
      {end.party !== null ? (
        <>
          <bdi>{end.party}</bdi> has failed
        </>
      ) : (
        <>
          {end.how === 'cancelled' ? 'cancelled' : 'failed'} by <bdi>{end.by}</bdi>
        </>
      )}
      {end.reason !== null && (
        <>
          : “<bdi>{end.reason}</bdi>”
        </>
      )}
    </>
  );
}

export function Time({ barrier: { breaksAt, endedAt, createdAt, state } }: { barrier: Barrier }) {
  if (breaksAt !== null)
    return (
      <>
        <Left until={breaksAt} /> <span class="second">left</span>
      </>
    );
  return (
    <span class="second">
      {state === 'waiting' ? 'declared ' : ''}
      <Since at={endedAt ?? createdAt} /> ago
    </span>
  );
}

export function barrierColumns({ look, items }: BarrierDoing): readonly Column<Barrier>[] {
  return [
    { id: 'meet-state', title: 'State', cell: (barrier) => <BarrierState barrier={barrier} /> },
    {
      id: 'meet-name',
      title: 'Barrier · generation',
      isName: true,
      cell: (barrier) => (
        <button type="button" class="link name" title={barrier.name} onClick={() => look(barrierId(barrier))}>
          <BarrierName barrier={barrier} />
        </button>
      ),
    },
    {
      id: 'meet-count',
      title: 'Arrived',
      cell: ({ arrived, parties }) => (
        <>
          {arrived} of {parties}
        </>
      ),
    },
    { id: 'meet-says', title: 'Who is missing, or why it broke', cell: (barrier) => <Standing barrier={barrier} /> },
    { id: 'meet-time', title: 'Time', cell: (barrier) => <Time barrier={barrier} /> },
    {
      id: 'meet-more',
      title: '',
      cell: (barrier) => (
        <Menu label={`Actions of barrier ${barrier.name} ${barrier.generation}`.trim()} items={() => items(barrier)} />
      ),
    },
  ];
}

export function barrierCard(look: (id: string) => void): (barrier: Barrier) => VNode {
  return (barrier) => (
    <button type="button" class="card plain meet-card" onClick={() => look(barrierId(barrier))}>
      <span class="line">
        <BarrierState barrier={barrier} />
        <span class="name">
          <BarrierName barrier={barrier} />
        </span>
        <span class="end">
          {barrier.arrived} of {barrier.parties}
        </span>
      </span>
      <span class="line small">
        <span class="cut">
          <Standing barrier={barrier} />
        </span>
        <span class="end">
          <Time barrier={barrier} />
        </span>
      </span>
    </button>
  );
}
