// Links within the project lead somewhere, and files that pages name are there.

import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { readPage } from './markdown.ts';
import { pages, readProjectFile, root } from './pages.ts';

const isElsewhere = (target: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(target);

function faultOf(from: string, target: string): string | null {
  if (isElsewhere(target)) return null;
  const [file = '', anchor] = target.split('#', 2) as [string, string?];
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)));
  if (path.startsWith('..')) return 'leads out of the project';
  if (!existsSync(join(root, path))) return 'there is no such file';
  if (anchor === undefined) return null;
  if (!path.endsWith('.md') || statSync(join(root, path)).isDirectory()) return 'only pages have anchors';
  return readPage(path, readProjectFile(path)).anchors.has(anchor) ? null : 'that page has no such heading';
}

test.each(pages.map((page) => [page.path, page] as const))('%s: every link leads somewhere', (path, page) => {
  const faults = page.links.flatMap(({ target, line }) => {
    const fault = faultOf(path, target);
    return fault === null ? [] : [`${path}:${line}: ${target}: ${fault}`];
  });
  expect(faults).toEqual([]);
});

const OURS = /^(?:src|test|docs|bench|bin|contrib|examples|scripts|\.ci)\/[\w./*-]*$/;

test.each(pages.map((page) => [page.path, page] as const))('%s: files that it names are there', (path, page) => {
  const named = page.spans.filter(
    ({ text }) => OURS.test(text) && !text.includes('*') && !text.startsWith('bench/results/'),
  );
  expect(
    named.filter(({ text }) => !existsSync(join(root, text))).map(({ text, line }) => `${path}:${line}: ${text}`),
  ).toEqual([]);
});

test('nobody has to know this machine to read a page', () => {
  const machine = /\/work\/|\/tmp\/sb|\.\.\/shared|\bregistry\.(?!example\b)[a-z]/;
  const found = pages.flatMap((page) =>
    readProjectFile(page.path)
      .split('\n')
      .flatMap((line, i) => (machine.test(line) ? [`${page.path}:${i + 1}: ${line}`] : [])),
  );
  expect(found).toEqual([]);
});

test('a link without a file and an anchor without a heading are found', () => {
  expect(faultOf('README.md', 'docs/none.md')).not.toBeNull();
  expect(faultOf('README.md', '#none')).not.toBeNull();
  expect(faultOf('README.md', '../elsewhere')).not.toBeNull();
  expect(faultOf('README.md', 'LICENSE')).toBeNull();
});
