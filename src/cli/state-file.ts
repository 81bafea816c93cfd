// The lease that one step hands to the next: a file of NAME=value lines, mode 0600 because it holds the lease's secret. It can be
// read by a shell (`. ./file`), so every value that a shell could take for more than text is quoted: names of environments are
// other people's.

import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Lease } from '../client/types.ts';
import { Failure } from './text/errors.ts';

export interface HeldState {
  readonly lease: string;
  readonly fence: number | null;
  readonly environments: readonly string[];
  readonly secret: string | null;
  /** The server that granted it: the next step must not ask another. */
  readonly url: string;
  /** The space that it is in; null: main. */
  readonly space: string | null;
}

export function stateOf(lease: Lease, secret: string | null, url: string, space: string | null): HeldState {
  return {
    lease: lease.id,
    fence: lease.fence,
    environments: lease.granted.map((granted) => granted.environment),
    ...{ secret, url, space },
  };
}

/** What a lease is for programs, as `run` sets it for its child. Without the secret, which does not belong into a log. */
export function leaseVariables(
  lease: Pick<HeldState, 'lease' | 'fence' | 'environments' | 'space'>,
): [name: string, value: string][] {
  return [
    ['SIGNALBOX_LEASE', lease.lease],
    ['SIGNALBOX_FENCE', String(lease.fence ?? '')],
    ['SIGNALBOX_ENVIRONMENT', lease.environments.join(' ')],
    ['SIGNALBOX_ENVIRONMENTS', JSON.stringify(lease.environments)],
    // Who names the lease must name its space too.
    ...(lease.space === null ? [] : [['SIGNALBOX_SPACE', lease.space] as [string, string]]),
  ];
}

/** `NAME=value`, quoted where a shell needs it. */
export function shellLine([name, value]: readonly [string, string]): string {
  return /^[\w.,:/@%+=-]*$/.test(value) ? `${name}=${value}` : `${name}='${value.replaceAll("'", `'\\''`)}'`;
}

/** Refuses before anything is asked of the server what could not be written afterwards. */
export function checkWritable(file: string): void {
  try {
    if (!statSync(dirname(file)).isDirectory()) throw new Error(`${dirname(file)} is not a directory`);
    const probe = `${file}.${process.pid}.tmp`;
    closeSync(openSync(probe, 'wx', 0o600));
    rmSync(probe);
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

/** Replaces the file as a whole; it never exists half written or with another mode. */
export function writeState(file: string, state: HeldState): void {
  const lines = [...leaseVariables(state), ['SIGNALBOX_URL', state.url] as const];
  if (state.secret !== null) lines.push(['SIGNALBOX_LEASE_SECRET', state.secret]);
  const beside = `${file}.${process.pid}.tmp`;
  try {
    rmSync(beside, { force: true });
    const descriptor = openSync(beside, 'wx', 0o600);
    writeSync(descriptor, `${lines.map((line) => shellLine(line as [string, string])).join('\n')}\n`);
    closeSync(descriptor);
    renameSync(beside, file);
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

/** null: there is no such file. */
export function readState(file: string): HeldState | null {
  let written: string;
  try {
    written = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(file, (error as Error).message);
  }
  const values = new Map<string, string>();
  for (const line of written.split('\n')) {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, unquoted(value));
  }
  const lease = values.get('SIGNALBOX_LEASE');
  const url = values.get('SIGNALBOX_URL');
  if (!lease || !url) throw unreadable(file, 'it does not name a lease and a server');
  const fence = Number(values.get('SIGNALBOX_FENCE') || Number.NaN);
  return {
    lease,
    url,
    fence: Number.isSafeInteger(fence) ? fence : null,
    environments: environmentsOf(file, values.get('SIGNALBOX_ENVIRONMENTS') ?? '[]'),
    secret: values.get('SIGNALBOX_LEASE_SECRET') ?? null,
    space: values.get('SIGNALBOX_SPACE') || null,
  };
}

export function removeState(file: string): void {
  rmSync(file, { force: true });
}

function environmentsOf(file: string, written: string): string[] {
  try {
    const parsed: unknown = JSON.parse(written);
    if (Array.isArray(parsed) && parsed.every((name) => typeof name === 'string')) return parsed;
  } catch {
    // Said below.
  }
  throw unreadable(file, 'SIGNALBOX_ENVIRONMENTS is not a list');
}

function unquoted(value: string): string {
  return value.startsWith("'") && value.endsWith("'") ? value.slice(1, -1).replaceAll(`'\\''`, "'") : value;
}

function cannotWrite(file: string, error: unknown): Failure {
  return new Failure({ what: `cannot write ${file}: ${(error as Error).message}`, code: 'cannot_write', cause: error });
}

function unreadable(file: string, why: string): Failure {
  return new Failure({
    what: `${file} is not a state file: ${why}`,
    code: 'state_unreadable',
    more: ['signalbox acquire ENV --state FILE writes one.'],
  });
}
