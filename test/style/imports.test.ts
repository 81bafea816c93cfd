// The walls between the folders of src hold (scripts/check-imports.ts), and the check sees each way to break one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importFaults } from '../../scripts/check-imports.ts';
import { readSources, type Source } from '../../scripts/source.ts';

const root = join(import.meta.dirname, '../..');
const packages = ['fastify', 'commander'];

/** One file for every room, so that what is imported below exists. */
const house = [
  'core/lease.ts core/state.ts log/log.ts log/memory.ts replica/replica.ts api/lease.ts http/server.ts http/dialects/call-me.ts',
  'http/dialects/pudding.ts client/client.ts cli/acquire.ts cli/serve.ts config.ts main.ts',
].flatMap((line) => line.split(' ').map((path) => `src/${path}`));

function faultsWith(path: string, text: string): string[] {
  const planted: Source[] = house.map((each) => ({ path: each, text: each === path ? text : '' }));
  if (!house.includes(path)) planted.push({ path, text });
  return importFaults(planted, packages);
}

test('the imports of src go in the direction of the design, without a circle', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(importFaults(readSources(root, ['src', 'web/src']), Object.keys(dependencies))).toEqual([]);
});

test.each([
  ['src/core/lease.ts', "import type { Log } from '../log/log.ts';"],
  ['src/core/lease.ts', "export const lazy = () => import('../log/log.ts');"],
  ['src/core/lease.ts', "export type Log = import('../log/log.ts').Log;"],
  ['src/core/lease.ts', "export * from '../log/log.ts';"],
  ['src/core/lease.ts', "export { log } from '../log/log.ts';"],
  ['src/core/lease.ts', "import { readFileSync } from 'node:fs';"],
  ['src/core/lease.ts', "import { Type } from 'fastify';"],
  ['src/log/memory.ts', "import { grant } from '../core/lease.ts';"],
  ['src/log/memory.ts', "import '../replica/replica.ts';"],
  ['src/log/memory.ts', "export const file = new URL('../replica/replica.ts', import.meta.url);"],
  ['src/replica/replica.ts', "import { memory } from '../log/memory.ts';"],
  ['src/replica/replica.ts', "import { serve } from '../http/server.ts';"],
  ['src/api/lease.ts', "import type { Lease } from '../core/lease.ts';"],
  ['src/http/server.ts', "import { log } from '../log/log.ts';"],
  ['src/http/dialects/pudding.ts', "import { call } from './call-me.ts';"],
  ['src/client/client.ts', "import type { Lease } from '../api/lease.ts';"],
  ['src/client/client.ts', "import { connect } from 'node:net';"],
  ['src/cli/acquire.ts', "import { grant } from '../core/lease.ts';"],
  ['src/cli/acquire.ts', "import { main } from '../main.ts';"],
  ['src/config.ts', "import { serve } from './http/server.ts';"],
  ['src/main.ts', "import { run } from '../test/simulation/world.ts';"],
  ['src/main.ts', "import { run } from '../bench/main.ts';"],
  ['src/main.ts', "import fs from 'fs';"],
  ['src/main.ts', "import vitest from 'vitest';"],
  ['src/main.ts', "import { gone } from './log/gone.ts';"],
  ['src/main.ts', 'export const load = (name: string) => import(name);'],
  ['src/colours/red.ts', ''],
  ['web/src/app.tsx', "import { serve } from '../../src/http/server.ts';"],
  ['web/src/app.tsx', "import Fastify from 'fastify';"],
  ['src/http/server.ts', "import { app } from '../../web/src/app.tsx';"],
])('%s with %s is refused', (path, text) => {
  expect(faultsWith(path, text)).toHaveLength(1);
});

test.each([
  ['src/core/lease.ts', "import { empty } from './state.ts';"],
  [
    'src/log/memory.ts',
    "import type { Lease } from '../core/lease.ts';\nimport { Worker } from 'node:worker_threads';",
  ],
  ['src/http/server.ts', "import type { Log } from '../log/log.ts';"],
  ['src/replica/replica.ts', "import { grant } from '../core/lease.ts';\nimport type { Log } from '../log/log.ts';"],
  ['src/http/server.ts', "import Fastify from 'fastify';\nimport { callMe } from './dialects/call-me.ts';"],
  ['src/cli/serve.ts', "import { main } from '../main.ts';"],
  [
    'web/src/app.tsx',
    "import { render } from 'preact';\nimport '../../src/client/client.ts';\nexport const app = <p />;",
  ],
  ['src/core/lease.test.ts', "import { memory } from '../log/memory.ts';\nimport { test } from 'vitest';"],
  ['src/core/lease.ts', "// import { memory } from '../log/memory.ts';"],
])('%s with %s is let through', (path, text) => {
  expect(faultsWith(path, text)).toEqual([]);
});

test('a circle is shown as the files along it', () => {
  const circle = [
    { path: 'src/core/lease.ts', text: "import { a } from './queue.ts';" },
    { path: 'src/core/queue.ts', text: "import type { b } from './state.ts';" },
    { path: 'src/core/state.ts', text: "import { c } from './lease.ts';" },
  ];
  expect(importFaults(circle, [])).toEqual([
    'circle: src/core/lease.ts → src/core/queue.ts → src/core/state.ts → src/core/lease.ts',
  ]);
});
