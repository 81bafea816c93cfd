// The timeline as a table: the same blocks in words, the newest first.

import type { Lanes } from '../../../../src/client/types-figures.ts';
import { HolderName } from '../../ui/holder.tsx';
import { Moment } from '../../ui/time.tsx';
import { type Piece, piecesOf } from './layout.ts';
import type { Window } from './range.ts';
import { howWords, lengthWords, waitedWords, whoWords } from './words.ts';

/** So wide that no block is too short to be told. */
const asWideAs = 1e9;

export function LaneTable({ lanes, window, label }: { lanes: Lanes; window: Window; label: string }) {
  const pieces = piecesOf(lanes, window, asWideAs).sort((a, b) => b.from - a.from);
  if (pieces.length === 0) return <p class="second">Nobody held it in this time.</p>;
  return (
    <div class="lane-table">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col" class="col-slot">
              Slot
            </th>
            <th scope="col" class="col-time">
              From
            </th>
            <th scope="col" class="col-time">
              To
            </th>
            <th scope="col" class="col-waits">
              For
            </th>
            <th scope="col" class="col-waits">
              Waited
            </th>
            <th scope="col">How it ended</th>
          </tr>
        </thead>
        <tbody>
          {pieces.map((piece) => (
            <tr key={piece.key}>
              <th scope="row">
                <Who piece={piece} />
              </th>
              <td>{typeof piece.lane === 'number' ? piece.lane + 1 : 'all'}</td>
              <td>
                <Moment at={piece.from} />
              </td>
              <td>{piece.to === null ? 'now' : <Moment at={piece.to} />}</td>
              <td>{lengthWords(piece)}</td>
              <td>{waitedWords(piece) || '–'}</td>
              <td class="wrap">
                <How piece={piece} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Who({ piece }: { piece: Piece }) {
  if (piece.block?.state === 'held' && piece.count === 1 && piece.block.holder !== null)
    return <HolderName holder={piece.block.holder} />;
  return <bdi>{whoWords(piece)}</bdi>;
}

export function How({ piece }: { piece: Piece }) {
  const reason = piece.block?.reason ?? piece.closed?.reason ?? null;
  const by = piece.closed?.by ?? null;
  return (
    <>
      <bdi>{howWords(piece)}</bdi>
      {by !== null && (
        <>
          by <bdi>{by}</bdi>
        </>
      )}
      {reason !== null && (
        <>
          : “<bdi>{reason}</bdi>”
        </>
      )}
    </>
  );
}
