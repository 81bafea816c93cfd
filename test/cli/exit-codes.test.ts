// One table from codes to exit codes. Every code that a server can send is in it, and means what its HTTP status says.

import { describe, expect, test } from 'vitest';
import { problemKinds } from '../../src/api/problems.ts';
import { asFailure, errorLines, errorObject, Failure } from '../../src/cli/text/errors.ts';
import { EXIT, exitCodeOf, KNOWN_CODES } from '../../src/cli/text/exit-codes.ts';

const problems = Object.entries(problemKinds).map(([code, { status }]) => ({ code, status }));

describe.each(problems)('$code ($status)', ({ code, status }) => {
  test('has an exit code of its own choice', () => {
    expect(KNOWN_CODES).toContain(code);
  });

  test('exits as its status says', () => {
    const exit = exitCodeOf(code, status);
    if (code === 'signal_unset') expect(exit).toBe(EXIT.notGranted);
    else if (code === 'signal_failed' || code === 'barrier_broken') expect(exit).toBe(EXIT.no);
    else if (status === 401 || status === 403) expect(exit).toBe(EXIT.notAllowed);
    else if (status === 400 || status === 422 || status === 404) expect(exit).toBe(EXIT.usage);
    else if (status === 410) expect(exit).toBe(EXIT.leaseLost);
    else if (status >= 500) expect([EXIT.unreachable, EXIT.notGranted, EXIT.internal]).toContain(exit);
    else expect([EXIT.usage, EXIT.notGranted, EXIT.notAllowed, EXIT.configuration, EXIT.unreachable]).toContain(exit);
  });
});

test.each([
  [401, EXIT.notAllowed],
  [403, EXIT.notAllowed],
  [404, EXIT.usage],
  [429, EXIT.notGranted],
  [500, EXIT.unreachable],
  [503, EXIT.unreachable],
])('a code of a later version is judged by its status: %d', (status, exit) => {
  expect(exitCodeOf('a_code_of_the_future', status)).toBe(exit);
});

describe('an error', () => {
  const failure = new Failure({
    what: 'uat is held.',
    code: 'environment_busy',
    more: ['by anna', 'To queue for it: --wait 30m'],
    problem: { code: 'environment_busy', status: 409, requestId: 'rq_7' },
  });

  test('is whole lines; in a log each says who speaks', () => {
    expect(errorLines(failure, { terminal: true, debug: false })).toEqual([
      'signalbox: uat is held. [environment_busy]',
      '  by anna',
      '  To queue for it: --wait 30m',
    ]);
    expect(errorLines(failure, { terminal: false, debug: false }).slice(1)).toEqual([
      'signalbox:   by anna',
      'signalbox:   To queue for it: --wait 30m',
    ]);
  });

  test('with --debug has the request id of the server', () => {
    expect(errorLines(failure, { terminal: true, debug: true })).toContain('  request id: rq_7');
  });

  test('as JSON is the problem of the server, or one of the same shape', () => {
    expect(errorObject(failure)).toEqual({ code: 'environment_busy', status: 409, requestId: 'rq_7' });
    expect(errorObject(new Failure({ what: 'no.', code: 'usage', more: ['yes.'] }))).toEqual({
      code: 'usage',
      title: 'no.',
      detail: 'no. yes.',
    });
  });

  test('that nobody foresaw is ours, on one line', () => {
    const unforeseen = asFailure(new TypeError('x is not a function\n    at y'));
    expect(unforeseen).toMatchObject({
      code: 'internal',
      exitCode: EXIT.internal,
      message: 'unexpected: x is not a function',
    });
  });
});
