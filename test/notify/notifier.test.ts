// Everything that is to be told is told, once, to each who is to hear it; who cannot be reached holds up nobody.

import { describe, expect, onTestFinished, test } from 'vitest';
import { dropUnused } from '../../src/core/housekeeping.ts';
import { askBuild } from '../../src/core/machines/build.ts';
import { Slack } from '../../src/notify/slack.ts';
import { LocalDesk } from '../../src/provision/desk.ts';
import { Worker } from '../../src/provision/worker.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { randomText } from '../../src/replica/ids.ts';
import { actor } from '../core/harness.ts';
import { eventually } from '../eventually.ts';
import { FakeCloud } from '../provision/fake-cloud.ts';
import { ManualClock } from './manual-clock.ts';
import { Receiver, silence, status } from './receiver.ts';
import { spec, World, webhook } from './world.ts';

const day = 24 * 60 * 60 * 1000;

/** Moves time on, a second each look, until it does not throw. */
async function inTime(clock: ManualClock, look: () => unknown): Promise<void> {
  await eventually(async () => {
    await clock.advance(1_000);
    await look();
  });
}

async function isEmpty(world: World): Promise<void> {
  await eventually(async () => expect(await world.jobs()).toEqual([]));
}

test('each who is to hear of an event is told, and the job is over', async () => {
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url, systemClock, 'a'), webhook(receiver.url, systemClock, 'b')];
  const world = await World.open(hooks);
  world.notifier(hooks);
  await world.happens('instance.launched');
  await isEmpty(world);
  expect(receiver.told.map(({ headers }) => headers['signalbox-delivery']).sort()).toEqual([
    'nt_a_instance.launched_1',
    'nt_b_instance.launched_1',
  ]);
  expect(world.outcomes.sort()).toEqual(['a sent', 'b sent']);
  expect([...world.notes, ...world.troubles]).toEqual([]);
});

test('of another space than main the delivery id begins with its name', async () => {
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url)];
  const world = await World.open(hooks);
  world.notifier(hooks, { space: 'team-a' });
  await world.happens('build.asked');
  await isEmpty(world);
  expect(receiver.told[0]?.json).toMatchObject({ id: 'team-a/nt_hook_build.asked_bd_1', space: 'team-a' });
});

test('two who send for one space tell everything once', async () => {
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url)];
  const world = await World.open(hooks);
  world.notifier(hooks);
  world.notifier(hooks);
  const machines = Array.from({ length: 40 }, (_, i) => `${i}`);
  await Promise.all(machines.map((machine) => world.happens('instance.launched', machine)));
  await isEmpty(world);
  expect(receiver.told.map(({ json }) => json.instance.id).sort()).toEqual(machines.sort());
});

test('of one machine is told in the order in which it happened, whatever fails meanwhile', async () => {
  const clock = new ManualClock();
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url, clock)];
  const world = await World.open(hooks, { clock });
  receiver.answers.push(status(500), status(500), status(200), status(500));
  await world.happens('instance.ready');
  await world.happens('instance.launched');
  await world.happens('instance.ending');
  world.notifier(hooks);
  await inTime(clock, async () => expect(await world.jobs()).toEqual([]));
  const [launched, ready] = ['instance.launched', 'instance.ready'];
  expect(receiver.events).toEqual([launched, launched, launched, ready, ready, 'instance.ending']);
});

describe('who cannot take it just now is told again', () => {
  test('after as long as it has asked for, and hears of nothing else before', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url, clock)];
    const world = await World.open(hooks, { clock });
    receiver.answers.push(status(429, { 'retry-after': '300' }));
    world.notifier(hooks);
    await world.happens('instance.launched', '1');
    await eventually(async () => expect(await world.job()).toMatchObject({ state: 'waiting', tries: 1 }));
    const tick = await world.replica.look((_, moment) => moment.tick);
    expect((await world.job())?.dueTick).toBe(tick + 300_000);
    expect(await world.job()).toMatchObject({ error: 'answered 429' });
    await world.happens('instance.launched', '2');
    await clock.advance(299_000);
    expect(receiver.told).toHaveLength(1);
    await inTime(clock, () => expect(receiver.told).toHaveLength(3));
    await isEmpty(world);
    expect(world.outcomes).toEqual(['hook again', 'hook sent', 'hook sent']);
  });

  test('after a failure, with the same id and the same body', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url, clock, 'hook', 'of us two')];
    const world = await World.open(hooks, { clock });
    receiver.answers.push(status(500));
    world.notifier(hooks);
    await world.happens('instance.launched');
    await inTime(clock, async () => expect(await world.jobs()).toEqual([]));
    const [first, second] = receiver.told;
    expect(receiver.told).toHaveLength(2);
    expect(second?.headers['signalbox-delivery']).toBe(first?.headers['signalbox-delivery']);
    expect(second?.text).toBe(first?.text);
    expect(second?.headers['signalbox-signature']).not.toBe(first?.headers['signalbox-signature']);
    expect(world.notes).toEqual(['hook cannot be told: answered 500; it is tried again']);
  });

  test('less and less often, and is given up after twenty tries', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url, clock)];
    const world = await World.open(hooks, { clock });
    receiver.usual = status(503);
    world.notifier(hooks);
    await world.happens('instance.launched');
    const failed = (expected: object) =>
      eventually(async () => {
        // A little: whoever looks late is not to wait for ever in a time that stands still.
        await clock.advance(10);
        expect(await world.job()).toMatchObject(expected);
      });
    const pauses: number[] = [];
    for (let tries = 1; tries < 20; tries++) {
      await failed({ tries, state: 'waiting' });
      const pauseMs = await world.replica.look(({ jobs }, { tick }) => ([...jobs.values()][0]?.dueTick ?? 0) - tick);
      pauses.push(Math.ceil(pauseMs / 1000));
      await clock.advance(pauseMs);
    }
    await failed({ tries: 20, state: 'dead' });
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, ...Array(9).fill(600)]);
    expect(world.notes.at(-1)).toBe('nt_hook_instance.launched_1 is given up: hook answered 503');
    expect(world.outcomes.at(-1)).toBe('hook dead');
  });

  test('one try after the other, however much waits for it', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url, clock)];
    const world = await World.open(hooks, { clock });
    receiver.usual = status(503);
    for (let i = 0; i < 100; i++) await world.happens('instance.launched', `${i}`);
    world.notifier(hooks);
    await eventually(() => expect(receiver.told.length).toBeGreaterThan(0));
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      await eventually(async () => expect((await world.jobs()).every(({ state }) => state === 'waiting')).toBe(true));
    }
    // Four at once, after 1, 2, 4, 8, 16 and 32 seconds.
    expect(receiver.told.length).toBeLessThanOrEqual(7 * webhook(receiver.url).atOnce);
    receiver.usual = status(200);
    await inTime(clock, async () => expect(await world.jobs()).toEqual([]));
  });
});

test('what is refused stays to be seen with its reason, and is told no more, until it was kept long enough', async () => {
  const clock = new ManualClock();
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url, clock)];
  const world = await World.open(hooks, { clock });
  receiver.answers.push(status(404));
  world.notifier(hooks);
  await world.happens('instance.launched');
  await world.happens('instance.ready');
  await eventually(() => expect(receiver.events).toEqual(['instance.launched', 'instance.ready']));
  await eventually(async () => expect(await world.jobs()).toHaveLength(1));
  expect(await world.job()).toMatchObject({ state: 'dead', tries: 1, error: 'answered 404' });
  expect(world.notes).toEqual(['nt_hook_instance.launched_1 is given up: hook answered 404']);
  await world.replica.decide(dropUnused);
  expect(await world.jobs()).toHaveLength(1);
  await world.replica.decide(
    (turn) => Object.assign(turn.moment, { tick: turn.moment.tick + day }) && dropUnused(turn),
  );
  expect(await world.jobs()).toEqual([]);
});

test('who does not answer holds up nobody else', async () => {
  const dumb = await Receiver.start();
  const receiver = await Receiver.start();
  dumb.usual = silence;
  const hooks = [webhook(dumb.url, systemClock, 'dumb'), webhook(receiver.url, systemClock, 'well')];
  const world = await World.open(hooks);
  world.notifier(hooks);
  for (let i = 0; i < 20; i++) await world.happens('instance.launched', `${i}`);
  await eventually(() => expect(receiver.told).toHaveLength(20));
  expect(dumb.told).toHaveLength(4);
});

test('what is for nobody that is known is dropped with a note, once another server has had time to know it', async () => {
  const clock = new ManualClock();
  const world = await World.open([{ name: 'gone', events: ['build.asked'] }], { clock });
  world.notifier([]);
  await world.happens('build.asked');
  await clock.advance(50_000);
  expect(await world.jobs()).toHaveLength(1);
  await inTime(clock, async () => expect(await world.jobs()).toEqual([]));
  expect(world.notes).toEqual(['nt_gone_build.asked_bd_1 is dropped: this server knows no gone any more']);
  expect(world.outcomes).toEqual(['gone dropped']);
});

test('neither an address nor a secret is in what is written down or noted', async () => {
  const clock = new ManualClock();
  const [receiver, away] = [await Receiver.start(), await Receiver.start()];
  const [url, awayUrl] = [receiver.url.replace('://', '://ann:pass-word@'), away.url];
  await away.stop();
  const hooks = [
    webhook(url, clock, 'hook', 'of us two'),
    webhook(awayUrl, clock, 'away', 'of us two'),
    new Slack({ webhook: awayUrl, channel: null }, clock),
  ];
  const world = await World.open(hooks, { clock });
  receiver.answers.push(status(500, {}, receiver.url), status(307, { location: receiver.url }, receiver.url));
  world.notifier(hooks);
  await world.happens('instance.launched');
  await inTime(clock, async () => expect((await world.jobs()).map(({ state }) => state)).toContain('dead'));
  const events = await world.replica.log.events({ limit: 1_000, order: 'asc' });
  const written = JSON.stringify([await world.jobs(), events, world.notes, world.troubles]);
  expect(written).toContain('ECONNREFUSED');
  for (const secret of ['127.0.0.1', 'secret-path', 'pass-word', 'of us two', String(new URL(awayUrl).port)])
    expect(written).not.toContain(secret);
});

describe('a server that dies', () => {
  test('after it was told and before that is durable: it is told again, with the same id', async () => {
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url)];
    const world = await World.open(hooks);
    let decided = 0;
    const { replica } = world;
    world.notifier(hooks, {
      holdMs: 100,
      replica: {
        look: (reader) => replica.look(reader),
        onTurn: (listener) => replica.onTurn(listener),
        onReload: (listener) => replica.onReload(listener),
        // It claims, and is heard of no more.
        decide: (command) => (decided++ === 0 ? replica.decide(command) : Promise.reject(new Error('dead'))),
      },
    });
    await world.happens('instance.launched');
    await eventually(() => expect(decided).toBeGreaterThan(1));
    expect(receiver.told).toHaveLength(1);
    world.notifier(hooks);
    await isEmpty(world);
    const ids = receiver.told.map(({ headers }) => headers['signalbox-delivery']);
    expect(ids).toEqual(['nt_hook_instance.launched_1', 'nt_hook_instance.launched_1']);
  });

  test('and comes back late writes nothing down that is not its own any more', async () => {
    const receiver = await Receiver.start();
    const hooks = [webhook(receiver.url)];
    const world = await World.open(hooks);
    const late: (() => void)[] = [];
    receiver.answers.push((reply) => void late.push(() => reply.writeHead(500).end()), silence);
    world.notifier(hooks, { holdMs: 100 });
    await world.happens('instance.launched');
    await eventually(() => expect(late).toHaveLength(1));
    world.notifier(hooks);
    await eventually(() => expect(receiver.told).toHaveLength(2));
    const before = await world.job();
    late[0]?.();
    await eventually(() => expect(world.outcomes).toEqual(['hook again']));
    expect(await world.job()).toEqual(before);
    expect(before).toMatchObject({ state: 'claimed', claims: 2, tries: 0 });
  });

  test('or is stopped leaves what is on its way as it is', async () => {
    const receiver = await Receiver.start();
    receiver.answers.push(silence);
    const hooks = [webhook(receiver.url)];
    const world = await World.open(hooks);
    const first = world.notifier(hooks, { holdMs: 100 });
    await world.happens('instance.launched');
    await eventually(() => expect(receiver.told).toHaveLength(1));
    await first.stop();
    expect(await world.job()).toMatchObject({ state: 'claimed', tries: 0, error: null });
    world.notifier(hooks);
    await isEmpty(world);
    expect(receiver.told).toHaveLength(2);
    expect(world.outcomes).toEqual(['hook sent']);
  });
});

test('a store that is away for a moment does not make it be told twice', async () => {
  const clock = new ManualClock();
  const receiver = await Receiver.start();
  const hooks = [webhook(receiver.url, clock)];
  const world = await World.open(hooks, { clock });
  const { replica } = world;
  let decided = 0;
  world.notifier(hooks, {
    replica: {
      look: (reader) => replica.look(reader),
      onTurn: (listener) => replica.onTurn(listener),
      onReload: (listener) => replica.onReload(listener),
      decide: (command) => (++decided === 2 ? Promise.reject(new Error('away')) : replica.decide(command)),
    },
  });
  await world.happens('instance.launched');
  await inTime(clock, async () => expect(await world.jobs()).toEqual([]));
  expect(receiver.told).toHaveLength(1);
  expect(world.troubles).toEqual(['what became of nt_hook_instance.launched_1 could not be written down: away']);
});

test('Slack is away: a build goes on, and is told of when Slack is back', async () => {
  const receiver = await Receiver.start();
  receiver.usual = status(503);
  const slack = new Slack({ webhook: receiver.url, channel: 'general' }, systemClock);
  const world = await World.open([slack]);
  const { replica } = world;
  world.notifier([slack]);
  const worker = new Worker({
    desk: new LocalDesk({ replica, tag: 'main-1', newId: () => randomText(6), userDataFor: () => null }),
    ...{ driver: new FakeCloud(), clock: systemClock, worker: 'w', onTrouble: () => undefined },
  });
  onTestFinished(() => worker.stop());
  const ask = { id: 'bd_1', spec, instances: [{ id: 'in_1', token: 't' }], job: 'jb_1' };
  await replica.decide((turn) => askBuild(turn, ask, actor('ann', ['build'])));
  await eventually(async () => expect(await world.look(({ builds }) => builds.get('bd_1')?.state)).toBe('started'));
  await eventually(() => expect(receiver.told.length).toBeGreaterThan(0));
  expect(await world.jobs()).toMatchObject([{ id: 'nt_slack_instance.launched_in_1' }]);
  receiver.usual = status(200);
  await isEmpty(world);
  expect(new Set(receiver.texts)).toEqual(new Set(['Started instance `i-1` for instance build *bd_1*']));
  expect(receiver.told[0]?.json.channel).toBe('#general');
});
