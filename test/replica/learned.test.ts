// What a server knows once it has loaded everything anew, and when it says so.

import { expect, test } from 'vitest';
import { signIn } from '../../src/core/servers.ts';
import { defaultSettings, State } from '../../src/core/state.ts';
import { type Contents, StoreAway, type TurnOutcome } from '../../src/log/log.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { loadAnew } from '../../src/replica/learned.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Space } from '../core/harness.ts';
import { Random } from '../simulation/random.ts';
import { microtasksDone, Timeline, VirtualClock } from '../simulation/virtual-clock.ts';

test('a client on the line here whose seat is elsewhere is judged there alone', () => {
  const space = new Space();
  space.state.server = 's1';
  space.turn((turn) => signIn(turn, 's1'));
  space.lease('uat');
  const { id } = space.lease('uat');
  const { state } = space;
  const rows = [
    ...[...state.servers.values()].map((row) => ({ kind: 'server' as const, id: row.id, seq: row.seq, row })),
    ...[...state.environments.values()].map((row) => ({
      kind: 'environment' as const,
      id: row.name,
      seq: row.seq,
      row,
    })),
    ...[...state.leases.values()].map((row) => ({ kind: 'lease' as const, id: row.id, seq: row.seq, row })),
  ].sort((one, other) => one.seq - other.seq);
  const contents = { rows, seq: state.seq, epoch: 0, tick: 5_000, secret: '', isNew: false };
  const before = (server: string): State => Object.assign(new State(state.settings), { server });
  expect(loadAnew(before('s1'), contents, new Set([id])).presence.get(id)).toEqual({ open: true, sinceTick: 5_000 });
  expect(loadAnew(before('s2'), contents, new Set([id])).presence.get(id)).toBeUndefined();
});

test('nobody is told that all was loaded anew before it was', async () => {
  let isAway = false;
  let isBehind = false;
  class FarBehind extends MemoryLog {
    override load(): Promise<Contents> {
      if (isAway) return Promise.reject(new StoreAway('ECONNREFUSED'));
      isBehind = false;
      return super.load();
    }
    override turn(...args: Parameters<MemoryLog['turn']>): Promise<TurnOutcome> {
      return isBehind ? Promise.resolve({ outcome: 'reload', why: 'too far behind' }) : super.turn(...args);
    }
  }
  const timeline = new Timeline(new Random(1));
  const opening = Replica.open({
    ...{ log: new FarBehind(), clock: new VirtualClock(timeline), historyMs: 1e9, startFacts: {} },
    ...{ settings: defaultSettings, ids: { lease: () => 'unused', turn: () => 'turn' } },
  });
  await microtasksDone();
  await timeline.run(100);
  const replica = await opening;
  let reloads = 0;
  replica.onReload(() => reloads++);
  isAway = true;
  isBehind = true;
  const deciding = replica.decide(() => 'decided');
  await timeline.run(3_500);
  expect(reloads).toBe(0);
  isAway = false;
  await timeline.run(1_500);
  expect(reloads).toBe(1);
  expect(await deciding).toBe('decided');
});
