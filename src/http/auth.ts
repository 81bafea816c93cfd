// Who asks: from the key of a request to an actor with grants. What always holds: only hashes of keys are kept and they are
// compared in constant time; a wrong key is never treated as no key; a key that ended or expired is unknown from the next
// durable turn on. Without any key configured, whoever reaches the server (this machine only) may do everything.

import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { type Actor, type Grant, parseGrant } from '../core/access.ts';
import type { KeyRow } from '../core/rows.ts';
import { needsKey, Problem } from './problem.ts';

export interface AuthSettings {
  /** Keys with all scopes that come from the environment; `name` is the variable. */
  readonly adminKeys: readonly { readonly name: string; readonly key: string }[];
  /** What a caller without a key may do once keys are on: `scope` or `scope:glob`. */
  readonly anonymous: readonly string[];
  /** Header, lower case, in which a sign-in proxy at one of these addresses or ranges names the person. */
  readonly trustUser: { readonly header: string; readonly from: readonly string[] } | null;
}

const everything: readonly Grant[] = [{ scope: 'admin', globs: null }];
const highestPriority = 1_000;
/** Wrong keys from one address within a minute, until the answer is 429. */
const wrongKeysPerMinute = 10;
const addressesRemembered = 10_000;

export class Authentication {
  readonly #admins: readonly { hash: Buffer; actor: Actor }[];
  readonly #anonymousGrants: readonly Grant[];
  readonly #trustUser: { header: string; from: BlockList } | null;
  /** Whose key a request has shown, so that it is looked for once. */
  readonly #admitted = new WeakMap<FastifyRequest, Actor>();
  readonly #wrong = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;
  /** Keys of the store, as durable. */
  #keys: ReadonlyMap<string, KeyRow> = new Map();

  constructor(settings: AuthSettings, now: () => number) {
    this.#now = now;
    this.#admins = settings.adminKeys.map(({ name, key }) => ({
      hash: Buffer.from(hash('sha256', key), 'hex'),
      actor: { identity: `environment:${name}`, name: 'admin', grants: everything, maxPriority: highestPriority },
    }));
    this.#anonymousGrants = settings.anonymous.flatMap((text) => parseGrant(text) ?? []);
    this.#trustUser =
      settings.trustUser === null
        ? null
        : { header: settings.trustUser.header, from: blockList(settings.trustUser.from) };
  }

  /** Takes over the keys of the store after a turn that changed them. */
  setKeys(keys: Iterable<KeyRow>): void {
    this.#keys = new Map(Array.from(keys, (key) => [key.id, key]));
  }

  /** Whether a key is configured at all. */
  get keysOn(): boolean {
    return this.#admins.length > 0 || this.#keys.size > 0;
  }

  /** The actor of a request. Throws 401, or 429 after too many wrong keys. */
  actor(request: FastifyRequest): Actor {
    const token = this.keysOn ? tokenOf(request) : null;
    const actor = token === null ? this.#anonymous() : (this.#admitted.get(request) ?? this.#withKey(token, request));
    return this.#asPerson(actor, request);
  }

  /** Refuses a wrong key, and no key where nothing is open to everybody, before anything else of the request is looked at. */
  admit(request: FastifyRequest): void {
    if (!this.keysOn) return;
    const token = tokenOf(request);
    if (token !== null) this.#admitted.set(request, this.#withKey(token, request));
    else if (this.#anonymousGrants.length === 0) throw needsKey(null);
  }

  /** Whether keys are on and this request shows none. */
  sentNoKey(request: FastifyRequest): boolean {
    return this.keysOn && tokenOf(request) === null;
  }

  /** Whether this request comes without a key, and so from whatever a browser could be made to send. */
  isAnonymous(request: FastifyRequest): boolean {
    return !this.keysOn || tokenOf(request) === null;
  }

  #anonymous(): Actor {
    const grants = this.keysOn ? this.#anonymousGrants : everything;
    return { identity: 'anonymous', name: 'anonymous', grants, maxPriority: this.keysOn ? 0 : highestPriority };
  }

  #withKey(token: string, request: FastifyRequest): Actor {
    const found = this.#find(token);
    if (found === 'expired')
      throw new Problem(
        'key_expired',
        'This key has expired. Ask an admin for a new one: signalbox key create',
        challenge,
      );
    if (found !== null) return found;
    const again = this.#countWrongKey(request.ip);
    if (again)
      throw new Problem('too_many_attempts', 'Too many wrong keys came from this address. Wait a minute.', {
        headers: { 'retry-after': '60' },
      });
    throw new Problem(
      'key_unknown',
      'The server does not know this key. It may be mistyped, revoked, or of another server.',
      challenge,
    );
  }

  #find(token: string): Actor | 'expired' | null {
    const parts = /^sbx_([0-9A-Za-z]{1,32})_([0-9A-Za-z_-]{1,128})$/.exec(token);
    const row = parts === null ? undefined : this.#keys.get(parts[1] as string);
    const given = hash('sha256', row === undefined ? token : (parts?.[2] as string), 'buffer');
    if (row !== undefined) {
      if (!timingSafeEqual(given, Buffer.from(row.hash, 'hex'))) return null;
      if (row.expiresAt !== null && row.expiresAt <= this.#now()) return 'expired';
      return {
        identity: `key:${row.id}`,
        name: row.name,
        grants: row.scopes.flatMap((scope) => parseGrant(scope) ?? []),
        maxPriority: row.maxPriority,
      };
    }
    // All are compared, so that the time says nothing of which one was nearly right.
    let match: Actor | null = null;
    for (const admin of this.#admins) if (timingSafeEqual(given, admin.hash)) match = admin.actor;
    return match;
  }

  #asPerson(actor: Actor, request: FastifyRequest): Actor {
    if (this.#trustUser === null) return actor;
    const name = request.headers[this.#trustUser.header];
    if (typeof name !== 'string' || name === '' || !isListed(this.#trustUser.from, request.ip)) return actor;
    return { ...actor, identity: `user:${name}`, name: name.slice(0, 200) };
  }

  /** Counts a wrong key; true once there are too many. */
  #countWrongKey(address: string): boolean {
    const now = this.#now();
    const known = this.#wrong.get(address);
    const entry = known !== undefined && known.until > now ? known : { count: 0, until: now + 60_000 };
    entry.count++;
    this.#wrong.delete(address);
    this.#wrong.set(address, entry);
    if (this.#wrong.size > addressesRemembered) this.#wrong.delete(this.#wrong.keys().next().value as string);
    return entry.count > wrongKeysPerMinute;
  }
}

const challenge = { headers: { 'www-authenticate': 'Bearer' } };

/** The key of a request, wherever one of the older systems would have put it. */
export function tokenOf(request: FastifyRequest): string | null {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, , value] = /^(bearer|token)[ =]\s*(.+)$/i.exec(authorization) ?? [];
    // Something was sent to prove who asks; that it cannot be read must not make it nobody.
    return value ?? authorization;
  }
  const header = request.headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : null;
}

export interface MadeKey {
  readonly id: string;
  readonly hash: string;
  /** `sbx_<id>_<secret>`, to be shown once. */
  readonly key: string;
}

/** A new key: 256 random bits, of which only the hash is to be kept. */
export function makeKey(id: string): MadeKey {
  const secret = randomBytes(32).toString('base64url');
  return { id, hash: hash('sha256', secret), key: `sbx_${id}_${secret}` };
}

/** The secret of a lease: whoever shows it may renew and release. Derived, so that a replay can show it again. */
export function leaseSecret(storeSecret: string, lease: string): string {
  return createHmac('sha256', storeSecret).update(lease).digest('base64url');
}

/** The actor, or if this request shows the lease's secret, the actor who does. */
export function showingSecret(actor: Actor, request: FastifyRequest, storeSecret: string, lease: string): Actor {
  const shown = request.headers['signalbox-lease-secret'];
  if (typeof shown !== 'string') return actor;
  const expected = Buffer.from(leaseSecret(storeSecret, lease));
  const given = Buffer.from(shown);
  return given.length === expected.length && timingSafeEqual(given, expected)
    ? { ...actor, showsSecretOf: lease }
    : actor;
}

function blockList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of addresses) {
    const [address = '', bits] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function isListed(list: BlockList, address: string): boolean {
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : address;
  return list.check(mapped, isIP(mapped) === 6 ? 'ipv6' : 'ipv4');
}
