// Contexts: servers that somebody has logged in to, in $XDG_CONFIG_HOME/signalbox/config.json. The file holds keys, so it is
// written with mode 0600, and replaced as a whole: a crash in between leaves the old one.

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { type Variables, variable } from '../../config.ts';
import { Failure } from '../text/errors.ts';

export interface Context {
  readonly url: string;
  readonly key: string | null;
  readonly caFile: string | null;
  readonly space: string | null;
}

export interface Contexts {
  /** Name of the one that counts when nothing else says which server; null: none. */
  readonly current: string | null;
  readonly byName: Readonly<Record<string, Context>>;
}

export function contextsFile(env: Variables): string {
  const configured = variable(env, 'XDG_CONFIG_HOME');
  const base =
    configured !== null && isAbsolute(configured) ? configured : join(variable(env, 'HOME') ?? homedir(), '.config');
  return join(base, 'signalbox', 'config.json');
}

/** No file: no contexts. A file that cannot be read is an error, or a command would silently go to another server. */
export function readContexts(file: string): Contexts {
  let written: string;
  try {
    written = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { current: null, byName: {} };
    throw unreadable(file, (error as Error).message);
  }
  try {
    return contextsOf(JSON.parse(written));
  } catch (error) {
    throw unreadable(file, (error as Error).message);
  }
}

export function writeContexts(file: string, contexts: Contexts): void {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(beside, `${JSON.stringify({ current: contexts.current, contexts: contexts.byName }, null, 2)}\n`, {
      mode: 0o600,
    });
    chmodSync(beside, 0o600);
    renameSync(beside, file);
  } catch (error) {
    throw new Failure({
      what: `cannot write ${file}: ${(error as Error).message}`,
      code: 'cannot_write',
      cause: error,
    });
  }
}

function contextsOf(parsed: unknown): Contexts {
  const { current, contexts } = parsed as { current?: unknown; contexts?: unknown };
  if (typeof contexts !== 'object' || contexts === null) throw new Error('"contexts" is missing');
  const byName: Record<string, Context> = {};
  for (const [name, value] of Object.entries(contexts)) {
    const { url, key, caFile, space } = value as Record<string, unknown>;
    if (typeof url !== 'string') throw new Error(`context "${name}" has no url`);
    byName[name] = { url, key: textOrNull(key), caFile: textOrNull(caFile), space: textOrNull(space) };
  }
  return { current: typeof current === 'string' && Object.hasOwn(byName, current) ? current : null, byName };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function unreadable(file: string, why: string): Failure {
  return new Failure({
    what: `cannot read ${file}: ${why}`,
    code: 'bad_setting',
    more: ['Mend or remove it, then: signalbox login https://your-server'],
  });
}
