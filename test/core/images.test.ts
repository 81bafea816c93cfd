// Images: which one a build takes that names none, who has said what of them, and how many there may be.

import { expect, test } from 'vitest';
import {
  forgetImage,
  learnImages,
  newestActive,
  putImage,
  removeImage,
  setImage,
} from '../../src/core/machines/image.ts';
import type { ImageRow } from '../../src/core/rows.ts';
import { ann, done, refusal, Space } from './harness.ts';
import { builder } from './machine-space.ts';

type Listed = Omit<ImageRow, 'seq' | 'source'>;

const listed = (id: string, change: Partial<Listed> = {}): Listed => ({
  ...{ id, role: 'worker', name: null, isActive: true, state: 'available', createdAt: 1 },
  ...change,
});
const change = { role: 'worker', name: null, isActive: true };

function learn(space: Space, ...images: Listed[]): void {
  space.turn((turn) => learnImages(turn, images));
}
const set = (space: Space, id: string, more: object = {}, by = builder) =>
  space.turn((turn) => setImage(turn, id, { ...change, ...more }, by));
const newest = (space: Space, role = 'worker') => newestActive(space.state, role)?.id;

test('a build that names none takes the newest active one of its role', () => {
  const space = new Space();
  expect(newest(space)).toBeUndefined();
  learn(
    ...[space, listed('ami-1', { createdAt: 5 }), listed('ami-2', { createdAt: 9 })],
    ...[listed('ami-3', { createdAt: 20, isActive: false }), listed('ami-4', { createdAt: 30, role: 'db' })],
  );
  expect([newest(space), newest(space, 'db'), newest(space, 'web')]).toEqual(['ami-2', 'ami-4', undefined]);
});

test('what the driver lists is learned, changed and forgotten with it, and told of only where something has changed', () => {
  const space = new Space();
  learn(space, listed('ami-1'), listed('ami-2'));
  const { seq } = space.state;
  learn(space, listed('ami-1'), listed('ami-2'));
  expect(space.state.seq).toBe(seq);
  learn(space, listed('ami-1', { state: 'deregistered', isActive: false }));
  expect([...space.state.images.values()]).toMatchObject([{ id: 'ami-1', state: 'deregistered', source: 'driver' }]);
  expect(space.history.map(({ kind, subject }) => `${kind} ${subject}`).slice(2)).toEqual([
    'image.removed ami-2',
    'image.changed ami-1',
  ]);
});

test('what somebody has said of an image counts more than the driver, until they take it back', () => {
  for (const source of ['api', 'file'] as const) {
    const space = new Space();
    learn(space, listed('ami-1', { createdAt: 7 }));
    if (source === 'api') done(set(space, 'ami-1', { isActive: false }));
    else space.turn((turn) => putImage(turn, 'ami-1', { ...change, isActive: false }, 'file', 'file'));
    learn(space, listed('ami-1', { createdAt: 7 }));
    expect(space.state.images.get('ami-1')).toMatchObject({ source, isActive: false, createdAt: 7 });
    // Nor does it go when the driver lists it no longer.
    learn(space);
    expect(space.state.images.has('ami-1')).toBe(true);
    if (source === 'api') done(space.turn((turn) => forgetImage(turn, 'ami-1', builder)));
    else space.turn((turn) => removeImage(turn, 'ami-1', 'file'));
    learn(space, listed('ami-1'));
    expect(space.state.images.get('ami-1')).toMatchObject({ source: 'driver', isActive: true });
  }
});

test('one that is as it should be is left alone', () => {
  const space = new Space();
  done(set(space, 'ami-1'));
  const { seq } = space.state;
  done(set(space, 'ami-1'));
  expect(space.state.seq).toBe(seq);
});

test('needs the scope, an id that can be one, and has a bound that what is listed does not pass either', () => {
  const space = new Space({ maxImages: 2 });
  expect(refusal(set(space, 'ami-1', {}, ann))).toBe('forbidden');
  for (const id of ['', 'a b', 'x'.repeat(201), 'é']) expect(refusal(set(space, id))).toBe('invalid_request');
  expect(refusal(space.turn((turn) => forgetImage(turn, 'ami-1', builder)))).toBe('image_unknown');
  expect(refusal(space.turn((turn) => forgetImage(turn, 'ami-1', ann)))).toBe('forbidden');
  done(set(space, 'ami-1'));
  learn(space, listed('ami-2'), listed('ami-3'));
  expect([...space.state.images.keys()]).toEqual(['ami-1', 'ami-2']);
  expect(refusal(set(space, 'ami-4'))).toBe('too_many_images');
  expect(done(set(space, 'ami-2', { role: 'db' })).source).toBe('api');
});
