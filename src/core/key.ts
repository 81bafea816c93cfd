// API keys as rows: only a hash of the secret is ever here. Making and comparing secrets is the business of http/auth.

import type { Actor } from './access.ts';
import { forbidden, mayEverywhere, parseGrant } from './access.ts';
import type { Outcome } from './errors.ts';
import { accept, refuse } from './errors.ts';
import { nameFault } from './names.ts';
import type { KeyRow } from './rows.ts';
import type { Turn } from './turn.ts';

export interface NewKey {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly maxPriority: number;
  readonly expiresAt: number | null;
}

export function createKey(turn: Turn, key: NewKey, actor: Actor): Outcome<KeyRow> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  const fault = nameFault(key.name);
  if (fault !== null) return refuse('invalid_name', `The name of the key ${fault}.`, { field: 'name' });
  const unknown = key.scopes.find((scope) => parseGrant(scope) === null);
  if (key.scopes.length === 0 || unknown !== undefined) {
    const what = unknown === undefined ? 'A key needs at least one scope' : `"${unknown}" is no scope`;
    return refuse(
      'invalid_request',
      `${what}: read, acquire, force, signal, wait, probe, build, terminate or admin, each perhaps with :glob.`,
      {
        field: 'scopes',
      },
    );
  }
  const { keys, settings } = turn.state;
  if (keys.size >= settings.maxKeys)
    return refuse('too_many_keys', `There are ${settings.maxKeys} keys already. Delete those that are not used.`);
  // From the first key on a key is needed, so nobody could make the second one.
  if (keys.size === 0 && !settings.hasAdminElsewhere && !key.scopes.includes('admin')) {
    return refuse('invalid_request', 'The first key must have the scope admin, else nobody could make another one.', {
      field: 'scopes',
    });
  }
  const row = turn.put('key', key.id, (seq) => ({ ...key, seq, createdAt: turn.moment.at, createdBy: actor.name }));
  turn.event('key.created', key.name, actor.name, {
    key: key.id,
    scopes: key.scopes,
    maxPriority: key.maxPriority,
    expiresAt: key.expiresAt,
  });
  return accept(row);
}

export function deleteKey(turn: Turn, id: string, actor: Actor): Outcome<null> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  const key = turn.state.keys.get(id);
  if (key === undefined) return refuse('key_not_found', `There is no key ${id}. signalbox key list shows them.`);
  if (isLastAdmin(turn, key))
    return refuse(
      'invalid_request',
      'This is the last key that may do everything: without it nobody could make another. Make one first.',
      { field: 'id' },
    );
  turn.remove('key', id);
  turn.event('key.deleted', key.name, actor.name, { key: id });
  return accept(null);
}

/** While keys are on, here or in a space beside this one, somebody must be able to look after them. */
function isLastAdmin({ state: { keys, spaces, settings } }: Turn, key: KeyRow): boolean {
  if (
    settings.hasAdminElsewhere ||
    !isAdmin(key) ||
    (keys.size === 1 && !spaces.values().some(({ removed }) => !removed))
  )
    return false;
  return !keys.values().some((other) => other !== key && isAdmin(other));
}

function isAdmin({ scopes, expiresAt }: KeyRow): boolean {
  return scopes.includes('admin') && expiresAt === null;
}
