// API keys as rows, and what scopes allow.

import { describe, expect, test } from 'vitest';
import { globsOf, may, mayEverywhere, parseGrant } from '../../src/core/access.ts';
import { createKey, deleteKey, type NewKey } from '../../src/core/key.ts';
import { actor, admin, ann, done, refusal, Space } from './harness.ts';

const key: NewKey = {
  id: 'k1',
  name: 'ci',
  hash: 'ab'.repeat(32),
  scopes: ['acquire:uat*'],
  maxPriority: 3,
  expiresAt: null,
};
const create = (space: Space, more: Partial<NewKey> = {}, by = admin) =>
  space.turn((turn) => createKey(turn, { ...key, ...more }, by));

describe('a key', () => {
  test('is kept with its hash, and the history names it without it', () => {
    const space = new Space();
    expect(done(create(space))).toMatchObject({ id: 'k1', createdBy: 'admin', maxPriority: 3 });
    expect(space.history.at(-1)).toMatchObject({ kind: 'key.created', subject: 'ci', data: { key: 'k1' } });
    expect(JSON.stringify(space.history)).not.toContain(key.hash);
  });

  test('goes when it is deleted, and survives a restart until then', () => {
    const space = new Space();
    create(space);
    space.restart();
    expect(space.state.keys.get('k1')).toMatchObject({ name: 'ci' });
    expect(refusal(space.turn((turn) => deleteKey(turn, 'k1', admin)))).toBe('accepted');
    expect(space.state.keys.size).toBe(0);
    expect(refusal(space.turn((turn) => deleteKey(turn, 'k1', admin)))).toBe('key_not_found');
  });

  test.each([
    ['no scope', { scopes: [] }, 'invalid_request'],
    ['an unknown scope', { scopes: ['acquire', 'fly'] }, 'invalid_request'],
    ['an empty glob', { scopes: ['acquire:'] }, 'invalid_request'],
    ['an empty name', { name: '' }, 'invalid_name'],
  ] as const)('is refused: %s', (_, more, code) => {
    expect(refusal(create(new Space(), more))).toBe(code);
  });

  test('is made and deleted by an admin of everything only', () => {
    const space = new Space();
    for (const by of [ann, actor('lead', ['admin:uat'])]) {
      expect(refusal(create(space, {}, by))).toBe('forbidden');
      expect(refusal(space.turn((turn) => deleteKey(turn, 'k1', by)))).toBe('forbidden');
    }
  });

  test('there are so many and no more', () => {
    const space = new Space({ maxKeys: 1 });
    expect(refusal(create(space))).toBe('accepted');
    expect(refusal(create(space, { id: 'k2' }))).toBe('too_many_keys');
  });
});

describe('a scope', () => {
  test('allows what it names, where it names it', () => {
    const ops = actor('ops', ['acquire', 'force:uat*', 'force:qa']);
    expect(may(ops, 'acquire', 'prod')).toBe(true);
    expect(may(ops, 'force', 'uat-1')).toBe(true);
    expect(may(ops, 'force', 'qa')).toBe(true);
    expect(may(ops, 'force', 'prod')).toBe(false);
    expect(may(ops, 'force', null)).toBe(true);
    expect(mayEverywhere(ops, 'force')).toBe(false);
    expect(mayEverywhere(ops, 'acquire')).toBe(true);
    expect(may(ops, 'admin', 'uat-1')).toBe(false);
  });

  test('admin includes all others, within its own limits', () => {
    expect(may(actor('lead', ['admin:uat']), 'force', 'uat')).toBe(true);
    expect(may(actor('lead', ['admin:uat']), 'force', 'prod')).toBe(false);
  });

  test('the globs of several grants are gathered; one without a limit lifts it', () => {
    expect(globsOf(actor('a', ['acquire:x*', 'acquire:b', 'force:z']), 'acquire')).toEqual(['b', 'x*']);
    expect(globsOf(actor('a', ['acquire:x*', 'acquire']), 'acquire')).toBeNull();
    expect(globsOf(actor('a', ['read']), 'acquire')).toEqual([]);
  });

  test('is read as it is written', () => {
    expect(parseGrant('force:uat:1')).toEqual({ scope: 'force', globs: ['uat:1'] });
    expect(parseGrant('Force')).toBeNull();
    expect(parseGrant('')).toBeNull();
  });
});
