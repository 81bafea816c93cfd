// Who may import whom (`npm run imports`): the walls between the folders of src and web, and no circle anywhere.
// A file belongs to the first row whose `of` its path begins with; what no row names is refused, so that a new folder
// gets its walls on the day it appears. Tests are free: they look into every room.

import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { type Import, importsOf, readSources, type Source } from './source.ts';

type Row = {
  of: string;
  /** Beginnings of the paths it may import, beside itself. */
  may: readonly string[];
  /** What it may import types from, and nothing that runs. */
  mayTypes?: readonly string[];
  builtins: boolean;
  /** Those of a server, none, or these, which are needed only to build. */
  packages: boolean | readonly string[];
  why: string;
};

const free = { builtins: true, packages: true };
const alone = { builtins: false, packages: false };

const rows: readonly Row[] = [
  { of: 'src/core/', may: [], ...alone, why: 'the core is pure: no I/O, no clock, nothing of the rest' },
  {
    of: 'src/log/',
    may: ['src/core/space-name.ts'],
    mayTypes: ['src/core/'],
    ...free,
    why: 'a log keeps rows and decides nothing',
  },
  {
    of: 'src/replica/',
    may: ['src/core/', 'src/log/log.ts', 'src/log/store.ts'],
    ...free,
    why: 'a replica knows the contract, no log by name',
  },
  { of: 'src/probes/', may: ['src/core/'], ...free, why: 'a probe looks and tells' },
  {
    of: 'src/notify/',
    may: ['src/core/', 'src/replica/'],
    ...free,
    why: 'a notice is a job; whoever is told is outside',
  },
  { of: 'src/provision/', may: ['src/core/', 'src/replica/'], ...free, why: 'builds go through turns like everything' },
  {
    of: 'src/sidekiq/',
    may: ['src/core/', 'src/replica/', 'src/provision/'],
    ...free,
    why: 'Redis is how a job reaches its worker; all else is as without it',
  },
  { of: 'src/api/', may: [], ...free, why: 'the shapes of the API depend on nothing of ours' },
  {
    of: 'src/http/',
    may: ['src/api/', 'src/core/', 'src/probes/', 'src/replica/'],
    mayTypes: ['src/log/log.ts'],
    ...free,
    why: 'HTTP knows no log',
  },
  { of: 'src/client/', may: [], ...alone, why: 'the client is fetch alone, and runs in a browser too' },
  {
    of: 'src/cli/serve.ts',
    may: ['src/cli/', 'src/client/', 'src/config.ts', 'src/config-file.ts', 'src/main.ts', 'package.json'],
    ...free,
    why: 'only main.ts wires a server',
  },
  {
    of: 'src/cli/worker',
    may: [
      ...['src/cli/', 'src/client/', 'src/config.ts', 'src/config-file.ts'],
      ...['src/provision/', 'src/replica/clock.ts', 'src/sidekiq/'],
    ],
    mayTypes: ['src/core/'],
    ...free,
    why: 'a worker has a driver of its own, and everything else from the server',
  },
  {
    of: 'src/cli/store',
    may: ['src/cli/', 'src/config.ts', 'src/config-values.ts', 'src/store.ts'],
    ...free,
    why: 'a store is worked on where it lies, not through a server',
  },
  {
    of: 'src/cli/wait-local.ts',
    may: ['src/cli/', 'src/client/', 'src/config.ts', 'src/core/meet/target.ts', 'src/probes/'],
    mayTypes: ['src/core/'],
    ...free,
    why: 'with --local the command itself is what probes; nothing else in the CLI knows how',
  },
  {
    of: 'src/cli/',
    may: ['src/client/', 'src/config.ts', 'package.json'],
    ...free,
    why: 'a command talks to a server by the client',
  },
  { of: 'src/config-values.ts', may: ['src/core/'], ...free, why: 'what may be written is known before all else' },
  {
    // What there may be in it; nothing that reads YAML, which every command would load.
    of: 'src/config-file/settings.ts',
    may: [],
    mayTypes: ['src/core/', 'src/config-values.ts'],
    ...alone,
    why: 'the settings of the file are known without reading one',
  },
  {
    of: 'src/config-file',
    may: ['src/core/', 'src/config-values.ts'],
    mayTypes: ['src/config.ts'],
    ...free,
    why: 'the file is read before all that is set up by it',
  },
  {
    of: 'src/config.ts',
    may: ['src/core/', 'src/config-values.ts', 'src/config-file/settings.ts'],
    ...free,
    why: 'settings come before all that is set up by them',
  },
  {
    of: 'src/store.ts',
    may: ['src/log/', 'src/config.ts', 'src/config-values.ts'],
    ...free,
    why: 'what a person does to a store itself',
  },
  {
    of: 'web/',
    may: ['src/client/', 'src/core/access.ts', 'src/core/selectors.ts', 'src/cli/text/durations.ts'],
    builtins: false,
    packages: ['preact'],
    why: 'the dashboard is a client like any other, and decides what may be offered as the server does',
  },
  {
    of: 'src/main.ts',
    may: ['src/', 'package.json'],
    ...free,
    why: 'main.ts wires the server; tests are not part of it',
  },
];

/** A dialect is a guest of HTTP: it can be read, changed and removed without the others. */
const dialects = 'src/http/dialects/';

/** One sentence for each import that breaks a wall, and one for each circle. `dependencies`: the packages that a server has. */
export function importFaults(sources: readonly Source[], dependencies: readonly string[]): string[] {
  const files = new Map(
    sources.filter(({ path }) => !path.endsWith('.test.ts')).map((file) => [file.path, importsOf(file)]),
  );
  const faults: string[] = [];
  for (const [path, imports] of files) {
    const row = rows.find(({ of }) => path.startsWith(of));
    if (row === undefined) faults.push(`${path}: no row of scripts/check-imports.ts says what it may import`);
    else faults.push(...imports.flatMap((each) => faultOf(row, path, each, files, dependencies)));
  }
  const graph = new Map([...files].map(([path, imports]) => [path, imports.flatMap(({ target }) => target ?? [])]));
  return [...faults, ...circles(graph)];
}

function faultOf(
  row: Row,
  path: string,
  it: Import,
  files: ReadonlyMap<string, unknown>,
  dependencies: readonly string[],
): string[] {
  const refuse = (because: string) => [`${path}:${it.line}: imports ${it.target ?? 'a computed name'}: ${because}`];
  const { target } = it;
  if (target === null) return refuse('nobody can tell what that is; name the file');
  if (target.startsWith('node:')) return row.builtins ? [] : refuse(row.why);
  if (builtinModules.includes(target)) return refuse(`write node:${target}`);
  if (!/^(src|test|bench|scripts|web)\/|^package\.json$/.test(target)) {
    if (row.packages === false) return refuse(row.why);
    const named = (row.packages === true ? dependencies : row.packages).some(
      (name) => target === name || target.startsWith(`${name}/`),
    );
    return named || it.typeOnly ? [] : refuse('it is not among the dependencies in package.json');
  }
  // Of a dialect that is too long for one file, the parts begin with its name.
  const isPart = target.startsWith(path.replace(/\.ts$/, '-'));
  if (target.startsWith(dialects) && path.startsWith(dialects) && !isPart)
    return refuse('dialects do not know one another');
  const allowed = [row.of, ...row.may, ...(it.typeOnly ? (row.mayTypes ?? []) : [])];
  if (!allowed.some((start) => target.startsWith(start))) return refuse(row.why);
  return target === 'package.json' || target.endsWith('.css') || files.has(target)
    ? []
    : refuse('there is no such file');
}

/** Each circle once, as the files along it. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]) => {
    const start = above.indexOf(path);
    if (start >= 0) found.push(`circle: ${[...above.slice(start), path].join(' → ')}`);
    if (start >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...above, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

if (import.meta.main) {
  const root = `${import.meta.dirname}/..`;
  const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const sources = readSources(root, ['src', 'web/src']);
  const faults = importFaults(sources, Object.keys(dependencies));
  for (const fault of faults) console.error(fault);
  console.log(`${sources.length} files, ${faults.length} faults`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
