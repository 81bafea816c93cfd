// Files that appear together, or not at all.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appear } from '../../src/log/sqlite/together.ts';
import { newFolder } from './folder.ts';

function made() {
  const folder = newFolder();
  const files = ['a', 'b', 'main'].map((name) => ({ made: join(folder, `${name}.new`), place: join(folder, name) }));
  for (const file of files) writeFileSync(file.made, file.place);
  return { folder, files };
}

test('all of them are in their places, under one name each', () => {
  const { folder, files } = made();
  appear(files);
  expect(readdirSync(folder)).toEqual(['a', 'b', 'main']);
  for (const { place } of files) expect(readFileSync(place, 'utf8')).toBe(place);
});

test.each(['b', 'main'])('none is there when the place of %s is taken', (taken) => {
  const { folder, files } = made();
  mkdirSync(join(folder, taken));
  expect(() => appear(files)).toThrow();
  expect(readdirSync(folder).filter((name) => !name.endsWith('.new'))).toEqual([taken]);
});
