// What `signalbox` says of itself: twelve lines when it is called alone, all commands with `--help`.

import { CATALOGUE } from './catalogue.ts';
import { version } from './version.ts';

/** Exactly twelve lines: what it is, six commands with an example each, where the rest is. */
export function introduction(): string[] {
  return [
    `Signalbox ${version()}: pipelines take turns at what they share, and wait for each other.`,
    '',
    '  signalbox serve                                  start a server on this machine',
    '  signalbox run uat -- ./deploy.sh                 queue for uat, hold it while the command runs, release',
    '  signalbox status                                 who holds what, since when, who waits',
    '  signalbox wait signal:migrated tcp:db:5432       until it is set, and the port is open',
    '  signalbox signal migrated                        whoever waits for it goes on, later ones too',
    '  signalbox barrier shards --parties 5 --as s3     go on when all five have come',
    '',
    'All commands: signalbox --help     One of them: signalbox run --help     More: docs/cli.md',
    'A server elsewhere: signalbox login https://signalbox.example',
    'Which server, which key, does it work: signalbox doctor',
  ];
}

export function allCommands(): string[] {
  const lines = [
    'Examples:',
    '  signalbox run uat -- ./deploy.sh        hold uat while the command runs',
    '  signalbox run --label kind=db -- make   hold any one environment of a pool',
    '  signalbox wait signal:migrated          until somebody has called: signalbox signal migrated',
    '  signalbox status                        who holds what',
    '  signalbox history uat --since 1h        what happened to it',
    '',
    'Usage: signalbox COMMAND [options]',
  ];
  for (const { title, entries } of CATALOGUE) {
    lines.push('', `${title}:`);
    for (const { name, summary } of entries) lines.push(`  ${name.padEnd(12)} ${summary}`);
  }
  lines.push('', 'Help of one: signalbox COMMAND --help     Version: signalbox --version');
  return lines;
}
