// Who held it when: the timeline, with what it shows in words below it, and the same as a table.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Environment } from '../../../../src/client/types.ts';
import type { Lanes } from '../../../../src/client/types-figures.ts';
import { useCell } from '../../cell.ts';
import { serverNow } from '../../clock.ts';
import { place, replaceSearch } from '../../router.ts';
import { useAnswer } from '../../ui/answer.ts';
import { onKeys } from '../../ui/keys.ts';
import { Problem } from '../../ui/problem.tsx';
import { Moment, useTicking } from '../../ui/time.tsx';
import { useMedia } from '../../ui/window.ts';
import { Choice } from '../choice.tsx';
import { useFresh } from '../fresh.ts';
import { Drawing, lanesDrawn } from './drawing.tsx';
import { How, LaneTable, Who } from './lane-table.tsx';
import { type Look, type Piece, piecesOf } from './layout.ts';
import { Sample } from './marks.tsx';
import { moved, type Range, rangeOf, searchWith, spanNames, spans, type Window, windowOf, zoomed } from './range.ts';
import { lengthWords, lookWords, waitedWords } from './words.ts';

const freshMs = 2_000;
const blocksAsked = 500;
const phoneWidth = 720;

export function Timeline({ row }: { row: Environment }) {
  const { search } = useCell(place);
  const isPhone = useMedia('(max-width: 639px)');
  const range = rangeOf(search, isPhone ? '6h' : '24h');
  const isTable = new URLSearchParams(search).get('view') === 'table';
  const { lanes, isOld, failure, again } = useLanes(row.name, range);
  useFresh(range.until === null ? row : null, again, freshMs);
  const [box, width] = useWidth();
  // As often as it moves by a pixel.
  useTicking(() => String(Math.floor(serverNow() / Math.max(1000, spans[range.span] / Math.max(width, 1)))));
  // Our clock may be behind the server's by the time of a request: what has just begun would lie in the future.
  const now = Math.max(serverNow(), Date.parse(lanes?.asOf.at ?? '') || 0);
  const window = windowOf(range, now);
  const ask = (next: Range) => replaceSearch(searchWith(location.search, next));
  const zoom = (by: 1 | -1, around: number | null) => ask(zoomed(range, by, around, serverNow()));
  useEffect(() => onKeys({ '+': () => zoom(1, null), '-': () => zoom(-1, null) }), [search, isPhone]);
  const toTable = () => {
    const query = new URLSearchParams(location.search);
    if (isTable) query.delete('view');
    else query.set('view', 'table');
    replaceSearch(query.size === 0 ? '' : `?${query}`);
  };
  return (
    <section class="timeline" aria-labelledby="timeline" aria-busy={isOld}>
      <div class="section-head">
        <h2 id="timeline">Timeline</h2>
        <Choice
          label="How much of the past"
          of={spanNames}
          chosen={range.span}
          choose={(span) => ask({ ...range, span })}
        />
        <div class="moves">
          <button type="button" aria-label="Earlier" onClick={() => ask(moved(range, -1, serverNow()))}>
            ◀
          </button>
          <Shown window={window} />
          <button
            type="button"
            aria-label="Later"
            disabled={range.until === null}
            onClick={() => ask(moved(range, 1, serverNow()))}
          >
            ▶
          </button>
          {range.until !== null && (
            <button type="button" onClick={() => ask({ ...range, until: null })}>
              Now
            </button>
          )}
        </div>
        <div class="moves">
          <button type="button" aria-label="Zoom out" onClick={() => zoom(-1, null)}>
            −
          </button>
          <button type="button" aria-label="Zoom in" onClick={() => zoom(1, null)}>
            +
          </button>
          <button type="button" aria-pressed={isTable} onClick={toTable}>
            As table
          </button>
        </div>
      </div>
      {failure !== null && <Problem what="The timeline could not be made." failure={failure} again={again} />}
      <div ref={box} class="timeline-box">
        {lanes === null && failure === null && <p class="second">Reading the history…</p>}
        {lanes !== null &&
          (isTable ? (
            <LaneTable lanes={lanes} window={window} label={`Timeline of ${row.name}`} />
          ) : (
            width > 0 && (
              <Picture
                {...{ lanes, window, zoom }}
                name={row.name}
                width={isPhone ? Math.max(width, phoneWidth) : width}
                isNow={range.until === null}
              />
            )
          ))}
      </div>
      {lanes !== null && <Limits lanes={lanes} window={window} />}
    </section>
  );
}

interface PictureProps {
  readonly name: string;
  readonly lanes: Lanes;
  readonly window: Window;
  readonly width: number;
  readonly isNow: boolean;
  readonly zoom: (by: 1 | -1, around: number | null) => void;
}

function Picture(props: PictureProps) {
  const [shown, setShown] = useState<string | null>(null);
  const pieces = piecesOf(props.lanes, props.window, props.width);
  const piece = pieces.find(({ key }) => key === shown) ?? null;
  const looks = [...new Set(pieces.map(({ look }) => look))];
  return (
    <>
      <Drawing {...props} shown={shown} show={({ key }) => setShown(key)} />
      <div class="detail">
        {piece === null ? (
          <span class="second">
            {pieces.length === 0
              ? 'Nobody held it in this time.'
              : 'Point at a block, or walk over them with the arrow keys, to see who it was.'}
          </span>
        ) : (
          <Detail piece={piece} />
        )}
      </div>
      <Legend looks={looks} />
    </>
  );
}

function Detail({ piece }: { piece: Piece }) {
  const waited = waitedWords(piece);
  return (
    <>
      <strong>
        <Who piece={piece} />
      </strong>{' '}
      <span>
        <Moment at={piece.from} /> to {piece.to === null ? 'now' : <Moment at={piece.to} />} ({lengthWords(piece)})
        {waited !== '' && ` · ${piece.count > 1 ? 'the longest waited' : 'waited'} ${waited}`}
        {' · '}
        <How piece={piece} />
      </span>
    </>
  );
}

function Legend({ looks }: { looks: readonly Look[] }) {
  if (looks.length === 0) return null;
  return (
    <ul class="legend second small" aria-label="What the blocks mean">
      {looks.map((look) => (
        <li key={look}>
          <Sample look={look} /> {lookWords[look]}
        </li>
      ))}
    </ul>
  );
}

function Limits({ lanes, window }: { lanes: Lanes; window: Window }) {
  const hidden = Math.max(0, lanes.slots - lanesDrawn);
  const from = Date.parse(lanes.from);
  const words = [
    ...(from - window.from > 60_000 ? [lanes.truncated ? 'There was more before' : 'The history begins'] : []),
  ];
  if (words.length === 0 && hidden === 0 && lanes.slotsLeftOut === 0) return null;
  return (
    <p class="second small">
      {words.length > 0 && (
        <>
          {words[0]} <Moment at={lanes.from} />.{' '}
        </>
      )}
      {hidden > 0 && `${hidden} more slots are in the table. `}
      {lanes.slotsLeftOut > 0 && `The highest ${lanes.slotsLeftOut} slots are too much to be told at once.`}
    </p>
  );
}

/** From when to when, with the zone in which it is told. */
function Shown({ window: { from, to } }: { window: Window }) {
  const date = (at: number, more: Intl.DateTimeFormatOptions = {}) =>
    new Date(at).toLocaleString(undefined, {
      ...{ weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false },
      ...more,
    });
  return (
    <span class="shown-range">
      {date(from)} – {date(to, { timeZoneName: 'short' })}
    </span>
  );
}

/** What was known before stays until the next answer: it is drawn where it belongs. */
function useLanes(name: string, range: Range) {
  const { value, failure, again } = useAnswer((client, signal) => {
    const { from, to } = windowOf(range, serverNow());
    const until = range.until === null ? {} : { until: new Date(to).toISOString() };
    return client.environmentLanes(
      name,
      { since: new Date(from).toISOString(), ...until, max: blocksAsked },
      { signal },
    );
  }, `${name} ${range.span} ${range.until}`);
  const last = useRef<Lanes | null>(null);
  if (value !== null) last.current = value;
  return { lanes: value ?? last.current, isOld: value === null, failure, again };
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = () => setWidth(Math.floor(element.clientWidth) - namesWidth);
    const observer = new ResizeObserver(look);
    observer.observe(element);
    look();
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}

const namesWidth = 64;
