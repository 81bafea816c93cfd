// Histories made by hand, a line for each operation: who it was about, from when to when, and what was answered. One client each,
// named after the lease; the environment is uat and the ttl a minute where nothing else is said.

import type { Answer, Asked, History, Operation, Want } from './history.ts';

export interface Ask {
  readonly key?: string;
  readonly wants?: readonly Want[];
  readonly granted?: readonly string[];
  readonly priority?: number;
  readonly ttlMs?: number | null;
  readonly queues?: boolean;
}

type Line = (book: Book) => Operation;

/** Grants that the lines so far have told of. */
interface Book {
  readonly grants: Map<string, { fence: number; granted: readonly string[] }>;
}

/** The lines in any order; `capacities` of what has more than one slot. */
export function madeUp(lines: readonly Line[], capacities: Readonly<Record<string, number>> = {}): History {
  const book: Book = { grants: new Map() };
  return { operations: lines.map((line) => line(book)), capacities: new Map(Object.entries(capacities)) };
}

const line =
  (client: string, start: number, end: number, asked: Asked, answer: Answer | ((book: Book) => Answer)): Line =>
  (book) => ({ client, start, end, asked, answer: typeof answer === 'function' ? answer(book) : answer });

function askFor(lease: string, { key = `key of ${lease}`, wants, priority = 0, ttlMs, queues = false }: Ask): Asked {
  const what = wants ?? [{ environment: 'uat' }];
  return { kind: 'acquire', key, wants: what, priority, ttlMs: ttlMs === undefined ? 60_000 : ttlMs, queues };
}

const shown =
  (lease: string, state: string) =>
  ({ grants }: Book) => {
    const { fence = null, granted = [] } = grants.get(lease) ?? {};
    return { id: lease, state, fence, granted };
  };

const grants = (lease: string, fence: number, granted: readonly string[]) => (book: Book) => {
  book.grants.set(lease, { fence, granted });
  return { kind: 'lease', lease: { id: lease, state: 'held', fence, granted } } as const;
};

const shows =
  (lease: string, state: string) =>
  (book: Book): Answer => ({ kind: 'lease', lease: shown(lease, state)(book) });

const refuses =
  (code: string, lease: string, state: string) =>
  (book: Book): Answer => ({ kind: 'refused', code, lease: shown(lease, state)(book) });

export const granted = (lease: string, fence: number, start: number, end: number, ask: Ask = {}): Line =>
  line(lease, start, end, askFor(lease, ask), grants(lease, fence, ask.granted ?? ['uat']));

export const queued = (lease: string, start: number, end: number, ask: Ask = {}): Line =>
  line(lease, start, end, askFor(lease, { queues: true, ...ask }), shows(lease, 'waiting'));

/** A poll of one that waited: it is granted by now. */
export const called = (lease: string, fence: number, start: number, end: number, where = ['uat']): Line =>
  line(lease, start, end, { kind: 'poll', lease }, grants(lease, fence, where));

export const polled = (lease: string, state: string, start: number, end: number): Line =>
  line(lease, start, end, { kind: 'poll', lease }, shows(lease, state));

export const busy = (client: string, start: number, end: number, ask: Ask = {}): Line =>
  line(client, start, end, askFor(client, ask), { kind: 'refused', code: 'environment_busy', lease: null });

export const askLost = (lease: string, start: number, ask: Ask = {}): Line =>
  line(lease, start, Infinity, askFor(lease, ask), { kind: 'unknown' });

/** An ask that is answered as no ask ever should be. */
export const mistaken = (client: string, start: number, end: number): Line =>
  line(client, start, end, askFor(client, {}), { kind: 'unexpected', text: '500' });

export const renewed = (lease: string, start: number, end: number): Line =>
  line(lease, start, end, { kind: 'renew', lease }, shows(lease, 'held'));

export const renewalRefused = (lease: string, state: string, start: number, end: number): Line =>
  line(lease, start, end, { kind: 'renew', lease }, refuses('lease_ended', lease, state));

export const released = (lease: string, start: number, end: number): Line =>
  line(lease, start, end, { kind: 'release', lease }, shows(lease, 'released'));

export const releaseRefused = (lease: string, state: string, start: number, end: number): Line =>
  line(lease, start, end, { kind: 'release', lease }, refuses('lease_ended', lease, state));

export const releaseLost = (lease: string, start: number): Line =>
  line(lease, start, Infinity, { kind: 'release', lease }, { kind: 'unknown' });

export const renewalLost = (lease: string, start: number): Line =>
  line(lease, start, Infinity, { kind: 'renew', lease }, { kind: 'unknown' });

export const takenAway = (lease: string, start: number, end: number): Line =>
  line('somebody else', start, end, { kind: 'revoke', lease, now: true }, shows(lease, 'revoked'));

export const checked = (fence: number, current: boolean, start: number, end: number, environment = 'uat'): Line =>
  line('onlooker', start, end, { kind: 'check', environment, fence }, { kind: 'fence', current });
