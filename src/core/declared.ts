// What the file of a server declares, put into a space at a start. What always holds: what is as it is declared is left alone, without
// a row or an event; what the file has declared once and names no more goes (pools, images), but an environment, which somebody may
// hold, only a person deletes; what people have declared through the API is never taken away by a file that does not name it.

import { signalboxItself } from './access.ts';
import { configure, type EnvironmentChange } from './environment.ts';
import { accept, type Outcome, refuse } from './errors.ts';
import { type ImageChange, putImage, removeImage } from './machines/image.ts';
import { putPool, removePool } from './machines/pool.ts';
import type { EnvironmentRow, PoolSpec } from './rows.ts';
import type { Turn } from './turn.ts';

export interface Declared {
  readonly environments: ReadonlyMap<string, EnvironmentChange>;
  readonly pools: ReadonlyMap<string, PoolSpec>;
  readonly images: ReadonlyMap<string, ImageChange>;
}

const { name: by } = signalboxItself;

/** All of it or, where one part is refused, nothing; the refusal says which. */
export function applyDeclared(turn: Turn, { environments, pools, images }: Declared): Outcome<null> {
  const { state } = turn;
  const mark = turn.mark();
  for (const [name, change] of environments) {
    if (isAs(state.environments.get(name), change)) continue;
    const outcome = configure(turn, name, change, signalboxItself);
    if (outcome.ok) continue;
    turn.rollback(mark);
    return { ...outcome, message: `environments.${name}: ${outcome.message}` };
  }
  for (const { name, source } of [...state.pools.values()])
    if (source === 'file' && !pools.has(name)) removePool(turn, name, by);
  for (const { id, source } of [...state.images.values()])
    if (source === 'file' && !images.has(id)) removeImage(turn, id, by);
  for (const [id, image] of images) putImage(turn, id, image, 'file', by);
  for (const [name, spec] of pools) putPool(turn, name, spec, 'file', by);
  const { maxPools, maxImages } = state.settings;
  if (state.pools.size <= maxPools && state.images.size <= maxImages) return accept(null);
  const code = state.pools.size > maxPools ? 'too_many_pools' : 'too_many_images';
  turn.rollback(mark);
  return refuse(code, `There would be more than ${maxPools} pools or ${maxImages} images.`);
}

/** Whether somebody has declared it, and all that is said of it is so. */
function isAs(row: EnvironmentRow | undefined, change: EnvironmentChange): boolean {
  if (row === undefined || !row.declared) return false;
  const { capacity, labels, description, onExpire, ttlMs, maxHoldMs } = { ...row, ...withoutUndefined(change) };
  return (
    row.capacity === capacity &&
    row.description === description &&
    row.onExpire === onExpire &&
    row.ttlMs === ttlMs &&
    row.maxHoldMs === maxHoldMs &&
    sorted(row.labels) === sorted(labels)
  );
}

function withoutUndefined(change: EnvironmentChange): EnvironmentChange {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function sorted(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
