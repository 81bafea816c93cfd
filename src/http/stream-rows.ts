// Rows in the event stream (`?rows=`): how things are now, in the API's shape, after each change of them. Whoever has a list can
// keep it true with the stream that is opened from the list's `asOf.seq`.

import { environmentsOf } from '../core/access.ts';
import { barrierId } from '../core/meet/barrier.ts';
import type { EventRecord } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import type { Happened } from '../replica/learned.ts';
import type { Waits } from '../replica/waits.ts';
import { environmentShape, freezeShape, leaseShape, type View } from './shapes.ts';
import { barrierShape, partiesInLists, payloadInLists, signalShape } from './shapes-meet.ts';

export const rowKinds = ['environments', 'leases', 'freezes', 'signals', 'barriers'] as const;
export type RowKind = (typeof rowKinds)[number];

export interface RowsAsk {
  readonly rows: ReadonlySet<RowKind>;
  /** Names that the client may read; null = all. */
  readonly readable: ((name: string) => boolean) | null;
}

/** Ids of what has changed, or is gone, by kind. */
export type Ids = Readonly<Record<RowKind, Set<string>>>;

export interface RowsView extends View {
  readonly waits: Waits;
}

export function noIds(): Ids {
  return Object.fromEntries(rowKinds.map((kind) => [kind, new Set<string>()])) as unknown as Ids;
}

/** Remembers what an event says is gone, for a client that was away. */
export function noteGone(gone: Ids, { kind, subject, data }: EventRecord): void {
  if (kind === 'environment.deleted') gone.environments.add(subject);
  if (kind === 'freeze.ended') gone.freezes.add(subject);
  if (kind === 'signal.cleared' || kind === 'signal.expired') gone.signals.add(subject);
  if (kind === 'barrier.forgotten') gone.barriers.add(barrierId(subject, String(data.generation)));
}

/** What a durable turn has changed: rows, and environments whose holders or queue have changed. */
export function* rowsOfTurn(
  turn: Happened,
  ask: RowsAsk,
  view: Pick<RowsView, 'baseUrl' | 'waits'>,
): Generator<string> {
  if (ask.rows.size === 0) return;
  const { state } = turn;
  const changed = noIds();
  for (const change of turn.changes) {
    if (change.kind === 'environment') changed.environments.add(change.id);
    if (change.kind === 'freeze') changed.freezes.add(change.id);
    if (change.kind === 'signal') changed.signals.add(change.id);
    if (change.kind === 'barrier') changed.barriers.add(change.id);
    if (change.kind !== 'lease') continue;
    changed.leases.add(change.id);
    const row = state.leases.get(change.id);
    for (const name of row?.granted ?? []) changed.environments.add(name);
    for (const want of row?.wants ?? []) if ('environment' in want) changed.environments.add(want.environment);
  }
  // A freeze shows in every environment that it holds.
  if (changed.freezes.size > 0) for (const name of state.environments.keys()) changed.environments.add(name);
  const now = { ...view, state, moment: turn.moment };
  yield* rowTexts(() => now, ask, changed);
}

/** What has changed since a seq, for a client that comes back: to be shown by `rowTexts`, a piece at a time. */
export function changedSince(state: State, since: number, gone: Ids): Ids {
  const changed: Ids = { ...gone, leases: new Set() };
  for (const freeze of state.freezes.values()) if (freeze.seq > since) changed.freezes.add(freeze.name);
  const froze = changed.freezes.size > 0;
  for (const row of state.environments.values())
    if (froze || state.environmentSeq(row) > since) changed.environments.add(row.name);
  for (const lease of state.leases.values()) if (state.movedSeq(lease) > since) changed.leases.add(lease.id);
  for (const row of state.signals.values()) if (row.seq > since) changed.signals.add(row.name);
  for (const [id, row] of state.barriers) if (row.seq > since) changed.barriers.add(id);
  return changed;
}

/** Rows as they are when they are asked for, one after the other; `view` says how that is then. */
export function* rowTexts(view: () => RowsView, { rows, readable }: RowsAsk, changed: Ids): Generator<string> {
  for (const kind of rowKinds) {
    if (!rows.has(kind)) continue;
    for (const id of changed[kind]) {
      const now = view();
      if (readable !== null && !isReadable(now.state, kind, id, readable)) continue;
      yield `event: row\ndata: ${JSON.stringify({ kind, id, seq: now.state.seq, row: shapeOf(now, kind, id) })}\n\n`;
    }
  }
}

/** The row as it is now; null when it is gone. */
function shapeOf(view: RowsView, kind: RowKind, id: string): unknown {
  const { state, moment, waits } = view;
  switch (kind) {
    case 'environments':
      return shaped(state.environments.get(id), (row) => environmentShape(view, row));
    case 'leases':
      return shaped(state.leases.get(id), (row) => leaseShape(view, row));
    case 'freezes':
      return shaped(state.freezes.get(id), freezeShape);
    case 'signals':
      return shaped(state.signals.get(id), (row) => signalShape(id, row, moment, waits, payloadInLists));
    case 'barriers':
      return shaped(state.barriers.get(id), (row) => barrierShape(row, moment, partiesInLists));
  }
}

function shaped<Row>(row: Row | undefined, shape: (row: Row) => unknown): unknown {
  return row === undefined ? null : shape(row);
}

function isReadable(state: State, kind: RowKind, id: string, readable: (name: string) => boolean): boolean {
  if (kind === 'freezes') return true;
  if (kind === 'barriers') return readable(id.split('\t', 1)[0] as string);
  if (kind !== 'leases') return readable(id);
  const row = state.leases.get(id);
  return (
    row !== undefined &&
    (environmentsOf(row).some(readable) ||
      row.wants.some((want) => 'environment' in want && readable(want.environment)))
  );
}
