// A worker for line.test.ts.

import { answerLine } from '../../src/log/sqlite/line.ts';
import { StoreError, type StoreErrorCode } from '../../src/log/store-error.ts';

export type FixtureAsks = {
  double: { question: number; answer: number };
  fail: { question: StoreErrorCode; answer: null };
  /** How often `afterwards` has run. */
  afterwards: { question: null; answer: number };
  die: { question: 'throw' | 'exit'; answer: null };
};

let runs = 0;

answerLine<FixtureAsks>(
  {
    double: (n) => 2 * n,
    fail: (code) => {
      throw new StoreError(code, 'as asked');
    },
    afterwards: () => runs,
    die: (how) => {
      if (how === 'exit') process.exit(1);
      throw new Error('not known');
    },
  },
  (error) => {
    if (error instanceof StoreError) return error;
    throw error;
  },
  () => runs++,
);
