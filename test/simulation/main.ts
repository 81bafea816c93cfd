// npm run sim -- --seed 7 --trace          one seed, told step by step
// npm run sim -- --seeds 10000             many, from --seed on (default 1)
// --servers one|several: one server, or several on one store; else three of ten seeds have several.
// --machines: worlds with machines, workers and a cloud, and with one server; else every tenth seed is lived through there as well.
// --steps N: things that happen in each before the faults stop (default 2000). Every 100th seed runs twice: both must agree.

import { parseArgs } from 'node:util';
import { simulateMachines } from './machines.ts';
import type { Result } from './simulation.ts';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    servers: { type: 'string' },
    machines: { type: 'boolean', default: false },
    steps: { type: 'string', default: '2000' },
    trace: { type: 'boolean', default: false },
    counts: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const seeds = Number(values.seeds);
const steps = Number(values.steps);
const of: { servers?: 'one' | 'several' } =
  values.servers === undefined ? {} : { servers: values.servers === 'one' ? 'one' : 'several' };

const counts = new Map<string, number>();
const faulty: Result[] = [];
let stepsDone = 0;
const begun = performance.now();
const cpuBegun = process.cpuUsage();
for (let seed = first; seed < first + seeds; seed++) {
  for (const isOfMachines of worldsOf(seed)) {
    const result = await live(seed, isOfMachines, values.trace);
    stepsDone += result.steps;
    for (const [what, count] of Object.entries(result.counts)) counts.set(what, (counts.get(what) ?? 0) + count);
    const again = seeds > 1 && seed % 100 === 0 ? await live(seed, isOfMachines, false) : result;
    const faults =
      again.fingerprint === result.fingerprint
        ? result.faults
        : [...result.faults, 'it ran differently the second time'];
    if (faults.length === 0) continue;
    faulty.push(result);
    const world = isOfMachines ? ' --machines' : '';
    console.log(
      `seed ${seed} (npm run sim -- --seed ${seed} --steps ${steps}${world} --trace):\n  ${faults.slice(0, 3).join('\n  ')}`,
    );
  }
  if (faulty.length >= 20) break;
}
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage(cpuBegun);
const coreSeconds = (user + system) / 1e6;
const done = Math.min(seeds, faulty.length >= 20 ? (faulty.at(-1)?.seed ?? first) - first + 1 : seeds);
if (values.counts) for (const [what, count] of [...counts].sort()) console.log(`${String(count).padStart(9)}  ${what}`);
console.log(
  `${done} seeds, ${stepsDone} steps in ${seconds.toFixed(1)} s: ${(done / seconds).toFixed(0)} seeds/s, ` +
    `${(done / coreSeconds).toFixed(0)} seeds/s/core, ${Math.round(stepsDone / coreSeconds)} steps/s/core; ${faulty.length === 0 ? 'no faults' : `${faulty.length} seeds with faults`}`,
);
process.exitCode = faulty.length === 0 ? 0 : 1;

function worldsOf(seed: number): boolean[] {
  if (values.machines) return [true];
  return seeds > 1 && seed % 10 === 0 && values.servers === undefined ? [false, true] : [false];
}

function live(seed: number, isOfMachines: boolean, isTold: boolean): Promise<Result> {
  const trace = isTold ? { trace: console.log } : {};
  // What happens to machines takes longer than what happens to leases.
  return isOfMachines
    ? simulateMachines({ seed, seconds: 0.15 * steps, ...trace })
    : simulate({ seed, steps, ...of, ...trace });
}
