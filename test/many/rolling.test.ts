// A rolling restart under load, behind a balancer that knows nothing of it: each server in turn is asked to stop, and started again,
// while clients of ours acquire, wait, hold, renew and release, meet, and follow the event stream. None of them notices.

import { expect, onTestFinished, test } from 'vitest';
import { type MeetEnd, meet } from '../../src/client/arriving.ts';
import { Client } from '../../src/client/client.ts';
import { Conditions } from '../../src/client/conditions.ts';
import { isTransient, type Outcome } from '../../src/client/outcome.ts';
import { takePlace } from '../../src/client/place.ts';
import type { Lease } from '../../src/client/types.ts';
import { waitUntil } from '../../src/client/waiting.ts';
import { eventually } from '../eventually.ts';
import { startBalancer } from './balancer.ts';
import { type Ask, contradictions, missingIn, newAsk } from './promises.ts';
import { pause } from './roamer.ts';
import { historyOf, startMany } from './servers.ts';

interface Held {
  renew(): Promise<void>;
  release(): Promise<void>;
}

/** Clients of ours, all that they were told, and what was wrong with it. */
class Crowd {
  readonly faults: string[] = [];
  readonly asks: Ask[] = [];
  readonly over = new AbortController();
  readonly patience = { signal: this.over.signal, firstContactMs: 30_000, maxAwayMs: null };
  readonly client: Client;

  constructor(url: string) {
    this.client = new Client({ url, fetch: (input, init) => this.#watched(String(input), init) });
  }

  get released(): number {
    return this.asks.filter(({ releasedAt }) => releasedAt !== null).length;
  }

  /** Only an answer that the same request would get again is a fault: whatever else comes, clients of ours ask again. */
  async #watched(url: string, init?: RequestInit): Promise<Response> {
    const reply = await fetch(url, init);
    if (reply.status >= 300 && reply.status !== 503)
      this.faults.push(`${init?.method} ${url} was answered ${reply.status}: ${await reply.clone().text()}`);
    return reply;
  }

  async #insist(send: () => Promise<Outcome<Lease>>): Promise<void> {
    for (;;) {
      const outcome = await send();
      if (outcome.ok) return;
      if (!isTransient(outcome)) throw new Error(JSON.stringify(outcome));
      await pause(50);
    }
  }

  /** Resolves once it is in line, or holds. */
  async queue(environment: string, name: string, ttlSeconds = 60): Promise<{ granted: Promise<Held> }> {
    const ask = newAsk(name, environment);
    this.asks.push(ask);
    let inLine = (): void => undefined;
    const placed = new Promise<void>((resolve) => {
      inLine = resolve;
    });
    const taken = takePlace(this.client, {
      ...{ request: { environment, ttlSeconds, queueSeconds: null, holder: { name } }, idempotencyKey: name },
      ...{ ...this.patience, pollSeconds: 5 },
      onEvent: (event) => {
        if (event.kind === 'lost_place') this.faults.push(`${name} lost its place`);
        if (event.kind !== 'queued') return;
        ask.id = event.lease.id;
        ask.placedAt = performance.now();
        inLine();
      },
    });
    const granted = quiet(
      taken.then((end) => {
        if (end.kind !== 'granted') throw new Error(`${name}: ${JSON.stringify(end)}`);
        const { id, fence } = end.lease;
        const at = performance.now();
        Object.assign(ask, { id, fence, grantedAt: at, placedAt: ask.placedAt ?? at });
        const release = async () => {
          ask.releaseSentAt = performance.now();
          await this.#insist(() => this.client.release(id));
          ask.releasedAt = performance.now();
        };
        return { renew: () => this.#insist(() => this.client.renew(id, { timeoutMs: 1_000 })), release };
      }),
    );
    await Promise.race([placed, granted]);
    return { granted };
  }
}

/** What fails is told to who waits for it, in the end. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

test('nobody who uses them notices that all servers are restarted, one after the other', async () => {
  const many = await startMany(3, { settings: { max_connections: '100' } });
  onTestFinished(() => many.stop());
  const balancer = await startBalancer(() => many.next().url);
  onTestFinished(() => balancer.stop());
  const crowd = new Crowd(balancer.url);
  onTestFinished(() => crowd.over.abort());
  const { client, faults, asks, over, patience } = crowd;

  const streamed: number[] = [];
  const streaming = (async () => {
    for await (const item of client.stream({ since: 0, signal: over.signal, retryMs: 50, maxRetryMs: 200 })) {
      if (item.kind === 'refused' || (item.kind === 'event' && item.name === 'reset'))
        faults.push(JSON.stringify(item));
      else if (item.kind === 'event' && item.id !== null) streamed.push(item.id);
    }
  })();
  const first = await (await crowd.queue('long', 'holder', 5)).granted;
  let isHeld = true;
  const renewing = async () => {
    while (isHeld) {
      await first.renew();
      await pause(300);
    }
  };
  const holding = quiet(renewing());
  const served: number[] = [];
  const line: Promise<void>[] = [];
  for (let i = 0; i < 5; i++) {
    const { granted } = await crowd.queue('long', `waiter-${i}`);
    const done = granted.then(({ release }) => {
      served.push(i);
      return release();
    });
    line.push(quiet(done));
  }
  const signalled = { conditions: [{ target: 'signal:deployed' }], timeoutMs: null, pieceMs: () => 5_000 };
  // So many that some wait at each of the servers.
  const told = Array.from({ length: 8 }, () =>
    waitUntil(client, { ...signalled, ...patience, onEvent: () => {} }, new Conditions('all', 1)),
  );
  const arrive = (party: string): Promise<MeetEnd> =>
    meet(client, {
      ...{ name: 'all', generation: '', arrival: { party }, declaration: { parties: 2 }, pollSeconds: 5 },
      ...{ ...patience, onEvent: () => {} },
    });
  const met = arrive('early');
  let isBusy = true;
  const cycles = async (i: number) => {
    for (let n = 0; isBusy; n++) {
      const lease = await (await crowd.queue(`busy-${n % 2}`, `busy-${i}-${n}`)).granted;
      if (n % 3 === 0) await lease.renew();
      await lease.release();
    }
  };
  const busy = Array.from({ length: 6 }, (_, i) => quiet(cycles(i)));

  const goesOn = async () => {
    const before = crowd.released;
    await eventually(() => expect(crowd.released).toBeGreaterThan(before + 10));
  };
  await goesOn();
  for (const server of many.servers) {
    expect(await server.end()).toBe(0);
    await goesOn();
    await server.start();
    await goesOn();
  }

  expect(served).toEqual([]);
  isBusy = false;
  await Promise.all(busy);
  isHeld = false;
  await holding;
  await first.release();
  await Promise.all(line);
  expect(served).toEqual([0, 1, 2, 3, 4]);
  await client.putSignal('deployed');
  for (const end of await Promise.all(told)) expect(end).toMatchObject({ kind: 'over', reply: { outcome: 'met' } });
  expect(await Promise.all([met, arrive('late')])).toMatchObject([{ kind: 'open' }, { kind: 'open' }]);

  expect(faults).toEqual([]);
  expect(contradictions(asks, () => 1)).toEqual([]);
  const history = await historyOf(many.next());
  expect(missingIn(history, asks)).toEqual([]);
  const ended = history.filter(({ kind }) => /^lease\.(expired|timed_out|cancelled|revoked)$/.test(kind));
  expect(ended).toEqual([]);
  expect(history.filter(({ kind }) => kind === 'server.gone')).toHaveLength(3);
  await eventually(() => expect(streamed).toEqual(history.map(({ seq }) => seq)));
  over.abort();
  await streaming;
});
