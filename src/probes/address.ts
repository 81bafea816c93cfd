// What an address is: loopback, private, one that nobody may be made to connect to. What always holds: an address is judged
// by its bits and not by its spelling, and an IPv4 address that is wrapped into an IPv6 address is judged as well.

import { isIP, isIPv4 } from 'node:net';

export type AddressKind =
  | 'loopback'
  | 'private'
  | 'public'
  | 'link-local'
  | 'metadata'
  | 'unspecified'
  | 'multicast'
  | 'broadcast'
  /** With a scope (`%eth0`), or nothing that is known. */
  | 'unreadable';

export interface Bits {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Range {
  readonly family: 4 | 6;
  readonly value: bigint;
  /** How many leading bits count. */
  readonly prefix: number;
}

const widthOf = { 4: 32, 6: 128 } as const;

/** The bits of an address; an IPv4-mapped one is that IPv4 address. Null: not an address, or one with a scope. */
export function bitsOf(address: string): Bits | null {
  if (isIPv4(address)) return { family: 4, value: joined(address.split('.').map(Number), 8) };
  if (isIP(address) !== 6 || address.includes('%')) return null;
  const value = bitsOf6(address);
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** Reads `10.0.0.0/8`, `fd00::/8` or one address; null: it is none of them. */
export function rangeOf(text: string): Range | null {
  const [address = '', length, more] = text.split('/');
  const bits = bitsOf(address);
  if (bits === null || more !== undefined) return null;
  const isMapped = bits.family === 4 && address.includes(':');
  const width = isMapped ? 128 : widthOf[bits.family];
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > width)) return null;
  const prefix = (length === undefined ? width : Number(length)) - (isMapped ? 96 : 0);
  return prefix < 0 ? null : { ...bits, prefix };
}

export function isWithin({ family, value }: Bits, range: Range): boolean {
  const ignored = BigInt(widthOf[family] - range.prefix);
  return family === range.family && value >> ignored === range.value >> ignored;
}

export function kindOf(address: string): AddressKind {
  if (/^fe[89ab][0-9a-f]:.*%/i.test(address)) return 'link-local';
  const bits = bitsOf(address);
  return bits === null ? 'unreadable' : kindOfBits(bits);
}

export function kindOfBits(bits: Bits): AddressKind {
  const own = kinds.find(({ range }) => isWithin(bits, range))?.kind ?? 'public';
  if (bits.family === 4 || isNever(own) || own === 'loopback') return own;
  return (
    wrapped(bits)
      .map((value) => kindOfBits({ family: 4, value }))
      .find(isNever) ?? own
  );
}

/** Where no setting can let anyone connect to. */
export function isNever(kind: AddressKind): boolean {
  return kind !== 'loopback' && kind !== 'private' && kind !== 'public';
}

/** The address that a host is, however it is spelled (`127.1`, `0x7f000001`, `①②⑦.0.0.1`, `127.0.0.1.`); null: it is a name. */
export function addressIn(host: string): string | null {
  if (isIP(host) !== 0) return host;
  const read = hostIn(host);
  return read !== null && isIPv4(read) ? read : null;
}

/** A name in the one spelling in which names are compared. */
export function plainName(host: string): string {
  return (hostIn(host) ?? host.toLowerCase()).replace(/\.$/, '');
}

/** The host as the URL parser reads it, when it is nothing but a host. */
function hostIn(text: string): string | null {
  return /[/\\?#@:\s]/.test(text) ? null : (URL.parse(`http://${text}`)?.hostname ?? null);
}

// Metadata first: some of them lie within what would otherwise be private or public.
const kinds: readonly { kind: AddressKind; range: Range }[] = Object.entries({
  metadata: [
    ...['169.254.169.254/32', '169.254.170.2/32', '169.254.170.23/32', '100.100.100.200/32', '168.63.129.16/32'],
    // All services that AWS offers to an instance are in the first range; Google's metadata is in the second.
    ...['192.0.0.192/32', 'fd00:ec2::/32', 'fd20:ce::254/128'],
  ],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  unspecified: ['0.0.0.0/8', '::/128'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  broadcast: ['255.255.255.255/32'],
  loopback: ['127.0.0.0/8', '::1/128'],
  private: [
    ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '192.0.0.0/24', '198.18.0.0/15'],
    ...['240.0.0.0/4', 'fc00::/7', 'fec0::/10'],
  ],
}).flatMap(([kind, ranges]) => ranges.map((text) => ({ kind: kind as AddressKind, range: range(text) })));

/** Where the ways over to IPv4 keep the IPv4 address: how far its lowest bit is from the end. */
const ways: readonly { range: Range; read: (value: bigint) => readonly bigint[] }[] = [
  // IPv4-compatible, translated (SIIT), NAT64 with the prefix that everyone knows: the last 32 bits.
  { range: range('::/96'), read: (value) => [value] },
  { range: range('::ffff:0:0:0/96'), read: (value) => [value] },
  { range: range('64:ff9b::/96'), read: (value) => [value] },
  // NAT64 with a local prefix may be of any of these lengths, and skips bits 64 to 71 (RFC 6052). Where one of them reads
  // 0.0.0.0/8 it is none of them.
  { range: range('64:ff9b:1::/48'), read: (value) => local(value).filter((each) => each >> 24n !== 0n) },
  // 6to4.
  { range: range('2002::/16'), read: (value) => [value >> 80n] },
  // Teredo: the server, and the client with every bit turned over.
  { range: range('2001::/32'), read: (value) => [value >> 64n, ~value] },
];

function wrapped({ value }: Bits): bigint[] {
  return ways
    .filter(({ range }) => isWithin({ family: 6, value }, range))
    .flatMap(({ read }) => read(value).map((each) => BigInt.asUintN(32, each)));
}

function local(value: bigint): bigint[] {
  const withoutGap = ((value >> 64n) << 56n) | (value & ((1n << 56n) - 1n));
  return [value, withoutGap >> 40n, withoutGap >> 32n, withoutGap >> 24n].map((each) => BigInt.asUintN(32, each));
}

/** The URL parser writes an IPv6 address in one way: groups of hexadecimal digits, and `::` at most once. */
function bitsOf6(address: string): bigint {
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = groups(before);
  const right = groups(after ?? '');
  return joined([...left, ...Array(8 - left.length - right.length).fill(0), ...right], 16);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function joined(parts: readonly number[], bits: number): bigint {
  return parts.reduce((value, part) => (value << BigInt(bits)) | BigInt(part), 0n);
}

function range(text: string): Range {
  const read = rangeOf(text);
  if (read === null) throw new Error(`${text} is no range`);
  return read;
}
