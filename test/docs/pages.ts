// Which pages there are.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Page, readPage } from './markdown.ts';

export const root = join(import.meta.dirname, '../..');

const ofTheRoot = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

function inDocs(): string[] {
  return readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort();
}

export function readProjectFile(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export const pages: readonly Page[] = [...ofTheRoot, ...inDocs()].map((path) => readPage(path, readProjectFile(path)));
