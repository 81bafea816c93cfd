import { describe, expect, test } from 'vitest';
import { locate } from '../../src/cli/run/locate.ts';
import { planOf, type RunFlags } from '../../src/cli/run/options.ts';
import { wantsOf, wantWords } from '../../src/cli/run/wants.ts';

const around = {
  identity: { holder: { name: 'me', url: null, ref: null }, ci: null, job: [] },
  ci: false,
  nonce: 'n',
  resultFile: null,
};

function plan(names: string[], command: string[] | null, flags: RunFlags = {}) {
  return planOf([...names, ...(command ?? [])], command, flags, around);
}

describe('what is asked for', () => {
  test('names and labels, each label flag a want of its own', () => {
    expect(wantsOf(['uat', 'db'], ['kind=load', 'kind=db,site=eu:2'])).toEqual([
      { environment: 'uat' },
      { environment: 'db' },
      { labels: { kind: 'load' }, count: 1 },
      { labels: { kind: 'db', site: 'eu' }, count: 2 },
    ]);
  });

  test('is called by people as they wrote it', () => {
    expect(wantWords(wantsOf(['uat'], ['kind=db:2']))).toBe('uat + kind=db ×2');
  });

  test.each(['kind', 'kind=', '=db', 'kind=db:0', 'kind=db,kind=eu', ''])('--label %j is refused', (label) => {
    expect(() => wantsOf([], [label])).toThrow(/--label/);
  });
});

describe('a plan', () => {
  test('queues as long as it takes, with a ttl of two minutes', () => {
    expect(plan(['uat'], ['./deploy.sh', '--fast'])).toMatchObject({
      request: { wants: [{ environment: 'uat' }], ttlSeconds: 120, queueSeconds: null, priority: 0 },
      command: ['./deploy.sh', '--fast'],
      firstContactMs: 30_000,
      maxAwayMs: null,
    });
  });

  test('--no-wait does not queue, --wait for so long', () => {
    expect(plan(['uat'], ['x'], { wait: false }).request.queueSeconds).toBe(0);
    expect(plan(['uat'], ['x'], { wait: '30m' }).request.queueSeconds).toBe(1800);
  });

  test('words before -- are names, even when the command has the same', () => {
    expect(plan(['uat', 'db'], ['uat', '--', 'db'])).toMatchObject({
      request: { wants: [{ environment: 'uat' }, { environment: 'db' }] },
      command: ['uat', '--', 'db'],
    });
  });

  test.each<[string, string[], string[] | null, RunFlags, RegExp]>([
    ['without --', ['uat', './deploy.sh'], null, {}, /put --/],
    ['without a command', ['uat'], [], {}, /no command/],
    ['without an environment', [], ['x'], {}, /which environment/],
    ['with a ttl too short to stop anything', ['uat'], ['x'], { ttl: '9s' }, /10s/],
    ['with a duration that is none', ['uat'], ['x'], { wait: '30' }, /--wait 30/],
    ['with a priority that is no number', ['uat'], ['x'], { priority: 'high' }, /--priority/],
    ['with a poll that the server would cut', ['uat'], ['x'], { poll: '5m' }, /--poll/],
    ['with a result file in no directory', ['uat'], ['x'], { result: '/no/such/dir/r.json' }, /--result/],
  ])('%s is wrong usage', (_, names, command, flags, message) => {
    expect(() => plan(names, command, flags)).toThrow(message);
  });
});

describe('the command', () => {
  test('is found as a shell would find it', () => {
    expect(locate('sh', '/nowhere:/usr/bin:/bin')).toMatchObject({ kind: 'found' });
    expect(locate('/bin/sh', '')).toMatchObject({ kind: 'found' });
  });

  test('is missing, or is nothing that can be executed', () => {
    expect(locate('no-such-command', '/usr/bin:/bin')).toEqual({ kind: 'missing' });
    expect(locate('', '/usr/bin:/bin')).toEqual({ kind: 'missing' });
    expect(locate('/tmp', undefined)).toMatchObject({ kind: 'not_executable', why: 'is a directory' });
    expect(locate('/etc/passwd', undefined)).toMatchObject({ kind: 'not_executable' });
  });
});
