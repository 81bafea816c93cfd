// `signalbox completion SHELL`: prints a script for the shell, made from the commands as they are. Names of environments, signals,
// barriers and pools, and ids of builds, images and machines, are asked of the server when Tab is pressed: within 300 ms or not at all, silently.
//
// Must always hold: nothing that a server sent is evaluated by the shell. Only names of plain characters are offered, and the
// scripts compare them as text.

import type { Command, Option } from 'commander';
import { Client } from '../client/client.ts';
import { variable, variables } from '../config.ts';
import { bashScript, COMPLETED, type Completed, fishScript, type Words, zshScript } from './completion-scripts.ts';
import { clientOptions } from './connection/connect.ts';
import { contextsFile, readContexts } from './connection/contexts.ts';
import { prepareNetwork } from './connection/network.ts';
import { clientSettings } from './connection/settings.ts';
import { command } from './frame/command.ts';
import type { Entry } from './frame/entry.ts';
import { parseDuration } from './text/durations.ts';
import { usage } from './text/errors.ts';
import { didYouMean } from './text/nearest.ts';

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
/** From the start of this process to its end; over a slow line somebody may want to wait longer (SIGNALBOX_COMPLETION_TIMEOUT). */
const BUDGET_MS = 300;
const MOST_NAMES = 500;
/** Without : and @ too, at which bash breaks words. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._/+-]*$/;

/** `entries`: all commands, this one too. */
export function completionCommand(entries: readonly Entry[]) {
  return command({
    name: 'completion',
    summary: 'Print the completion script of a shell.',
    examples: [
      ['eval "$(signalbox completion bash)"', 'in ~/.bashrc'],
      ['signalbox completion zsh > ~/.zfunc/_signalbox', 'in a directory of $fpath'],
      ['signalbox completion fish > ~/.config/fish/completions/signalbox.fish', ''],
    ],
  })
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) => completion(shell, entries));
}

async function completion(shell: string, entries: readonly Entry[]): Promise<void> {
  const kind = COMPLETED.find((each) => each === shell);
  if (kind !== undefined) {
    for (const name of await namesFor(kind)) process.stdout.write(`${name}\n`);
    return;
  }
  if (!Object.hasOwn(SHELLS, shell))
    throw usage(
      `no completion for "${shell}".${didYouMean(shell, Object.keys(SHELLS))}`,
      'There is one for bash, zsh and fish.',
    );
  process.stdout.write(SHELLS[shell as keyof typeof SHELLS](await allWords(entries)));
}

async function namesFor(kind: Completed): Promise<string[]> {
  try {
    const names =
      kind === 'contexts' ? Object.keys(readContexts(contextsFile(variables())).byName) : await namesOnServer(kind);
    return [...new Set(names)].filter((name) => PLAIN.test(name));
  } catch {
    return [];
  }
}

async function namesOnServer(kind: Exclude<Completed, 'contexts'>): Promise<string[]> {
  // Which spaces there are is asked of the server itself.
  const settings = clientSettings(kind === 'spaces' ? { space: null } : {});
  await prepareNetwork(settings, variables());
  const client = new Client(clientOptions(settings));
  const timeoutMs = Math.max(1, budgetMs() - performance.now());
  const found = await client[kind]({ limit: MOST_NAMES }, { timeoutMs });
  if (!found.ok) return [];
  // An image has both, and is called by its id.
  return found.value.items.map((item) => ('id' in item ? item.id : item.name));
}

function budgetMs(): number {
  return parseDuration(variable(variables(), 'SIGNALBOX_COMPLETION_TIMEOUT') ?? '') ?? BUDGET_MS;
}

/** Of every command: its flags, its subcommands, and which names may follow. */
async function allWords(entries: readonly Entry[]): Promise<Words[]> {
  const words: Words[] = [];
  for (const entry of entries) {
    const made = await entry.load();
    words.push(wordsOf([entry.name], made));
    if (entry.alias !== undefined) words.push(wordsOf([entry.alias], made));
    for (const child of made.commands) words.push(wordsOf([entry.name, child.name()], child));
  }
  return words;
}

function wordsOf(path: readonly string[], made: Command): Words {
  const [argument] = made.registeredArguments;
  const name = argument?.name() ?? '';
  return {
    path,
    summary: made.description(),
    flags: made.options.map((option: Option) => option.long ?? option.short ?? '').filter((flag) => flag !== ''),
    children: made.commands.map((child) => child.name()),
    completes: completedBy(path, name),
    ownWords: name === 'shell' ? Object.keys(SHELLS) : [],
  };
}

/** By the name of its argument. What is waited for may be many things; a bare word is a signal. */
function completedBy(path: readonly string[], argument: string): Completed | null {
  if (/environment/.test(argument) || path[0] === 'run') return 'environments';
  if (argument === 'signal' || argument === 'targets') return 'signals';
  if (argument === 'barrier') return 'barriers';
  if (argument === 'build') return 'builds';
  if (argument === 'pool') return 'pools';
  if (argument === 'image') return 'images';
  if (argument === 'instance') return 'instances';
  if (path[0] === 'space' && path[1] === 'remove') return 'spaces';
  return path[0] === 'context' && argument === 'name' ? 'contexts' : null;
}
