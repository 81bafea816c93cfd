// A driver whose machines are processes, each asked for slowly enough for its worker to be killed meanwhile.

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CommandDriver } from '../../src/provision/command.ts';
import { folder } from '../cli/process.ts';

const example = join(import.meta.dirname, '../../examples/machines/processes.sh');
const never = new AbortController().signal;

export interface SlowMachines {
  readonly program: string;
  readonly driver: CommandDriver;
  /** Ids of those that are there, as we call them. */
  readonly there: () => Promise<string[]>;
  /** What `create` exits with instead; 0: it works. */
  readonly failWith: (code: number) => void;
  /** How often it was asked for one. */
  readonly asked: () => number;
}

/** They are gone after the test. */
export function machines(sleepSeconds = 0.1): SlowMachines {
  const made = folder();
  const program = join(made, 'driver.sh');
  const slow = `[ "$1" != create ] || sleep ${sleepSeconds}`;
  const lines = [
    ...['#!/bin/sh', 'set -e', `if [ "$1" = create ]; then echo >> ${made}/asked; fi`],
    `if [ "$1" = create ] && [ -s ${made}/code ]; then echo 'no such image' >&2; exit "$(cat ${made}/code)"; fi`,
    ...[slow, `MACHINES=${made}/machines ${example} "$@"`, slow, ''],
  ];
  writeFileSync(program, lines.join('\n'));
  chmodSync(program, 0o755);
  const driver = new CommandDriver(program, 20_000);
  onTestFinished(async () => {
    for (const { cloudId } of await driver.list(never)) await driver.delete(cloudId, never);
  });
  const count = () => (existsSync(`${made}/asked`) ? readFileSync(`${made}/asked`, 'utf8').length : 0);
  return {
    ...{ program, driver, asked: count },
    there: async () => (await driver.list(never)).map(({ instance }) => instance.split('/')[1] ?? '').sort(),
    failWith: (code) => writeFileSync(`${made}/code`, code === 0 ? '' : String(code)),
  };
}
