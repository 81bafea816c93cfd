// What an operation costs does not grow with the requests and environments that it does not concern. Steps are counted,
// not time: the same work takes exactly as many of them in a large world as in a small one.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Queue } from '../../src/core/queue/queue.ts';
import type { Labels, Want } from '../../src/core/rows.ts';
import { Steps } from './steps.ts';

const few = 10;
const many = 10_000;
const veryMany = 100_000;
const steps = new Steps();
let makeQueue: () => Queue;

beforeAll(async () => {
  await steps.begin();
  const { Queue } = await import('../../src/core/queue/queue.ts');
  makeQueue = () => new Queue();
});
afterAll(() => steps.end());

/** A queue whose clients are all present. */
class Crowd {
  readonly queue = makeQueue();
  /** Who holds an environment, by its name. */
  readonly holders = new Map<string, string>();
  #arrivals = 0;

  place(name: string, labels: Labels = {}, closed = false): void {
    this.queue.setPlace(name, { capacity: 1, dirty: 0, closed, labels });
  }

  ask(...wants: Want[]): string {
    const order = ++this.#arrivals;
    const id = `r${order}`;
    this.queue.arrive({ id, level: 0, order, wants, globs: null });
    this.#grant();
    return id;
  }

  release(name: string): void {
    this.queue.vacate([name]);
    this.#grant();
  }

  #grant(): void {
    for (const { id } of this.queue.takeReady()) {
      const names = this.queue.setAside(id);
      this.queue.grant(id, names);
      for (const name of names) this.holders.set(name, id);
    }
  }
}

const uat: Want = { environment: 'uat' };
const db: Want = { labels: { kind: 'db' }, count: 1 };

type Prepare = (crowd: Crowd, size: number) => void;
type Work = (crowd: Crowd) => void;

/** Steps of the work in worlds with so many of something. */
async function countSteps(sizes: readonly number[], prepare: Prepare, work: Work): Promise<number[]> {
  const counts: number[] = [];
  for (const size of sizes) {
    const crowd = new Crowd();
    prepare(crowd, size);
    work(crowd); // What is only done the first time is not the question.
    counts.push(await steps.of(() => work(crowd)));
  }
  return counts;
}

/** The usual round: a holder releases, the next is granted, another arrives. */
const round = (crowd: Crowd) => {
  const before = crowd.holders.get('uat');
  crowd.release('uat');
  crowd.ask(uat);
  expect(crowd.holders.get('uat')).not.toBe(before);
};

const roundInPool = (crowd: Crowd) => {
  crowd.release('db0');
  crowd.ask(db);
};

const inLargeWorlds = [
  {
    title: 'release, grant and arrival on one environment, however many wait for it',
    prepare: (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < size; i++) crowd.ask(uat);
    },
    work: round,
  },
  {
    title: '… however many other environments there are, held and waited for',
    prepare: (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < few; i++) crowd.ask(uat);
      for (let i = 0; i < size; i++) {
        crowd.place(`e${i}`, { number: `${i}` });
        crowd.ask({ environment: `e${i}` });
        crowd.ask({ environment: `e${i}` });
      }
    },
    work: round,
  },
];

const inWorlds = [
  {
    title: 'release, grant and arrival on one environment, however many wait for another one',
    prepare: (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < few; i++) crowd.ask(uat);
      for (let i = 0; i < size; i++) crowd.ask({ environment: 'other' });
    },
    work: round,
  },
  {
    title: '… and however many requests for it also miss something else',
    prepare: (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < few; i++) crowd.ask(uat);
      for (let i = 0; i < size; i++) crowd.ask(uat, { environment: `e${i}` });
    },
    work: round,
  },
  {
    title: 'release, grant and arrival in a pool, however many wait for it',
    prepare: (crowd: Crowd, size: number) => {
      for (let i = 0; i < few; i++) crowd.place(`db${i}`, { kind: 'db' });
      for (let i = 0; i < few + size; i++) crowd.ask(db);
    },
    work: roundInPool,
  },
  {
    title: '… however many members it has',
    prepare: (crowd: Crowd, size: number) => {
      for (let i = 0; i < size; i++) crowd.place(`db${i}`, { kind: 'db' });
      for (let i = 0; i < few + size; i++) crowd.ask(db);
    },
    work: roundInPool,
  },
  {
    title: 'an arrival that is granted at once and released, however many members are free',
    prepare: (crowd: Crowd, size: number) => {
      for (let i = 0; i < size; i++) crowd.place(`db${i}`, { kind: 'db' });
    },
    work: (crowd: Crowd) => {
      const id = crowd.ask(db);
      const [name = ''] = [...crowd.holders].find(([, holder]) => holder === id) ?? [];
      crowd.release(name);
    },
  },
  {
    title: 'to leave a line from its middle, however long it is',
    prepare: (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < size; i++) crowd.ask(uat);
    },
    work: (crowd: Crowd) => {
      const ids = [...crowd.queue.requests.keys()];
      crowd.queue.leave(ids[Math.floor(ids.length / 2)] ?? '');
    },
  },
  {
    title: 'to set up, close, label and remove an environment, however many others there are',
    prepare: (crowd: Crowd, size: number) => {
      for (let i = 0; i < size; i++) {
        crowd.place(`e${i}`, { number: `${i}` });
        crowd.ask({ labels: { number: `${i}` }, count: 1 });
      }
    },
    work: (crowd: Crowd) => {
      crowd.place('new');
      crowd.place('new', {}, true);
      crowd.place('new', { kind: 'new' }, true);
      crowd.queue.removePlace('new');
    },
  },
  {
    title: 'to find the environments of a selector, however many others there are',
    prepare: (crowd: Crowd, size: number) => {
      for (let i = 0; i < size; i++) crowd.place(`e${i}`, { kind: i < 3 ? 'db' : 'web' });
    },
    work: (crowd: Crowd) => {
      expect(crowd.queue.matching({ kind: 'db' }, null)).toHaveLength(3);
    },
  },
];

describe('it takes as many steps with 10 as', () => {
  const expectEqual = async (large: number, prepare: Prepare, work: Work) => {
    const [inFew = 0, inMany] = await countSteps([few, large], prepare, work);
    expect(inFew).toBeGreaterThan(0);
    expect(inMany).toBe(inFew);
  };

  test.each(inLargeWorlds)('with 100,000: $title', ({ prepare, work }) => expectEqual(veryMany, prepare, work));
  test.each(inWorlds)('with 10,000: $title', ({ prepare, work }) => expectEqual(many, prepare, work));
});

describe('what grows has a bound', () => {
  test('a place in the middle of a long line is estimated, not counted', async () => {
    const line = (crowd: Crowd, size: number) => {
      crowd.place('uat');
      for (let i = 0; i < size; i++) crowd.ask(uat);
    };
    const [short, long] = await countSteps([2_000, 20_000], line, ({ queue }) => queue.position('r1000'));
    expect(long).toBe(short);
  });

  /** Members of a pool, each of which is set aside for a request that misses something else and could use any of them. */
  const stuck = (crowd: Crowd, size: number) => {
    for (let i = 0; i < size; i++) crowd.place(`db${i}`, { kind: 'db' });
    crowd.place('held');
    crowd.ask({ environment: 'held' });
    for (let i = 0; i < size; i++) crowd.ask(db, { environment: 'held' });
  };

  test('an exchange is sought among so many units and no more', async () => {
    const [short, long] = await countSteps([1_000, 4_000], stuck, (crowd) => crowd.ask({ environment: 'db0' }));
    expect(long).toBe(short);
  });

  test('an arrival looks once at what is set aside in each environment that it asks for', async () => {
    const [short = 0, long = 0] = await countSteps([1_000, 4_000], stuck, (crowd) => crowd.ask(db));
    expect(long / short).toBeLessThan(4);
  });
});

test('the counters see a loop that grows', async () => {
  const line = (crowd: Crowd, size: number) => {
    crowd.place('uat');
    for (let i = 0; i < size; i++) crowd.ask(uat);
  };
  const walk = ({ queue }: Crowd) => queue.places.get('uat')?.own.first(() => false);
  const [short = 0, long = 0] = await countSteps([100, 1_000], line, walk);
  expect(long / short).toBeGreaterThan(9);
});
