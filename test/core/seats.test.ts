// Who judges whether a client is there, where several servers share a store.

import { expect, test } from 'vitest';
import { contact, leaveLine } from '../../src/core/lease/hold.ts';
import type { LeaseRow } from '../../src/core/rows.ts';
import { leaveSeats, signIn, signOff } from '../../src/core/servers.ts';
import { Turn } from '../../src/core/turn.ts';
import { ben, Space } from './harness.ts';

test('a turn that was taken back leaves the client to the server that had it', () => {
  const space = new Space();
  space.state.server = 's1';
  space.turn((turn) => signIn(turn, 's1'));
  space.lease('uat');
  const { id } = space.lease('uat', { actor: ben });
  // As the other server knows it.
  const { state } = space;
  state.server = 's2';
  state.presence.delete(id);
  const turn = new Turn(state, { tick: space.tick, at: space.at });
  expect(contact(turn, state.leases.get(id) as LeaseRow)).toMatchObject({ seat: 's2' });
  const changes = [...turn.changes];
  turn.undo();
  leaveSeats(state, changes);
  leaveLine(state, id, space.tick);
  expect(state.leases.get(id)?.seat).toBe('s1');
  expect(state.presence.has(id)).toBe(false);
});

test('a turn that was taken back leaves the clients of a server that it took for gone to that server', () => {
  const space = new Space();
  space.state.server = 's1';
  space.turn((turn) => signIn(turn, 's1'));
  const { id } = space.lease('uat', { ttlMs: null });
  const waits = space.lease('uat', { actor: ben }).id;
  const { state } = space;
  state.server = 's2';
  state.presence.clear();
  const turn = new Turn(state, { tick: space.tick, at: space.at });
  signOff(turn, 's1');
  expect([state.presence.has(waits), state.unsent.has(id)]).toEqual([true, true]);
  const changes = [...turn.changes];
  turn.undo();
  leaveSeats(state, changes);
  expect([state.presence.has(waits), state.unsent.has(id)]).toEqual([false, false]);
});
