// `signalbox login`: asks for a key without showing it (or reads it from stdin), tries it, and keeps it as a context.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { variable, variables } from '../config.ts';
import { openConnection } from './connection/connect.ts';
import { contextsFile, readContexts, writeContexts } from './connection/contexts.ts';
import { type ClientSettings, checkedKey, serverAddress, spaceSetting } from './connection/settings.ts';
import { command } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { usage } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';

interface LoginFlags extends OutputFlags {
  readonly name?: string;
  readonly caFile?: string;
  readonly space?: string;
}

/** More than any key has. */
const LONGEST_INPUT = 10_000;

export function loginCommand() {
  return command({
    name: 'login',
    summary: 'Try a key and keep it, with its server, for the commands that follow.',
    examples: [
      ['signalbox login https://signalbox.example', 'asks for the key'],
      ['signalbox login https://signalbox.example --name shop < key.txt', 'reads it from a file'],
      ['signalbox login https://signalbox.example --space team-a --name team-a', 'an admin of main, in another space'],
    ],
    notes: [
      'It is kept in $XDG_CONFIG_HOME/signalbox/config.json, which only you can read. Others: signalbox context list',
    ],
  })
    .argument('<url>', 'address of the server')
    .option('--name <name>', 'name of the context (default: the host)')
    .option('--ca-file <file>', 'certificate of a private authority')
    .option('--space <name>', 'the space, where the key does not say it')
    .action(login);
}

async function login(written: string, flags: LoginFlags): Promise<void> {
  const out = new Output(flags);
  const settings = settingsFor(serverAddress(written, 'the address'), flags);
  const url = settings.url.value;
  const name = flags.name ?? new URL(url).host;
  if (!/^[\w.:@[\]-]{1,80}$/.test(name))
    throw usage(`--name: "${foreign(name, 80)}" is not a name for a context.`, 'Use letters, digits, and . : @ _ -');
  const file = contextsFile(variables());
  const before = readContexts(file);

  // First without a key: it tells whether the server is there at all, before anybody types a secret, and whether it wants one.
  // And without a space: one that is not there says nothing about keys.
  const without = await openConnection({ ...settings, space: null });
  const open = await without.client.me();
  if (!open.ok && open.kind === 'unreachable') without.need(open);
  const wantsKey = !open.ok || open.value.keys;
  const key = wantsKey ? checkedKey(await askForKey(url), 'the key') : null;
  const tried: ClientSettings = { ...settings, key: key === null ? null : { value: key, from: 'what you entered' } };
  const { client, need } = await openConnection(tried);
  const me = need(await client.me());

  const context = { url, key, caFile: settings.caFile?.value ?? null, space: settings.space?.value ?? null };
  writeContexts(file, { current: name, byName: { ...before.byName, [name]: context } });
  if (out.json) out.object(me);
  const there = me.space === 'main' ? '' : ` in space ${me.space}`;
  out.talk(`logged in to ${url} as ${foreign(me.name, 80)}${there}; kept as context ${name} in ${file}`, '✓');
  if (!wantsKey) out.talk('this server asks nobody for a key');
  for (const strong of ['SIGNALBOX_URL', 'SIGNALBOX_KEY', 'SIGNALBOX_KEY_FILE']) {
    if (variable(variables(), strong) !== null) out.talk(`${strong} is set in this shell and goes before the context`);
  }
  const set = variable(variables(), 'SIGNALBOX_SPACE');
  if (set !== null && set !== context.space)
    out.talk('SIGNALBOX_SPACE is set in this shell and goes before the context');
}

function settingsFor(url: string, flags: LoginFlags): ClientSettings {
  const named = variable(variables(), 'SIGNALBOX_CA_FILE');
  const caFile =
    flags.caFile !== undefined
      ? { value: flags.caFile, from: '--ca-file' }
      : named === null
        ? null
        : { value: named, from: 'SIGNALBOX_CA_FILE' };
  return {
    url: { value: url, from: 'the command line' },
    key: null,
    caFile,
    space: spaceSetting(flags.space, variables()),
  };
}

/** On a terminal without echo; else the first line of stdin. */
async function askForKey(url: string): Promise<string> {
  const isTerminal = process.stdin.isTTY === true;
  if (!isTerminal) return (await firstLine()).trim();
  process.stderr.write(`Key for ${url}: `);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  reader.on('SIGINT', () => {
    process.stderr.write('\n');
    process.exit(130);
  });
  try {
    return (await reader.question('')).trim();
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}

async function firstLine(): Promise<string> {
  let read = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    read += chunk;
    if (read.includes('\n') || read.length > LONGEST_INPUT) break;
  }
  return read.split('\n', 1)[0] ?? '';
}
