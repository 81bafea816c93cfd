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
    reporters: results === undefined ? ['default'] : ['default', 'json'],
    ...(results === undefined ? {} : { outputFile: { json: results } }),
  },
});
