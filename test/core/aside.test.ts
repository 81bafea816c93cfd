// A turn that is set aside while nobody knows whether it was kept: nothing of it shows, until it is taken up again or taken back.

import { expect, test } from 'vitest';
import { acquire } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import type { State } from '../../src/core/state.ts';
import { Turn } from '../../src/core/turn.ts';
import { ann, ben, eve, named, Space, seconds } from './harness.ts';

const shown = ({ leases, environments, waiting, holders, seq, presence }: State) => ({
  leases: [...leases.values()]
    .map(({ id, state, fence }) => ({ id, state, fence }))
    .sort((a, b) => (a.id < b.id ? -1 : 1)),
  environments: [...environments.keys()],
  waiting: [...waiting],
  holders: [...holders].map(([name, ids]) => [name, ...ids]),
  present: [...presence].filter(([, { open }]) => open).map(([id]) => id),
  seq,
});

/** A turn that releases, so that the next is granted, and makes something new. */
function aTurn() {
  const space = new Space();
  const first = space.lease('uat');
  space.lease('uat', { actor: ben });
  const before = shown(space.state);
  const turn = new Turn(space.state, { tick: space.tick, at: space.at });
  release(turn, first.id, ann);
  const { id, ...ask } = { ...space.thief(), actor: eve, wants: named('uat'), queueMs: seconds(60) };
  acquire(turn, { ...ask, id: `${id}-new` });
  return { space, turn, before, after: shown(space.state) };
}

test('the state is as before, and as after once it is taken up', () => {
  const { space, turn, before, after } = aTurn();
  expect(after).not.toEqual(before);
  turn.setAside();
  turn.setAside();
  expect(shown(space.state)).toEqual(before);
  turn.takeUp();
  turn.takeUp();
  expect(shown(space.state)).toEqual(after);
  expect(turn.changes.length).toBeGreaterThan(2);
});

test('taken back, it leaves nothing', () => {
  const { space, turn, before } = aTurn();
  turn.setAside();
  turn.undo();
  expect(shown(space.state)).toEqual(before);
  expect(turn.changes).toEqual([]);
});
