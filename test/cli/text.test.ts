// The small words of the CLI: durations, foreign text, labels and moments, tables, the nearest name.

import { describe, expect, test } from 'vitest';
import { integerArgument, labelsArgument, momentArgument, secondsArgument } from '../../src/cli/text/arguments.ts';
import { awayText } from '../../src/cli/text/away.ts';
import { formatDuration, formatExact, formatLeft, parseDuration } from '../../src/cli/text/durations.ts';
import { goDuration } from '../../src/cli/text/go-duration.ts';
import { nearest } from '../../src/cli/text/nearest.ts';
import { foreign, lineStart } from '../../src/cli/text/sanitize.ts';
import { columnsOf, cut, table } from '../../src/cli/text/tables.ts';
import { formatTime } from '../../src/cli/text/times.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('durations', () => {
  test.each([
    ['90s', 90_000],
    ['10m', 10 * MINUTE],
    ['2h', 2 * HOUR],
    ['3d4h', 76 * HOUR],
    ['1h30m', 90 * MINUTE],
    ['1.5h', 90 * MINUTE],
    ['500ms', 500],
    [' 2M ', 2 * MINUTE],
    ['0s', 0],
  ])('%s is read', (written, milliseconds) => {
    expect(parseDuration(written)).toBe(milliseconds);
  });

  test.each([
    '',
    '90',
    's',
    '-5s',
    '1h-5m',
    '5 m',
    '30m1h',
    '1m1m',
    '1e3s',
    'ten',
    '999999999d',
    '٣s',
  ])('"%s" is no duration', (written) => {
    expect(parseDuration(written)).toBeNull();
  });

  test.each([
    [0, '0s'],
    [999, '0s'],
    [45_999, '45s'],
    [60_000, '1m00s'],
    [4 * MINUTE + 12_000, '4m12s'],
    [HOUR - 1, '59m59s'],
    [2 * HOUR + 5 * MINUTE, '2h05m'],
    [76 * HOUR, '3d4h'],
    [48 * HOUR, '2d'],
    [-5000, '0s'],
  ])('%d ms that have passed print as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  test.each(['2m', '1h30m', '90d', '500ms', '0s'])('%s that somebody chose prints as it was written', (written) => {
    expect(formatExact(parseDuration(written) ?? -1)).toBe(written);
  });

  test.each([
    [57_134_996n, '57.134996ms'],
    [10_089_027_168n, '10.089027168s'],
    [63_200_000_000n, '1m3.2s'],
    [3_600_000_000_000n, '1h0m0s'],
    [1_500n, '1.5µs'],
    [999n, '999ns'],
    [0n, '0s'],
    [1_000_000_000n, '1s'],
  ])('%d ns print in the style of Go as %s', (nanoseconds, text) => {
    expect(goDuration(nanoseconds)).toBe(text);
  });
});

describe('foreign text', () => {
  test.each([
    ['colours', 'a\u001b[31mred\u001b[0m', 'ared'],
    ['the title of the terminal', 'x\u001b]0;title\u0007y', 'xy'],
    ['a link with its address', 'x\u001b]8;;http://evil\u001b\\y\u001b]8;;\u001b\\', 'xy'],
    ['one-byte sequences', 'p\u009b31mq', 'pq'],
    ['an unfinished sequence', 'p\u001b[', 'p'],
    ['other controls', 'a\u0000b\u0008c\u007fd', 'abcd'],
    ['marks that reorder', 'safe\u202etxt.exe\u2069', 'safetxt.exe'],
    ['marks that take no room', 'u\u200ba\ufefft', 'uat'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
  ])('%s are taken out', (_what, text, shown) => {
    expect(foreign(text)).toBe(shown);
  });

  test('newlines of every kind become a sign, tabs a space', () => {
    expect(foreign('a\r\nb\nc\u2028d\te')).toBe('a ⏎ b ⏎ c ⏎ d e');
  });

  test('at the edges they are dropped, so that a line never begins or ends with one', () => {
    expect(foreign('\n  uat \n')).toBe('uat');
  });

  test.each([
    '##[error]boo',
    'x ##vso[task.complete]',
    '##teamcity[buildStatus]',
  ])('%s is no command of a CI any more', (text) => {
    expect(foreign(text)).not.toMatch(/##\w*\[/);
  });

  test('what is too long is cut by whole characters', () => {
    expect(foreign('🚂'.repeat(200), 10)).toBe(`${'🚂'.repeat(9)}…`);
    expect(foreign('x'.repeat(120))).toBe('x'.repeat(120));
    expect(foreign('x'.repeat(121))).toBe(`${'x'.repeat(119)}…`);
  });

  test.each([
    '::error::x',
    '  ::set-output::',
    '--- fold',
    'section_start:1:a',
  ])('"%s" cannot begin a line as it is', (text) => {
    expect(lineStart(text)).toBe(JSON.stringify(text));
  });

  test('an ordinary name begins a line as it is', () => {
    expect(lineStart('uat-2')).toBe('uat-2');
  });
});

describe('what stands after flags', () => {
  test('labels come with commas or several times', () => {
    expect(labelsArgument(['kind=uat,site=eu', 'a=b=c'])).toEqual({ kind: 'uat', site: 'eu', a: 'b=c' });
  });

  test.each(['kind', '=x', 'kind=', 'a=b,,c=d'])('"%s" is no label', (written) => {
    expect(() => labelsArgument([written])).toThrow(/is not a label/);
  });

  test('seconds are rounded up, and none is null', () => {
    expect(secondsArgument('1500ms', '--ttl')).toBe(2);
    expect(secondsArgument('none', '--ttl')).toBeNull();
    expect(secondsArgument(undefined, '--ttl')).toBeUndefined();
    expect(() => secondsArgument('soon', '--ttl')).toThrow('--ttl: "soon" is not a duration.');
  });

  test.each(['1.5', 'x', '', '11', '-1'])('"%s" is no whole number from 0 to 10', (written) => {
    expect(() => integerArgument(written, '--n', 0, 10)).toThrow(/--n/);
  });

  // A Saturday.
  const now = new Date(2026, 10, 21, 11, 0, 0).getTime();
  const local = (...parts: [number, number, number, number, number]) => new Date(...parts).toISOString();

  test.each([
    ['2h', 'ahead', new Date(now + 2 * HOUR).toISOString()],
    ['1h', 'ago', new Date(now - HOUR).toISOString()],
    ['18:00', 'ahead', local(2026, 10, 21, 18, 0)],
    ['08:00', 'ahead', local(2026, 10, 22, 8, 0)],
    ['02:10', 'ago', local(2026, 10, 21, 2, 10)],
    ['18:00', 'ago', local(2026, 10, 20, 18, 0)],
    ['Mon 08:00', 'ahead', local(2026, 10, 23, 8, 0)],
    ['saturday 09:00', 'ahead', local(2026, 10, 28, 9, 0)],
    ['2026-11-23', 'ahead', local(2026, 10, 23, 0, 0)],
    ['2026-11-23 08:00', 'ahead', local(2026, 10, 23, 8, 0)],
    ['2026-11-23T08:00:00Z', 'ahead', '2026-11-23T08:00:00.000Z'],
  ] as const)('%s %s is a moment', (written, direction, moment) => {
    expect(momentArgument(written, '--until', direction, now)).toBe(moment);
  });

  test.each(['tomorrow', '25:00', '12:60', '2026-13-01', 'Xyz 08:00', ''])('"%s" is no moment', (written) => {
    expect(() => momentArgument(written, '--until', 'ahead', now)).toThrow(/--until/);
  });
});

describe('tables', () => {
  const options = { terminal: true, width: 40 };

  test('stand under each other, wide characters too', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['uat', '1'],
          ['環境', '22'],
        ],
        options,
      ),
    ).toEqual(['NAME  N', 'uat   1', '環境  22']);
  });

  test('only the last column is cut, at the edge of the terminal', () => {
    const [, row] = table(['A', 'B'], [['x', 'y'.repeat(60)]], options);
    expect(row).toBe(`x  ${'y'.repeat(36)}…`);
  });

  test('in a pipe are tabs, no head, nothing cut', () => {
    expect(table(['A', 'B'], [['x', 'y'.repeat(60)]], { ...options, terminal: false })).toEqual([
      `x\t${'y'.repeat(60)}`,
    ]);
  });

  test('in a pipe no line begins as a command of a CI', () => {
    expect(table([], [['::error::x', '::y']], { ...options, terminal: false })).toEqual(['"::error::x"\t::y']);
  });

  test('columns are counted as a terminal does', () => {
    expect(columnsOf('e\u0301')).toBe(1);
    expect(columnsOf('🚂')).toBe(2);
    expect(cut('環境環境', 5)).toBe('環境…');
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');

  test('in a pipe are RFC 3339 in UTC, and nothing when there is none', () => {
    expect(formatTime('2026-11-21T11:00:00+02:00', false, now)).toBe('2026-11-21T09:00:00.000Z');
    expect(formatTime(null, false, now)).toBe('');
  });

  test('on a terminal are local: the day only when it is another, the year only when it is far', () => {
    const at = (text: string) => new Date(text);
    const today = at('2026-11-21T11:02:03Z');
    const clock = (date: Date) =>
      [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
    expect(formatTime(today.toISOString(), true, now)).toBe(clock(today));
    const earlier = at('2026-11-12T12:00:00Z');
    expect(formatTime(earlier.toISOString(), true, now)).toBe(`12 Nov ${clock(earlier)}`);
    const longAgo = at('2024-01-05T12:00:00Z');
    expect(formatTime(longAgo.toISOString(), true, now)).toBe(`2024-01-05 ${clock(longAgo)}`);
  });
});

describe('the nearest name', () => {
  const names = ['status', 'store', 'serve', 'release', 'env'];

  test.each([
    ['stauts', 'status'],
    ['SERVE', 'serve'],
    ['relase', 'release'],
    ['evn', 'env'],
  ])('of %s is %s', (written, name) => {
    expect(nearest(written, names)).toBe(name);
  });

  test.each(['frobnicate', 'xyz', ''])('of "%s" is none', (written) => {
    expect(nearest(written, names)).toBeNull();
  });
});

test.each([
  [21_599_990, '6h00m'],
  [21_540_000, '5h59m'],
  [3_599_700, '1h00m'],
  [59_600, '1m00s'],
  [604_799_000, '7d'],
  [400, '0s'],
])('%d ms that are left are %s', (milliseconds, text) => {
  expect(formatLeft(milliseconds)).toBe(text);
});

test.each([
  ['connection refused', 'server not reachable (connection refused), trying again'],
  ['too many wait there already', 'the server is full (too many wait there already), trying again'],
  ['the server is restarting', 'the server is restarting, trying again'],
  ['the server refuses it: odd\u001b[2J_code', 'the server refuses it: odd_code, trying again'],
])('%j: it is away, or there and says why not', (reason, text) => {
  expect(awayText(reason)).toBe(text);
});
