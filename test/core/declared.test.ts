// What the file of a server declares: put into the space once, taken back where the file has said it, and never from a holder.

import { describe, expect, test } from 'vitest';
import { applyDeclared, type Declared } from '../../src/core/declared.ts';
import { configure } from '../../src/core/environment.ts';
import { setImage } from '../../src/core/machines/image.ts';
import { setPool } from '../../src/core/machines/pool.ts';
import type { PoolSpec } from '../../src/core/rows.ts';
import { admin, Space } from './harness.ts';

const poolSpec: PoolSpec = {
  ...{ labels: { pool: 'docker' }, min: 0, max: 2, idle: 0, idleForMs: 1000, maxAgeMs: null, once: false },
  ...{ readyWhen: 'finished', readyWithinMs: 60_000 },
  build: {
    ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', image: null },
    ...{ nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
  },
};
const image = { role: 'worker', name: null, isActive: true };

function declared(given: { [K in keyof Declared]?: Record<string, unknown> }): Declared {
  const { environments = {}, pools = {}, images = {} } = given;
  return {
    environments: new Map(Object.entries(environments)),
    pools: new Map(Object.entries(pools)),
    images: new Map(Object.entries(images)),
  } as Declared;
}

const uat = { capacity: 2, labels: { kind: 'web', a: 'b' }, ttlMs: 60_000, maxHoldMs: undefined };
const all = declared({ environments: { uat, db: {} }, pools: { docker: poolSpec }, images: { 'ami-1': image } });
const apply = (space: Space, what: Declared) => space.turn((turn) => applyDeclared(turn, what));
const events = ({ history }: Space) => history.map(({ kind, subject, actor }) => `${kind} ${subject} ${actor}`);

test('all that is declared is there, and its history says who has put it there', () => {
  const space = new Space();
  expect(apply(space, all).ok).toBe(true);
  const { environments, pools, images } = space.state;
  expect(environments.get('uat')).toMatchObject({
    ...{ capacity: 2, labels: { a: 'b', kind: 'web' }, ttlMs: 60_000, maxHoldMs: null, declared: true },
  });
  expect(environments.get('db')).toMatchObject({ capacity: 1, declared: true });
  expect(pools.get('docker')).toMatchObject({ ...poolSpec, source: 'file' });
  expect(images.get('ami-1')).toMatchObject({ ...image, source: 'file' });
  expect(events(space)).toEqual([
    ...['environment.created uat signalbox', 'environment.created db signalbox'],
    ...['image.added ami-1 signalbox', 'pool.added docker signalbox'],
  ]);
});

test('again, in another order of its words, it changes nothing and tells nothing', () => {
  const space = new Space();
  apply(space, all);
  const told = space.history.length;
  const other = { maxHoldMs: undefined, ttlMs: 60_000, labels: { a: 'b', kind: 'web' }, capacity: 2 };
  const build = Object.fromEntries(Object.entries(poolSpec.build).toReversed());
  const again = declared({
    environments: { db: {}, uat: other },
    pools: { docker: { ...Object.fromEntries(Object.entries(poolSpec).toReversed()), build } },
    images: { 'ami-1': { isActive: true, name: null, role: 'worker' } },
  });
  apply(space, again);
  expect([space.changes, space.history.length]).toEqual([[], told]);
});

describe('environments', () => {
  test.each([
    [{ capacity: 3 }],
    [{ labels: { a: 'c', kind: 'web' } }],
    [{ labels: {} }],
    [{ description: 'x' }],
    [{ onExpire: 'hold' }],
    [{ ttlMs: 1000 }],
    [{ maxHoldMs: 1000 }],
  ])('%j alone makes a change', (change) => {
    const space = new Space();
    apply(space, all);
    apply(space, { ...all, environments: declared({ environments: { uat: { ...uat, ...change } } }).environments });
    expect(space.changes).toHaveLength(1);
    expect(space.state.environments.get('uat')).toMatchObject(change);
    expect(space.history.at(-1)).toMatchObject({ kind: 'environment.changed', actor: 'signalbox' });
  });

  test('what the file leaves out stays as people have set it, and its state and holders too', () => {
    const space = new Space();
    apply(space, all);
    space.turn((turn) => configure(turn, 'uat', { description: 'by hand' }, admin));
    const lease = space.lease('uat');
    space.turn((turn) => configure(turn, 'uat', { state: 'frozen', reason: 'r' }, admin));
    apply(space, declared({ environments: { uat: { ...uat, capacity: 5 } } }));
    expect(space.state.environments.get('uat')).toMatchObject({
      ...{ capacity: 5, description: 'by hand', state: 'frozen', ttlMs: 60_000 },
    });
    expect(space.state.leases.get(lease.id)?.state).toBe('held');
  });

  test('one that was only made at first use is declared from then on', () => {
    const space = new Space();
    space.lease('db');
    expect(space.state.environments.get('db')?.declared).toBe(false);
    apply(space, all);
    expect(space.state.environments.get('db')?.declared).toBe(true);
  });

  test('one that the file names no more stays', () => {
    const space = new Space();
    apply(space, all);
    apply(space, declared({}));
    expect([...space.state.environments.keys()]).toEqual(['uat', 'db']);
  });
});

describe('pools and images', () => {
  test('go when the file names them no more', () => {
    const space = new Space();
    apply(space, all);
    apply(space, declared({ environments: { uat, db: {} } }));
    expect([space.state.pools.size, space.state.images.size]).toEqual([0, 0]);
    expect(events(space).slice(-2)).toEqual(['pool.removed docker signalbox', 'image.removed ami-1 signalbox']);
  });

  test('of the API stay, whatever the file says', () => {
    const space = new Space();
    space.turn((turn) => setPool(turn, 'other', poolSpec, admin));
    space.turn((turn) => setImage(turn, 'ami-2', image, admin));
    apply(space, all);
    apply(space, declared({}));
    expect([...space.state.pools.keys(), ...space.state.images.keys()]).toEqual(['other', 'ami-2']);
  });

  test('that the file names as well are of the file from then on', () => {
    const space = new Space();
    space.turn((turn) => setPool(turn, 'docker', poolSpec, admin));
    space.turn((turn) => setImage(turn, 'ami-1', image, admin));
    apply(space, all);
    expect(space.state.pools.get('docker')?.source).toBe('file');
    expect(space.state.images.get('ami-1')?.source).toBe('file');
  });
});

describe('what is refused', () => {
  const tooMany = declared({ environments: { a: {}, b: {}, c: {} }, images: { 'ami-1': image } });

  test('says where, and leaves nothing behind', () => {
    const space = new Space({ maxEnvironments: 2 });
    const refused = apply(space, tooMany);
    expect(refused).toMatchObject({ ok: false, code: 'too_many_environments' });
    expect(!refused.ok && refused.message).toMatch(/^environments\.c: There are 2 environments already/);
    expect([space.changes, space.history, space.state.environments.size]).toEqual([[], [], 0]);
  });

  test.each([
    [{ maxPools: 0 }, 'too_many_pools'],
    [{ maxImages: 0 }, 'too_many_images'],
  ])('more than there may be: %j', (settings, code) => {
    const space = new Space(settings);
    expect(apply(space, all)).toMatchObject({ ok: false, code });
    expect([space.changes, space.state.environments.size, space.state.pools.size]).toEqual([[], 0, 0]);
  });
});
