// `signalbox run`: its flags and help. What it guarantees is in docs/run.md.

import type { Command } from 'commander';
import { command, repeated, withConnection } from '../frame/command.ts';
import { type RunCommandFlags, runAction } from './action.ts';

export function runCommand(): Command {
  const made = command({
    name: 'run',
    summary: 'Queue for an environment, run a command while it is yours, release it',
    examples: [
      ['signalbox run uat -- ./deploy.sh', 'wait for uat, deploy, release'],
      ['signalbox run uat db -- make integration', 'both, or none'],
      ['signalbox run --label kind=db:2 -- ./load-test.sh', 'any two with the label kind=db'],
      ['signalbox run uat --wait 30m -- ./deploy.sh', 'give up after 30 minutes (75)'],
      ['signalbox run uat --no-wait -- ./deploy.sh', 'now or not at all (75)'],
    ],
    notes: [
      'The command finds SIGNALBOX_LEASE, SIGNALBOX_FENCE, SIGNALBOX_ENVIRONMENT (names, separated by spaces) and',
      'SIGNALBOX_ENVIRONMENTS (a JSON list). run writes nothing to stdout: it belongs to the command.',
      '',
      'It exits with what the command exits with, or 128+n when signal n ended it. Else: 64 wrong usage · 69 server not',
      'reachable · 75 not granted · 76 the lease was lost and the command was stopped · 77 not allowed · 126, 127 the command',
      'cannot be run · 130, 143 stopped while waiting. --result FILE tells the command’s own 75 from ours.',
    ],
  });
  return withConnection(made)
    .argument('[names...]', 'environments, then -- and the command')
    .option(
      '--label <name=value[,…][:count]>',
      'any environment with these labels, or so many; may be repeated',
      repeated,
    )
    .option('--wait <duration>', 'how long to queue at most (default: as long as it takes)')
    .option('--no-wait', 'do not queue')
    .option('--ttl <duration>', 'how long it stays ours without a renewal, at least 10s (default: 2m)')
    .option('--max-hold <duration>', 'the longest that it may be held')
    .option('--priority <number>', 'higher goes first (default: 0)')
    .option('--reason <text>', 'shown to those who wait')
    .option('--kill-after <duration>', 'KILL so long after TERM, at most 10s, in CI 7s, a quarter of the ttl')
    .option('--server-wait <duration>', 'how long to try to reach the server (default: 30s, and for ever while queued)')
    .option('--poll <duration>', 'length of one long poll, up to 60s (default: 30s)')
    .option('--leave', 'let processes live that the command leaves behind')
    .option('--keep-running', 'in CI: go on when the process that started this is gone')
    .option('--result <file>', 'write how it ended, as JSON (SIGNALBOX_RESULT)')
    .option('--events <file>', 'write what happens, one JSON object per line')
    .option('--progress <how>', 'auto, tty, plain or quiet')
    .action((words: string[], flags: RunCommandFlags) => runAction(words, afterDashes(made), flags));
}

/** What stands after the first `--`, which commander does not tell apart from other arguments. */
function afterDashes(made: Command): string[] | null {
  const given = (made as unknown as { rawArgs: string[] }).rawArgs;
  const dashes = given.indexOf('--');
  return dashes < 0 ? null : given.slice(dashes + 1);
}
