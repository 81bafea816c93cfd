// What real servers answer to many clients at once, with repeats, revocations, lost connections and ttls that end, holds up to both
// checkers; and what is planted into such a history is found in it.

import { describe, expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { start } from '../http/server.ts';
import { type Server, startMany } from '../many/servers.ts';
import { Random } from '../simulation/random.ts';
import { Client, queueing, turnstiles } from './clients.ts';
import {
  type Acquire,
  type Answer,
  type History,
  leaseOf,
  type Operation,
  onlyEnvironment,
  type Seen,
  seenIn,
} from './history.ts';
import { faultsOf } from './intervals.ts';
import { linearize } from './linearizable.ts';
import { Recorder } from './recorder.ts';
import { startTraitor } from './traitor.ts';
import { operationsOf } from './turnstile.ts';

interface Recorded extends History {
  /** Environments without a queue, small enough to look for an order. */
  readonly turnstiles: readonly string[];
}

/** Sixteen clients, until so many operations are recorded and `meanwhile` is over, which goes on beside them. */
async function record(
  recorder: Recorder,
  enough: number,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<Recorded> {
  let isMeanwhileOver = false;
  const course = { recorder, isOver: () => isMeanwhileOver && recorder.operations.length >= enough };
  const one = turnstiles(recorder, 'one', 1);
  const pair = turnstiles(recorder, 'pair', 2);
  const manners = { queueing: [await queueing(recorder), 8], one: [one, 4], pair: [pair, 4] } as const;
  const clients = Object.entries(manners).flatMap(([name, [manner, count]], kind) =>
    Array.from({ length: count }, (_, i) => new Client(`${name}-${i}`, course, manner, new Random(100 * kind + i))),
  );
  const beside = meanwhile().finally(() => (isMeanwhileOver = true));
  await Promise.all([...clients.map((client) => client.run()), beside]);
  const { operations, capacities } = recorder;
  return { operations, capacities, turnstiles: [...one.names, ...pair.names] };
}

/** All that either checker finds. */
function allFaults(recorded: Recorded): string[] {
  const { operations, capacities, turnstiles } = recorded;
  const unordered = turnstiles.flatMap((name) => {
    const found = linearize(operationsOf(operations, name), capacities.get(name));
    return found.verdict === 'yes' ? [] : [`${name}: ${JSON.stringify(found, null, 1)}`];
  });
  return [...faultsOf(recorded), ...unordered];
}

const counted = ({ operations, turnstiles }: Recorded) => ({
  operations: operations.length,
  unknown: operations.filter(({ answer }) => answer.kind === 'unknown').length,
  turnstiles: turnstiles.length,
  ...Object.fromEntries(
    ['acquire', 'poll', 'renew', 'release', 'revoke', 'check'].map((kind) => [
      kind,
      operations.filter(({ asked, answer }) => asked.kind === kind && answer.kind !== 'unknown').length,
    ]),
  ),
});

/** Resolves when so much is recorded; the bound is that of the test. */
async function reached(recorder: Recorder, count: number): Promise<void> {
  while (recorder.operations.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** About ten seconds each on two cores. */
const enough = { oneServer: 6_000, threeServers: 4_000 };
let atOneServer: Recorded;

describe('what sixteen clients were told could have been told by one that does one thing after the other', () => {
  test('by one server on SQLite', { timeout: 180_000 }, async () => {
    const server = await ServerProcess.create();
    onTestFinished(() => server.remove());
    await server.start();
    atOneServer = await record(new Recorder([server.url]), enough.oneServer);
    expect(allFaults(atOneServer)).toEqual([]);
    expectVariety(atOneServer);
  });

  test('by three on one PostgreSQL, each time another, of which one is killed', { timeout: 240_000 }, async () => {
    const many = await startMany(3);
    onTestFinished(() => many.stop());
    const recorder = new Recorder(many.servers.map(({ url }) => url));
    const victim = many.servers[1] as Server;
    const recorded = await record(recorder, enough.threeServers, async () => {
      await reached(recorder, enough.threeServers / 2);
      await victim.kill();
      await reached(recorder, (enough.threeServers * 3) / 4);
      await victim.start();
    });
    expect(allFaults(recorded)).toEqual([]);
    expectVariety(recorded);
  });
});

function expectVariety(recorded: Recorded): void {
  const counts = counted(recorded);
  console.log(JSON.stringify(counts));
  for (const [what, count] of Object.entries(counts)) expect([what, count > 3]).toEqual([what, true]);
}

/** A turn at an environment without a queue, of which all is known: it was granted and given back, and nobody else had a hand in it. */
interface Turn {
  readonly lease: Seen;
  readonly fence: number;
  readonly environment: string;
  readonly key: string;
  readonly asked: Operation;
  readonly gaveBack: Operation;
}

function turnsAt(environment: string, operations: readonly Operation[]): Turn[] {
  const byLease = Map.groupBy(operations, (operation) => seenIn(operation.answer)?.id ?? leaseOf(operation));
  return [...byLease.values()].flatMap((own) => {
    const asks = own.filter(({ asked }) => asked.kind === 'acquire');
    const ends = own.filter(({ asked }) => asked.kind === 'release');
    const [asked, gaveBack] = [asks[0], ends[0]];
    if (asked?.asked.kind !== 'acquire' || gaveBack === undefined || asks.length > 1 || ends.length > 1) return [];
    const lease = seenIn(asked.answer);
    const isPlain = own.every(({ asked, answer }) => asked.kind !== 'revoke' && answer.kind === 'lease');
    const isHere = onlyEnvironment(asked.asked) === environment && (asked.asked.ttlMs ?? 600_000) >= 600_000;
    if (lease?.state !== 'held' || lease.fence === null || !isPlain || !isHere) return [];
    return [{ lease, fence: lease.fence, environment, key: asked.asked.key, asked, gaveBack }];
  });
}

/** The first two turns one after the other, the second of which lasted longer than 2 ms. */
function twoTurns(recorded: Recorded): [Turn, Turn] {
  for (const name of recorded.turnstiles.filter((name) => name.startsWith('one-'))) {
    const turns = turnsAt(name, recorded.operations);
    for (const first of turns)
      for (const second of turns)
        if (first.gaveBack.end < second.asked.start && second.gaveBack.start > second.asked.end + 2)
          return [first, second];
  }
  throw new Error('no two turns were one after the other');
}

const instead = (operations: readonly Operation[], old: Operation, changes: Partial<Operation>): Operation[] =>
  operations.map((operation) => (operation === old ? { ...operation, ...changes } : operation));

/** The same with other fences. */
const withFences = (operations: readonly Operation[], fences: ReadonlyMap<string, number>): Operation[] =>
  operations.map((operation) => {
    const { answer } = operation;
    const fence = fences.get(seenIn(answer)?.id ?? '');
    if (fence === undefined || (answer.kind !== 'lease' && answer.kind !== 'refused')) return operation;
    return { ...operation, answer: { ...answer, lease: { ...(answer.lease as Seen), fence } } as Answer };
  });

interface Plant {
  readonly what: string;
  plant(operations: readonly Operation[], first: Turn, second: Turn): Operation[];
  fault(first: Turn, second: Turn): string;
  /** Whether no order explains it either. */
  readonly isOrder: boolean;
}

const plants: Plant[] = [
  {
    what: 'an overlap of 1 ms',
    plant: (operations, { gaveBack }, { asked }) =>
      instead(operations, gaveBack, { start: asked.end + 1, end: asked.end + 2 }),
    fault: ({ environment }, { asked }) => `overlap: ${environment} has 1 slots, and at ${asked.end} it is held by`,
    isOrder: true,
  },
  {
    what: 'a fence that comes again',
    plant: (operations, first, second) => withFences(operations, new Map([[second.lease.id, first.fence]])),
    fault: (first, second) => `fence twice: ${first.fence} was given to ${first.lease.id} and to ${second.lease.id}`,
    isOrder: true,
  },
  {
    what: 'a fence that goes back',
    plant: (operations, first, second) =>
      withFences(
        operations,
        new Map([
          [first.lease.id, second.fence],
          [second.lease.id, first.fence],
        ]),
      ),
    fault: (first, second) =>
      `fence back: ${first.environment} was granted to ${first.lease.id} with ${second.fence}, and later to ${second.lease.id} with ${first.fence}`,
    isOrder: true,
  },
  {
    what: 'a lost release',
    plant: (operations, { lease, gaveBack }, { asked: { end } }) => [
      ...operations,
      {
        ...{ client: gaveBack.client, start: end, end: end + 1 },
        ...{ asked: { kind: 'renew', lease: lease.id }, answer: { kind: 'lease', lease } },
      },
    ],
    fault: ({ lease }) => `came back: ${lease.id} had ended at`,
    isOrder: true,
  },
  {
    what: 'a stale read',
    plant: (operations, { fence, environment, gaveBack }, { asked: { end } }) => [
      ...operations,
      {
        ...{ client: gaveBack.client, start: end, end: end + 1 },
        ...{ asked: { kind: 'check', environment, fence }, answer: { kind: 'fence', current: true } },
      },
    ],
    fault: ({ fence }) => `stale: fence ${fence} was current at`,
    isOrder: true,
  },
  {
    what: 'a double grant of one idempotency key',
    plant: (operations, { key }, { asked }) =>
      instead(operations, asked, { asked: { ...(asked.asked as Acquire), key } }),
    fault: (first, second) => `key twice: ${first.key} made ${first.lease.id} and ${second.lease.id}`,
    isOrder: false,
  },
];

test.each(plants)('$what is found when it is planted into what one server has told', ({ plant, fault, isOrder }) => {
  const [first, second] = twoTurns(atOneServer);
  const operations = plant(atOneServer.operations, first, second);
  const wanted = fault(first, second);
  const found = faultsOf({ ...atOneServer, operations });
  expect(found.filter((text) => text.startsWith(wanted))).not.toEqual([]);
  expect(linearize(operationsOf(operations, first.environment)).verdict).toBe(isOrder ? 'no' : 'yes');
});

describe('an overlap that really happens is found', () => {
  const askFor = (environment: string, key: string, queues = false): Acquire => ({
    ...{ kind: 'acquire', key, wants: [{ environment }], priority: 0, ttlMs: 600_000, queues },
  });
  const leaseIn = ({ answer }: Operation): Seen => {
    const lease = seenIn(answer);
    if (lease === null) throw new Error(`no lease: ${JSON.stringify(answer)}`);
    return lease;
  };

  test('among many clients, of whom one is betrayed', { timeout: 120_000 }, async () => {
    const server = await ServerProcess.create();
    onTestFinished(() => server.remove());
    await server.start();
    const traitor = await startTraitor(server.url);
    onTestFinished(() => traitor.stop());
    const recorder = new Recorder([traitor.url]);
    const betray = async (environment: string, queues: boolean): Promise<void> => {
      const victim = leaseIn(await recorder.send('victim', askFor(environment, `victim-${environment}`)));
      const next = queues ? leaseIn(await recorder.send('next', askFor(environment, environment, true))) : null;
      traitor.betray(victim.id);
      expect(await recorder.send('victim', { kind: 'renew', lease: victim.id })).toMatchObject({
        answer: { kind: 'lease' },
      });
      const told = await eventually(async () => {
        const reply =
          next === null
            ? await recorder.send('next', askFor(environment, environment))
            : await recorder.send('next', { kind: 'poll', lease: next.id }, { waitSeconds: 1 });
        expect(leaseIn(reply).state).toBe('held');
        return leaseIn(reply);
      });
      await recorder.send('victim', { kind: 'release', lease: victim.id });
      await recorder.send('next', { kind: 'release', lease: told.id });
    };
    const recorded = await record(recorder, 600, async () => {
      await betray('betrayed', true);
      await betray('betrayed-turnstile', false);
    });
    expect(faultsOf(recorded)).toEqual([
      expect.stringMatching(/^overlap: betrayed has 1 slots/),
      expect.stringMatching(/^overlap: betrayed-turnstile has 1 slots/),
    ]);
    expect(linearize(operationsOf(recorded.operations, 'betrayed-turnstile')).verdict).toBe('no');
    expect(allFaults(recorded)).toHaveLength(2);
  });

  test('at two servers that believe to be alone', async () => {
    const recorder = new Recorder([(await start()).url, (await start()).url]);
    await recorder.send('first', askFor('uat', 'one'));
    await recorder.send('second', askFor('uat', 'two'));
    expect(faultsOf(recorder)).toContainEqual(expect.stringMatching(/^overlap: uat has 1 slots/));
    expect(linearize(recorder.operations).verdict).toBe('no');
  });
});
