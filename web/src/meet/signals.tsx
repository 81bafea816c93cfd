// A signal as a row, and as a card on a phone.

import type { VNode } from 'preact';
import type { Column } from '../ui/data-table.tsx';
import { Menu, type MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Left, Since } from '../ui/time.tsx';
import { Preview } from './payload.tsx';
import type { Place } from './places.ts';
import { Waiting, Who } from './who.tsx';

export interface SignalDoing {
  readonly look: (name: string) => void;
  /** What this person may do to it, the first of which may stand in the row. */
  readonly items: (place: Place) => readonly MenuItem[];
  /** null: this person may not. */
  readonly set: (name: string) => (() => void) | null;
}

export function SignalState({ place: { signal } }: { place: Place }) {
  if (signal === null) return <State shape="waiting" word="not set" />;
  return signal.state === 'failed' ? <State shape="failed" word="failed" /> : <State shape="held" word="set" />;
}

function Says({ place: { signal, waiters, waiting } }: { place: Place }) {
  if (signal === null) return <Waiting waiters={waiters} waiting={waiting} />;
  if (signal.failure !== null)
    return (
      <span title={signal.failure.reason}>
        “<bdi>{signal.failure.reason}</bdi>”
      </span>
    );
  return <Preview data={signal.data} bytes={signal.bytes} />;
}

function By({ place: { signal } }: { place: Place }) {
  if (signal === null || signal.at === null) return <span class="second">–</span>;
  return (
    <>
      <Who by={signal.by} holder={signal.holder} />{' '}
      <span class="second">
        <Since at={signal.at} /> ago
      </span>
    </>
  );
}

function Ends({ place: { signal } }: { place: Place }) {
  if (signal === null) return <span class="second">–</span>;
  return signal.expiresAt === null ? <span class="second">never</span> : <Left until={signal.expiresAt} />;
}

export function signalColumns({ look, items, set }: SignalDoing): readonly Column<Place>[] {
  return [
    { id: 'meet-state', title: 'State', cell: (place) => <SignalState place={place} /> },
    {
      id: 'meet-name',
      title: 'Signal',
      isName: true,
      cell: ({ name }) => (
        <button type="button" class="link name" title={name} onClick={() => look(name)}>
          <bdi>{name}</bdi>
        </button>
      ),
    },
    { id: 'meet-by', title: 'Set by', cell: (place) => <By place={place} /> },
    {
      id: 'meet-says',
      title: 'Carries, or who waits',
      cell: (place) => {
        const act = place.signal === null ? set(place.name) : null;
        return (
          <>
            {act !== null && (
              <button type="button" class="in-row" onClick={act}>
                Set<span class="only-heard"> {place.name}</span>
              </button>
            )}
            <Says place={place} />
          </>
        );
      },
    },
    { id: 'meet-left', title: 'Ends in', cell: (place) => <Ends place={place} /> },
    {
      id: 'meet-more',
      title: '',
      cell: (place) => <Menu label={`Actions of signal ${place.name}`} items={() => items(place)} />,
    },
  ];
}

export function signalCard(look: (name: string) => void): (place: Place) => VNode {
  return (place) => (
    <button type="button" class="card plain meet-card" onClick={() => look(place.name)}>
      <span class="line">
        <SignalState place={place} />
        <span class="name">
          <bdi>{place.name}</bdi>
        </span>
        <span class="end second">
          {place.signal?.at != null && (
            <>
              <Since at={place.signal.at} /> ago
            </>
          )}
        </span>
      </span>
      <span class="line small">
        <span class="cut">
          {place.signal === null ? (
            <CardWaiting place={place} />
          ) : (
            <>
              <bdi>{place.signal.holder.name ?? place.signal.by}</bdi> <Says place={place} />
            </>
          )}
        </span>
      </span>
    </button>
  );
}

/** Without links, since it stands in a button. */
function CardWaiting({ place: { waiting, waiters } }: { place: Place }) {
  return (
    <>
      <Waiting waiters={[]} waiting={waiting} />
      {waiters[0] !== undefined && (
        <>
          {', longest '}
          <Since at={waiters[0].since} />: <bdi>{waiters[0].holder.name ?? waiters[0].by}</bdi>
        </>
      )}
    </>
  );
}
