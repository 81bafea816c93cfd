// `signalbox acquire` (or request): takes a place in the queue, waits, and hands the lease to the steps that follow, on stdout
// or in a file. While it waits, a signal leaves the queue: an order from a cancelled job must never hold up others.

import { type AcquireFlags, acquire } from './acquire-wait.ts';
import { command, repeated, withConnection } from './frame/command.ts';

export function acquireCommand() {
  const made = command({
    name: 'acquire',
    summary: 'Take environments and keep them over several steps. Prints the id of the lease.',
    examples: [
      ['signalbox acquire uat --ttl 10m --state .lease', 'queue, then write the lease for renew, check, release'],
      ['signalbox acquire uat --format dotenv >> "$GITHUB_ENV"', 'hand it on as variables'],
      ['signalbox acquire --label kind=db --wait 30m', 'any one of a pool, or exit 75 after half an hour'],
      ['signalbox acquire uat db --no-wait', 'both at once, or exit 75 and who holds them'],
    ],
    notes: [
      'Formats: id (default), json, env (lines for a shell: quoted where needed), dotenv (never quoted: $GITHUB_ENV, dotenv reports).',
      'It is not renewed for you: signalbox renew --every, or a --ttl long enough for the job, or signalbox run.',
      'Exit 75: not granted in time. 130, 143: stopped, and the queue left.',
    ],
  });
  return withConnection(made)
    .alias('request')
    .argument('[environments...]', 'names; all of them or none')
    .option(
      '--label <name=value[,…][:count]>',
      'any environment with these labels, or so many; may be repeated',
      repeated,
    )
    .option('--wait <duration>', 'how long to queue at most (default: as long as it takes)')
    .option('--no-wait', 'do not queue: exit 75 when it is not free')
    .option(
      '--ttl <duration>',
      'ends unless renewed in time; none: until released (default: what the environment says)',
    )
    .option('--max-hold <duration>', 'ends then, renewed or not')
    .option('--priority <number>', 'higher goes first; your key says how high (default 0)')
    .option('--reason <text>', 'shown to those who wait for you')
    .option('--holder <name>', 'who you are (default: the CI job, or user@host)')
    .option('--holder-url <url>', 'where to find you (default: the CI job)')
    .option('--format <format>', 'id, json, env or dotenv')
    .option('--state <file>', 'write the lease there, for renew, check, release (mode 0600)')
    .option('--idempotency-key <key>', 'the same key is the same lease (default: a new one each time)')
    .option('--server-wait <duration>', 'how long to try while the server is away', '30s')
    .option('--progress <how>', 'auto, tty, plain or quiet', 'auto')
    .action((names: readonly string[], flags: AcquireFlags) => acquire(names, flags));
}
