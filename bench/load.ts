// The load generator: a process of its own, so that its CPU time is not the server's, and the same for all systems.
// main.ts forks one for each server and keeps it, so that the compiled code of one system's client is not slowed down by
// another's. It does one job at a time and ends when the channel to its parent does.

import { cycles } from './load/cycles.ts';
import type { Answer, Figures, Job } from './load/job.ts';
import { queue } from './load/queue.ts';
import { systemNamed } from './systems/all.ts';

function work(job: Job): Promise<Figures> {
  const system = systemNamed(job.system);
  switch (job.work.kind) {
    case 'cycles':
      return cycles(system, job.endpoint, job.pids, job.tag, job.work);
    case 'queue':
      return queue(system, job.endpoint, job.pids, job.tag, job.work);
  }
}

function answer(message: Answer): void {
  process.send?.(message);
}

let serverPids: readonly number[] = [];

process.on('message', (job: Job) => {
  serverPids = job.pids;
  work(job).then(
    (figures) => answer({ outcome: 'measured', figures }),
    (error: Error) => answer({ outcome: 'failed', reason: error.message }),
  );
});
// The parent was killed so that it could not end its servers itself (in the usual order this process goes first).
process.on('disconnect', () => {
  for (const pid of serverPids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
  process.exit();
});
// Ctrl-C reaches the whole foreground group; the parent decides when this process ends.
process.on('SIGINT', () => {});
