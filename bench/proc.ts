// What Linux tells about processes: CPU time and resident memory of a server (the process that was started and all
// that it started), and the busy time of the whole machine, from which work of others in a pass can be seen.

import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's unit in /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The process and its descendants, the process first. */
export function processTree(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat === null) continue;
    const parent = Number(stat[1]);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(entry)]);
  }
  const tree = [pid];
  for (const member of tree) tree.push(...(childrenOf.get(member) ?? []));
  return tree;
}

/** Not one that has ended and is only still listed. */
export function isRunning(pid: number): boolean {
  const state = readStat(pid)?.[0];
  return state !== undefined && state !== 'Z';
}

/** User and system time of all threads of these processes, in µs, in steps of 10,000. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readStat(pid);
    if (stat !== null) ticks += Number(stat[11]) + Number(stat[12]);
  }
  return (ticks * 1_000_000) / TICKS_PER_SECOND;
}

/** The same of a process and all that it has started, those included that have ended since. */
export function cpuMicrosOfTree(pid: number): number {
  const own = readStat(pid);
  const ended = own === null ? 0 : Number(own[13]) + Number(own[14]);
  return cpuMicros(processTree(pid)) + (ended * 1_000_000) / TICKS_PER_SECOND;
}

/**
 * Resident memory of these processes in KB; pages mapped from files (the program itself) count too,
 * so only differences mean something.
 */
export function residentKb(pids: readonly number[]): number {
  let kb = 0;
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    kb += Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
  }
  return kb;
}

/** CPU time that all cores together were busy since the machine started, in µs. */
export function machineBusyMicros(): number {
  const first = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = first.trim().split(/\s+/).slice(1).map(Number);
  return ((user + nice + system + irq + softirq) * 1_000_000) / TICKS_PER_SECOND;
}

/** The fields of /proc/PID/stat from the state on (field 3), which come after a name that may hold spaces. */
function readStat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null; // It ended meanwhile.
  }
}
