// The leases that were asked for from this browser: their secrets, with which they are released, and the tab that keeps the place
// of those that wait. The server gives a place away when nobody asks after it for a minute.
//
// Must always hold: a secret is in session storage and in a header, never in an address or in another host's hands; signing out
// forgets them all; one poll at a time, however many wait: a browser has six connections to a server.

import type { Lease } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { Cell } from '../cell.ts';
import { listen } from '../live/feed.ts';
import { key } from '../session.ts';

export interface Mine {
  readonly id: string;
  readonly secret: string;
  readonly environments: readonly string[];
  /** As it was when it was last heard of. */
  readonly lease: Lease;
  /** This tab has asked for it, and keeps its place. */
  readonly isKept: boolean;
}

type Message = { readonly kind: 'whoHasLeases' } | { readonly kind: 'lease'; readonly mine: Mine };

const slot = 'signalbox.leases';
const roundSeconds = 30;
const pauseMs = 2_000;
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('signalbox.leases') : null;

export const mine = new Cell<readonly Mine[]>(stored());

function stored(): Mine[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(slot) ?? '[]');
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

export function isMine(id: string): boolean {
  return mine.value.some((each) => each.id === id && !isOver(each.lease));
}

export function secretOf(id: string): string | null {
  return mine.value.find((each) => each.id === id)?.secret ?? null;
}

export function isOver({ state }: Lease): boolean {
  return state !== 'waiting' && state !== 'held';
}

/** A lease that this tab has just asked for. */
export function keepMine(lease: Lease, environments: readonly string[]): void {
  const { secret, ...known } = lease;
  if (secret === undefined) return;
  const kept: Mine = { id: lease.id, secret, environments, lease: known, isKept: true };
  put(kept);
  tell(kept);
  void keepPlaces();
}

export function forgetMine(id: string): void {
  set(mine.value.filter((each) => each.id !== id));
}

function put(one: Mine): void {
  const others = mine.value.filter((each) => each.id !== one.id);
  set([...others, one]);
}

function set(next: readonly Mine[]): void {
  if (next.length === 0) sessionStorage.removeItem(slot);
  else sessionStorage.setItem(slot, JSON.stringify(next));
  mine.set(next);
}

function tell(one: Mine): void {
  channel?.postMessage({ kind: 'lease', mine: { ...one, isKept: false } } satisfies Message);
}

/** Asks how one of them is. False: the server gave no answer. */
async function look(one: Mine, wait: number): Promise<boolean> {
  const answer = await api().lease(one.id, { secret: one.secret, ...(wait > 0 && { wait }) });
  const now = mine.value.find(({ id }) => id === one.id);
  if (now === undefined) return true;
  if (answer.ok) {
    const { secret, ...lease } = answer.value;
    put({ ...now, lease });
    if (lease.state !== now.lease.state) tell({ ...now, lease });
  } else if (answer.kind === 'problem' && answer.status === 404) forgetMine(one.id);
  else return false;
  return true;
}

let isKeeping = false;

/** Stays on the line for those that wait, one after the other, for as long as any does. */
async function keepPlaces(): Promise<void> {
  if (isKeeping) return;
  isKeeping = true;
  for (;;) {
    const waiting = mine.value.filter(({ isKept, lease }) => isKept && lease.state === 'waiting');
    if (waiting.length === 0) break;
    for (const one of waiting)
      if (!(await look(one, Math.max(1, Math.round(roundSeconds / waiting.length)))))
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  isKeeping = false;
}

/** To be called once, when the page starts. */
export function startMine(): void {
  channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'whoHasLeases') for (const one of mine.value) tell(one);
    else {
      const known = mine.value.find(({ id }) => id === data.mine.id);
      if (known === undefined || known.lease.seq < data.mine.lease.seq)
        put({ ...data.mine, isKept: known?.isKept ?? false });
    }
  });
  channel?.postMessage({ kind: 'whoHasLeases' } satisfies Message);
  key.watch((value) => {
    if (value === null) set([]);
  });
  // An end, a revocation: the row of a lease tells of it.
  listen({
    row: ({ kind, id, row }) => {
      const known = kind === 'leases' ? mine.value.find((each) => each.id === id) : undefined;
      if (known !== undefined && row !== null) put({ ...known, lease: row as Lease });
    },
    reload: () => {
      for (const one of mine.value) if (!isOver(one.lease)) void look(one, 0);
    },
  });
  for (const one of mine.value) if (one.lease.state === 'held') void look(one, 0);
  void keepPlaces();
}
