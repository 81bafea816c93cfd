// Which server a command talks to and with which key: flag, environment, current context, http://127.0.0.1:8080, in this order.
// Every value remembers where it came from, because "which of these won" is the first question when a key is refused.
//
// Must always hold: the key of a context goes only to the server of that context, whatever else says where to go.

import { readFileSync } from 'node:fs';
import { type Variables, variable, variables } from '../../config.ts';
import { Failure } from '../text/errors.ts';
import { didYouMean } from '../text/nearest.ts';
import { foreign } from '../text/sanitize.ts';
import { type Context, contextsFile, readContexts } from './contexts.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** As commander hands them over; there is none for the key itself, which would be in the process list. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly context?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  /** null: none is named, whatever the variables and the context say. */
  readonly space?: string | null;
}

export interface Sourced {
  readonly value: string;
  /** `--url`, `SIGNALBOX_URL`, `context shop`, `the default`. */
  readonly from: string;
}

export interface ClientSettings {
  readonly url: Sourced;
  readonly key: Sourced | null;
  readonly caFile: Sourced | null;
  readonly space: Sourced | null;
}

/** A context asked for by `--context` leaves the environment aside: its server, its key, or none. */
export function clientSettings(flags: ConnectionFlags, given: Variables = variables()): ClientSettings {
  const context = chosenContext(flags, given);
  const env: Variables = flags.context === undefined ? given : {};
  const url = checkedUrl(fromFlag(flags.url, '--url')) ??
    checkedUrl(fromVariable(env, 'SIGNALBOX_URL')) ??
    fromContext(context, 'url') ?? { value: DEFAULT_URL, from: 'the default' };
  const ofSameServer = context !== null && context.url === url.value ? context : null;
  return {
    url,
    key: readKey(flags, env) ?? fromContext(ofSameServer, 'key'),
    caFile:
      fromFlag(flags.caFile, '--ca-file') ??
      fromVariable(env, 'SIGNALBOX_CA_FILE') ??
      fromContext(ofSameServer, 'caFile'),
    space: flags.space === null ? null : (spaceSetting(flags.space, env) ?? fromContext(ofSameServer, 'space')),
  };
}

/** `https://host[:port][/path]`, without a slash at the end; a key in it would end up in logs. */
export function serverAddress(written: string, from: string): string {
  const url = URL.parse(written);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw wrong(
      `${from}: "${written}" is not the address of a server`,
      'Give one like https://signalbox.example or http://127.0.0.1:8080',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw wrong(
      `${from}: a name or password in the address is not used`,
      'Give the key in SIGNALBOX_KEY or SIGNALBOX_KEY_FILE.',
    );
  }
  return url.href.replace(/\/+$/, '');
}

interface NamedContext extends Context {
  readonly name: string;
}

function chosenContext(flags: ConnectionFlags, env: Variables): NamedContext | null {
  const { current, byName } = readContexts(contextsFile(env));
  const name = flags.context ?? current;
  if (name === null) return null;
  const context = Object.hasOwn(byName, name) ? byName[name] : undefined;
  if (context === undefined) {
    throw wrong(
      `there is no context "${name}".${didYouMean(name, Object.keys(byName))}`,
      'All of them: signalbox context list',
    );
  }
  return { name, ...context };
}

function fromContext(context: NamedContext | null, part: keyof Context): Sourced | null {
  const value = context?.[part] ?? null;
  return value === null || context === null ? null : { value, from: `context ${context.name}` };
}

function fromVariable(env: Variables, name: string): Sourced | null {
  const value = variable(env, name);
  return value === null ? null : { value, from: name };
}

function fromFlag(value: string | undefined, from: string): Sourced | null {
  return value === undefined ? null : { value, from };
}

/** As given by a flag or a variable. */
export function spaceSetting(flag: string | undefined, env: Variables): Sourced | null {
  const space = fromFlag(flag, '--space') ?? fromVariable(env, 'SIGNALBOX_SPACE');
  if (space === null || (space.value.length <= 40 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(space.value))) return space;
  throw wrong(
    `${space.from}: "${foreign(space.value, 60)}" is not a name for a space`,
    'One is named with a-z, 0-9 and single -, at most 40 of them, like team-a.',
  );
}

function checkedUrl(url: Sourced | null): Sourced | null {
  return url === null ? null : { value: serverAddress(url.value, url.from), from: url.from };
}

function readKey(flags: ConnectionFlags, env: Variables): Sourced | null {
  const file = fromFlag(flags.keyFile, '--key-file');
  if (file !== null) return keyOfFile(file);
  const key = fromVariable(env, 'SIGNALBOX_KEY');
  if (key !== null) return { value: checkedKey(key.value, key.from), from: key.from };
  const named = fromVariable(env, 'SIGNALBOX_KEY_FILE');
  return named === null ? null : keyOfFile(named);
}

function keyOfFile(file: Sourced): Sourced {
  let written: string;
  try {
    written = readFileSync(file.value, 'utf8');
  } catch (error) {
    throw wrong(`${file.from}: cannot read ${file.value}: ${(error as Error).message}`);
  }
  return { value: checkedKey(written.trim(), `${file.from} (${file.value})`), from: file.from };
}

/** What a header can carry; the key itself is never repeated. */
export function checkedKey(key: string, from: string): string {
  if (/^[\x21-\x7e]{1,256}$/.test(key)) return key;
  throw wrong(`${from}: this is not a key: one line of up to 256 printable characters without spaces`);
}

function wrong(what: string, ...more: string[]): Failure {
  return new Failure({ what, code: 'bad_setting', more });
}
