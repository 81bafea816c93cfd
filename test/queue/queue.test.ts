// Each rule of the queue by an example. That they hold in every other case as well is for comparison.test.ts.

import { describe, expect, test } from 'vitest';
import { Queue } from '../../src/core/queue/queue.ts';
import { any, member, Scene } from './scene.ts';

const thief = Number.POSITIVE_INFINITY;

describe('one environment', () => {
  test('a free one is granted at once', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    expect(scene.held).toEqual({ r1: ['uat'] });
  });

  test('a held one goes to the requests in the order of their arrival', () => {
    const scene = new Scene({ uat: {} });
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, ['uat']);
    scene.release('r1');
    expect(scene.held).toEqual({ r2: ['uat'] });
    scene.release('r2');
    expect(scene.held).toEqual({ r3: ['uat'] });
  });

  test('as many hold it as it has slots', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, ['uat']);
    expect(scene.held).toEqual({ r1: ['uat'], r2: ['uat'] });
  });

  test('who leaves the queue is not granted, and those behind move up', () => {
    const scene = new Scene({ uat: {} });
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, ['uat']);
    scene.leave('r2');
    expect(scene.queue.position('r3')).toBe(1);
    scene.release('r1');
    expect(scene.held).toEqual({ r3: ['uat'] });
  });

  test('to leave twice, or without ever having come, changes nothing', () => {
    const scene = new Scene({ uat: {} });
    for (const id of ['r1', 'r2']) scene.ask(id, ['uat']);
    for (const id of ['r2', 'r2', 'r9']) scene.leave(id);
    scene.release('r1');
    expect(scene.held).toEqual({});
  });

  test('one that nobody has set up yet is waited for', () => {
    const scene = new Scene({});
    scene.ask('r1', ['uat']);
    expect(scene.waiting).toEqual({ r1: [''] });
    scene.change('uat', {});
    expect(scene.held).toEqual({ r1: ['uat'] });
  });
});

describe('priorities', () => {
  test('a higher one stands before a lower one that came earlier', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    scene.ask('low', ['uat']);
    scene.ask('high', ['uat'], { level: 5 });
    expect([scene.queue.position('high'), scene.queue.position('low')]).toEqual([1, 2]);
    scene.release('r1');
    expect(scene.held).toEqual({ high: ['uat'] });
  });

  test('a higher one takes over a slot that is set aside', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('away', ['uat'], { absent: true });
    scene.ask('high', ['uat'], { level: 5 });
    expect(scene.held).toEqual({ high: ['uat'] });
    expect(scene.waiting).toEqual({ away: [''] });
  });

  test('a higher one never takes a held slot', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    scene.ask('high', ['uat'], { level: 5 });
    expect(scene.held).toEqual({ r1: ['uat'] });
  });

  test('of two slots that are set aside a higher one takes over the later', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    scene.ask('first', ['uat'], { absent: true });
    scene.ask('second', ['uat'], { absent: true });
    scene.ask('high', ['uat'], { level: 5 });
    expect(scene.waiting).toEqual({ first: ['uat'], second: [''] });
  });

  test('a thief stands before every priority, and thieves among themselves by arrival', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    scene.ask('high', ['uat'], { level: 1_000_000 });
    scene.ask('thief 1', ['uat'], { level: thief });
    scene.ask('thief 2', ['uat'], { level: thief });
    const order = ['thief 1', 'thief 2', 'high'];
    expect(order.map((id) => scene.queue.position(id))).toEqual([1, 2, 3]);
  });
});

describe('several environments', () => {
  test('are granted all at once or not at all', () => {
    const scene = new Scene({ uat: {}, db: {} });
    scene.ask('r1', ['db']);
    scene.ask('both', ['uat', 'db']);
    expect(scene.held).toEqual({ r1: ['db'] });
    expect(scene.waiting).toEqual({ both: ['uat', ''] });
    scene.release('r1');
    expect(scene.held).toEqual({ both: ['uat', 'db'] });
  });

  test('a request for uat and db is not starved by a stream of requests for uat', () => {
    const scene = new Scene({ uat: {}, db: {} });
    scene.ask('u0', ['uat']);
    scene.ask('d0', ['db']);
    scene.ask('both', ['uat', 'db']);
    scene.ask('u1', ['uat']);
    scene.release('u0');
    scene.ask('u2', ['uat']);
    expect(scene.held).toEqual({ d0: ['db'] });
    scene.release('d0');
    expect(scene.held).toEqual({ both: ['uat', 'db'] });
  });

  test('two requests that want the same two in another order do not block each other', () => {
    const scene = new Scene({ uat: {}, db: {} });
    scene.ask('r1', ['uat', 'db']);
    scene.ask('r2', ['uat', 'db']);
    scene.ask('r3', ['db', 'uat']);
    scene.release('r1');
    expect(scene.held).toEqual({ r2: ['uat', 'db'] });
    scene.release('r2');
    expect(scene.held).toEqual({ r3: ['db', 'uat'] });
  });

  test('a later request passes where it cannot delay the earlier one', () => {
    const scene = new Scene({ uat: { capacity: 2 }, db: {}, qa: {} });
    scene.ask('d0', ['db']);
    scene.ask('both', ['uat', 'db']);
    scene.ask('other slot', ['uat']);
    scene.ask('other environment', ['qa']);
    scene.ask('too many', ['uat']);
    expect(scene.held).toEqual({ d0: ['db'], 'other slot': ['uat'], 'other environment': ['qa'] });
  });

  test('what was set aside for a request that leaves goes to whoever is next for it', () => {
    const scene = new Scene({ uat: {}, db: {}, qa: {} });
    scene.ask('q0', ['qa']);
    scene.ask('three', ['uat', 'db', 'qa']);
    scene.ask('u1', ['uat']);
    scene.ask('d1', ['db']);
    scene.leave('three');
    expect(scene.held).toEqual({ q0: ['qa'], u1: ['uat'], d1: ['db'] });
  });

  test('the place in line is the largest among those that are missing', () => {
    const scene = new Scene({ uat: {}, db: {} });
    scene.ask('r1', ['uat', 'db']);
    scene.ask('d1', ['db']);
    scene.ask('d2', ['db']);
    scene.ask('both', ['uat', 'db']);
    expect(scene.queue.position('both')).toBe(3);
    expect(scene.queue.position('nobody')).toBeNull();
  });
});

describe('absent clients', () => {
  test('keep their place, and what is set aside for them', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    scene.ask('away', ['uat'], { absent: true });
    scene.ask('r3', ['uat']);
    scene.release('r1');
    expect(scene.held).toEqual({});
    expect(scene.waiting).toEqual({ away: ['uat'], r3: [''] });
    scene.returns('away');
    expect(scene.held).toEqual({ away: ['uat'] });
  });

  test('that never come back let the next one in when their request ends', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('away', ['uat'], { absent: true });
    scene.ask('r2', ['uat']);
    scene.leave('away');
    expect(scene.held).toEqual({ r2: ['uat'] });
  });

  test('do not keep others from slots that they do not need', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    scene.ask('away', ['uat'], { absent: true });
    scene.ask('r2', ['uat']);
    expect(scene.held).toEqual({ r2: ['uat'] });
  });
});

describe('pools', () => {
  const pool = { a: member('db'), b: member('db') };

  test('any free member is granted', () => {
    const scene = new Scene(pool);
    scene.ask('r1', ['a']);
    scene.ask('r2', [any('db')]);
    expect(scene.held).toEqual({ r1: ['a'], r2: ['b'] });
  });

  test('equal selectors are served in order', () => {
    const scene = new Scene(pool);
    scene.ask('both', [any('db', 2)]);
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, [any('db')]);
    scene.release('both');
    expect(Object.keys(scene.held)).toEqual(['r1', 'r2']);
  });

  test('the order of the labels makes no other selector', () => {
    const scene = new Scene({ a: { labels: { kind: 'db', site: 'eu' } } });
    scene.ask('r0', ['a']);
    scene.ask('r1', [{ labels: { kind: 'db', site: 'eu' }, count: 1 }]);
    scene.ask('r2', [{ labels: { site: 'eu', kind: 'db' }, count: 1 }]);
    expect(scene.queue.position('r2')).toBe(2);
  });

  test('a selector matches what carries all of its labels, and the empty one matches everything', () => {
    const scene = new Scene({ a: { labels: { kind: 'db', site: 'eu' } }, b: { labels: { kind: 'db' } }, c: {} });
    const names = (labels: Record<string, string>) => scene.queue.matching(labels, null).map(({ name }) => name);
    expect(names({ kind: 'db' })).toEqual(['a', 'b']);
    expect(names({ kind: 'db', site: 'eu' })).toEqual(['a']);
    expect(names({ kind: 'db', site: 'us' })).toEqual([]);
    expect(names({})).toEqual(['a', 'b', 'c']);
  });

  test('no choice of keys and values makes two selectors look alike', () => {
    const scene = new Scene({ a: { labels: { k: '1,l=2' } }, b: { labels: { k: '1', l: '2' } } });
    scene.ask('r1', [{ labels: { k: '1', l: '2' }, count: 1 }]);
    scene.ask('r2', [{ labels: { k: '1,l=2' }, count: 1 }]);
    expect(scene.held).toEqual({ r1: ['b'], r2: ['a'] });
  });

  test('globs limit which members are granted', () => {
    const scene = new Scene({ 'team-a/1': member('db'), 'team-b/1': member('db') });
    scene.ask('r1', [any('db')], { globs: ['team-b/*'] });
    scene.ask('r2', [any('db')], { globs: ['team-b/*', 'team-c/*'] });
    expect(scene.held).toEqual({ r1: ['team-b/1'] });
  });

  test('every environment of one request is different, whatever their capacities', () => {
    const scene = new Scene({ a: member('db', 2) });
    scene.ask('two', [any('db', 2)]);
    expect(scene.waiting).toEqual({ two: ['a', ''] });
    scene.change('b', member('db', 2));
    expect(scene.held).toEqual({ two: ['a', 'b'] });
  });

  test.each([
    { wants: ['a', any('db')], granted: ['a', 'b'] },
    { wants: [any('db'), 'a'], granted: ['b', 'a'] },
  ])('a member by name and any of its pool do not block each other: $granted', ({ wants, granted }) => {
    const scene = new Scene(pool);
    scene.ask('r1', wants);
    expect(scene.held).toEqual({ r1: granted });
  });
});

describe('exchanges', () => {
  const pool = { a: member('db'), b: member('db') };

  test('a slot that is set aside moves to another member for whoever needs this one', () => {
    const scene = new Scene(pool);
    scene.ask('away', [any('db')], { absent: true });
    const [at = ''] = scene.waiting.away ?? [];
    scene.ask('named', [at]);
    expect(scene.held).toEqual({ named: [at] });
    expect(scene.waiting.away).not.toEqual(['']);
  });

  test('also when the other member comes free only later', () => {
    const scene = new Scene(pool);
    scene.ask('r0', ['b']);
    scene.ask('away', [any('db')], { absent: true });
    scene.ask('named', ['a']);
    expect(scene.waiting).toEqual({ away: ['a'], named: [''] });
    scene.release('r0');
    expect(scene.held).toEqual({ named: ['a'] });
    expect(scene.waiting).toEqual({ away: ['b'] });
  });

  test('a held slot is never exchanged', () => {
    const scene = new Scene(pool);
    scene.ask('r0', ['b']);
    scene.ask('r1', [any('db')]);
    scene.ask('named', ['a']);
    scene.release('r0');
    expect(scene.held).toEqual({ r1: ['a'] });
    expect(scene.waiting).toEqual({ named: [''] });
  });

  test('a release of two slots in one command does not bind the wrong member', () => {
    const scene = new Scene(pool);
    scene.ask('both', ['a', 'b']);
    scene.ask('any 1', [any('db')]);
    scene.ask('named', ['a']);
    scene.ask('any 2', [any('db')]);
    // Granted midway, `any 1` would hold a, and b would go to `any 2`: past `named`, who came before it.
    scene.release('both');
    expect(scene.held).toEqual({ 'any 1': ['b'], named: ['a'] });
  });

  test('a chain of several moves is found', () => {
    const scene = new Scene({
      a: { labels: { k: '1' } },
      b: { labels: { k: '1', l: '1' } },
      c: { labels: { l: '1' } },
    });
    scene.ask('r0', ['c']);
    scene.ask('k', [{ labels: { k: '1' }, count: 1 }], { absent: true });
    scene.ask('l', [{ labels: { l: '1' }, count: 1 }], { absent: true });
    expect(scene.waiting).toEqual({ k: ['a'], l: ['b'] });
    scene.ask('named', ['a']);
    scene.release('r0');
    expect(scene.held).toEqual({ named: ['a'] });
    expect(scene.waiting).toEqual({ k: ['b'], l: ['c'] });
  });

  test('a unit makes way for its sibling where both may not be', () => {
    const carries = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, '1']));
    const scene = new Scene({
      p: { labels: carries('x', 'y') },
      f: { capacity: 2, labels: carries('x', 'v', 's') },
      g: { labels: carries('y', 'v') },
      h: { labels: carries('s') },
    });
    const one = (key: string) => ({ labels: carries(key), count: 1 });
    scene.ask('r0', ['p']);
    scene.ask('x', [one('x')], { absent: true });
    scene.ask('y', [one('y')], { absent: true });
    scene.ask('two', [one('v'), one('s')], { absent: true });
    scene.ask('named', ['h']);
    expect(scene.waiting).toEqual({ x: ['f'], y: ['g'], two: ['f', 'h'], named: [''] });
    // y goes to p, so that v can go to g, and s, which had to be elsewhere than v, can come to f.
    scene.release('r0');
    expect(scene.held).toEqual({ named: ['h'] });
    expect(scene.waiting).toEqual({ x: ['f'], y: ['p'], two: ['g', 'f'] });
  });
});

describe('changes of environments', () => {
  test('a closed one is granted to nobody; its line keeps its order', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat']);
    scene.ask('r2', ['uat']);
    scene.change('uat', { closed: true });
    scene.release('r1');
    scene.ask('r3', ['uat']);
    expect(scene.held).toEqual({});
    scene.change('uat', { closed: false });
    expect(scene.held).toEqual({ r2: ['uat'] });
  });

  test('closing takes back what was set aside, and a request by label gets another member', () => {
    const scene = new Scene({ a: member('db'), b: { ...member('db'), closed: true } });
    scene.ask('away', [any('db')], { absent: true });
    scene.change('a', { closed: true });
    expect(scene.waiting).toEqual({ away: [''] });
    scene.change('b', { closed: false });
    expect(scene.waiting).toEqual({ away: ['b'] });
  });

  test('less capacity touches no holder; the latest loses what was set aside for it', () => {
    const scene = new Scene({ uat: { capacity: 3 } });
    scene.ask('r1', ['uat']);
    scene.ask('away 1', ['uat'], { absent: true });
    scene.ask('away 2', ['uat'], { absent: true });
    scene.change('uat', { capacity: 2 });
    expect(scene.waiting).toEqual({ 'away 1': ['uat'], 'away 2': [''] });
    scene.change('uat', { capacity: 0 });
    expect(scene.held).toEqual({ r1: ['uat'] });
    expect(scene.waiting).toEqual({ 'away 1': [''], 'away 2': [''] });
  });

  test('capacity below the number of holders frees nothing until enough of them are gone', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, ['uat']);
    scene.change('uat', { capacity: 1 });
    scene.release('r1');
    expect(scene.held).toEqual({ r2: ['uat'] });
    scene.release('r2');
    expect(scene.held).toEqual({ r3: ['uat'] });
  });

  test('more capacity lets as many in', () => {
    const scene = new Scene({ uat: {} });
    for (const id of ['r1', 'r2', 'r3', 'r4']) scene.ask(id, ['uat']);
    scene.change('uat', { capacity: 3 });
    expect(Object.keys(scene.held)).toEqual(['r1', 'r2', 'r3']);
  });

  test('a dirty slot counts as used until it is cleaned', () => {
    const scene = new Scene({ uat: { dirty: 1 } });
    scene.ask('r1', ['uat']);
    expect(scene.held).toEqual({});
    scene.change('uat', { dirty: 0 });
    expect(scene.held).toEqual({ r1: ['uat'] });
  });

  test('a new member of a pool serves those who wait for it', () => {
    const scene = new Scene({ a: member('db') });
    scene.ask('r1', [any('db')]);
    scene.ask('r2', [any('db')]);
    scene.change('b', member('db'));
    expect(scene.held).toEqual({ r1: ['a'], r2: ['b'] });
  });

  test('changed labels: what is held stays, what was set aside is matched anew', () => {
    const scene = new Scene({ a: member('db'), b: member('db'), c: member('web') });
    scene.ask('r1', [any('db')]);
    scene.ask('away', [any('db')], { absent: true });
    scene.ask('w1', [any('web')]);
    scene.ask('w2', [any('web')]);
    scene.change('a', { labels: { kind: 'web' } });
    scene.change('b', { labels: { kind: 'web' } });
    expect(scene.held).toEqual({ r1: ['a'], w1: ['c'], w2: ['b'] });
    expect(scene.waiting).toEqual({ away: [''] });
    scene.release('w1');
    scene.change('c', { labels: { kind: 'db' } });
    expect(scene.waiting).toEqual({ away: ['c'] });
  });

  test('a removed member serves nobody, and another takes its part', () => {
    const scene = new Scene({ a: member('db'), b: { ...member('db'), closed: true } });
    scene.ask('away', [any('db')], { absent: true });
    scene.change('b', { closed: false });
    scene.remove('a');
    expect(scene.waiting).toEqual({ away: ['b'] });
    scene.remove('b');
    expect(scene.waiting).toEqual({ away: [''] });
    scene.change('a', member('db'));
    expect(scene.waiting).toEqual({ away: ['a'] });
  });
});

describe('what was decided elsewhere', () => {
  test('a restart: holders first, then waiters, and nothing is granted twice', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    scene.queue.occupy(['uat']);
    scene.ask('r1', ['uat']);
    scene.ask('r2', ['uat']);
    expect(scene.held).toEqual({ r1: ['uat'] });
  });

  test('a slot that somebody turns out to hold is taken from the latest for whom one was set aside', () => {
    const scene = new Scene({ uat: { capacity: 2 } });
    scene.ask('away 1', ['uat'], { absent: true });
    scene.ask('away 2', ['uat'], { absent: true });
    scene.queue.occupy(['uat']);
    expect(scene.waiting).toEqual({ 'away 1': ['uat'], 'away 2': [''] });
  });

  test('a grant with another member than was set aside here is followed', () => {
    const scene = new Scene({ a: member('db'), b: member('db') });
    scene.ask('r1', [any('db')], { absent: true });
    const [at] = scene.waiting.r1 ?? [];
    const other = at === 'a' ? 'b' : 'a';
    scene.queue.grant('r1', [other]);
    scene.ask('r2', [any('db', 2)]);
    expect(scene.waiting).toEqual({ r2: [at, ''] });
  });

  test('a grant that is taken back waits again where it stood', () => {
    const scene = new Scene({ uat: {} });
    scene.ask('r1', ['uat'], { order: 1 });
    scene.ask('r2', ['uat'], { order: 2 });
    scene.queue.vacate(['uat']);
    scene.ask('r1', ['uat'], { order: 1, absent: true });
    expect(scene.waiting).toEqual({ r1: ['uat'], r2: [''] });
  });
});

describe('what the caller is told', () => {
  const ask = (id: string, order: number) => ({ id, level: 0, order, wants: [{ environment: 'uat' }], globs: null });
  const open = { capacity: 1, dirty: 0, closed: false, labels: {} };

  test('each full request once', () => {
    const queue = new Queue();
    queue.setPlace('uat', open);
    queue.arrive(ask('r1', 1));
    expect(queue.takeReady().map(({ id }) => id)).toEqual(['r1']);
    expect(queue.takeReady()).toEqual([]);
    expect(queue.isFull('r1')).toBe(true);
  });

  test('none that has left, or lost its slot again, in the meantime', () => {
    const queue = new Queue();
    queue.setPlace('uat', open);
    queue.arrive(ask('r1', 1));
    queue.leave('r1');
    queue.arrive(ask('r2', 2));
    queue.setPlace('uat', { ...open, closed: true });
    expect(queue.takeReady()).toEqual([]);
    expect(queue.isFull('r2')).toBe(false);
  });

  test('one that became full anew once more', () => {
    const queue = new Queue();
    queue.setPlace('uat', open);
    queue.arrive(ask('r1', 1));
    queue.takeReady();
    queue.setPlace('uat', { ...open, closed: true });
    queue.setPlace('uat', open);
    expect(queue.takeReady().map(({ id }) => id)).toEqual(['r1']);
  });

  test('places near either end of a long line exactly, those in the middle about', () => {
    const queue = new Queue();
    queue.setPlace('uat', { ...open, capacity: 0 });
    for (let i = 1; i <= 3_000; i++) queue.arrive(ask(`r${i}`, i));
    const places = [1, 200, 1_000, 2_900, 3_000].map((i) => queue.position(`r${i}`));
    expect(places).toEqual([1, 200, 1_500, 2_900, 3_000]);
  });
});

describe('a search that is cut short', () => {
  const away = { absent: true };
  const pool = { a: member('db'), b: member('db') };

  test('lets a request wait although an exchange would serve it', () => {
    const scene = new Scene(pool, 0);
    scene.ask('first', [any('db')], away);
    const [at = ''] = scene.waiting.first ?? [];
    scene.ask('named', [at]);
    expect(scene.waiting).toEqual({ first: [at], named: [''] });
  });

  test('never keeps a request from exchanges among its own units', () => {
    const scene = new Scene(pool, 0);
    scene.ask('r1', [any('db'), 'a']);
    expect(scene.held).toEqual({ r1: ['b', 'a'] });
  });

  test('never lets a later request have a slot that an earlier one could take as it is', () => {
    const scene = new Scene({ a: member('db', 3), b: {} }, 0);
    for (const id of ['r1', 'r2', 'r3']) scene.ask(id, [any('db'), 'b'], away);
    scene.ask('high', ['a'], { level: 5 });
    expect(scene.held).toEqual({ high: ['a'] });
    expect(scene.waiting).toEqual({ r1: ['a', 'b'], r2: ['a', ''], r3: ['', ''] });
  });

  test('serves the first that still misses something as soon as those before it are gone', () => {
    const scene = new Scene({ a: member('db'), b: { ...member('db'), capacity: 0 } }, 0);
    scene.ask('first', ['b'], away);
    scene.ask('second', [any('db'), 'a'], away);
    expect(scene.waiting).toEqual({ first: [''], second: ['a', ''] });
    scene.change('b', { capacity: 2 });
    expect(scene.waiting).toEqual({ first: ['b'], second: ['b', 'a'] });
  });
});
