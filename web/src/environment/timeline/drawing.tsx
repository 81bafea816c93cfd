// The drawing of a timeline. Each block can be pointed at and has the focus once; the arrows walk from one to the next.
//
// Must always hold: the focus is never lost by an update; what a block says stands in words beside the drawing too.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Lanes } from '../../../../src/client/types-figures.ts';
import { absencesOf, curveOf, type Look, nearest, neighbour, type Piece, piecesOf, ticksOf } from './layout.ts';
import { Marks, Patterns } from './marks.tsx';
import type { Window } from './range.ts';
import { heardWords, whoWords } from './words.ts';

const closedHeight = 22;
const gap = 4;
const curveHeight = 36;
const axisHeight = 20;
const letterPx = 6.8;
/** More lanes than these are seen in the table only. */
export const lanesDrawn = 40;

export interface DrawingProps {
  readonly name: string;
  readonly lanes: Lanes;
  readonly window: Window;
  readonly width: number;
  readonly isNow: boolean;
  /** The block that is told of. */
  readonly shown: string | null;
  readonly show: (piece: Piece) => void;
  readonly zoom: (by: 1 | -1, around: number | null) => void;
}

export function Drawing(props: DrawingProps) {
  const { name, lanes, window, width, isNow, shown, show, zoom } = props;
  const drawn = Math.min(Math.max(lanes.slots, 1), lanesDrawn);
  const laneHeight = drawn > 8 ? 20 : 28;
  const pieces = piecesOf(lanes, window, width).filter(({ lane }) => lane === 'closed' || lane < drawn);
  const hasClosed = pieces.some(({ lane }) => lane === 'closed');
  const top = hasClosed ? closedHeight + gap : 0;
  const lanesEnd = top + drawn * (laneHeight + gap);
  const curve = curveOf(lanes, window, width, curveHeight);
  const height = lanesEnd + (curve === null ? 0 : curveHeight + gap) + axisHeight;
  const box = useRef<SVGSVGElement>(null);
  const [active, setActive] = useRovingFocus(pieces, box);
  const known = Math.max(0, ((Date.parse(lanes.from) - window.from) / (window.to - window.from)) * width);
  const onKey = (event: KeyboardEvent) => {
    const piece = pieces.find(({ key }) => key === active);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '-') {
      zoom(event.key === '+' ? 1 : -1, piece ? (piece.from + (piece.to ?? window.to)) / 2 : null);
    } else {
      const next = piece && neighbour(pieces, piece, event.key);
      if (!next) return;
      setActive(next.key);
      focusPiece(box.current, next.key);
    }
    event.preventDefault();
  };
  const y = (lane: Piece['lane']) => (lane === 'closed' ? 0 : top + lane * (laneHeight + gap));
  return (
    <div class="drawing">
      <ul class="lane-names" aria-hidden="true">
        {hasClosed && <li style={{ height: `${closedHeight + gap}px` }}>closed</li>}
        {Array.from({ length: drawn }, (_, slot) => (
          <li key={slot} style={{ height: `${laneHeight + gap}px` }}>
            {lanes.slots > 1 ? `slot ${slot + 1}` : 'held'}
          </li>
        ))}
        {curve !== null && <li style={{ height: `${curveHeight + gap}px` }}>{curve.most} wait</li>}
      </ul>
      <div class="drawing-scroll" ref={scrollToEnd}>
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          <title>{`Timeline of ${name}`}</title>
          <Patterns />
          <svg width={width} height={height} aria-hidden="true">
            {Array.from({ length: drawn }, (_, slot) => (
              <rect key={slot} class="lane" x={0} y={y(slot)} width={width} height={laneHeight} />
            ))}
            {absencesOf(lanes, window, width)
              .filter(({ slot }) => slot < drawn)
              .map((each) => (
                <rect
                  key={`${each.slot} ${each.x}`}
                  class="absent"
                  x={each.x}
                  y={y(each.slot)}
                  width={each.width}
                  height={laneHeight}
                />
              ))}
            {known > 0 && <rect class="unknown" x={0} y={top} width={Math.min(known, width)} height={lanesEnd - top} />}
            {pieces.map(
              ({ key, lane, look, x, width }) =>
                lane === 'closed' && (
                  <rect
                    key={key}
                    class={`shade look-${look}`}
                    {...{ x, width }}
                    y={closedHeight}
                    height={lanesEnd - closedHeight}
                  />
                ),
            )}
            {ticksOf(window, width).map(({ x, at, isDay }) => (
              <g key={at} class={isDay ? 'tick day' : 'tick'}>
                <line x1={x} x2={x} y1={0} y2={height - axisHeight + 4} />
                <text x={x} y={height - 5} text-anchor={x > width - 30 ? 'end' : 'middle'}>
                  {isDay
                    ? new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
                    : new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hour12: false })}
                </text>
              </g>
            ))}
            {curve !== null && (
              <g transform={`translate(0 ${lanesEnd})`}>
                <path class="curve" d={curve.path} />
              </g>
            )}
            {isNow && <line class="now" x1={width - 0.5} x2={width - 0.5} y1={0} y2={height - axisHeight + 4} />}
          </svg>
          <g
            ref={box as never}
            role="listbox"
            tabindex={pieces.length === 0 ? 0 : undefined}
            aria-orientation="horizontal"
            aria-label={`Timeline of ${name}: arrows walk, plus and minus zoom. It is also there as a table.`}
            onKeyDown={onKey}
          >
            {pieces.map((piece) => (
              <Block
                key={piece.key}
                piece={piece}
                y={y(piece.lane)}
                height={piece.lane === 'closed' ? closedHeight : laneHeight}
                isActive={piece.key === active}
                isShown={piece.key === shown}
                enter={() => show(piece)}
                focus={() => {
                  setActive(piece.key);
                  show(piece);
                }}
              />
            ))}
          </g>
        </svg>
      </div>
    </div>
  );
}

interface BlockProps {
  readonly piece: Piece;
  readonly y: number;
  readonly height: number;
  readonly isActive: boolean;
  readonly isShown: boolean;
  readonly enter: () => void;
  readonly focus: () => void;
}

function Block({ piece, y, height, isActive, isShown, enter, focus }: BlockProps) {
  const { x, width, look, count, key } = piece;
  const hasMark = (look === 'late' || look === 'taken') && width >= 20 && count === 1;
  const text = textOf(piece, width - 10 - (hasMark ? 16 : 0));
  return (
    <g
      class={`piece look-${look}${isShown ? ' shown' : ''}`}
      role="option"
      data-piece={key}
      tabindex={isActive ? 0 : -1}
      aria-selected={isShown}
      aria-label={heardWords(piece)}
      onPointerEnter={enter}
      onFocus={focus}
    >
      <rect class="fill" x={x + 0.5} y={y + 0.5} width={Math.max(1, width - 1)} height={height - 1} rx={2} />
      <rect
        class="pattern"
        x={x + 1}
        y={y + 1}
        width={Math.max(1, width - 2)}
        height={height - 2}
        fill={`url(#look-${look})`}
      />
      {text !== '' && (
        <text x={x + 6} y={y + height / 2 + 4}>
          {text}
        </text>
      )}
      {hasMark && <Marks look={look as Look} x={x + width - 16} y={y + height / 2 - 6} />}
    </g>
  );
}

/** The name where it fits, or as much as says something. */
function textOf(piece: Piece, px: number): string {
  const words = piece.count > 1 ? `×${piece.count}` : whoWords(piece);
  const letters = Math.floor(px / letterPx);
  const all = [...words];
  if (all.length <= letters) return words;
  return letters < 4 || piece.count > 1 ? '' : `${all.slice(0, letters - 1).join('')}…`;
}

/** One block is reached by Tab, the last at first. Where the one with the focus goes, its neighbour takes it. */
function useRovingFocus(pieces: readonly Piece[], box: { readonly current: SVGElement | null }) {
  const [wanted, setActive] = useState<string | null>(null);
  const last = useRef<Piece | null>(null);
  const hadFocus = useRef(false);
  const found = pieces.find(({ key }) => key === wanted);
  const before = last.current;
  const near =
    before === null
      ? null
      : nearest(
          pieces.filter(({ lane }) => lane === before.lane),
          before.x,
        );
  const active = found ?? near ?? pieces.findLast(({ lane }) => lane !== 'closed') ?? pieces[0] ?? null;
  last.current = active;
  useLayoutEffect(() => {
    const isIn = box.current?.contains(document.activeElement) === true;
    if (hadFocus.current && !isIn && document.activeElement === document.body) {
      if (active === null) box.current?.focus();
      else focusPiece(box.current, active.key);
    }
    hadFocus.current = box.current?.contains(document.activeElement) === true;
  });
  const note = (key: string) => {
    hadFocus.current = true;
    setActive(key);
  };
  return [active?.key ?? null, note] as const;
}

function focusPiece(box: SVGElement | null, key: string): void {
  box?.querySelector<SVGElement>(`[data-piece="${CSS.escape(key)}"]`)?.focus();
}

/** What is now is on the right. */
function scrollToEnd(element: HTMLElement | null): void {
  if (element !== null) element.scrollLeft = element.scrollWidth;
}
