// The command line of the bench. A wrong option is refused by name, and nothing is started.

import { parseArgs } from 'node:util';
import { systems } from './systems/all.ts';
import type { SystemName } from './systems/system.ts';

const DEFAULT_DIRECTORY = '/var/tmp';
const MIN_REPETITIONS = 3;
const MAX_REPETITIONS = 20;

/** What is measured: beside other systems, or on PostgreSQL. */
const ROWS = ['systems', 'postgres'] as const;

export interface Options {
  rows: (typeof ROWS)[number];
  quick: boolean;
  only: readonly SystemName[];
  /** Null: what the plan says. */
  repetitions: number | null;
  directory: string;
  /** Make this run the summary that is kept in git. */
  keep: boolean;
}

export type Parsed =
  | { outcome: 'run'; options: Options }
  | { outcome: 'help' }
  | { outcome: 'refused'; reason: string };

const names: readonly SystemName[] = systems.map((system) => system.name);

export const help = `npm run bench [-- options]

Measures signalbox against etcd, redis and itself without storage, and prints a table of ratios.
What each row means: docs/benchmarks.md

  --quick            ends within 60 seconds; shorter passes, 1,000 waiters at most
  --rows postgres    instead: several servers and spaces on a private PostgreSQL (docs/scale.md); two minutes with --quick
  --only NAMES       some of: ${names.join(',')}
  --repetitions N    passes over everything, ${MIN_REPETITIONS} to ${MAX_REPETITIONS} (default 3 with --quick, else 5)
  --directory PATH   where the servers keep their data, on a real disk (default ${DEFAULT_DIRECTORY})
  --keep             also writes bench/results/summary.md and .json, which are kept in git (postgres.md and .json, and the
                     figures in docs/scale.md)
  --help

Example: npm run bench -- --quick --only signalbox,redis
Results: bench/results/<time>.json
`;

export function parse(args: readonly string[]): Parsed {
  let given: {
    quick?: boolean;
    rows?: string;
    only?: string;
    repetitions?: string;
    directory?: string;
    keep?: boolean;
    help?: boolean;
  };
  try {
    given = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        rows: { type: 'string' },
        only: { type: 'string' },
        repetitions: { type: 'string' },
        directory: { type: 'string' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return { outcome: 'refused', reason: (error as Error).message };
  }
  if (given.help === true) return { outcome: 'help' };

  const asked = given.only === undefined ? names : given.only.split(',');
  const unknown = asked.find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) {
    return { outcome: 'refused', reason: `--only: no system "${unknown}"; there are ${names.join(', ')}` };
  }
  const repetitions = given.repetitions === undefined ? null : Number(given.repetitions);
  if (
    repetitions !== null &&
    !(Number.isInteger(repetitions) && repetitions >= MIN_REPETITIONS && repetitions <= MAX_REPETITIONS)
  ) {
    return { outcome: 'refused', reason: `--repetitions: a number from ${MIN_REPETITIONS} to ${MAX_REPETITIONS}` };
  }
  const rows = ROWS.find((known) => known === (given.rows ?? 'systems'));
  if (rows === undefined) return { outcome: 'refused', reason: `--rows: there are ${ROWS.join(' and ')}` };
  const options: Options = {
    rows,
    quick: given.quick ?? false,
    only: names.filter((name) => asked.includes(name)),
    repetitions,
    directory: given.directory ?? DEFAULT_DIRECTORY,
    keep: given.keep ?? false,
  };
  return { outcome: 'run', options };
}
