// How every command is made: the same options for output and connection, help that opens with examples, and errors of
// commander turned into ours (what, why, what next, with the nearest flag as a question).

import { Command, type CommanderError, type Option } from 'commander';
import { Failure, usage } from '../text/errors.ts';
import { didYouMean } from '../text/nearest.ts';

export interface CommandParts {
  readonly name: string;
  /** A line that says what it does. */
  readonly summary: string;
  /** Lines as they are typed, each with what it is for. Help opens with them. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Lines at the end of the help. */
  readonly notes?: readonly string[];
}

/** A command with the options that all have. `.action` is given by its own file. */
export function command(parts: CommandParts): Command {
  return group(parts)
    .option('--json', 'answer in JSON, in the shape of the API')
    .option('-q, --quiet', 'nothing but the answer and errors')
    .option('--debug', 'with an error, the request id and the stack');
}

/** A command that only has commands below it. It has no options of its own, or it would take theirs. */
export function group(parts: CommandParts): Command {
  const made = new Command(parts.name)
    .description(parts.summary)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
    .configureHelp({ commandUsage, optionDescription })
    .showSuggestionAfterError(false)
    .helpCommand(false);
  const width = Math.max(...parts.examples.map(([line]) => line.length));
  const examples = parts.examples.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`);
  made.addHelpText('before', `${['Examples:', ...examples].join('\n')}\n`);
  if (parts.notes !== undefined) made.addHelpText('after', `\n${parts.notes.join('\n')}`);
  return made;
}

/** `signalbox env set [options] <environment>`, as it is typed. */
function commandUsage(made: Command): string {
  return `${pathOf(made)} ${made.usage()}`;
}

function optionDescription({ description, defaultValue }: Option): string {
  return typeof defaultValue === 'string' ? `${description} (default ${defaultValue})` : description;
}

/** For commands that talk to a server. */
export function withConnection(made: Command): Command {
  return withServer(made).option('--space <name>', 'the space, where the key does not say it (SIGNALBOX_SPACE)');
}

/** For those that are about the server as a whole. */
export function withServer(made: Command): Command {
  return made
    .option('--url <url>', 'the server (SIGNALBOX_URL)')
    .option('--context <name>', 'a server that you have logged in to')
    .option('--key-file <file>', 'file that holds the key (SIGNALBOX_KEY_FILE, or SIGNALBOX_KEY with the key itself)')
    .option('--ca-file <file>', 'certificate of a private authority (SIGNALBOX_CA_FILE)');
}

/** Collects an option that may be given several times. */
export function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** The command that a line of arguments ends up in: `env set uat` is the `set` of `env`. */
export function commandOf(root: Command, args: readonly string[]): Command {
  let current = root;
  for (const arg of args) {
    if (arg.startsWith('-')) break;
    const child = current.commands.find((candidate) => candidate.name() === arg || candidate.aliases().includes(arg));
    if (child === undefined) break;
    current = child;
  }
  return current;
}

/** An error of commander as one of ours; null where it only printed help. */
export function usageFailure(error: CommanderError, root: Command, args: readonly string[]): Failure | null {
  if (error.exitCode === 0) return null;
  const reached = commandOf(root, args);
  const path = pathOf(reached);
  const help = `How it is meant: ${path} --help`;
  if (error.code === 'commander.help') return usage(`${path} needs one of: ${names(reached).join(', ')}.`, help);
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') {
    const flags = ['--help', ...reached.options.flatMap((option: Option) => option.long ?? [])];
    return new Failure({
      what: `${path} has no option ${quoted}.${didYouMean(quoted, flags)}`,
      code: 'unknown_option',
      more: [help],
    });
  }
  if (error.code === 'commander.unknownCommand') {
    const what = `${path} has no command "${quoted}".${didYouMean(quoted, names(reached))}`;
    return new Failure({ what, code: 'unknown_command', more: [`There are: ${names(reached).join(', ')}`] });
  }
  const [message = ''] = error.message.replace(/^error: /, '').split('\n', 1);
  return usage(`${path}: ${message.replace(/\.$/, '')}.`, help);
}

function pathOf(made: Command): string {
  const own = made.name();
  return made.parent === null ? `signalbox ${own}` : `${pathOf(made.parent)} ${own}`;
}

function names(made: Command): string[] {
  return made.commands.map((child) => child.name());
}
