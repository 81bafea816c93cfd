// The pieces of a timeline in words: for the table, for the line below the drawing, and for those who hear it.

import { formatDuration } from '../../../../src/cli/text/durations.ts';
import { serverNow } from '../../clock.ts';
import { endWords, isByOthers } from '../words.ts';
import type { Look, Piece } from './layout.ts';

export const lookWords: Readonly<Record<Look, string>> = {
  now: 'still held',
  released: 'released',
  late: 'ran out of time',
  taken: 'taken away',
  over: 'ended otherwise',
  dirty: 'left dirty',
  several: 'several, too short to show',
  frozen: 'frozen',
  draining: 'draining',
};

export function whoWords({ block, closed, count, name, look }: Piece): string {
  if (closed !== null) return count > 1 ? `${count} times ${closed.state}` : closed.state;
  if (count > 1) return `${count} ${look === 'dirty' ? 'times dirty' : 'leases'}${name === null ? '' : ` of ${name}`}`;
  if (block?.state === 'dirty') return 'dirty';
  return name ?? 'somebody';
}

export function howWords({ block, closed, look, to }: Piece): string {
  if (closed !== null || look === 'several') return '';
  if (block?.state === 'dirty') return to === null ? 'not cleaned yet' : 'cleaned';
  if (look === 'now') return 'still held';
  if (block === null) return lookWords[look];
  const by = isByOthers(block.how) && block.endedBy !== null ? ` by ${block.endedBy}` : '';
  return `${endWords(block.how)}${by}`;
}

export function lengthWords({ from, to }: Piece): string {
  return formatDuration((to ?? serverNow()) - from);
}

export function waitedWords({ block }: Piece): string {
  const waited = block?.waitedSeconds ?? null;
  return waited === null || waited === 0 ? '' : formatDuration(waited * 1000);
}

export function heardWords(piece: Piece): string {
  const time = (at: number) => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const waited = waitedWords(piece);
  const reason = piece.block?.reason ?? piece.closed?.reason ?? null;
  return [
    whoWords(piece),
    ...(typeof piece.lane === 'number' ? [`slot ${piece.lane + 1}`] : []),
    `${time(piece.from)} to ${piece.to === null ? 'now' : time(piece.to)}`,
    lengthWords(piece),
    ...(waited === '' ? [] : [`waited ${waited}`]),
    ...(howWords(piece) === '' ? [] : [howWords(piece)]),
    ...(reason === null ? [] : [reason]),
  ].join(', ');
}
