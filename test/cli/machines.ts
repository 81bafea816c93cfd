// Servers with drivers whose machines are processes on this one. All of them end with the test.

import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { folder, root } from './process.ts';
import { type Server, serve } from './real-server.ts';

export const processes = join(root, 'examples/machines/processes.sh');
/** Without its `--id`. */
export const ask = ['build', 'create', '--site', 'org', '--env', 'staging', '--queue', 'main', '--type', 't3'];
/** Of a pool whose machines may be leased as soon as they run; without its name. */
export const poolOf = [
  ...['--label', 'pool=docker', '--max', '2', '--site', 'org', '--env', 'ci', '--queue', 'docker', '--type', 'small'],
  ...['--ready-when', 'started'],
];

export interface WithMachines {
  readonly server: Server;
  /** Where a driver keeps what it knows; gone after the test. */
  readonly place: string;
  /** Machines that are there, as the driver calls them. */
  readonly there: () => string[];
}

export async function withMachines(driver = processes, place = machinesPlace()): Promise<WithMachines> {
  const server = await serve(['--driver', `command:${driver}`], { MACHINES: place });
  return { server, place, there: () => machinesIn(place) };
}

function machinesPlace(): string {
  const place = folder();
  onTestFinished(() => {
    for (const name of machinesIn(place)) {
      try {
        process.kill(Number(name.slice(2)));
      } catch {
        // It has ended by itself.
      }
    }
  });
  return place;
}

function machinesIn(place: string): string[] {
  return existsSync(place) ? readdirSync(place).filter((name) => /^p-\d+$/.test(name)) : [];
}

/** A driver that does this before it answers a question of this name; everything else is as with processes. */
export function driverThat(does: string, question = 'create'): string {
  const file = join(folder(), 'driver');
  writeFileSync(file, `#!/bin/sh\nif [ "$1" = ${question} ]; then\n${does}\nfi\nexec ${processes} "$1"\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Makes nothing until the gate is open, and gives up with the test. */
export const gated = `while [ ! -e "$MACHINES/open" ]; do [ -d "$MACHINES" ] || exit 75; sleep 0.05; done`;
export const open = (place: string): void => writeFileSync(join(place, 'open'), '');
