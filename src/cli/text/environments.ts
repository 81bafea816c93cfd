// The row of an environment in `status`: what people see, and what programs read.

import type { Environment, Lease } from '../../client/types.ts';
import type { Colours } from '../frame/output.ts';
import { formatDuration } from './durations.ts';
import { holderText, stateReasonText } from './leases.ts';
import { foreign } from './sanitize.ts';
import type { Cell } from './tables.ts';
import { formatAge, formatTime } from './times.ts';

export interface Look {
  readonly symbol: string;
  readonly word: string;
  readonly paint: keyof Pick<Colours, 'green' | 'blue' | 'cyan' | 'magenta' | 'yellow' | 'red'>;
}

export function lookOf(environment: Environment): Look {
  const { state, capacity, held, dirty, free } = environment;
  if (state === 'frozen') return { symbol: '❄', word: 'frozen', paint: 'cyan' };
  if (state !== 'open') return { symbol: '◒', word: state, paint: 'magenta' };
  if (dirty > 0) return { symbol: '▲', word: capacity === 1 ? 'dirty' : `${dirty} dirty`, paint: 'red' };
  if (held.length === 0) return { symbol: '○', word: 'free', paint: 'green' };
  if (capacity === 1) return { symbol: '●', word: 'held', paint: 'blue' };
  return { symbol: free > 0 ? '◐' : '●', word: `${held.length} of ${capacity}`, paint: 'blue' };
}

export const STATUS_HEAD = ['', 'ENVIRONMENT', 'STATE', 'HELD BY', 'SINCE', 'LEFT', 'QUEUE'];

/** `now`: by the server's clock. */
export function terminalRow(environment: Environment, now: number, colours: Colours): (Cell | string)[] {
  const look = lookOf(environment);
  const paint = colours[look.paint];
  const [oldest] = byAge(environment.held);
  return [
    { text: look.symbol, paint },
    foreign(environment.name, 60),
    { text: look.word, paint },
    heldBy(environment),
    oldest?.grantedAt ? formatAge(oldest.grantedAt, now) : '',
    left(environment, now),
    environment.waiting === 0 && environment.held.length === 0 ? '' : String(environment.waiting),
  ];
}

/** Full precision and no symbols: name, state, free slots, capacity, holders, since, expires, waiting, reason. */
export function pipeRow(environment: Environment, now: number): string[] {
  const [oldest] = byAge(environment.held);
  return [
    foreign(environment.name, 200),
    environment.state === 'open' ? lookOf(environment).word : environment.state,
    String(environment.free),
    String(environment.capacity),
    environment.held.map((lease) => holderText(lease.holder)).join(', '),
    formatTime(oldest?.grantedAt, false, now),
    formatTime(soonest(environment.held)?.expiresAt, false, now),
    String(environment.waiting),
    stateReasonText(environment),
  ];
}

export function byAge(leases: readonly Lease[]): Lease[] {
  return leases.toSorted((a, b) => Date.parse(a.grantedAt ?? a.queuedAt) - Date.parse(b.grantedAt ?? b.queuedAt));
}

function heldBy(environment: Environment): string {
  const holders = environment.held.map((lease) => holderText(lease.holder) + revokingText(lease));
  const reason = environment.state === 'open' ? '' : stateReasonText(environment);
  if (holders.length === 0 && reason === '')
    return environment.dirty > 0 ? 'its holder went without releasing it' : '–';
  return [...(holders.length === 0 ? [] : [holders.join(', ')]), ...(reason === '' ? [] : [reason])].join(' · ');
}

export function revokingText(lease: Lease): string {
  return lease.revoking === null ? '' : ` (being taken away by ${foreign(lease.revoking.by, 40)})`;
}

function left(environment: Environment, now: number): string {
  const next = soonest(environment.held);
  if (next?.expiresInSeconds != null) return formatDuration(next.expiresInSeconds * 1000);
  if (environment.state !== 'open' && environment.stateUntil !== null)
    return `until ${formatTime(environment.stateUntil, true, now)}`;
  return environment.held.length > 0 ? '–' : '';
}

function soonest(leases: readonly Lease[]): Lease | undefined {
  const ending = leases.filter((lease) => lease.expiresInSeconds !== null);
  return ending.toSorted((a, b) => (a.expiresInSeconds ?? 0) - (b.expiresInSeconds ?? 0))[0];
}
