// `signalbox doctor`: which server, which key, and does all of it work? Each check is a line; exit 1 when one of them failed.

import type { ConnectionFlags } from './connection/settings.ts';
import { diagnose } from './doctor-checks.ts';
import type { Finding } from './doctor-findings.ts';
import { command, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { EXIT } from './text/exit-codes.ts';
import { foreign } from './text/sanitize.ts';

const SYMBOLS = { good: '✓', note: '!', failure: '✗' } as const;

export function doctorCommand() {
  const made = command({
    name: 'doctor',
    summary: 'Which server, which key, and does all of it work?',
    examples: [
      ['signalbox doctor', 'each check is a line; exit 1 when one failed'],
      ['signalbox doctor --json', 'the same for programs'],
    ],
    notes: ['It takes, renews and releases a lease on an environment named _doctor. --no-queue leaves that out.'],
  });
  return withConnection(made).option('--no-queue', 'do not take a lease').action(doctor);
}

async function doctor(flags: ConnectionFlags & OutputFlags & { readonly queue: boolean }): Promise<void> {
  const out = new Output(flags);
  const findings: Finding[] = [];
  for await (const finding of diagnose(flags, flags.queue)) {
    findings.push(finding);
    if (!out.json) out.answer(lineOf(finding, out));
  }
  const failures = findings.filter(({ kind }) => kind === 'failure').length;
  const notes = findings.filter(({ kind }) => kind === 'note').length;
  if (out.json) out.object({ failures, notes, findings });
  else out.talk(`${count(failures, 'failure')}, ${count(notes, 'note')}. Details: --json`);
  if (failures > 0) process.exitCode = EXIT.no;
}

function lineOf({ kind, check, text, from }: Finding, out: Output): string {
  if (!out.answersTerminal) return [kind, check, foreign(text, 500), from ?? ''].join('\t');
  const paint = { good: out.colours.green, note: out.colours.yellow, failure: out.colours.red }[kind];
  const origin = from === null ? '' : out.colours.dim(`   from ${from}`);
  return `${paint(SYMBOLS[kind])} ${check.padEnd(9)} ${foreign(text, 500)}${origin}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
