// `npm run bench`: starts each system that is installed, measures them in turn, prints the table and writes it all to
// bench/results/. What is measured and how to read it: docs/benchmarks.md.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endAll, endAllOnSignals, removeDirectory, temporaryDirectory } from './children.ts';
import { judge } from './goals.ts';
import { calibrateFsync, describeMachine, inMemory, loadAverage } from './machine.ts';
import { help, type Options, parse } from './options.ts';
import { planFor } from './plan.ts';
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
  say(`\nWritten to ${write(report, samples, text, options.keep)}`);
  return samples.failures.length > 0 || !complete ? 1 : 0;
}

function commandLine(args: readonly string[]): string {
  return ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
}

/** The file that was written. With `--keep` the summary, which is in git, becomes this run's. */
function write(report: Report, samples: Samples, text: string, keep: boolean): string {
  const directory = join(import.meta.dirname, 'results');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${report.date.replaceAll(':', '-').replace(/\.\d+Z$/, 'Z')}.json`);
  const contents = { ...report, goals: judge(samples), failures: samples.failures, figures: samples.byRow() };
  const json = `${compactLists(JSON.stringify(contents, null, 1))}\n`;
  writeFileSync(file, json);
  if (keep) {
    writeFileSync(join(directory, 'summary.json'), json);
    writeFileSync(
      join(directory, 'summary.md'),
      `Written by \`npm run bench -- --keep\`.\n\n\`\`\`text\n${text}\n\`\`\`\n`,
    );
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
      process.exitCode = await bench(parsed.options);
    } finally {
      endAll();
    }
}
