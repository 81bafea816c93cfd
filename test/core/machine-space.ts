// A space with machines: a worker that does whatever is due, at once and without a fault, in a cloud that is a list; and somebody
// who keeps the pools. For examples of what the core decides: what goes wrong outside is in test/provision and test/simulation.

import { askBuild } from '../../src/core/machines/build.ts';
import { type Claim, claimJob, workerKinds } from '../../src/core/machines/job.ts';
import { keepPools, poolsNeed, setPool } from '../../src/core/machines/pool.ts';
import type { Look, Reconciled } from '../../src/core/machines/reconcile.ts';
import { reconcile } from '../../src/core/machines/reconcile.ts';
import { tellWork, type WorkCommand } from '../../src/core/machines/work.ts';
import type { BuildRow, BuildSpec, InstanceRow, JobRow, PoolRow, PoolSpec } from '../../src/core/rows.ts';
import { actor, admin, done, Space, seconds } from './harness.ts';

export const builder = actor('bob', ['build', 'terminate']);

export const spec: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', count: 2 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};
const { count: _, ...poolBuild } = spec;

export const poolSpec: PoolSpec = {
  ...{ labels: { kind: 'vm' }, min: 0, max: 3, idle: 0, idleForMs: seconds(60), maxAgeMs: null },
  ...{ once: false, readyWhen: 'started', readyWithinMs: seconds(600), build: poolBuild },
};

export class MachineSpace extends Space {
  #made = 0;

  build(id = 'bd_1', change: Partial<BuildSpec> = {}, by = builder) {
    const asked = { ...spec, ...change };
    const instances = Array.from({ length: Math.max(0, asked.count) }, (_unused, i) => ({
      ...{ id: `${id}-${i}`, token: `t-${id}-${i}` },
    }));
    return this.turn((turn) => askBuild(turn, { id, spec: asked, instances, job: `jb-${id}` }, by));
  }

  pool(change: Partial<PoolSpec> = {}, name = 'vms'): PoolRow {
    const pool = done(this.turn((turn) => setPool(turn, name, { ...poolSpec, ...change }, admin))).pool;
    this.keep();
    return pool;
  }

  /** Until nothing is left to do; says in how many steps. */
  keep(): number {
    let steps = 0;
    for (; poolsNeed(this.state, this.tick); steps++) {
      if (steps > 20) throw new Error('the pools never come to rest');
      this.turn((turn) =>
        keepPools(turn, {
          build: () => this.newId('bd'),
          instance: () => ({ id: this.newId('in'), token: this.newId('token') }),
          job: () => this.newId('jb'),
        }),
      );
    }
    return steps;
  }

  newId(kind: string): string {
    return `${kind}_${++this.#made}`;
  }

  claim(worker = 'w'): { job: JobRow; claim: Claim } {
    const found = this.turn((turn) => claimJob(turn, worker, seconds(15), workerKinds));
    if (found === null) throw new Error('there is no job');
    return found;
  }

  tell(claim: Claim, command: WorkCommand) {
    return this.turn((turn) => tellWork(turn, claim, command, () => this.newId('in')));
  }

  /** Does all jobs that are due; `refuses`: the driver says that this machine can never be made. */
  work(refuses: (instance: string) => boolean = () => false): void {
    for (;;) {
      const found = this.turn((turn) => claimJob(turn, 'w', seconds(15), ['build', 'terminate']));
      if (found === null) return;
      const { claim, job } = found;
      if (job.kind === 'terminate') done(this.tell(claim, { do: 'ended', instance: job.subject }));
      else this.#build(claim, this.state.builds.get(job.subject) as BuildRow, refuses);
    }
  }

  /** Machines whose jobs are all done, pools that are at rest. */
  settle(): void {
    for (let i = 0; i < 10; i++) {
      this.work();
      if (this.keep() === 0) return;
    }
    throw new Error('it never settles');
  }

  look(change: Partial<Look> = {}): Reconciled {
    const listed = [...this.state.instances.values()]
      .filter(({ state, cloudId }) => cloudId !== null && state !== 'gone')
      .map(({ id, cloudId, facts }) => ({ cloudId: cloudId as string, instance: id, facts }));
    const look = { listed, notThere: [], shared: [], images: null, sinceTick: this.tick, ...change };
    return this.turn((turn) => reconcile(turn, look, () => this.newId('in')));
  }

  get machines(): InstanceRow[] {
    return [...this.state.instances.values()];
  }

  /** Those that may cost something. */
  get there(): InstanceRow[] {
    return this.machines.filter(({ state }) => state !== 'gone');
  }

  get states(): string[] {
    return this.machines.map(({ state }) => state);
  }

  /** Names of environments that are machines. */
  get members(): string[] {
    return [...this.state.environments.values()].filter(({ machine }) => machine !== undefined).map(({ name }) => name);
  }

  #build(claim: Claim, build: BuildRow, refuses: (instance: string) => boolean): void {
    if (build.cancelling !== null) {
      done(this.tell(claim, { do: 'begin_cancel' }));
      for (const instance of build.instances) done(this.tell(claim, { do: 'ended', instance }));
      done(this.tell(claim, { do: 'end_cancel' }));
      return;
    }
    for (const [i, instance] of build.instances.entries()) {
      const step = `launch ${i + 1}`;
      done(this.tell(claim, { do: 'begin_step', step }));
      done(this.tell(claim, { do: 'begin_launch', instance, choice: 0 }));
      if (refuses(instance)) {
        done(this.tell(claim, { do: 'failed', step, reason: 'no', againAfterMs: 0, isFinal: true }));
        return;
      }
      const cloudId = `i-${instance}`;
      done(this.tell(claim, { do: 'end_launch', instance, cloudId, facts: {} }));
      done(this.tell(claim, { do: 'end_step', step, facts: {} }));
    }
    done(this.tell(claim, { do: 'end_build' }));
  }
}
