// What a run says, by feeding the mouths with events and a clock. Compared by line; what may change is left out by pattern.

import { describe, expect, test } from 'vitest';
import type { Ending, RunEvent } from '../../src/cli/speech/events.ts';
import { type LogStyle, logStyle } from '../../src/cli/speech/folds.ts';
import { chooseProgress, type Mouth, type MouthOptions } from '../../src/cli/speech/mouth.ts';
import { nextSilenceAt, PlainMouth } from '../../src/cli/speech/plain.ts';
import { QuietMouth } from '../../src/cli/speech/quiet.ts';
import { marker, summaryMarkdown } from '../../src/cli/speech/summary.ts';
import { cut, TtyMouth } from '../../src/cli/speech/tty.ts';
import type { Blocker, Lease } from '../../src/client/types.ts';

const shop = { name: 'shop deploy #1841 (anna)', url: 'https://ci.example/shop/1841', ref: null };
const api = { name: 'api tests #77 (ben)', url: 'https://ci.example/api/77', ref: null };
const wallMs = Date.parse('2026-11-20T14:02:11Z');

function heldBy(holder: Blocker['holder'], more: Partial<Blocker> = {}): Blocker {
  return { environment: 'uat', why: 'held', holder, since: '2026-11-20T13:57:59Z', ...more };
}

function lease(more: Partial<Lease> = {}): Lease {
  return {
    id: 'ls_7Kq2mZ',
    state: 'waiting',
    wants: [{ environment: 'uat' }],
    granted: [],
    holder: { name: 'me', url: null, ref: null },
    reason: null,
    priority: 0,
    ttlSeconds: 120,
    queueSeconds: null,
    maxHoldSeconds: null,
    fence: null,
    seq: 1,
    position: 2,
    blockedBy: [heldBy(shop)],
    etaSeconds: 540,
    queuedAt: '2026-11-20T14:02:11Z',
    grantedAt: null,
    expiresAt: null,
    expiresInSeconds: null,
    endedAt: null,
    end: null,
    revoking: null,
    page: 'https://signalbox.example/environments/uat',
    ...more,
  };
}

const held = lease({ state: 'held', granted: [{ environment: 'uat' }], fence: 4182, position: null, blockedBy: [] });

function ending(more: Partial<Ending> = {}): Ending {
  return {
    outcome: 'ran',
    exitCode: 0,
    release: 'released',
    heldMs: 185_000,
    signal: null,
    next: null,
    endsInMs: null,
    page: held.page,
    ranAtAll: true,
    why: null,
    ...more,
  };
}

type Step = [atS: number, event: RunEvent | 'tick'];
type Kind = new (options: MouthOptions) => Mouth;

function say(Kind: Kind, steps: Step[], style: LogStyle = 'plain', columns = 200): string {
  let text = '';
  const mouth = new Kind({
    what: 'uat',
    command: './deploy.sh',
    ttl: '2m',
    stopMs: 10_000,
    write: (more) => {
      text += more;
    },
    style,
    wallMs: () => wallMs,
    colours: false,
    columns: () => columns,
    keyboard: true,
  });
  let atMs = 0;
  for (const [atS, event] of steps) {
    // As the run does: four ticks a second until the next event.
    for (; atMs < atS * 1000; atMs += 250) mouth.tick(atMs);
    if (event !== 'tick') mouth.hear(event, atS * 1000);
  }
  mouth.close(atMs);
  return text.replaceAll('\u001b', '␛');
}

const ahead = [
  { name: shop.name, holds: true },
  { name: api.name, holds: false },
];

describe('a log, queued behind two', () => {
  const steps: Step[] = [
    [0, { kind: 'queued', lease: lease(), ahead }],
    [271, { kind: 'moved', lease: lease({ position: 1, blockedBy: [heldBy(api)] }) }],
    [521, { kind: 'granted', lease: held, waitedMs: 521_000 }],
    [706, { kind: 'ended', ending: ending() }],
  ];

  test('says why at once, then after a minute, two, and at each change', () => {
    expect(say(PlainMouth, steps).split('\n')).toEqual([
      'signalbox: uat is held, 2nd in line (waited 0s)',
      'signalbox: held by shop deploy #1841 (anna) since 13:57:59Z, about 9m left  https://ci.example/shop/1841',
      'signalbox: ahead of you: 1. shop deploy #1841 (anna) (holds)  2. api tests #77 (ben)',
      'signalbox: waited 1m00s · 2nd in line · held by shop deploy #1841 (anna)',
      'signalbox: waited 2m00s · 2nd in line · held by shop deploy #1841 (anna)',
      'signalbox: waited 4m31s · next in line · held by api tests #77 (ben)  https://ci.example/api/77',
      'signalbox: waited 5m00s · next in line · held by api tests #77 (ben)',
      'signalbox: uat is yours after 8m41s · fence 4182 · lease ls_7Kq2mZ · https://signalbox.example/environments/uat',
      'signalbox: uat released after 3m05s',
      '',
    ]);
  });

  test.each<[LogStyle, RegExp, RegExp]>([
    ['github', /^::group::Waiting for uat$/, /^::endgroup::$/],
    [
      'gitlab',
      /^␛\[0Ksection_start:\d+:signalbox_wait_\d+\[collapsed=true\]\r␛\[0KWaiting for uat$/,
      /^␛\[0Ksection_end:\d+:signalbox_wait_\d+\r␛\[0K$/,
    ],
  ])('%s puts the waiting away and closes it before the line that says yours', (style, open, close) => {
    const lines = say(PlainMouth, steps, style).split('\n');
    const opened = lines.findIndex((line) => open.test(line));
    const closed = lines.findIndex((line) => close.test(line));
    expect(opened).toBe(1);
    expect(lines[closed + 1]).toMatch(/uat is yours/);
    expect(lines.filter((line) => open.test(line) || close.test(line))).toHaveLength(2);
  });

  test('buildkite has no end of a fold, so the line that says yours opens a new one', () => {
    const lines = say(PlainMouth, steps, 'buildkite').split('\n');
    expect(lines[1]).toBe('~~~ Waiting for uat');
    expect(lines.find((line) => line.includes('is yours'))).toMatch(/^\+\+\+ signalbox: uat is yours/);
    expect(lines.at(-2)).toBe('signalbox: uat released after 3m05s');
  });

  test('the fold is closed on every way out', () => {
    const outs: RunEvent[][] = [
      [{ kind: 'left', cause: 'SIGTERM', waitedMs: 1000, confirmed: true }],
      [{ kind: 'not_granted', waitedMs: 1000 }],
      [{ kind: 'lost', loss: { kind: 'unknown' }, heldMs: 0 }],
      [],
    ];
    for (const out of outs) {
      const text = say(PlainMouth, [steps[0] as Step, ...out.map((event): Step => [1, event])], 'github');
      expect(text.match(/::endgroup::/g)).toHaveLength(1);
      const after = text.slice(text.indexOf('::endgroup::'));
      if (out[0]?.kind === 'left') expect(after).toMatch(/left the queue of uat after 1s\. Nothing was run\./);
    }
  });

  test('changes are told at most every ten seconds, and then the last state', () => {
    const moves = [5, 4, 3].map((position, index): Step => [1 + index, { kind: 'moved', lease: lease({ position }) }]);
    const text = say(PlainMouth, [
      [0, { kind: 'queued', lease: lease({ position: 6 }), ahead: [] }],
      ...moves,
      [20, 'tick'],
    ]);
    expect(text.match(/signalbox: waited/g)).toHaveLength(1);
    expect(text).toMatch(/waited 10s · 3rd in line/);
  });

  test('is never silent for longer than five minutes', () => {
    let last = 0;
    for (let at = 0; at < 3_600_000; at = nextSilenceAt(0, at)) {
      expect(at - last).toBeLessThanOrEqual(300_000);
      last = at;
    }
    expect([0, 60_000, 120_000, 300_000].map((at) => nextSilenceAt(0, at))).toEqual([
      60_000, 120_000, 300_000, 600_000,
    ]);
  });

  test('other reasons to wait are told in their own words', () => {
    const why = (blocker: Partial<Blocker>) =>
      say(PlainMouth, [
        [0, { kind: 'queued', lease: lease({ position: 1, blockedBy: [heldBy(shop, blocker)] }), ahead: [] }],
      ]);
    expect(why({ why: 'frozen', reason: 'release week', holder: { name: 'carla', url: null, ref: null } })).toMatch(
      /uat is frozen, next in line.*\n.*frozen by carla: "release week"/,
    );
    expect(why({ why: 'dirty', holder: null })).toMatch(/uat has to be cleaned/);
    expect(why({ why: 'no_match', environment: null, holder: null })).toMatch(/nothing matches uat at the moment/);
  });
});

describe('a terminal, queued behind two', () => {
  const queued: Step = [0, { kind: 'queued', lease: lease(), ahead }];

  test('redraws one line and replaces it by lasting ones', () => {
    const text = say(TtyMouth, [
      queued,
      [1, { kind: 'moved', lease: lease({ position: 1, blockedBy: [heldBy(api)] }) }],
      [521, { kind: 'granted', lease: held, waitedMs: 521_000 }],
      [706, { kind: 'ended', ending: ending({ next: 'api tests #77 (ben)' }) }],
    ]);
    expect(text).toMatch(
      /\r␛\[2K⠋ uat · 2nd in line · held 4m12s by shop deploy #1841 \(anna\) · about 9m · Ctrl-C leaves the queue\r/,
    );
    expect(text).toMatch(/ uat · next · held 4m1\ds by api tests #77 \(ben\)/);
    expect(text.split('\n').map((line) => line.split('\r␛[2K').at(-1))).toEqual([
      '✓ uat is yours after 8m41s · fence 4182 · ttl 2m, renewed for you',
      '✓ uat released after 3m05s · next: api tests #77 (ben)',
      '',
    ]);
  });

  test('draws at most four times a second', () => {
    const text = say(TtyMouth, [queued, [10, 'tick']]);
    expect(text.match(/uat ·/g)?.length).toBeLessThanOrEqual(41);
  });

  test('never draws wider than the terminal', () => {
    const text = say(TtyMouth, [queued, [1, 'tick']], 'plain', 40);
    for (const line of text.split('\r␛[2K')) expect([...line].length).toBeLessThan(40);
    expect(text).toMatch(/…/);
    expect(cut('界界界界', 5)).toBe('界…');
  });

  test('with nobody else there: a line before and a line after', () => {
    const steps: Step[] = [
      [0, { kind: 'granted', lease: held, waitedMs: 40 }],
      [9, { kind: 'ended', ending: ending({ heldMs: 9000 }) }],
    ];
    expect(say(TtyMouth, steps)).toBe('✓ uat is yours at once · fence 4182\n✓ uat released after 9s\n');
  });
});

describe('the server goes away and comes back', () => {
  test('while queued', () => {
    const text = say(PlainMouth, [
      [0, { kind: 'queued', lease: lease(), ahead: [] }],
      [5, { kind: 'away', reason: 'connection refused', queued: true }],
      [17, { kind: 'back', awayMs: 12_000, lease: lease() }],
    ]);
    expect(text).toContain(
      'signalbox: server not reachable (connection refused), trying again. The place in the queue is kept for 60s after the last contact.\n' +
        'signalbox: connected again after 12s, still 2nd in line\n',
    );
  });

  test('while held', () => {
    const text = say(PlainMouth, [
      [0, { kind: 'renewal_failing', reason: 'connection refused', stopInMs: 41_000 }],
      [9, { kind: 'renewed_again', failingMs: 9000 }],
    ]);
    expect(text).toBe(
      'signalbox: renewal failed (connection refused), trying again. ./deploy.sh is stopped in 41s unless a renewal succeeds.\n' +
        'signalbox: renewed again after 9s\n',
    );
  });
});

describe('a lost lease', () => {
  const revoked: Step[] = [
    [
      750,
      {
        kind: 'lost',
        heldMs: 750_000,
        loss: { kind: 'revoked', by: 'carla', reason: 'prod incident, need uat now', ended: false },
      },
    ],
    [752, { kind: 'stopped', stopping: { sent: ['TERM'], tookMs: 2000, spareMs: 60_000 } }],
    [752, { kind: 'ended', ending: ending({ outcome: 'lost', exitCode: 76 }) }],
  ];

  test('that was taken away, on a terminal', () => {
    expect(say(TtyMouth, revoked).split('\n')).toEqual([
      '✗ uat was taken away after 12m30s by carla: "prod incident, need uat now"',
      '  stopping ./deploy.sh (TERM) … stopped in 2s, before anyone else was let in',
      '  Someone else may hold uat now: look before you run this again.   https://signalbox.example/environments/uat',
      '✗ exit 76: the lease of uat was lost before ./deploy.sh ended',
      '',
    ]);
  });

  test('stands on the page of a run of GitHub', () => {
    const lines = say(PlainMouth, revoked, 'github').split('\n');
    expect(lines[0]).toMatch(/^signalbox: uat was taken away/);
    expect(lines[1]).toMatch(/^::error title=Signalbox lost uat::uat was taken away after 12m30s by carla/);
  });

  test('is told even by a quiet run, and in a log without symbols', () => {
    for (const Kind of [QuietMouth, PlainMouth]) {
      const lines = say(Kind, revoked).split('\n').slice(0, -1);
      expect(lines).toHaveLength(4);
      for (const line of lines) expect(line).toMatch(/^signalbox: /);
    }
  });

  test('that could not be renewed, with a child that did not stop by itself', () => {
    const text = say(TtyMouth, [
      [
        107,
        { kind: 'lost', heldMs: 107_000, loss: { kind: 'unrenewed', sinceMs: 107_000, reason: 'connection refused' } },
      ],
      [118, { kind: 'stopped', stopping: { sent: ['TERM', 'KILL'], tookMs: 10_100, spareMs: 2000 } }],
    ]);
    expect(text).toBe(
      '✗ uat could not be renewed for 1m47s (ttl 2m): connection refused\n' +
        '  stopping ./deploy.sh (TERM) … did not stop within 10s (KILL) … stopped with 2s to spare\n',
    );
  });

  test('does not promise what nobody knows', () => {
    const stopped = (spareMs: number | null) =>
      say(PlainMouth, [[0, { kind: 'stopped', stopping: { sent: ['KILL'], tookMs: 10, spareMs } }]]);
    expect(stopped(null)).toMatch(/someone else may have been let in meanwhile/);
    expect(stopped(-12_000)).toMatch(/12s after the lease had ended: someone else may have been let in/);
  });
});

describe('the last line', () => {
  test.each<[string, Partial<Ending>, RegExp]>([
    ['a code of the child', { exitCode: 75 }, /^signalbox: uat released after 3m05s · \.\/deploy\.sh exited 75$/m],
    [
      'a signal that ended the child',
      { exitCode: 143, signal: 'SIGTERM' },
      /· \.\/deploy\.sh was ended by SIGTERM, exit 143$/m,
    ],
    [
      'a release that nobody confirmed',
      { release: 'unconfirmed', endsInMs: 72_000 },
      /could not be released .*; it ends by itself in 1m12s$/m,
    ],
    [
      'a command that did not start',
      { outcome: 'not_started', exitCode: 127, why: 'not found' },
      /\.\/deploy\.sh was not started: not found$/m,
    ],
  ])('tells %s', (_, more, expected) => {
    expect(say(PlainMouth, [[0, { kind: 'ended', ending: ending(more) }]])).toMatch(expected);
  });

  test('is there in a quiet run unless all is well', () => {
    expect(say(QuietMouth, [[0, { kind: 'ended', ending: ending() }]])).toBe('');
    expect(say(QuietMouth, [[0, { kind: 'ended', ending: ending({ exitCode: 75 }) }]])).toMatch(/exited 75/);
  });
});

test('an environment that was made by this very request is said, with the nearest name', () => {
  expect(say(PlainMouth, [[0, { kind: 'created', environment: 'uta', nearest: 'uat' }]])).toBe(
    'signalbox: "uta" did not exist and was made now (nearest: uat). To refuse unknown names: --declared-only on the server\n',
  );
});

describe('foreign text', () => {
  const evil = `\u001b[2J::error::pwned\r\n##[error]x\n${'A'.repeat(300)}`;
  const hostile = lease({
    blockedBy: [heldBy({ name: evil, url: `https://x/\n::error::y`, ref: null }, { environment: '::error::' })],
  });
  const steps: Step[] = [
    [
      0,
      {
        kind: 'queued',
        lease: hostile,
        ahead: [
          { name: evil, holds: true },
          { name: evil, holds: false },
        ],
      },
    ],
    [70, 'tick'],
    [70, { kind: 'created', environment: '\n::error::', nearest: evil }],
    [70, { kind: 'lost', heldMs: 1, loss: { kind: 'revoked', by: evil, reason: evil, ended: false } }],
    [70, { kind: 'ended', ending: ending({ next: evil, page: `https://x/\n::error::y` }) }],
  ];

  test.each([PlainMouth, TtyMouth, QuietMouth])('never begins a line and moves nothing (%o)', (Kind) => {
    for (const line of say(Kind, steps).split(/\n|\r␛\[2K/)) {
      expect(line).toMatch(/^(signalbox: |[✓✗!⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ] |$)/);
      expect([...line].filter((character) => character < ' ' || character === '␛')).toEqual([]);
      expect(line).not.toContain('##[');
      expect(line).not.toContain('A'.repeat(121));
    }
  });

  test('is no markup in the summary', () => {
    const row = summaryMarkdown(
      {
        environment: 'uat',
        waitedMs: 521_000,
        behind: 'a|b <img src=x> [c](javascript:d) `e`\nf',
        heldMs: 185_000,
        fence: 4182,
        how: 'released',
        page: 'https://signalbox.example/l/1',
      },
      true,
    );
    expect(row).toContain(marker);
    expect(row).toMatch(
      /\| \[uat\]\(https:\/\/signalbox\.example\/l\/1\) \| 8m41s \| .* \| 3m05s \| 4182 \| released \|\n$/,
    );
    expect(row.split('\n').at(-2)?.match(/\|/g)).toHaveLength(7);
    expect(row).not.toMatch(/<img|`e`|\[c\]/);
  });
});

test('the voice: a redrawn line only where a person looks at a terminal', () => {
  const seen = { quiet: false, stderrIsTty: true, term: 'xterm', ci: false };
  expect(chooseProgress('auto', seen)).toBe('tty');
  expect(chooseProgress('auto', { ...seen, ci: true })).toBe('plain');
  expect(chooseProgress('auto', { ...seen, term: 'dumb' })).toBe('plain');
  expect(chooseProgress('auto', { ...seen, stderrIsTty: false })).toBe('plain');
  expect(chooseProgress('tty', { ...seen, ci: true })).toBe('tty');
  expect(chooseProgress('tty', { ...seen, quiet: true })).toBe('quiet');
});

test('the style of a log: the CI’s own, unless SIGNALBOX_LOG_STYLE says another', () => {
  expect(logStyle(undefined, 'github')).toBe('github');
  expect(logStyle(undefined, 'jenkins')).toBe('plain');
  expect(logStyle('gitlab', 'github')).toBe('gitlab');
  expect(logStyle('nonsense', 'buildkite')).toBe('buildkite');
});
