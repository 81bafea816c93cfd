// Which addresses may be connected to: a server that connects where it is told is a port scanner. What always holds: it is the
// address itself that is judged, after the name was resolved, and then connected to; link-local, cloud metadata, unspecified,
// multicast and broadcast addresses are never allowed to those who ask a server, whatever is configured.

import type { Refusal } from '../core/errors.ts';
import { refuse } from '../core/errors.ts';
import { globMatches } from '../core/selectors.ts';
import {
  type AddressKind,
  addressIn,
  bitsOf,
  isNever,
  isWithin,
  kindOf,
  kindOfBits,
  plainName,
  type Range,
  rangeOf,
} from './address.ts';

/** One entry of `--probe-allow`. `port` null: any. */
export type AllowEntry =
  | { readonly kind: 'range'; readonly range: Range; readonly port: number | null }
  /** A name, or a glob of names: whatever it resolves to. */
  | { readonly kind: 'name'; readonly glob: string; readonly port: number | null };

/** Where a target is to be connected to. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** The target as people see it. */
  readonly text: string;
  /** Whether it stands for the PostgreSQL server that is configured (a target without a host). */
  readonly configured: boolean;
}

export interface AllowedSettings {
  /** As given with `--probe-allow`; each has been read by `parseAllowEntry` before. */
  readonly allow: readonly string[];
  /** True while no API key is configured: a laptop, whose own services may be looked at. */
  readonly loopback: () => boolean;
  /** The PostgreSQL server that is configured, for targets that name no host. */
  readonly always: { readonly host: string; readonly port: number } | null;
  /** For `signalbox wait --local`: whoever asks could connect from this machine anyway. */
  readonly everything: boolean;
}

export interface Sorted {
  readonly allowed: readonly string[];
  /** Why, when none is allowed. */
  readonly refusal: Refusal | null;
}

export class Allowed {
  readonly #settings: AllowedSettings;
  readonly #entries: readonly AllowEntry[];

  constructor(settings: AllowedSettings) {
    this.#settings = settings;
    this.#entries = settings.allow.map((text) => {
      const entry = readEntry(text);
      if (typeof entry === 'string') throw new Error(`--probe-allow ${text}: ${entry}`);
      return entry;
    });
  }

  /** The refusal of a place that could not be allowed wherever its name leads: then the name need not be resolved. */
  beforeResolving(place: Place): Refusal | null {
    if (this.#settings.everything || this.#settings.loopback() || this.#isAlways(place)) return null;
    if (addressIn(place.host) !== null) return null;
    const could = this.#entries.some(
      (entry) => fitsPort(entry, place) && (entry.kind === 'range' || names(entry, place)),
    );
    return could ? null : refused(place, null);
  }

  /** Which of the addresses of a place may be connected to, each judged by itself. */
  sort(place: Place, addresses: readonly string[]): Sorted {
    const allowed = addresses.filter((address) => this.#mayConnect(place, address));
    // One that a setting would allow is the one worth naming.
    const named = addresses.find((address) => !isNever(kindOf(address))) ?? addresses[0] ?? null;
    return { allowed, refusal: allowed.length > 0 ? null : refused(place, named) };
  }

  #mayConnect(place: Place, address: string): boolean {
    if (this.#settings.everything) return true;
    const kind = kindOf(address);
    const bits = bitsOf(address);
    if (isNever(kind) || bits === null) return false;
    if (this.#isAlways(place) || (kind === 'loopback' && this.#settings.loopback())) return true;
    return this.#entries.some(
      (entry) => fitsPort(entry, place) && (entry.kind === 'range' ? isWithin(bits, entry.range) : names(entry, place)),
    );
  }

  #isAlways(place: Place): boolean {
    const { always } = this.#settings;
    return place.configured && always !== null && place.host === always.host && place.port === always.port;
  }
}

/** Reads `HOST:PORT`, `HOST:*`, `*.example.com:443`, an address or a range (`10.0.0.0/8`), these with `:PORT` too. */
export function parseAllowEntry(text: string): AllowEntry | null {
  const entry = readEntry(text);
  return typeof entry === 'string' ? null : entry;
}

/** What is wrong with an entry, for whoever configures it; null: nothing. */
export function allowEntryFault(text: string): string | null {
  const entry = readEntry(text);
  return typeof entry === 'string' ? entry : null;
}

const shapes = 'give HOST:PORT, HOST:*, *.example.com:443, or addresses: 10.0.0.0/8, 10.0.0.5:5432, [fd00::5]:5432';

function readEntry(text: string): AllowEntry | string {
  const whole = rangeOf(text);
  if (whole !== null) return ranged(whole, null);
  // [fd00::5]:5432, [fd00::/8]:5432, [fd00::]/8:5432, [::1]
  const inBrackets = /^\[([^[\]]+)\](\/\d+)?(?::([^:]*))?$/.exec(text);
  const withPort = inBrackets ?? /^([^:[\]]+)():([^:]*)$/.exec(text);
  if (withPort === null) return isName(text) ? `the port is missing: give ${text}:PORT or ${text}:*` : shapes;
  const [, host = '', length = '', portText] = withPort;
  const port = portText === undefined || portText === '*' ? null : Number(portText);
  if (port !== null && !(/^\d{1,5}$/.test(portText ?? '') && port >= 1 && port <= 65_535))
    return 'a port is a number from 1 to 65535, or *';
  const range = rangeOf((addressIn(host) ?? host) + length);
  if (range !== null) return ranged(range, port);
  if (inBrackets !== null || length !== '' || !isName(host)) return shapes;
  if (host !== '*' && /^[\d.*]+$/.test(host)) return 'for a range of addresses give it as 10.0.0.0/8';
  return { kind: 'name', glob: plainName(host), port };
}

function ranged(range: Range, port: number | null): AllowEntry | string {
  const isOne = range.prefix === (range.family === 4 ? 32 : 128);
  if (isOne && isNever(kindOfBits(range))) return 'link-local, metadata and multicast addresses are never allowed';
  return { kind: 'range', range, port };
}

function isName(text: string): boolean {
  return text.length <= 253 && /^[\p{L}\p{N}_*](?:[\p{L}\p{N}_*.-]*)$/u.test(text);
}

function fitsPort(entry: AllowEntry, place: Place): boolean {
  return entry.port === null || entry.port === place.port;
}

/** An address in a target is no name, so a glob of names does not fit it; `*` alone fits whatever there is. */
function names(entry: AllowEntry & { kind: 'name' }, place: Place): boolean {
  if (entry.glob === '*') return true;
  return addressIn(place.host) === null && globMatches(entry.glob, plainName(place.host));
}

function refused(place: Place, address: string | null): Refusal {
  const kind = address === null ? null : kindOf(address);
  const never = kind !== null && isNever(kind);
  const setting = `--probe-allow ${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
  const where = kind === null ? 'is not among the targets of this server' : `is at ${address}, ${described[kind]}`;
  const way = never ? 'No setting allows that.' : `It would be allowed by ${setting}.`;
  return refuse(
    'target_not_allowed',
    `${place.text} ${where}, so this server does not connect to it. ${way} signalbox wait --local probes from your own machine.`,
    { field: 'target', facts: { address, kind, setting: never ? null : setting } },
  );
}

const described: Readonly<Record<AddressKind, string>> = {
  loopback: 'a loopback address',
  private: 'a private address',
  public: 'a public address',
  'link-local': 'a link-local address',
  metadata: 'an address of cloud metadata',
  unspecified: 'an unspecified address',
  multicast: 'a multicast address',
  broadcast: 'a broadcast address',
  unreadable: 'which is no address that can be judged',
};
