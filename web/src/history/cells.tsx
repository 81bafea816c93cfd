// An event as a row of the history, and as a card on a phone.

import type { VNode } from 'preact';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { pathOf } from '../routes.ts';
import type { Column } from '../ui/data-table.tsx';
import { HolderName } from '../ui/holder.tsx';
import { exact } from '../ui/time.tsx';
import { searchOf } from './query.ts';
import { buildOf, leaseOf, piecesOf } from './words.ts';

/** `21 Nov 14:20:59 GMT+1`: the zone beside each, since clocks change in between. */
export function When({ at, isShort = false }: { at: string; isShort?: boolean }) {
  const date = new Date(at);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const day = date.toLocaleDateString(undefined, {
    ...{ day: 'numeric', month: 'short' },
    ...(!isThisYear && { year: 'numeric' }),
  });
  const time = date.toLocaleTimeString(undefined, { hour12: false });
  return (
    <time dateTime={at} title={exact(at)}>
      {day} {time}
      {!isShort && <span class="second"> {zoneOf(date)}</span>}
    </time>
  );
}

export function zoneOf(date: Date): string {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: 'short' }).formatToParts(date);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** What it is about, with a link to where that is looked at. */
export function Subject({ event }: { event: HistoryEvent }) {
  const href = hrefOf(event);
  const name = <bdi>{event.subject}</bdi>;
  if (href === null) return <span title={event.subject}>{name}</span>;
  return (
    <a href={href} title={event.subject}>
      {name}
    </a>
  );
}

function hrefOf({ kind, subject }: HistoryEvent): string | null {
  if (/^(?:lease|environment)\./.test(kind)) return pathOf({ screen: 'environment', name: subject });
  if (/^(?:signal|barrier)\./.test(kind))
    return `${pathOf({ screen: 'meet' })}?${new URLSearchParams({ q: subject }).toString()}`;
  if (kind.startsWith('build.'))
    return `${pathOf({ screen: 'machines' })}?${new URLSearchParams({ build: subject }).toString()}`;
  if (/^(?:instance|pool|image)\./.test(kind)) return pathOf({ screen: 'machines' });
  return null;
}

export function Words({ event, isLinked = true }: { event: HistoryEvent; isLinked?: boolean }) {
  return (
    <>
      {piecesOf(event).map((piece, index) =>
        typeof piece === 'string' ? (
          piece
        ) : 'quote' in piece ? (
          <span key={index} class="second">
            “<bdi>{piece.quote}</bdi>”
          </span>
        ) : isLinked ? (
          <HolderName key={index} holder={{ ...piece, ref: null }} />
        ) : (
          <bdi key={index}>{piece.name}</bdi>
        ),
      )}
    </>
  );
}

/** The rest of its lease or build. */
export function Belongings({ event }: { event: HistoryEvent }) {
  const lease = leaseOf(event);
  const build = buildOf(event);
  return (
    <>
      {lease !== null && (
        <a href={pathOf({ screen: 'history' }) + searchOf({ lease })} title={`All events of lease ${lease}`}>
          lease
        </a>
      )}
      {lease !== null && build !== null && ' '}
      {build !== null && (
        <a href={pathOf({ screen: 'history' }) + searchOf({ subject: build })} title={`All events of build ${build}`}>
          build
        </a>
      )}
    </>
  );
}

function By({ event }: { event: HistoryEvent }) {
  return (
    <a
      href={pathOf({ screen: 'history' }) + searchOf({ actor: event.actor })}
      title={`All events by ${event.actor}`}
      class="second"
    >
      <bdi>{event.actor}</bdi>
    </a>
  );
}

export function columnsOf(details: (event: HistoryEvent) => void): readonly Column<HistoryEvent>[] {
  return [
    { id: 'when', title: 'When', cell: ({ at }) => <When at={at} /> },
    { id: 'about', title: 'About', isName: true, cell: (event) => <Subject event={event} /> },
    { id: 'what', title: 'What happened', cell: (event) => <Words event={event} /> },
    { id: 'belongings', title: 'Belongs to', cell: (event) => <Belongings event={event} /> },
    { id: 'by', title: 'By', cell: (event) => <By event={event} /> },
    {
      id: 'details',
      title: '',
      cell: (event) => (
        <button type="button" class="more plain" data-row-menu onClick={() => details(event)}>
          <span aria-hidden="true">⋯</span>
          <span class="only-heard">{`All of event ${event.seq}`}</span>
        </button>
      ),
    },
  ];
}

export function cardOf(details: (event: HistoryEvent) => void): (event: HistoryEvent) => VNode {
  return (event) => (
    <button type="button" class="card event-card plain" onClick={() => details(event)}>
      <span class="line">
        <span class="name">
          <bdi>{event.subject}</bdi>
        </span>
        <span class="end second">
          <When at={event.at} />
        </span>
      </span>
      <span class="line small">
        <span class="cut">
          <Words event={event} isLinked={false} />
        </span>
      </span>
    </button>
  );
}
