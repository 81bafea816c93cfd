// Rows in the event stream (`?rows=`): how things are now, in the API's shape, after each change of them. Whoever has a list can
// keep it true with the stream that is opened from the list's `asOf.seq`. A client that comes back is told which builds, machines
// and jobs there are (`known`): these leave without a word in the history.

import { environmentsOf } from '../core/access.ts';
import { isThere } from '../core/machines/instance.ts';
import { isServedBy } from '../core/machines/room.ts';
import { barrierId } from '../core/meet/barrier.ts';
import type { Change, EventRecord, InstanceRow, LeaseRow } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import type { Happened } from '../replica/learned.ts';
import type { Waits } from '../replica/waits.ts';
import { environmentShape, freezeShape, leaseShape, type View } from './shapes.ts';
import { buildShape, imageShape, instanceShape, jobShape, poolShape } from './shapes-machines.ts';
import { barrierShape, partiesInLists, payloadInLists, signalShape } from './shapes-meet.ts';

const machineKinds = ['builds', 'instances', 'jobs', 'pools', 'images'] as const;
export const rowKinds = ['environments', 'leases', 'freezes', 'signals', 'barriers', ...machineKinds] as const;
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
  if (kind === 'pool.removed') gone.pools.add(subject);
  if (kind === 'image.removed') gone.images.add(subject);
  if (kind === 'signal.cleared' || kind === 'signal.expired') gone.signals.add(subject);
  if (kind === 'barrier.forgotten') gone.barriers.add(barrierId(subject, String(data.generation)));
}

const listOf: Partial<Record<Change['kind'], RowKind>> = {
  ...{ environment: 'environments', lease: 'leases', freeze: 'freezes', signal: 'signals', barrier: 'barriers' },
  ...{ build: 'builds', instance: 'instances', job: 'jobs', pool: 'pools', image: 'images' },
};

/** What a durable turn has changed: rows, and environments whose holders or queue have changed. */
export function* rowsOfTurn(
  turn: Happened,
  ask: RowsAsk,
  view: Pick<RowsView, 'baseUrl' | 'waits'>,
): Generator<string> {
  if (ask.rows.size === 0) return;
  const { state } = turn;
  const changed = noIds();
  for (const [i, change] of turn.changes.entries()) {
    const list = listOf[change.kind];
    if (list !== undefined) changed[list].add(change.id);
    const before = change.row === null ? turn.rowBefore(i) : null;
    if (change.kind === 'lease') noteLease(changed, state, change.row ?? (before as LeaseRow | null));
    if (change.kind === 'instance') noteMachine(changed, change.row ?? (before as InstanceRow | null));
  }
  // A freeze shows in every environment that it holds.
  if (changed.freezes.size > 0) for (const name of state.environments.keys()) changed.environments.add(name);
  notePools(changed, state);
  const now = { ...view, state, moment: turn.moment };
  yield* rowTexts(() => now, ask, changed);
}

/** A lease shows in its environments; one that asks for labels, in the pools that build what it asks for. */
function noteLease(changed: Ids, { pools }: State, row: LeaseRow | null): void {
  for (const name of row?.granted ?? []) changed.environments.add(name);
  for (const want of row?.wants ?? []) {
    if ('environment' in want) changed.environments.add(want.environment);
    else for (const pool of pools.values()) if (isServedBy(pool, want.labels, null)) changed.pools.add(pool.name);
  }
}

/** A machine shows in its build and in its pool. */
function noteMachine(changed: Ids, row: InstanceRow | null): void {
  if (row?.build != null) changed.builds.add(row.build);
  if (row?.pool != null) changed.pools.add(row.pool);
}

/** A pool says how many of its machines are in use. */
function notePools(changed: Ids, { environments, instances }: State): void {
  for (const name of changed.environments) {
    const machine = environments.get(name)?.machine;
    const pool = machine === undefined ? null : instances.get(machine.instance)?.pool;
    if (pool != null) changed.pools.add(pool);
  }
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
  for (const list of ['builds', 'instances', 'jobs', 'pools', 'images'] as const)
    for (const [id, row] of state[list]) if (row.seq > since) changed[list].add(id);
  for (const row of state.instances.values()) if (row.seq > since) noteMachine(changed, row);
  // Whoever wanted a machine may have come and gone meanwhile.
  if (changed.leases.size > 0) for (const name of state.pools.keys()) changed.pools.add(name);
  notePools(changed, state);
  return changed;
}

/** For a client that comes back: ids of all that there are of what leaves without an event, so that it can forget the others. */
export function* knownTexts({ state }: RowsView, { rows }: RowsAsk): Generator<string> {
  for (const kind of ['builds', 'instances', 'jobs'] as const) {
    if (!rows.has(kind)) continue;
    yield `event: known\ndata: ${JSON.stringify({ kind, seq: state.seq, ids: [...state[kind].keys()] })}\n\n`;
  }
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
    case 'builds':
      return shaped(state.builds.get(id), (row) => buildShape(state, row));
    case 'instances':
      return shaped(state.instances.get(id), (row) => (isThere(row) ? instanceShape(row) : null));
    case 'jobs':
      return shaped(state.jobs.get(id), (row) => jobShape(row, moment));
    case 'pools':
      return shaped(state.pools.get(id), (row) => poolShape(state, row, moment));
    case 'images':
      return shaped(state.images.get(id), imageShape);
  }
}

function shaped<Row>(row: Row | undefined, shape: (row: Row) => unknown): unknown {
  return row === undefined ? null : shape(row);
}

function isReadable(state: State, kind: RowKind, id: string, readable: (name: string) => boolean): boolean {
  // As in their lists: who may read anything may read these.
  if (kind === 'freezes' || machineKinds.some((each) => each === kind)) return true;
  if (kind === 'barriers') return readable(id.split('\t', 1)[0] as string);
  if (kind !== 'leases') return readable(id);
  const row = state.leases.get(id);
  return (
    row !== undefined &&
    (environmentsOf(row).some(readable) ||
      row.wants.some((want) => 'environment' in want && readable(want.environment)))
  );
}
