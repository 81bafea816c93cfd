// Rows in the event stream (`?rows=`): how things are now, in the API's shape, after each change of them. Whoever has a list can
// keep it true with the stream that is opened from the list's `asOf.seq`.

import type { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import { environmentShape, freezeShape, leaseShape, type View } from './shapes.ts';

export const rowKinds = ['environments', 'leases', 'freezes'] as const;
export type RowKind = (typeof rowKinds)[number];

export interface RowsAsk {
  readonly rows: ReadonlySet<RowKind>;
  /** Which environments the client may read; null = all. */
  readonly readable: ((environment: string) => boolean) | null;
}

/** Names of what was deleted while a client was away. */
export interface Gone {
  readonly environments: Set<string>;
  readonly freezes: Set<string>;
}

/** What a durable turn has changed: rows, and environments whose holders or queue have changed. */
export function* rowsOfTurn(turn: Turn, ask: RowsAsk, baseUrl: string): Generator<string> {
  if (ask.rows.size === 0) return;
  const { state } = turn;
  const view: View = { state, moment: turn.moment, baseUrl };
  const environments = new Set<string>();
  const leases = new Set<string>();
  const freezes = new Set<string>();
  for (const change of turn.changes) {
    if (change.kind === 'environment') environments.add(change.id);
    if (change.kind === 'freeze') freezes.add(change.id);
    if (change.kind !== 'lease') continue;
    leases.add(change.id);
    const row = state.leases.get(change.id);
    for (const name of row?.granted ?? []) environments.add(name);
    for (const want of row?.wants ?? []) if ('environment' in want) environments.add(want.environment);
  }
  // A freeze shows in every environment that it holds.
  if (freezes.size > 0) for (const name of state.environments.keys()) environments.add(name);
  yield* texts(view, ask, { environments, leases, freezes });
}

/** What has changed since a seq, for a client that comes back. */
export function* rowsSince(view: View, since: number, gone: Gone, ask: RowsAsk): Generator<string> {
  const { state } = view;
  const environments = new Set(gone.environments);
  const leases = new Set<string>();
  const freezes = new Set(gone.freezes);
  let froze = freezes.size > 0;
  for (const freeze of state.freezes.values()) if (freeze.seq > since) freezes.add(freeze.name);
  froze ||= freezes.size > 0;
  for (const row of state.environments.values())
    if (froze || state.environmentSeq(row) > since) environments.add(row.name);
  for (const lease of state.leases.values()) if (state.movedSeq(lease) > since) leases.add(lease.id);
  yield* texts(view, ask, { environments, leases, freezes });
}

function* texts(
  view: View,
  { rows, readable }: RowsAsk,
  changed: { environments: Set<string>; leases: Set<string>; freezes: Set<string> },
): Generator<string> {
  const { state } = view;
  if (rows.has('freezes')) {
    for (const name of changed.freezes) {
      const row = state.freezes.get(name);
      yield text('freezes', name, state.seq, row === undefined ? null : freezeShape(row));
    }
  }
  if (rows.has('leases')) {
    for (const id of changed.leases) {
      const row = state.leases.get(id);
      if (readable === null || isReadable(state, id, readable))
        yield text('leases', id, state.seq, row === undefined ? null : leaseShape(view, row));
    }
  }
  if (!rows.has('environments')) return;
  for (const name of changed.environments) {
    if (readable?.(name) === false) continue;
    const row = state.environments.get(name);
    yield text('environments', name, state.seq, row === undefined ? null : environmentShape(view, row));
  }
}

function isReadable(state: State, id: string, readable: (environment: string) => boolean): boolean {
  const row = state.leases.get(id);
  return (
    row !== undefined &&
    (row.granted.some(readable) || row.wants.some((want) => 'environment' in want && readable(want.environment)))
  );
}

function text(kind: RowKind, id: string, seq: number, row: unknown): string {
  return `event: row\ndata: ${JSON.stringify({ kind, id, seq, row })}\n\n`;
}
