// The processes of a run, and how a signal reaches all of them: the child's process group, its session where it has one of its
// own, and its living descendants. `kill(-group)` alone misses what made itself a group: GNU timeout, `set -m`, an interactive
// shell. What left the session and whose parents are gone cannot be found (docs/run.md, "What cannot be guaranteed").
//
// Must always hold: nothing is signalled that is not of the run. A number of a group or session is not given to a new process as
// long as anybody is in it; a process is named by its number and its start time together.

import { readdirSync, readFileSync } from 'node:fs';

/** What to signal: the child leads the group, and with `ownSession` the session of the same number. */
export interface RunProcesses {
  readonly group: number;
  readonly ownSession: boolean;
}

export interface ProcessRow {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly terminalGroup: number;
  /** In ticks since the machine started, as /proc shows it; text, because it is only ever compared. */
  readonly start: string;
}

/** `/proc/PID/stat`. The name in it may contain anything, also `)` and line breaks. */
export function parseStat(text: string): ProcessRow | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session, , terminalGroup] = fields;
  const start = fields[19];
  if (start === undefined) return null;
  return {
    pid: Number.parseInt(text, 10),
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    terminalGroup: Number(terminalGroup),
    start,
  };
}

/** null: it is gone, or this system has no /proc. */
export function processRow(pid: number | 'self'): ProcessRow | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

function allProcesses(): ProcessRow[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names.flatMap((name) => (/^\d+$/.test(name) ? (processRow(Number(name)) ?? []) : []));
}

/** Those of `rows` that belong to the run and still live; a zombie does nothing any more. */
export function membersOf(run: RunProcesses, rows: readonly ProcessRow[]): ProcessRow[] {
  const members = new Set<number>([run.group]);
  for (const row of rows) {
    if (row.group === run.group || (run.ownSession && row.session === run.group)) members.add(row.pid);
  }
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const row of rows) if (members.has(row.parent)) members.add(row.pid);
  }
  return rows.filter((row) => members.has(row.pid) && row.state !== 'Z' && row.state !== 'X');
}

/** Sends the signal to everything of the run. Whether anything was there to get it. */
export function signalRun(run: RunProcesses, signal: NodeJS.Signals): boolean {
  // Who belongs to it is looked up first: after the group is killed its orphans have other parents.
  const members = membersOf(run, allProcesses());
  let reached = send(-run.group, signal);
  for (const { pid, group } of members) {
    if (group !== run.group && send(pid, signal)) reached = true;
  }
  // A stopped process acts on TERM only when it goes on.
  if (signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGINT') send(-run.group, 'SIGCONT');
  return reached;
}

/** How many processes of the run still live; without /proc 1 stands for "some". */
export function countRun(run: RunProcesses): number {
  const rows = allProcesses();
  if (rows.length === 0) return send(-run.group, 0) ? 1 : 0;
  return membersOf(run, rows).length;
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // ESRCH: already gone. EPERM: of another user (sudo); nothing that this process could do.
    return false;
  }
}
