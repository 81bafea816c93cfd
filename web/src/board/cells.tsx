// An environment as a row of the board, and as a card on a phone.

import type { Environment } from '../../../src/client/types.ts';
import { actionsOnEnvironment } from '../actions/open.ts';
import { go } from '../router.ts';
import { pathOf } from '../routes.ts';
import type { Column } from '../ui/data-table.tsx';
import { HolderName } from '../ui/holder.tsx';
import { Menu, type MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Left, Since } from '../ui/time.tsx';
import { byAge, leftOf, lookOf, sinceOf } from './model.ts';

const shownHolders = 2;

function Name({ row }: { row: Environment }) {
  return (
    <a href={pathOf({ screen: 'environment', name: row.name })} title={row.description || row.name}>
      <bdi>{row.name}</bdi>
    </a>
  );
}

function StateOf({ row }: { row: Environment }) {
  const { shape, word } = lookOf(row);
  return <State shape={shape} word={word} />;
}

/** Who holds it, and why nobody else gets it. */
function HeldBy({ row, isLinked = true }: { row: Environment; isLinked?: boolean }) {
  const held = byAge(row.held);
  const only = held.length === 1 ? held[0] : undefined;
  const reason = row.state === 'open' ? null : row.stateReason;
  if (held.length === 0 && reason === null)
    return <span class="second">{row.dirty > 0 ? 'its holder went without releasing it' : '–'}</span>;
  return (
    <>
      {held.slice(0, shownHolders).map((lease, index) => (
        <span key={lease.id}>
          {index > 0 && ', '}
          {isLinked ? <HolderName holder={lease.holder} /> : <bdi>{lease.holder.name ?? 'somebody'}</bdi>}
          {lease.revoking !== null && <span class="error-text"> being taken away by {lease.revoking.by}</span>}
        </span>
      ))}
      {held.length > shownHolders && <span class="second"> +{held.length - shownHolders}</span>}
      {only?.reason && (
        <span class="second">
          {' '}
          “<bdi>{only.reason}</bdi>”
        </span>
      )}
      {reason !== null && (
        <span class="second">
          {held.length > 0 && ' · '}
          <bdi>{reason}</bdi>
        </span>
      )}
    </>
  );
}

function SinceOf({ row }: { row: Environment }) {
  const since = sinceOf(row);
  return since === null ? <span class="second">–</span> : <Since at={since} />;
}

function LeftOf({ row }: { row: Environment }) {
  const until = leftOf(row);
  return until === null ? <span class="second">–</span> : <Left until={until} />;
}

function Queue({ row }: { row: Environment }) {
  if (row.waiting === 0) return <span class="second">–</span>;
  return (
    <span class="queue">
      {row.waiting} waiting
      {row.oldestWaitSince !== null && (
        <>
          {' '}
          <Since at={row.oldestWaitSince} />
        </>
      )}
    </span>
  );
}

function LabelsOf({ row }: { row: Environment }) {
  const text = Object.entries(row.labels).map(([name, value]) => `${name}=${value}`);
  return (
    <span class="second" title={text.join(' ')}>
      {text.join(' ')}
    </span>
  );
}

/** What can be done to an environment from its row. What this person may not do is left out. */
export function actionsOf(row: Environment): readonly MenuItem[] {
  const path = pathOf({ screen: 'environment', name: row.name });
  return [
    { label: 'Open', run: () => go({ screen: 'environment', name: row.name }) },
    ...actionsOnEnvironment(row),
    { label: 'Copy link', run: () => void navigator.clipboard?.writeText(location.origin + path) },
  ];
}

export const columns: readonly Column<Environment>[] = [
  { id: 'state', title: 'State', isSorted: true, cell: (row) => <StateOf row={row} /> },
  { id: 'name', title: 'Environment', isName: true, isSorted: true, cell: (row) => <Name row={row} /> },
  { id: 'holder', title: 'Held by', isSorted: true, cell: (row) => <HeldBy row={row} /> },
  { id: 'since', title: 'Since', isSorted: true, cell: (row) => <SinceOf row={row} /> },
  { id: 'left', title: 'Left', isSorted: true, cell: (row) => <LeftOf row={row} /> },
  { id: 'queue', title: 'Queue', isSorted: true, cell: (row) => <Queue row={row} /> },
  { id: 'labels', title: 'Labels', cell: (row) => <LabelsOf row={row} /> },
  { id: 'more', title: '', cell: (row) => <Menu label={`Actions of ${row.name}`} items={() => actionsOf(row)} /> },
];

export function card(row: Environment) {
  return (
    <a class="card" href={pathOf({ screen: 'environment', name: row.name })}>
      <div>
        <StateOf row={row} />
        <span class="name">
          <bdi>{row.name}</bdi>
        </span>
        <span class="end second">
          {sinceOf(row) !== null && <SinceOf row={row} />}
          {leftOf(row) !== null && (
            <>
              {' · '}
              <LeftOf row={row} /> left
            </>
          )}
        </span>
      </div>
      <div class="small">
        <span class="cut">
          <HeldBy row={row} isLinked={false} />
        </span>
        {row.waiting > 0 && (
          <span class="end">
            <Queue row={row} />
          </span>
        )}
      </div>
    </a>
  );
}
