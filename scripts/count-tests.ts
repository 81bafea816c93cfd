// Prints `N passed, N failed` from the results file of a vitest run, as the last line of .ci/run.
// node scripts/count-tests.ts RESULTS EXIT_CODE

import { existsSync, readFileSync } from 'node:fs';

type Results = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
};

const [file = '', exitCode = '1'] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
if (existsSync(file)) {
  const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  // A file that could not be loaded has no test in it to count.
  const broken = results.testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0);
  passed = results.numPassedTests;
  failed = results.numFailedTests + broken.length;
  skipped = results.numPendingTests + results.numTodoTests;
}
// A run can fail without a failed test: nothing to run, an error between tests, a system that could not be prepared.
if (exitCode !== '0' && failed === 0) failed = 1;
if (skipped > 0) console.log(`${skipped} skipped; each says why in the report`);
console.log(`${passed} passed, ${failed} failed`);
