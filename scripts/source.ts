// Reads the project's own TypeScript as syntax, for the checks that grep would get wrong (comments, strings, types).
// The parser is the one that vitest brings; TypeScript 7 has none that a program could call.

import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseAst } from 'vitest/node';

export type Source = { path: string; text: string };

export type Import = {
  /** As written, or for a file of ours its path from the checkout's root. Null: computed, so nobody can tell. */
  target: string | null;
  /** `import type`, which is gone when the program runs. */
  typeOnly: boolean;
  line: number;
};

/** A name that is read: `Date.now`, `setTimeout`, `new Date()`. */
export type Use = { name: string; line: number };

type Node = { type: string; start: number; [field: string]: unknown };

/** Every .ts and .tsx file below the folders, with / in its path on every system. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }));
}

/** Imports of every kind: static, re-exports, `import()`, types by `import('…')`, and `new URL('./worker.ts', …)`. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (node: Node, from: unknown, typeOnly: boolean) => {
    const written = isNode(from) && from.type === 'Literal' ? String(from.value) : null;
    found.push({ target: written && resolve(source.path, written), typeOnly, line: lineOf(source, node) });
  };
  for (const node of nodesOf(source)) {
    if (node.type === 'ImportDeclaration') add(node, node.source, node.importKind === 'type');
    else if (node.type === 'ExportAllDeclaration') add(node, node.source, node.exportKind === 'type');
    else if (node.type === 'ExportNamedDeclaration' && node.source) add(node, node.source, node.exportKind === 'type');
    else if (node.type === 'ImportExpression') add(node, node.source, false);
    else if (node.type === 'TSImportType') add(node, node.source, true);
    else if (node.type === 'NewExpression' && nameOf(node.callee) === 'URL') {
      const [file] = node.arguments as Node[];
      if (file?.type === 'Literal' && /^\.\.?\/.*\.ts$/.test(String(file.value))) add(node, file, false);
    }
  }
  return found;
}

/** Names that are read, each in its longest form of at most two parts; a property's own name is not one. */
export function usesOf(source: Source): Use[] {
  const found: Use[] = [];
  const owners = new Set<unknown>();
  for (const node of nodesOf(source)) {
    let name = nameOf(node);
    if (node.type === 'MemberExpression' && nameOf(node.object) !== null) {
      const property = node.computed ? (node.property as Node).value : nameOf(node.property);
      name = `${nameOf(node.object)}.${property ?? '*'}`;
      owners.add(node.object);
    } else if (node.type === 'NewExpression' && (node.arguments as Node[]).length === 0) {
      name = `new ${nameOf(node.callee)}()`;
    } else if (node.type === 'CallExpression' && nameOf(node.callee) === 'Date') {
      name = 'Date()';
    }
    if (name !== null && !owners.has(node)) found.push({ name, line: lineOf(source, node) });
  }
  return found;
}

function resolve(from: string, written: string): string {
  return written.startsWith('.') ? posix.join(posix.dirname(from), written) : written;
}

function nameOf(node: unknown): string | null {
  return isNode(node) && node.type === 'Identifier' ? String(node.name) : null;
}

function lineOf(source: Source, node: Node): number {
  return source.text.slice(0, node.start).split('\n').length;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** Depth first, a parent before its children; without the names of properties, which are no uses of that name. */
function* nodesOf(source: Source): Generator<Node> {
  const open: unknown[] = [parseAst(source.text, { lang: source.path.endsWith('x') ? 'tsx' : 'ts' }, source.path)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) open.push(...next.toReversed());
    if (!isNode(next)) continue;
    yield next;
    const fields = Object.keys(next).filter((field) => next.computed || (field !== 'property' && field !== 'key'));
    open.push(...fields.map((field) => next[field] ?? null).toReversed());
  }
}
