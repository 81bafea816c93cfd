// What a run ran on: the machine, the disk's fsync, how busy it was already. Without these its figures say nothing.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { percentile } from './statistics.ts';

const FSYNC_BYTES = 4096;
const FSYNC_COUNT = 200;
const FSYNC_LIMIT_MS = 700;
/** From statfs(2); in memory, where an fsync costs nothing and a comparison of durable systems is void. */
const FILE_SYSTEMS = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlay'],
]);

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  commit: string;
  fileSystem: string;
}

/** To append makes the file grow, so the file system's journal takes part; to write over what is there does not. */
export interface Fsyncs {
  append: Fsync;
  overwrite: Fsync;
}

export interface Fsync {
  count: number;
  p50Micros: number;
  p99Micros: number;
}

export function describeMachine(directory: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
    fileSystem: FILE_SYSTEMS.get(statfsSync(directory).type) ?? 'unknown',
  };
}

export function inMemory(machine: Machine): boolean {
  return machine.fileSystem === 'tmpfs' || machine.fileSystem === 'ramfs';
}

export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/** Writes 4 KB and waits until they are on the disk, as every system here does for a change, in both ways that occur. */
export function calibrateFsync(directory: string): Fsyncs {
  const path = join(directory, 'fsync-calibration');
  const block = Buffer.alloc(FSYNC_BYTES, 1);
  const file = openSync(path, 'w+');
  try {
    const append = timed((i) => {
      writeSync(file, block, 0, FSYNC_BYTES, i * FSYNC_BYTES);
      fdatasyncSync(file);
    });
    const overwrite = timed((i) => {
      writeSync(file, block, 0, FSYNC_BYTES, (i % append.count) * FSYNC_BYTES);
      fdatasyncSync(file);
    });
    return { append, overwrite };
  } finally {
    closeSync(file);
  }
}

function timed(write: (i: number) => void): Fsync {
  const micros: number[] = [];
  const until = performance.now() + FSYNC_LIMIT_MS;
  while (micros.length < FSYNC_COUNT && performance.now() < until) {
    const at = performance.now();
    write(micros.length);
    micros.push((performance.now() - at) * 1000);
  }
  return {
    count: micros.length,
    p50Micros: Math.round(percentile(micros, 50)),
    p99Micros: Math.round(percentile(micros, 99)),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--', '../src', '../bin') !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}
