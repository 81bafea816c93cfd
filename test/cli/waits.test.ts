// `signalbox waits`: who waits for what, what was waited for in vain, and what is being tried.

import { describe, expect, test } from 'vitest';
import { untilWaiting } from './meeting.ts';
import { lines, root, signalbox, start, startFile } from './process.ts';
import { serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

const at = '2026-11-21T12:00:10.000Z';
const since = '2026-11-21T12:00:00.000Z';
const hostile = 'shop \u001b[31m#7\u202e\n::error::x';
const holder = { name: hostile, url: null, ref: null };
const list = {
  items: [
    {
      ...{ id: 'w1', mode: 'any', by: 'ci', holder, since, until: at },
      conditions: [
        { target: 'signal:a', state: 'pending', detail: 'not set', settledAt: null },
        { target: 'env:\u001b[2Juat', state: 'met', detail: 'free', settledAt: since },
        { target: 'barrier:m', state: 'pending', detail: '1 of 2 arrived, missing b\tc', settledAt: null },
      ],
    },
    {
      ...{ id: 'w2', mode: 'all', by: 'ci', holder: { name: null, url: null, ref: null }, since, until: at },
      conditions: [{ target: 'signal:b', state: 'pending', detail: 'not set', settledAt: null }],
    },
  ],
  ...{ next: null, asOf: { seq: 1, at } },
  timedOut: [{ target: 'signal:c', detail: 'not set', by: 'ci', holder, since, at }],
  probes: [
    { target: 'http://app/', state: 'unready', detail: '503 \u001b[5mno', waiting: 2, since, tries: 7, triedAt: at },
    { target: 'tcp:db:5432', state: null, detail: null, waiting: 1, since, tries: 0, triedAt: null },
  ],
};

const told = () => recordingServer({ status: 200, body: JSON.stringify(list) });

describe('the list', () => {
  test('has who waits and what they miss, what did not come, and the probes', async () => {
    const server = await serve();
    await server.signalbox(['wait', 'signal:late', '--timeout', '200ms']);
    const waiting = start('signalbox', ['wait', 'signal:a', 'tcp:127.0.0.1:1', '-q'], server.env);
    await untilWaiting(server.url, 2);
    await server.signalbox(['signal', 'other']);
    const { code, stdout, stderr } = await server.signalbox(['waits']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = lines(stdout).map((line) => line.split('\t'));
    expect(rows.map((row) => [row[0], row[2]])).toEqual([
      ['waits', 'signal:a, tcp:127.0.0.1:1'],
      ['timed_out', 'signal:late'],
      ['probe', 'tcp:127.0.0.1:1'],
    ]);
    expect(rows[0]?.[1]).toMatch(/^\S+@\S+$/);
    expect(rows[0]?.[3]).toMatch(/^signal:a not set, tcp:127.0.0.1:1 /);
    const { items, timedOut, probes, next } = JSON.parse((await server.signalbox(['waits', '--json'])).stdout);
    expect({ items, timedOut, probes, next }).toMatchObject({
      items: [{ conditions: [{ target: 'signal:a' }, { target: 'tcp:127.0.0.1:1' }] }],
      ...{ timedOut: [{ target: 'signal:late' }], probes: [{ waiting: 1 }], next: null },
    });
    waiting.child.kill();
    await waiting.ended;
  });

  test('is empty with a sentence', async () => {
    const server = await serve();
    expect(await server.signalbox(['waits'])).toEqual({
      ...{ code: 0, signal: null, stdout: '', stderr: 'signalbox: nobody waits for anything on this server\n' },
    });
  });

  test('in a pipe has its kind in front, times in UTC, and nothing of others but text', async () => {
    const { stdout } = await signalbox(['waits'], { SIGNALBOX_URL: (await told()).url });
    const who = 'shop #7 ⏎ ::error::x';
    expect(lines(stdout).map((line) => line.split('\t'))).toEqual([
      [
        'waits',
        who,
        'signal:a, env:uat, barrier:m',
        'signal:a not set, barrier:m 1 of 2 arrived, missing b c',
        since,
        at,
      ],
      ['waits', 'ci', 'signal:b', 'not set', since, at],
      ['timed_out', who, 'signal:c', 'not set', since, at],
      ['probe', '2', 'http://app/', '503 no', since, at],
      ['probe', '1', 'tcp:db:5432', 'not tried yet', since, ''],
    ]);
  });

  test('on a terminal has a head for each part, and fits', async () => {
    const command = `stty cols 100; ${root}/bin/signalbox waits`;
    const env = { SIGNALBOX_URL: (await told()).url, NO_COLOR: '1' };
    const { stdout } = await startFile('script', ['-qefc', command, '/dev/null'], env).ended;
    const said = lines(stdout.replaceAll('\r', ''));
    const heads = said.filter((line) => /^ *[A-Z]+ {2}|:$/.test(line)).map((line) => line.trim().split(/ {2,}/));
    expect(heads).toEqual([
      ['WHO', 'WAITS FOR', 'MISSING', 'SINCE', 'UNTIL'],
      ['Timed out within the last hour, and not there yet:'],
      ['WHO', 'WAITED FOR', 'HOW IT WAS', 'WAITED', 'AGO'],
      ['Being tried:'],
      ['TARGET', 'LAST ANSWER', 'AGO', 'TRIES', 'WAITING'],
    ]);
    expect(said.every((line) => line.length <= 100)).toBe(true);
    expect(said).toContainEqual(expect.stringMatching(/^ci +signal:b +not set +10s +12:00:10$/));
    expect(said).toContainEqual(expect.stringMatching(/^◐ {2}http:\/\/app\/ +503 no +0s +7 +2$/));
    expect(stdout).not.toContain('\u001b[31m');
  });
});
