// `npm run bench`: starts each system that is installed, measures them in turn, prints the table and writes it all to
// bench/results/. What is measured and how to read it: docs/benchmarks.md.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endAll, endAllOnSignals, removeDirectory, temporaryDirectory } from './children.ts';
import { judge } from './goals.ts';
import { calibrateFsync, describeMachine, inMemory, loadAverage } from './machine.ts';
import { help, type Options, parse } from './options.ts';
import { planFor } from './plan.ts';
import { Cluster } from './postgres/cluster.ts';
import { storePlanFor } from './postgres/plan.ts';
import { renderPage, renderStore, type StoreReport } from './postgres/report.ts';
import { runStore } from './postgres/run.ts';
import { notMeasured, type Report, render } from './report.ts';
import { run } from './run.ts';
import type { Samples } from './samples.ts';
import { systemNamed } from './systems/all.ts';
import type { System } from './systems/system.ts';

const EXIT_USAGE = 64;

async function bench(options: Options): Promise<number> {
  const started = performance.now();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const measured: System[] = [];
  const versions: Report['systems'] = [];
  const missing: Report['missing'] = [];
  for (const system of options.only.map(systemNamed)) {
    const version = system.version();
    if (version === null) {
      missing.push({ name: system.name, install: system.install });
      say(notMeasured(system));
      continue;
    }
    measured.push(system);
    versions.push({ name: system.name, version });
  }
  if (measured.length === 0) {
    say('Nothing to measure.');
    return 1;
  }

  const scratch = temporaryDirectory(options.directory, 'run');
  const machine = describeMachine(scratch);
  if (inMemory(machine)) {
    say(`${options.directory} is in memory (${machine.fileSystem}): nothing there is durable. Use --directory.`);
    return EXIT_USAGE;
  }
  const plan = planFor(options.quick, options.repetitions);
  const load = loadAverage();
  const fsync = calibrateFsync(scratch);
  const { samples, complete } = await run(plan, measured, scratch, say);
  const report: Report = {
    date: new Date().toISOString(),
    command: commandLine(process.argv.slice(2)),
    plan,
    machine,
    fsync: { before: fsync, after: calibrateFsync(scratch) },
    loadAverage: { before: load, after: loadAverage() },
    seconds: (performance.now() - started) / 1000,
    complete,
    systems: versions,
    missing,
  };
  removeDirectory(scratch);

  const text = render(report, measured, samples);
  process.stdout.write(`\n${text}\n`);
  say(`\nWritten to ${write(report, samples, text, options.keep ? 'summary' : null)}`);
  return samples.failures.length > 0 || !complete ? 1 : 0;
}

/** The rows on PostgreSQL, which are a run of their own. */
async function benchStore(options: Options): Promise<number> {
  const started = performance.now();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const scratch = temporaryDirectory(options.directory, 'run');
  const machine = describeMachine(scratch);
  if (inMemory(machine)) {
    say(`${options.directory} is in memory (${machine.fileSystem}): nothing there is durable. Use --directory.`);
    return EXIT_USAGE;
  }
  const cluster = await Cluster.start(options.directory);
  if (cluster === null) {
    say('PostgreSQL is not installed. To have it: apt-get install postgresql');
    return 1;
  }
  const plan = storePlanFor(options.quick, options.repetitions);
  const load = loadAverage();
  const fsync = calibrateFsync(scratch);
  const { samples, complete } = await runStore(plan, cluster, scratch, say);
  cluster.stop();
  const report: StoreReport = {
    date: new Date().toISOString(),
    command: commandLine(process.argv.slice(2)),
    plan,
    machine,
    postgres: cluster.version,
    fsync: { before: fsync, after: calibrateFsync(scratch) },
    loadAverage: { before: load, after: loadAverage() },
    seconds: (performance.now() - started) / 1000,
    complete,
  };
  removeDirectory(scratch);
  const text = renderStore(report, samples);
  process.stdout.write(`\n${text}\n`);
  if (options.keep) putIntoPage(renderPage(report, samples));
  say(`\nWritten to ${write(report, samples, text, options.keep ? 'postgres' : null)}`);
  return samples.failures.length > 0 || !complete ? 1 : 0;
}

/** docs/scale.md shows a run between two marks. */
function putIntoPage(text: string): void {
  const page = join(import.meta.dirname, '../docs/scale.md');
  const [begin, end] = ['<!-- measured -->', '<!-- end of what was measured -->'];
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} … ${end}`);
  writeFileSync(page, `${old.slice(0, from)}${begin}\n\n${text}\n\n${old.slice(to)}`);
}

function commandLine(args: readonly string[]): string {
  return ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
}

/** The file that was written. `kept`: the name of the summary, which is in git and becomes this run's. */
function write(report: Report | StoreReport, samples: Samples, text: string, kept: string | null): string {
  const directory = join(import.meta.dirname, 'results');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${report.date.replaceAll(':', '-').replace(/\.\d+Z$/, 'Z')}.json`);
  const contents = { ...report, goals: judge(samples), failures: samples.failures, figures: samples.byRow() };
  const json = `${compactLists(JSON.stringify(contents, null, 1))}\n`;
  writeFileSync(file, json);
  if (kept !== null) {
    writeFileSync(join(directory, `${kept}.json`), json);
    const page = kept === 'summary' ? `\`\`\`text\n${text}\n\`\`\`` : text;
    writeFileSync(join(directory, `${kept}.md`), `Written by \`${report.command}\`.\n\n${page}\n`);
  }
  return file;
}

/** Lists of numbers on one line each. */
function compactLists(json: string): string {
  return json.replace(/\[[\s\d.,e+-]+\]/g, (list) => list.replace(/\s+/g, ' '));
}

const parsed = parse(process.argv.slice(2));
switch (parsed.outcome) {
  case 'help':
    process.stdout.write(help);
    break;
  case 'refused':
    process.stderr.write(`${parsed.reason}\n\n${help}`);
    process.exitCode = EXIT_USAGE;
    break;
  case 'run':
    endAllOnSignals();
    try {
      process.exitCode = await (parsed.options.rows === 'postgres' ? benchStore : bench)(parsed.options);
    } finally {
      endAll();
    }
}
