// Questions to a worker are answered in order, and fail when it dies.

import { expect, onTestFinished, test } from 'vitest';
import { Line } from '../../src/log/sqlite/line.ts';
import type { FixtureAsks } from './line-worker.ts';

function newLine(): Line<FixtureAsks> {
  const line = new Line<FixtureAsks>(new URL('./line-worker.ts', import.meta.url), './signalbox.db');
  onTestFinished(() => line.hangUp());
  return line;
}

test('answers come to those who asked, errors as what they mean', async () => {
  const line = newLine();
  const answers = await Promise.allSettled([
    line.ask('double', 1),
    line.ask('fail', 'store_full'),
    line.ask('double', 2),
  ]);
  expect(answers).toMatchObject([
    { status: 'fulfilled', value: 2 },
    { status: 'rejected', reason: { name: 'StoreError', code: 'store_full' } },
    { status: 'fulfilled', value: 4 },
  ]);
});

test('an answer does not wait for what comes afterwards, the next question does', async () => {
  const line = newLine();
  expect(await line.ask('afterwards', null)).toBe(0);
  expect(await line.ask('afterwards', null)).toBe(1);
});

test.each([
  'throw',
  'exit',
] as const)('when the worker dies (%s), all who wait and all who come later are told', async (how) => {
  const line = newLine();
  const told = { code: 'store_failed', message: expect.stringMatching(/^\.\/signalbox\.db: .*stopped.*\.$/) };
  const waiting = [line.ask('die', how), line.ask('double', 1)];
  for (const answer of await Promise.allSettled(waiting))
    expect(answer).toMatchObject({ status: 'rejected', reason: told });
  await expect(line.ask('double', 1)).rejects.toMatchObject(told);
});
