// The load generator: a process of its own, so that its CPU time is not the server's, and the same for all systems.
// main.ts forks one for each server and keeps it, so that the compiled code of one system's client is not slowed down by
// another's. It does one job at a time and ends when the channel to its parent does.

import { cycles } from './load/cycles.ts';
import type { Answer, AnyJob, Figures, Job, StoreJob } from './load/job.ts';
import { passOn } from './load/pass-on.ts';
import { queue } from './load/queue.ts';
import { spread } from './load/spread.ts';
import { wake } from './load/wake.ts';
import { systemNamed } from './systems/all.ts';

function work(job: Job): Promise<Figures> {
  const system = systemNamed(job.system);
  switch (job.work.kind) {
    case 'cycles':
      return cycles(system, job.endpoint, job.pids, job.tag, job.work);
    case 'queue':
      return queue(system, job.endpoint, job.pids, job.tag, job.work);
    case 'wake':
      return wake(system, job.endpoint, job.tag, job.work);
  }
}

function storeWork(job: StoreJob): Promise<Figures> {
  return job.work.kind === 'spread' ? spread(job, job.work) : passOn(job, job.work);
}

function answer(message: Answer): void {
  process.send?.(message);
}

let serverPids: readonly number[] = [];
let clusterPid: number | null = null;

process.on('message', (job: AnyJob) => {
  if ('pids' in job) serverPids = job.pids;
  else {
    serverPids = job.servers.flatMap(({ pids }) => pids);
    clusterPid = job.cluster?.pid ?? null;
  }
  ('pids' in job ? work(job) : storeWork(job)).then(
    (figures) => answer({ outcome: 'measured', figures }),
    (error: Error) => answer({ outcome: 'failed', reason: error.message }),
  );
});
// The parent was killed so that it could not end its servers itself (in the usual order this process goes first).
process.on('disconnect', () => {
  for (const pid of serverPids) kill(pid, 'SIGKILL');
  // It ends its own children, at once.
  if (clusterPid !== null) kill(clusterPid, 'SIGQUIT');
  process.exit();
});
// Ctrl-C reaches the whole foreground group; the parent decides when this process ends.
process.on('SIGINT', () => {});

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
