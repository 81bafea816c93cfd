import { expect, test } from 'vitest';
import { membersOf, type ProcessRow, parseStat } from '../../src/cli/run/processes.ts';

function row(pid: number, parent: number, group: number, session: number, state = 'S'): ProcessRow {
  return { pid, parent, group, session, state, terminalGroup: -1, start: '1' };
}

const rows = [
  row(1, 0, 1, 1),
  row(50, 1, 50, 50), // our wrapper
  row(100, 50, 100, 100), // the child
  row(101, 100, 100, 100),
  row(102, 100, 102, 100), // GNU timeout: a group of its own in the same session
  row(103, 102, 102, 100),
  row(104, 100, 104, 104), // its own session, but still a descendant
  row(105, 1, 100, 100), // an orphan in the group
  row(106, 1, 106, 100), // an orphan in the session
  row(107, 1, 107, 107), // left everything: cannot be found
  row(108, 100, 100, 100, 'Z'),
];

test('a run is its group, its session and its descendants, without zombies', () => {
  const pids = membersOf({ group: 100, ownSession: true }, rows).map(({ pid }) => pid);
  expect(pids).toEqual([100, 101, 102, 103, 104, 105, 106]);
});

test('on a terminal the session is the user’s and is left alone', () => {
  const shared = rows.map((each) => ({ ...each, session: 1 }));
  const pids = membersOf({ group: 100, ownSession: false }, shared).map(({ pid }) => pid);
  expect(pids).toEqual([100, 101, 102, 103, 104, 105]);
});

test('a process name may contain anything', () => {
  const text = '4711 (a) b\n) S 1 4711 4711 34816 4712 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0';
  expect(parseStat(text)).toMatchObject({
    pid: 4711,
    state: 'S',
    parent: 1,
    group: 4711,
    terminalGroup: 4712,
    start: '987654',
  });
});
