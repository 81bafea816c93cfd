// Builds, machines and jobs as rows: who may, how many, and whose claim counts.

import { describe, expect, test } from 'vitest';
import {
  askBuild,
  beginLaunch,
  beginStep,
  cancelBuild,
  endBuild,
  endLaunch,
  endStep,
  failStep,
  reportReady,
} from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import { claimJob, keepJob, nextDue, workerKinds } from '../../src/core/machines/job.ts';
import { reconcile } from '../../src/core/machines/reconcile.ts';
import type { BuildSpec } from '../../src/core/rows.ts';
import { actor, admin, ann, done, hours, refusal, Space, seconds } from './harness.ts';

const bob = actor('bob', ['build', 'terminate']);
const spec: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', count: 2 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};

function ask(space: Space, id = 'bd_1', change: Partial<BuildSpec> = {}, by = bob) {
  const asked = { ...spec, ...change };
  const instances = Array.from({ length: Math.max(0, asked.count) }, (_, i) => ({
    id: `${id}-${i}`,
    token: `t-${id}-${i}`,
  }));
  return space.turn((turn) => askBuild(turn, { id, spec: asked, instances, job: `jb-${id}` }, by));
}

const claim = (space: Space, worker = 'w') => {
  const found = space.turn((turn) => claimJob(turn, worker, seconds(15), workerKinds));
  if (found === null) throw new Error('there is no job');
  return found.claim;
};
const cancel = (space: Space, id = 'bd_1') =>
  space.turn((turn) => cancelBuild(turn, { id, job: `jb-cancel-${id}`, reason: null }, bob));

describe('asking', () => {
  test('with control characters in any text is refused, after what the older system refuses', () => {
    const space = new Space();
    const outcome = ask(space, 'bd_1', { site: '', instanceType: 'a\u0000b', slackChannel: '#a\nb', count: 0 });
    expect(outcome).toMatchObject({
      code: 'invalid_request',
      facts: {
        faults: [
          'empty "site" param',
          'count must be more than 0',
          'instance_type must have no control characters',
          'slack_channel must have no control characters',
        ],
      },
    });
  });

  test('makes as many rows as machines, each with its token, before anybody is asked (B1, B2)', () => {
    const space = new Space();
    expect(done(ask(space))).toMatchObject({
      created: true,
      build: { state: 'pending', instances: ['bd_1-0', 'bd_1-1'] },
    });
    expect([...space.state.instances.values()].map(({ state, token }) => [state, token])).toEqual([
      ['planned', 't-bd_1-0'],
      ['planned', 't-bd_1-1'],
    ]);
    expect(done(ask(space, 'bd_1', { count: 7 }))).toMatchObject({ created: false, build: { spec: { count: 2 } } });
    expect(space.state.instances.size).toBe(2);
  });

  test('says all that is wrong, in the order of the older system', () => {
    const space = new Space();
    const outcome = ask(space, 'bd_1', { site: '', env: ' ', queue: '', instanceType: '', count: 0 });
    expect(refusal(outcome)).toBe('invalid_request');
    expect(outcome).toMatchObject({
      facts: {
        faults: [
          'empty "site" param',
          'empty "env" param',
          'empty "queue" param',
          'empty "instance_type" param',
          'count must be more than 0',
        ],
      },
    });
    expect(refusal(ask(space, 'bd_1', { count: 101 }))).toBe('invalid_request');
    expect(refusal(ask(space, 'bd_1', { count: 1.5 }))).toBe('invalid_request');
    expect(space.state.builds.size).toBe(0);
  });

  test('has an id that an address can end with', () => {
    const space = new Space();
    for (const id of ['.', '..']) expect(refusal(ask(space, id))).toBe('invalid_request');
    done(ask(space, '...'));
  });

  test('needs the scope, and has bounds', () => {
    expect(refusal(ask(new Space(), 'bd_1', {}, ann))).toBe('forbidden');
    const full = new Space({ maxInstances: 3 });
    done(ask(full));
    expect(refusal(ask(full, 'bd_2'))).toBe('too_many_builds');
    done(ask(full, 'bd_3', { count: 1 }));
    const many = new Space({ maxBuilds: 1 });
    done(ask(many));
    expect(refusal(ask(many, 'bd_2'))).toBe('too_many_builds');
  });
});

describe('a claim', () => {
  test('is of one worker at a time, and of the next one once nothing was heard for its time', () => {
    const space = new Space();
    done(ask(space));
    const first = claim(space, 'first');
    expect(space.turn((turn) => claimJob(turn, 'second', seconds(15), workerKinds))).toBeNull();
    space.pass(seconds(10));
    done(space.turn((turn) => keepJob(turn, first, seconds(15))));
    space.pass(seconds(10));
    expect(space.turn((turn) => claimJob(turn, 'second', seconds(15), workerKinds))).toBeNull();
    expect(nextDue(space.state, workerKinds)).toBe(space.tick + seconds(5));
    space.pass(seconds(5));
    const second = claim(space, 'second');
    expect(refusal(space.turn((turn) => keepJob(turn, first, seconds(15))))).toBe('job_lost');
    for (const write of [
      () => space.turn((turn) => beginStep(turn, first, 'launch 1/2')),
      () => space.turn((turn) => beginLaunch(turn, first, 'bd_1-0', 0)),
      () => space.turn((turn) => endLaunch(turn, first, 'bd_1-0', { cloudId: 'i-9', facts: {} })),
      () => space.turn((turn) => failStep(turn, first, { step: 's', reason: 'r', againAfterMs: 0, isFinal: true })),
      () => space.turn((turn) => endBuild(turn, first)),
    ]) {
      const before = space.state.seq;
      expect(refusal(write())).toBe('job_lost');
      expect(space.state.seq).toBe(before);
    }
    done(space.turn((turn) => beginStep(turn, second, 'launch 1/2')));
  });
});

test('a step that is done stays done, whoever takes the build up again', () => {
  const space = new Space();
  done(ask(space));
  const held = claim(space);
  done(space.turn((turn) => beginStep(turn, held, 'image')));
  const image = done(space.turn((turn) => endStep(turn, held, 'image', { image: 'ami-1' })));
  expect(image.doneAt).not.toBeNull();
  expect(done(space.turn((turn) => beginStep(turn, held, 'image')))).toEqual(image);
  expect(done(space.turn((turn) => endStep(turn, held, 'image', { image: 'ami-2' })))).toEqual(image);
});

describe('a failure', () => {
  const fail = (space: Space, isFinal = false) =>
    space.turn((turn) =>
      failStep(turn, claim(space), { step: 'launch 1/2', reason: 'no room', againAfterMs: seconds(1), isFinal }),
    );

  test('is tried again as often as it may, and then says step, reason and tries', () => {
    const space = new Space({ maxTries: 3 });
    done(ask(space));
    for (let tries = 1; tries < 3; tries++) {
      expect(done(fail(space))).toBe('again');
      expect(space.turn((turn) => claimJob(turn, 'w', 1, workerKinds))).toBeNull();
      space.pass(seconds(1));
    }
    expect(done(fail(space))).toBe('dead');
    expect(space.state.builds.get('bd_1')).toMatchObject({
      state: 'failed',
      failure: { step: 'launch 1/2', reason: 'no room', tries: 3 },
    });
    expect(space.state.jobs.get('jb-bd_1')).toMatchObject({ state: 'dead', error: 'no room' });
    space.pass(hours(1));
    expect(space.turn((turn) => claimJob(turn, 'w', 1, workerKinds))).toBeNull();
    // Whoever cancels it has its machines ended by the same job.
    done(cancel(space));
    expect(claim(space).job).toBe('jb-bd_1');
  });

  test('for good is not tried again', () => {
    const space = new Space();
    done(ask(space));
    expect(done(fail(space, true))).toBe('dead');
  });
});

describe('a machine', () => {
  function running(): Space {
    const space = new Space();
    done(ask(space, 'bd_1', { count: 1 }));
    const held = claim(space);
    done(space.turn((turn) => beginLaunch(turn, held, 'bd_1-0', 0)));
    done(space.turn((turn) => endLaunch(turn, held, 'bd_1-0', { cloudId: 'i-1', facts: {} })));
    done(space.turn((turn) => endBuild(turn, held)));
    return space;
  }

  test('that says it is ready finishes its build; of one that nobody knows nothing is believed', () => {
    const space = running();
    expect(refusal(space.turn((turn) => reportReady(turn, 'bd_1', 'i-2')))).toBe('instance_unknown');
    expect(refusal(space.turn((turn) => reportReady(turn, 'bd_2', 'i-1')))).toBe('instance_unknown');
    expect(space.state.builds.get('bd_1')?.state).toBe('started');
    done(space.turn((turn) => reportReady(turn, 'bd_1', 'i-1')));
    expect(space.state.builds.get('bd_1')?.state).toBe('finished');
  });

  test('is ended by whoever may, by either of its names; while it is being asked for its build is cancelled instead', () => {
    const space = running();
    const end = (id: string, by = bob) =>
      space.turn((turn) => terminate(turn, { id, job: `jb-${id}`, reason: 'old' }, by));
    expect(refusal(end('i-1', ann))).toBe('forbidden');
    expect(refusal(end('i-9', admin))).toBe('instance_unknown');
    expect(done(end('i-1'))).toMatchObject({ state: 'ending' });
    expect(done(end('bd_1-0'))).toMatchObject({ state: 'ending' });
    expect(space.state.jobs.size).toBe(1);
    done(ask(space, 'bd_2', { count: 1 }));
    expect(refusal(end('bd_2-0'))).toBe('invalid_request');
  });

  test('that is missed is gone only after it was missed again and again for a while (B4)', () => {
    const space = running();
    const look = (listed = false) =>
      space.turn((turn) =>
        reconcile(
          turn,
          {
            listed: listed ? [{ cloudId: 'i-1', instance: 'bd_1-0', facts: {} }] : [],
            ...{ notThere: [], shared: [], images: null, sinceTick: space.tick },
          },
          () => 'in_new',
        ),
      );
    for (let i = 0; i < 10; i++) expect(look().gone).toEqual([]);
    space.pass(seconds(29));
    expect(look().gone).toEqual([]);
    // Seen once, it is missed from the beginning again.
    look(true);
    space.pass(seconds(60));
    expect(look().gone).toEqual([]);
    expect(look().gone).toEqual([]);
    space.pass(seconds(30));
    expect(look().gone).toEqual(['i-1']);
    expect(space.state.instances.get('bd_1-0')?.state).toBe('gone');
  });
});
