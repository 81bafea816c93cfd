// Whether there is a terminal that we may hand to a child: a person sits at it, and we have it ourselves. A background job that
// took the terminal would be stopped by it.

import { execFileSync } from 'node:child_process';
import { processRow } from './processes.ts';

export function mayUseTerminal(seen: { ci: boolean; stdinIsTty: boolean; stderrIsTty: boolean }): boolean {
  if (seen.ci || !(seen.stdinIsTty || seen.stderrIsTty)) return false;
  const self = processRow('self');
  return self === null ? foregroundByPs() : self.terminalGroup === self.group;
}

/** Where there is no /proc. */
function foregroundByPs(): boolean {
  try {
    const shown = execFileSync('ps', ['-o', 'tpgid=,pgid=', '-p', String(process.pid)], { encoding: 'utf8' });
    const [terminalGroup, group] = shown.trim().split(/\s+/);
    return terminalGroup !== undefined && terminalGroup === group;
  } catch {
    return false;
  }
}
