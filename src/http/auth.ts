// Who asks: from the key of a request to an actor with grants. What always holds: only hashes of keys are kept and they are
// compared in constant time; a wrong key is never treated as no key; a key that ended or expired is unknown from the next
// durable turn on; a key acts in its own space, and only an admin of `main` in any. Without any key configured, whoever reaches
// the server (this machine only) may do everything.

import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { type Actor, type Grant, mayEverywhere, parseGrant } from '../core/access.ts';
import type { KeyRow } from '../core/rows.ts';
import { mainSpace } from '../core/space-name.ts';
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
  readonly #admitted = new WeakMap<FastifyRequest, Found>();
  readonly #wrong = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;
  /** Keys by their ids, as durable; of a space that is a copy of another one, whichever was opened first. */
  readonly #keys = new Map<string, { readonly space: string; readonly row: KeyRow }>();
  readonly #idsOf = new Map<string, readonly string[]>();

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

  /** Takes over the keys of a space after a turn that changed them; none once it is not served any more. */
  setKeys(space: string, keys: Iterable<KeyRow>): void {
    for (const id of this.#idsOf.get(space) ?? []) if (this.#keys.get(id)?.space === space) this.#keys.delete(id);
    const ids: string[] = [];
    for (const row of keys) {
      ids.push(row.id);
      if (!this.#keys.has(row.id)) this.#keys.set(row.id, { space, row });
    }
    this.#idsOf.set(space, ids);
  }

  /** Whether a key is configured at all. */
  get keysOn(): boolean {
    return this.#admins.length > 0 || this.#keys.size > 0;
  }

  /** The actor of a request. Throws 401, or 429 after too many wrong keys. */
  actor(request: FastifyRequest): Actor {
    const token = this.keysOn ? tokenOf(request) : null;
    if (token === null) return this.#asPerson(this.#anonymous(request), request);
    return this.#asPerson((this.#admitted.get(request) ?? this.#withKey(token, request)).actor, request);
  }

  /** The space that a request is for: that of its key, or the one it names, where it may. Throws 403. */
  spaceOf(request: FastifyRequest): string {
    const token = this.keysOn ? tokenOf(request) : null;
    const found = token === null ? null : this.#find(token);
    const own = found === null || found === 'expired' ? mainSpace : found.space;
    const named = request.headers['signalbox-space'];
    if (typeof named !== 'string' || named === own) return own;
    // Of a key that is not known it is said that it is not: not what it might have done.
    const isUnknown = token !== null && (found === null || found === 'expired');
    if (isUnknown) return mainSpace;
    if (!this.keysOn || (found !== null && found !== 'expired' && isOperator(found))) return named;
    // It proves itself by the secret of a lease of that space, or may nothing there.
    if (token === null && isAboutLease(request)) return named;
    if (token === null) throw needsKey(null);
    throw new Problem('forbidden', `This key is of the space ${own}, and acts in no other.`);
  }

  /** Whether who asks may look after the spaces themselves. */
  isOperator(request: FastifyRequest): boolean {
    if (!this.keysOn) return true;
    const token = tokenOf(request);
    const found = token === null ? null : this.#find(token);
    return found !== null && found !== 'expired' && isOperator(found);
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

  /** Whether it shows a key that is not known here, or not yet. */
  sentUnknownKey(request: FastifyRequest): boolean {
    const token = this.keysOn ? tokenOf(request) : null;
    return token !== null && this.#find(token) === null;
  }

  /** It has shown a key that nobody knows; throws 429 once there are too many. */
  countUnknownKey(request: FastifyRequest): void {
    if (this.#countWrongKey(request.ip)) throw tired();
  }

  /** Whether this request comes without a key, and so from whatever a browser could be made to send. */
  isAnonymous(request: FastifyRequest): boolean {
    return !this.keysOn || tokenOf(request) === null;
  }

  /** What is open to everybody is so in `main` only. */
  #anonymous(request: FastifyRequest): Actor {
    const open = request.space.name === mainSpace ? this.#anonymousGrants : [];
    const grants = this.keysOn ? open : everything;
    return { identity: 'anonymous', name: 'anonymous', grants, maxPriority: this.keysOn ? 0 : highestPriority };
  }

  #withKey(token: string, request: FastifyRequest): Found {
    const found = this.#find(token);
    if (found === 'expired')
      throw new Problem(
        'key_expired',
        'This key has expired. Ask an admin for a new one: signalbox key create',
        challenge,
      );
    if (found !== null) return found;
    this.countUnknownKey(request);
    throw new Problem(
      'key_unknown',
      'The server does not know this key. It may be mistyped, revoked, or of another server.',
      challenge,
    );
  }

  #find(token: string): Found | 'expired' | null {
    const parts = /^sbx_([0-9A-Za-z]{1,32})_([0-9A-Za-z_-]{1,128})$/.exec(token);
    const { space, row } = (parts === null ? undefined : this.#keys.get(parts[1] as string)) ?? {};
    const given = hash('sha256', row === undefined ? token : (parts?.[2] as string), 'buffer');
    if (row !== undefined && space !== undefined) {
      if (!timingSafeEqual(given, Buffer.from(row.hash, 'hex'))) return null;
      if (row.expiresAt !== null && row.expiresAt <= this.#now()) return 'expired';
      const grants = row.scopes.flatMap((scope) => parseGrant(scope) ?? []);
      return {
        space,
        actor: { identity: `key:${row.id}`, name: row.name, grants, maxPriority: row.maxPriority },
      };
    }
    // All are compared, so that the time says nothing of which one was nearly right.
    let match: Found | null = null;
    for (const { hash, actor } of this.#admins) if (timingSafeEqual(given, hash)) match = { space: mainSpace, actor };
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

/** Whose key it is, and of which space. */
interface Found {
  readonly space: string;
  readonly actor: Actor;
}

/** An admin of `main` runs the server. */
function isOperator({ space, actor }: Found): boolean {
  return space === mainSpace && mayEverywhere(actor, 'admin');
}

const tired = () =>
  new Problem('too_many_attempts', 'Too many wrong keys came from this address. Wait a minute.', {
    headers: { 'retry-after': '60' },
  });
const challenge = { headers: { 'www-authenticate': 'Bearer' } };

/** Whether it is about one lease, and shows a secret. */
function isAboutLease({ headers, routeOptions }: FastifyRequest): boolean {
  return headers['signalbox-lease-secret'] !== undefined && routeOptions.url?.startsWith('/v1/leases/:id') === true;
}

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
