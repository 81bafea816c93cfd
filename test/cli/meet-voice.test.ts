// How a wait is told, by feeding the voices with events and the time.

import { describe, expect, test } from 'vitest';
import { runGeneration } from '../../src/cli/meet/generation.ts';
import { lookOn } from '../../src/cli/meet/looking.ts';
import { PlainVoice } from '../../src/cli/meet/plain.ts';
import { neededMs, shownTarget } from '../../src/cli/meet/targets.ts';
import { TtyVoice } from '../../src/cli/meet/tty.ts';
import type { Pending, VoiceOptions } from '../../src/cli/meet/voice.ts';
import type { LogStyle } from '../../src/cli/speech/folds.ts';
import { Client } from '../../src/client/client.ts';
import { Conditions } from '../../src/client/conditions.ts';

function told(style: LogStyle = 'plain', rows = 24): { options: VoiceOptions; text: () => string; take: () => string } {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const options = {
    ...{ write, style, wallMs: () => 1_700_000_000_000, colours: false },
    ...{ columns: () => 60, rows: () => rows },
  };
  const take = () => {
    const taken = text;
    text = '';
    return taken;
  };
  return { options, text: () => text, take };
}

const http = (state: string): Pending => ({ name: 'http://app/healthz', state, sinceMs: 0, tries: 12 });
const signal: Pending = { name: 'signal:migrated', state: 'not set', sinceMs: null, tries: null };

describe('a log', () => {
  test('says what is waited for at once, and something after 1, 2, 5 minutes and every 5 minutes', () => {
    const { options, take } = told();
    const voice = new PlainVoice(options);
    voice.begin('signal:migrated', [signal], 0);
    expect(take()).toBe('signalbox: waiting for signal:migrated\n');
    const saidAt: number[] = [];
    for (let second = 1; second <= 1200; second++) {
      voice.tick(second * 1000);
      if (take() !== '') saidAt.push(second);
    }
    expect(saidAt).toEqual([60, 120, 300, 600, 900, 1200]);
  });

  test('says a change not more often than every 10 s, and then the last state', () => {
    const { options, take } = told();
    const voice = new PlainVoice(options);
    voice.begin('x', [http('')], 0);
    take();
    voice.stands([http('502 Bad Gateway')], 2000);
    voice.stands([http('503 Service Unavailable')], 9000);
    expect(take()).toBe('');
    voice.tick(10_000);
    expect(take()).toBe('signalbox: waited 10s · http://app/healthz: 503 Service Unavailable since 10s (12 tries)\n');
    voice.stands([http('connection refused')], 19_000);
    expect(take()).toBe('');
  });

  test.each([
    ['github', '::group::Waiting\n', '::endgroup::\n', ''],
    ['gitlab', /section_start:1700000000:\w+\[collapsed=true\].*Waiting\n$/s, /section_end/, ''],
    ['buildkite', '~~~ Waiting\n', '', '+++ '],
  ] as const)('folds the waiting in %s, and tells the end outside', (style, open, close, heading) => {
    const { options, take } = told(style);
    const voice = new PlainVoice(options);
    voice.begin('x', [signal], 0);
    take();
    voice.say('✓', 'tcp:db:5432 open after 3s');
    const first = take().split('signalbox: ')[0] ?? '';
    if (typeof open === 'string') expect(first).toBe(open);
    else expect(first).toMatch(open);
    voice.close();
    if (typeof close === 'string') expect(take()).toBe(close);
    else expect(take()).toMatch(close);
    voice.wrong('wait_timed_out', ['timed out', 'more']);
    expect(take()).toBe(`${heading}signalbox: timed out [wait_timed_out]\nsignalbox:   more\n`);
    voice.close();
    expect(take()).toBe('');
  });

  test('has no fold around nothing', () => {
    const { options, take } = told('github');
    const voice = new PlainVoice(options);
    voice.begin('x', [signal], 0);
    voice.close();
    voice.say('✓', 'signal:migrated set after 3s');
    voice.summary('all came');
    expect(take()).toBe('signalbox: waiting for x\nsignalbox: signal:migrated set after 3s\n');
  });
});

describe('a terminal', () => {
  test('has a line for each that is pending, under one another, and erases them before a lasting one', () => {
    const { options, take } = told();
    const voice = new TtyVoice(options);
    voice.begin('x', [http('503 Service Unavailable'), signal], 100_000);
    expect(take()).toBe('⠋ http://app/healthz  503 Service Unavailable since 1m40s …\n⠋ signal:migrated     not set');
    voice.say('✓', 'tcp:db:5432');
    expect(take()).toBe('\r\u001b[1A\u001b[J✓ tcp:db:5432\n');
    voice.tick(100_250);
    voice.stands([signal], 100_300);
    take();
    voice.tick(100_500);
    expect(take()).toBe('\r\u001b[1A\u001b[J⠹ signal:migrated     not set');
    voice.close();
    expect(take()).toBe('\r\u001b[J');
    voice.tick(200_000);
    expect(take()).toBe('');
  });

  test('is never filled with more lines than it has', () => {
    const { options, take } = told('plain', 6);
    const voice = new TtyVoice(options);
    voice.begin(
      'x',
      Array.from({ length: 30 }, () => signal),
      0,
    );
    const lines = take().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toBe('  and 27 more');
  });
});

describe('a target', () => {
  test.each([
    ['migrated', 'signal:migrated'],
    ['signal:a@b', 'signal:a@b'],
    ['redis://user:p@ss@cache:6379/0', 'redis://cache:6379/0'],
    ['redis:user:pass@cache', 'redis:cache'],
    ['https://me:pass@app/x?token=1', 'https://app/x?…'],
    ['tcp:\u001b[31mdb:1', 'tcp:db:1'],
  ])('%j is shown without what is secret', (written, shown) => {
    expect(shownTarget(written)).toBe(shown);
  });

  test('gets pieces that are long enough for a try that begins in them, and for all successes in a row', () => {
    expect(neededMs([{ target: 'signal:a' }])).toBe(0);
    expect(neededMs([{ target: 'http://a', connectTimeoutSeconds: 10, intervalSeconds: 1 }])).toBeGreaterThan(20_000);
    expect(neededMs([{ target: 'tcp:a:1', successes: 9 }])).toBeGreaterThan(20_000);
  });
});

test('between two pieces it is looked how things stand, which settles nothing', async () => {
  const moment = '2026-11-21T12:00:10.000Z';
  const probe = {
    target: 'http://app/',
    state: 'up',
    detail: '200 OK',
    waiting: 1,
    since: moment,
    tries: 7,
    triedAt: moment,
  };
  const conditions = [{ target: 'barrier:m', state: 'pending', detail: '4 of 5 arrived', settledAt: null }];
  const item = { id: 'w1', mode: 'any', by: 'a', holder: {}, since: moment, until: moment, conditions };
  const list = { items: [item], next: null, asOf: { seq: 1, at: moment }, timedOut: [], probes: [probe] };
  const fetch = async () => new Response(JSON.stringify(list), { headers: { 'content-type': 'application/json' } });
  const standing = new Conditions('all', 2);
  const before = { state: 'pending', by: null, data: null, since: moment, settledAt: null, nearest: null } as const;
  standing.note(0, { ...before, target: 'http://app/', detail: 'refused', tries: 1, triedAt: moment }, 0, 0);
  standing.note(1, { ...before, target: 'barrier:m', detail: 'not declared', tries: null, triedAt: null }, 0, null);
  const stop = new AbortController();
  await new Promise<void>((heard) => {
    lookOn(new Client({ url: 'http://127.0.0.1:2', fetch }), standing, heard, stop.signal);
  });
  stop.abort();
  expect(standing.found.map((each) => each?.reply.detail)).toEqual(['200 OK', '4 of 5 arrived']);
  expect([standing.found[0]?.reply.tries, standing.missing]).toEqual([7, [0, 1]]);
});

test.each([
  [{}, ''],
  [{ GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: '7', GITHUB_RUN_ATTEMPT: '2' }, '7-2'],
  [{ GITLAB_CI: 'true', CI_PIPELINE_ID: '9', CI_JOB_ID: '10' }, '9'],
  [{ JENKINS_URL: 'http://j', BUILD_TAG: 'jenkins-shop-12' }, 'jenkins-shop-12'],
  [{ BUILDKITE: 'true', BUILDKITE_BUILD_ID: 'b-1', BUILDKITE_JOB_ID: 'j' }, 'b-1'],
  [{ CIRCLECI: 'true', CIRCLE_WORKFLOW_ID: 'w-1' }, 'w-1'],
  [{ GITHUB_ACTIONS: 'true', GITHUB_RUN_ATTEMPT: '2' }, ''],
])('jobs with %j meet as %j', (env, generation) => {
  expect(runGeneration(env)).toBe(generation);
});
