// Commands that wait for their turn, and what becomes of them in it.

import type { Change } from '../core/rows.ts';
import type { Turn } from '../core/turn.ts';
import type { Draft } from '../log/log.ts';
import type { Ids } from './ids.ts';

/** Thrown where the store cannot be reached: nothing was done, and it may be there again in a moment. */
export { StoreAway } from '../log/log.ts';

/** The store has no room: new requests are refused, renewals and releases go on. */
export class StoreFull extends Error {}
/** The log is broken or closed: nothing more can be decided here. */
export class ReplicaStopped extends Error {}
/** More commands are waiting than this server takes at once. */
export class ReplicaBusy extends Error {}

type Command = (turn: Turn) => unknown;

export interface Pending {
  readonly command: Command;
  /** Asks for something new; refused first when the store is full. */
  readonly needsRoom: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs one command; a bug in it takes back what it did and fails it alone. Returns how to answer it once durable. */
export function run(turn: Turn, { command, resolve, reject }: Pending): () => void {
  const mark = turn.mark();
  try {
    const value = command(turn);
    return () => resolve(value);
  } catch (error) {
    turn.rollback(mark);
    return () => reject(error);
  }
}

/** What a turn is to append; null when nothing was decided. */
export function draftOf({ changes, events, prev, moment, state }: Turn, ids: Ids): Draft | null {
  if (changes.length === 0 && events.length === 0) return null;
  return { id: ids.turn(), prev, seq: state.seq, ...moment, changes: seenByOthers(changes), events };
}

/**
 * The last change of each row: what it was for a moment within the turn nobody has seen. Not so signals and barriers: one that
 * was set and cleared within a turn was set, and whoever waits for it on another server must hear of that.
 */
function seenByOthers(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    const isEach = change.kind === 'signal' || change.kind === 'barrier';
    const key = isEach ? `${change.seq}` : `${change.kind} ${change.id}`;
    // Deleted first, so that the order stays that of the seqs.
    last.delete(key);
    last.set(key, change);
  }
  return [...last.values()];
}

/**
 * The disk is full. What asks for more is refused; what only keeps or gives back is tried again, as the log has now given up its
 * ballast for it, unless it had done so before and that was not enough. Returns what is to be tried again.
 */
export function withoutRoom(
  batch: readonly Pending[],
  pending: readonly Pending[],
  ballastWasGone: boolean,
): Pending[] {
  const kept = (one: Pending, isRefused: boolean): Pending[] => {
    if (!isRefused) return [one];
    one.reject(new StoreFull('the disk of the store is full'));
    return [];
  };
  return [
    ...batch.flatMap((one) => kept(one, one.needsRoom || ballastWasGone)),
    ...pending.flatMap((one) => kept(one, one.needsRoom)),
  ];
}
