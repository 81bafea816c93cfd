// The command line: finds the command, loads its code and no other, runs it, and is the only place that prints an error and
// exits.

import { type Command, CommanderError } from 'commander';
import { COMMAND_NAMES, findEntry } from './frame/catalogue.ts';
import { usageFailure } from './frame/command.ts';
import { endQuietlyWhenNobodyReads } from './frame/output.ts';
import { asFailure, errorLines, errorObject, Failure } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { didYouMean } from './text/nearest.ts';

endQuietlyWhenNobodyReads();
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    await dispatch(args);
    return Number(process.exitCode ?? EXIT.ok);
  } catch (thrown) {
    return report(asFailure(thrown), args);
  }
}

async function dispatch(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === undefined || ['--help', '-h', '--version', '-V'].includes(first) || first === 'help')
    return about(first, rest);
  if (first.startsWith('-')) {
    const name = args.find((arg) => findEntry(arg) !== null) ?? 'status';
    throw new Failure({
      what: `the command comes first: signalbox ${name} ${first}`,
      code: 'usage',
      more: ['All commands: signalbox --help'],
    });
  }
  const entry = findEntry(first);
  if (entry === null) {
    throw new Failure({
      what: `no command "${first}".${didYouMean(first, COMMAND_NAMES)}`,
      code: 'unknown_command',
      more: ['All commands: signalbox --help'],
    });
  }
  await runCommander(await entry.load(), rest);
}

async function runCommander(command: Command, args: readonly string[]): Promise<void> {
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const failure = usageFailure(thrown, command, args);
    if (failure !== null) throw failure;
  }
}

async function about(first: string | undefined, rest: readonly string[]): Promise<void> {
  if (first === 'help' && rest[0] !== undefined) return dispatch([rest[0], ...rest.slice(1), '--help']);
  if (first === '--version' || first === '-V') {
    const { version } = await import('./frame/version.ts');
    process.stdout.write(`${version()}\n`);
    return;
  }
  const { allCommands, introduction } = await import('./frame/help.ts');
  process.stdout.write(`${(first === undefined ? introduction() : allCommands()).join('\n')}\n`);
}

/** With `--json` the error is an object on stdout, else lines on stderr; the exit code is the same. */
function report(failure: Failure, args: readonly string[]): number {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (own.includes('--json')) process.stdout.write(`${JSON.stringify(errorObject(failure))}\n`);
  else {
    const lines = errorLines(failure, { terminal: process.stderr.isTTY === true, debug: own.includes('--debug') });
    process.stderr.write(`${lines.join('\n')}\n`);
  }
  return failure.exitCode;
}
