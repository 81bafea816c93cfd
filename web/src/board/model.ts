// What the board shows of environments, decided without a page: their look, filters, order and groups.

import type { Environment, Labels, Lease } from '../../../src/client/types.ts';
import type { Pool } from '../../../src/client/types-machines.ts';
import { labelsMatch } from '../../../src/core/selectors.ts';
import type { Shape } from '../ui/state.tsx';

export interface Look {
  /** What it is filtered by. */
  readonly state: 'free' | 'held' | 'dirty' | 'frozen' | 'draining';
  readonly shape: Shape;
  /** The same words as `signalbox status`. */
  readonly word: string;
}

export const states = ['free', 'held', 'dirty', 'frozen', 'draining'] as const;

export function lookOf({ state, capacity, held, dirty, free }: Environment): Look {
  if (state === 'frozen') return { state: 'frozen', shape: 'frozen', word: 'frozen' };
  if (state !== 'open') return { state: 'draining', shape: 'draining', word: state };
  if (dirty > 0) return { state: 'dirty', shape: 'failed', word: capacity === 1 ? 'dirty' : `${dirty} dirty` };
  if (held.length === 0) return { state: 'free', shape: 'free', word: 'free' };
  if (capacity === 1) return { state: 'held', shape: 'held', word: 'held' };
  return { state: 'held', shape: free > 0 ? 'partly' : 'held', word: `${held.length} of ${capacity}` };
}

/** What the board is asked for; all of it stands in the address. */
export interface Question {
  readonly text: string;
  readonly state: string;
  readonly labels: Labels;
  readonly pool: string;
  /** `pool`, `label:KEY`, `none`, or empty: by pool where there are any. */
  readonly group: string;
  readonly sort: string;
}

export function questionOf(search: string): Question {
  const query = new URLSearchParams(search);
  const labels = query.getAll('label').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    text: query.get('q') ?? '',
    state: query.get('state') ?? '',
    labels: Object.fromEntries(labels),
    pool: query.get('pool') ?? '',
    group: query.get('group') ?? '',
    sort: query.get('sort') ?? '',
  };
}

export function searchOf({ text, state, labels, pool, group, sort }: Question): string {
  const query = new URLSearchParams();
  if (text !== '') query.set('q', text);
  if (state !== '') query.set('state', state);
  for (const [name, value] of Object.entries(labels)) query.append('label', `${name}=${value}`);
  if (pool !== '') query.set('pool', pool);
  if (group !== '') query.set('group', group);
  if (sort !== '') query.set('sort', sort);
  const written = query.toString();
  return written === '' ? '' : `?${written}`;
}

/** Whether it leaves anything out. */
export function isFiltered({ text, state, labels, pool }: Question): boolean {
  return text !== '' || state !== '' || pool !== '' || Object.keys(labels).length > 0;
}

export function matches(row: Environment, question: Question, pool: Pool | null): boolean {
  if (question.state !== '' && lookOf(row).state !== question.state) return false;
  if (!labelsMatch(question.labels, row.labels)) return false;
  if (pool !== null && !labelsMatch(pool.labels, row.labels)) return false;
  const words = question.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = textOf(row);
  return words.every((word) => text.includes(word));
}

/** All that the search looks through. */
function textOf(row: Environment): string {
  const labels = Object.entries(row.labels).map(([name, value]) => `${name}=${value}`);
  const holders = row.held.map(({ holder, reason }) => `${holder.name ?? ''} ${holder.ref ?? ''} ${reason ?? ''}`);
  return [row.name, lookOf(row).word, ...labels, ...holders, row.stateReason ?? ''].join('\n').toLowerCase();
}

const byText = new Intl.Collator('en', { numeric: true }).compare;
/** Text, so that no time of a row that is not there is NaN; the latest possible where there is none. */
const never = '9999';

export function sinceOf(row: Environment): string | null {
  return row.held.reduce<string | null>((first, { grantedAt }) => earlier(first, grantedAt), null);
}

/** When the first of its leases ends, or the freeze of an environment that nobody holds. */
export function leftOf(row: Environment): string | null {
  const ends = row.held.reduce<string | null>((first, { expiresAt }) => earlier(first, expiresAt), null);
  return ends ?? (row.state === 'open' ? null : row.stateUntil);
}

export function byAge(leases: readonly Lease[]): Lease[] {
  return leases.toSorted((a, b) => byText(a.grantedAt ?? never, b.grantedAt ?? never));
}

function earlier(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b < a) ? b : a;
}

type Order = (a: Environment, b: Environment) => number;

const byName: Order = (a, b) => byText(a.name, b.name);
const byTime =
  (time: (row: Environment) => string | null): Order =>
  (a, b) => {
    const [left, right] = [time(a) ?? never, time(b) ?? never];
    return left < right ? -1 : left > right ? 1 : 0;
  };
const byState: Order = (a, b) => states.indexOf(lookOf(a).state) - states.indexOf(lookOf(b).state);
const byHolder: Order = (a, b) => byText(holderOf(a), holderOf(b));

function holderOf(row: Environment): string {
  return row.held[0]?.holder.name ?? '\uffff';
}

/** What needs attention first: what nobody can get, then the longest wait. */
const byNeed: Order = (a, b) =>
  Number(b.dirty > 0) - Number(a.dirty > 0) || byTime((row) => row.oldestWaitSince)(a, b) || byName(a, b);

const orders: Readonly<Record<string, Order>> = {
  name: byName,
  state: byState,
  holder: byHolder,
  since: byTime(sinceOf),
  left: byTime(leftOf),
  queue: (a, b) => b.waiting - a.waiting || byTime((row) => row.oldestWaitSince)(a, b),
};

/** `name`, `-name`, or empty: what needs attention first. */
export function sorted(rows: readonly Environment[], sort: string): Environment[] {
  const column = sort.replace(/^-/, '');
  const order = Object.hasOwn(orders, column) ? orders[column] : undefined;
  if (order === undefined) return rows.toSorted(byNeed);
  const sign = sort.startsWith('-') ? -1 : 1;
  return rows.toSorted((a, b) => sign * order(a, b) || byName(a, b));
}

export interface Group {
  /** null: those of no group, which come last. */
  readonly name: string | null;
  readonly rows: readonly Environment[];
}

/** In the order of their names; a row is in the first group that takes it. */
export function grouped(rows: readonly Environment[], group: string, pools: readonly Pool[]): Group[] {
  const by = group === '' ? (pools.length > 0 ? 'pool' : 'none') : group;
  if (by === 'none') return [{ name: null, rows }];
  const label = by.startsWith('label:') ? by.slice('label:'.length) : null;
  const nameOf = (row: Environment): string | null =>
    label === null
      ? (pools.find((pool) => labelsMatch(pool.labels, row.labels))?.name ?? null)
      : Object.hasOwn(row.labels, label)
        ? (row.labels[label] as string)
        : null;
  const groups = Map.groupBy(rows, nameOf);
  return [...groups]
    .map(([name, rows]) => ({ name, rows }))
    .sort((a, b) => (a.name === null ? 1 : b.name === null ? -1 : byText(a.name, b.name)));
}

export interface Counts {
  readonly all: number;
  readonly of: Readonly<Record<Look['state'], number>>;
  readonly waiting: number;
  readonly longest: Environment | null;
}

export function countsOf(rows: Iterable<Environment>): Counts {
  const of = { free: 0, held: 0, dirty: 0, frozen: 0, draining: 0 };
  let all = 0;
  let waiting = 0;
  let longest: Environment | null = null;
  for (const row of rows) {
    all++;
    of[lookOf(row).state]++;
    waiting += row.waiting;
    if (row.oldestWaitSince !== null && row.oldestWaitSince < (longest?.oldestWaitSince ?? never)) longest = row;
  }
  return { all, of, waiting, longest };
}

/** Labels that there are, the most frequent first. */
export function labelsOf(rows: Iterable<Environment>): { readonly pairs: string[]; readonly keys: string[] } {
  const pairs = new Map<string, number>();
  const keys = new Set<string>();
  for (const { labels } of rows)
    for (const [name, value] of Object.entries(labels)) {
      keys.add(name);
      const pair = `${name}=${value}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
  return { pairs: [...pairs].sort((a, b) => b[1] - a[1]).map(([pair]) => pair), keys: [...keys].sort(byText) };
}
