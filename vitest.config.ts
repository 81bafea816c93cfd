// Every test file runs in a process of its own: many of them start servers, kill them, and stop their clocks.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Where .ci/run wants the counts; unset for people. */
const results = process.env.SIGNALBOX_TEST_RESULTS;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
    pool: 'forks',
    // Two at least: the tests wait more than they compute.
    maxWorkers: Math.max(2, availableParallelism()),
    watch: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // Many tests end real servers at real times, and a machine that stalls for a second can make one of thousands meet an answer
    // that is right and not the one it looks for. .ci/run tries such a test twice more, and the report says which (`retry x1`);
    // whoever works on the code sees it fail at once.
    retry: results === undefined ? 0 : 2,
    reporters: results === undefined ? ['default'] : ['default', 'json'],
    ...(results === undefined ? {} : { outputFile: { json: results } }),
  },
});
