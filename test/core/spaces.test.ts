// Spaces as rows of main: their names, how many, by which store each is known again, and that one that is removed and made again
// goes on where it was.

import { describe, expect, test } from 'vitest';
import { putSpace, recogniseSpace, removeSpace, servedSpaces } from '../../src/core/space.ts';
import { isSpaceName } from '../../src/core/space-name.ts';
import { actor, admin, ann, done, refusal, Space } from './harness.ts';

const put = (main: Space, name: string, description: string | null = null, by = admin) =>
  main.turn((turn) => putSpace(turn, name, description, by));
const recognise = (main: Space, name: string, mark: string, epoch = 0) =>
  main.turn((turn) => recogniseSpace(turn, name, mark, epoch));
const remove = (main: Space, name: string, by = admin) => main.turn((turn) => removeSpace(turn, name, false, by));

describe('a name', () => {
  test.each(['a', 'team-a', '7', 'a-b-c', 'x'.repeat(40)])('may be %s', (name) => {
    expect(done(put(new Space(), name))).toMatchObject({ created: true, space: { id: name } });
  });

  test.each([
    '',
    'lock',
    'ballast',
    '-',
    'a-',
    '-a',
    'a--b',
    'Team',
    'a_b',
    'a.b',
    'a/b',
    '..',
    'a b',
    'é',
    'x'.repeat(41),
  ])('may not be %j: it is part of the names of files', (name) => {
    expect(isSpaceName(name)).toBe(false);
    expect(refusal(put(new Space(), name))).toBe('invalid_name');
  });

  test('main is always there, and is neither made nor removed', () => {
    const main = new Space();
    expect(put(main, 'main')).toMatchObject({ ok: false, code: 'invalid_name', message: 'main is always there.' });
    expect(refusal(remove(main, 'main'))).toBe('invalid_name');
    expect(main.state.spaces.size).toBe(0);
  });
});

describe('a description', () => {
  test('is changed by making the space again, and stays where none is given', () => {
    const main = new Space();
    expect(done(put(main, 'team-a', 'payments')).space.description).toBe('payments');
    expect(done(put(main, 'team-a', 'shop'))).toMatchObject({ created: false, space: { description: 'shop' } });
    expect(done(put(main, 'team-a'))).toMatchObject({ created: false, space: { description: 'shop' } });
    expect(done(put(main, 'team-a', '')).space.description).toBe('');
  });

  test('the same again changes nothing and tells nobody', () => {
    const main = new Space();
    put(main, 'team-a', 'payments');
    const before = main.history.length;
    put(main, 'team-a', 'payments');
    expect(main.changes).toEqual([]);
    expect(main.history).toHaveLength(before);
  });

  test('has 500 characters, and not one more', () => {
    const main = new Space();
    expect(refusal(put(main, 'team-a', 'x'.repeat(500)))).toBe('accepted');
    expect(refusal(put(main, 'team-a', 'x'.repeat(501)))).toBe('invalid_request');
    expect(refusal(put(main, 'team-b', 'x'.repeat(501)))).toBe('invalid_request');
    expect([...main.state.spaces.keys()]).toEqual(['team-a']);
  });
});

describe('there are so many and no more', () => {
  test('one more is refused, one that is there may still be changed', () => {
    const main = new Space({ maxSpaces: 2 });
    put(main, 'team-a');
    put(main, 'team-b');
    expect(refusal(put(main, 'team-c'))).toBe('too_many_spaces');
    expect(refusal(put(main, 'team-b', 'payments'))).toBe('accepted');
  });

  test('one that is removed makes room', () => {
    const main = new Space({ maxSpaces: 1 });
    put(main, 'team-a');
    remove(main, 'team-a');
    expect(refusal(put(main, 'team-b'))).toBe('accepted');
    expect(refusal(put(main, 'team-a'))).toBe('too_many_spaces');
  });
});

describe('a space is known again', () => {
  test('by the mark of the store that it was first found in, on every server and after a restart', () => {
    const main = new Space();
    put(main, 'team-a');
    expect(refusal(recognise(main, 'team-a', 'one'))).toBe('accepted');
    expect(refusal(recognise(main, 'team-a', 'one'))).toBe('accepted');
    expect(main.changes).toEqual([]);
    main.restart();
    expect(refusal(recognise(main, 'team-a', 'one'))).toBe('accepted');
  });

  test('and in no other store: that is a wrong setting, and is said', () => {
    const main = new Space();
    put(main, 'team-a');
    recognise(main, 'team-a', 'one');
    expect(recognise(main, 'team-a', 'two')).toMatchObject({
      ok: false,
      code: 'space_unknown',
      message: expect.stringContaining('--space-stores'),
    });
    expect(main.state.spaces.get('team-a')?.mark).toBe('one');
  });

  test('whatever is said of it meanwhile', () => {
    const main = new Space();
    put(main, 'team-a');
    recognise(main, 'team-a', 'one');
    put(main, 'team-a', 'payments');
    expect(refusal(recognise(main, 'team-a', 'two'))).toBe('space_unknown');
  });

  test('but not once it is gone', () => {
    const main = new Space();
    expect(refusal(recognise(main, 'team-a', 'one'))).toBe('space_unknown');
    put(main, 'team-a');
    remove(main, 'team-a');
    expect(refusal(recognise(main, 'team-a', 'one'))).toBe('space_unknown');
  });
});

describe('one that is removed', () => {
  test('is not there any more, and cannot be removed again', () => {
    const main = new Space();
    put(main, 'team-a');
    expect(refusal(remove(main, 'team-a'))).toBe('accepted');
    expect(servedSpaces(main.state)).toEqual([]);
    expect(refusal(remove(main, 'team-a'))).toBe('space_unknown');
  });

  test('is made again as if it were new, of when and by whom, and must be found in the same store', () => {
    const main = new Space();
    put(main, 'team-a', 'payments');
    recognise(main, 'team-a', 'one', 3);
    remove(main, 'team-a');
    main.pass(1000);
    const again = done(put(main, 'team-a', null, actor('carla', ['admin'])));
    expect(again).toMatchObject({
      created: true,
      space: { description: '', createdBy: 'carla', createdAt: main.at, mark: 'one', epoch: 3 },
    });
    expect(refusal(recognise(main, 'team-a', 'two', 9))).toBe('space_unknown');
    expect(refusal(recognise(main, 'team-a', 'one', 2))).toBe('space_unknown');
    expect(refusal(recognise(main, 'team-a', 'one', 3))).toBe('accepted');
  });

  test('and forgotten may be made again in any store', () => {
    const main = new Space();
    put(main, 'team-a');
    recognise(main, 'team-a', 'one', 3);
    const forget = () => main.turn((turn) => removeSpace(turn, 'team-a', true, admin));
    expect(refusal(forget())).toBe('accepted');
    expect(main.state.spaces.size).toBe(0);
    expect(refusal(forget())).toBe('space_unknown');
    put(main, 'team-a');
    remove(main, 'team-a');
    // Also later.
    expect(refusal(forget())).toBe('accepted');
    put(main, 'team-a');
    expect(refusal(recognise(main, 'team-a', 'two'))).toBe('accepted');
  });
});

test('the history of main tells what was made, changed and removed, and by whom', () => {
  const main = new Space();
  put(main, 'team-a', 'payments');
  put(main, 'team-a', 'shop', actor('carla', ['admin']));
  recognise(main, 'team-a', 'one');
  remove(main, 'team-a');
  expect(main.history.map(({ kind, subject, actor: by, data }) => [kind, subject, by, data])).toEqual([
    ['space.created', 'team-a', 'admin', { description: 'payments' }],
    ['space.changed', 'team-a', 'carla', { description: 'shop' }],
    ['space.removed', 'team-a', 'admin', {}],
  ]);
});

test('only admins of everything make, change and remove spaces', () => {
  const main = new Space();
  put(main, 'team-a');
  for (const by of [ann, actor('lead', ['admin:team-*']), actor('boss', ['force', 'acquire', 'read'])]) {
    expect(refusal(put(main, 'team-b', null, by))).toBe('forbidden');
    expect(refusal(put(main, 'team-a', 'mine', by))).toBe('forbidden');
    expect(refusal(remove(main, 'team-a', by))).toBe('forbidden');
  }
  expect(main.state.spaces.get('team-a')).toMatchObject({ description: '' });
});

test('a copy of a space that was left behind is refused, once another has been opened that is beyond it', () => {
  const main = new Space();
  put(main, 'team-a');
  done(recognise(main, 'team-a', 'm', 2));
  done(recognise(main, 'team-a', 'm', 3));
  expect(refusal(recognise(main, 'team-a', 'm', 2))).toBe('space_unknown');
  done(recognise(main, 'team-a', 'm', 3));
  // What is said of it changes nothing about that.
  done(put(main, 'team-a', 'shop'));
  expect(refusal(recognise(main, 'team-a', 'm', 2))).toBe('space_unknown');
});
