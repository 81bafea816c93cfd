// The prober: who is told what, what is connected to, and what is left afterwards. With real connections where it matters, and
// with a probe that finds what the test says where it does not.

import type { LookupAddress } from 'node:dns';
import { afterEach, describe, expect, test } from 'vitest';
import { Allowed } from '../../src/probes/allowed.ts';
import { defaultOptions, type Kinds, kinds } from '../../src/probes/kinds.ts';
import type { Endpoint, Finding, Probe, Question, Standing } from '../../src/probes/probe.ts';
import { Prober, type ProberSettings } from '../../src/probes/prober.ts';
import type { Lookup } from '../../src/probes/resolve.ts';
import { freePort, listen, target, until } from './targets.ts';

const probers: Prober[] = [];
afterEach(async () => {
  for (const prober of probers.splice(0)) await prober.close();
});

function prober(more: Partial<ProberSettings> & { allow?: string[]; laptop?: boolean } = {}): Prober {
  const { allow = [], laptop = true, ...settings } = more;
  const postgres = settings.postgres ?? null;
  const allowed = new Allowed({ allow, loopback: () => laptop, always: postgres, everything: false });
  const made = new Prober({ allowed, postgres, ...settings });
  probers.push(made);
  return made;
}

function question(text: string, more: Partial<Question> & Partial<Question['options']> = {}): Question {
  const asked = target(text);
  const { successes = 1, invert = false, ...options } = more;
  return { target: asked, options: { ...defaultOptions(asked.kind), intervalMs: 20, ...options }, successes, invert };
}

/** Watches, and keeps what was told; `final` is the last of it. */
function watch(by: Prober, asked: Question) {
  const told: Standing[] = [];
  const { promise: final, resolve } = Promise.withResolvers<Standing>();
  const stop = by.watch(asked, (standing) => {
    told.push(standing);
    if (standing.state !== 'pending') resolve(standing);
  });
  return { told, final, stop };
}

/** Every kind finds what `probe` says. */
function finding(probe: Probe): Kinds {
  return Object.fromEntries(Object.keys(kinds).map((kind) => [kind, async () => ({ probe })])) as unknown as Kinds;
}

/** Finds these one after the other, and then the last of them for ever. */
function findings(...states: Finding['state'][]): Kinds {
  let tries = 0;
  return finding(async () => {
    const state = states[Math.min(tries++, states.length - 1)] as Finding['state'];
    return { state, detail: `found ${state}` };
  });
}

/** A name server that gives these answers one after the other, and then the last for ever. */
function lookup(...answers: (readonly string[])[]): Lookup & { asked: number } {
  const answer = async (): Promise<LookupAddress[]> => {
    const addresses = answers[Math.min(it.asked++, answers.length - 1)] as readonly string[];
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  const it = Object.assign(answer, { asked: 0 });
  return it;
}

describe('what is told', () => {
  test('a target that becomes ready: pending until then, met once, and nothing after that', async () => {
    const port = await freePort();
    const { told, final } = watch(prober(), question(`tcp:127.0.0.1:${port}`));
    await until(() => told.length > 1);
    await listen(undefined, '127.0.0.1', port);
    expect(await final).toMatchObject({ state: 'met', detail: 'connected' });
    expect(told.slice(0, -1).every(({ state, detail }) => state === 'pending' && detail === 'connection refused')).toBe(
      true,
    );
    expect(told.map(({ tries }) => tries)).toEqual(told.map((_, i) => i + 1));
  });

  test('successes count in a row', async () => {
    const load = findings('up', 'up', 'unready', 'up', 'up', 'up');
    const { told, final } = watch(prober({ load }), question('tcp:127.0.0.1:1', { successes: 3 }));
    expect(await final).toMatchObject({ state: 'met', tries: 6 });
    expect(told).toHaveLength(6);
  });

  test('each who waits counts for themselves, from the first try after they came', async () => {
    const gates: (() => void)[] = [];
    const load = finding(async () => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return { state: 'up', detail: 'up' };
    });
    const by = prober({ load });
    const asked = question('tcp:127.0.0.1:1', { successes: 2 });
    const early = watch(by, asked);
    await until(() => gates.length === 1);
    // In the middle of the first try: it may have looked before this one came.
    const late = watch(by, asked);
    gates[0]?.();
    await until(() => gates.length === 2);
    expect([early.told.length, late.told.length]).toEqual([1, 0]);
    gates[1]?.();
    expect(await early.final).toMatchObject({ state: 'met', tries: 2 });
    expect(late.told).toMatchObject([{ state: 'pending', tries: 2 }]);
    await until(() => gates.length === 3);
    gates[2]?.();
    expect(await late.final).toMatchObject({ state: 'met', tries: 3 });
    expect(by.count).toBe(1);
  });

  test('invert: only down is a success', async () => {
    const load = findings('up', 'unready', 'down', 'unready', 'down', 'down');
    const { final } = watch(prober({ load }), question('tcp:127.0.0.1:1', { invert: true, successes: 2 }));
    expect(await final).toMatchObject({ state: 'met', tries: 6, detail: 'found down' });
  });

  test.each([false, true])('misconfigured fails all who wait at once (invert: %s)', async (invert) => {
    const by = prober({ load: findings('unready', 'misconfigured', 'up') });
    const all = [1, 2, 3].map((successes) => watch(by, question('tcp:127.0.0.1:1', { invert, successes })));
    for (const { final, told } of all) {
      expect(await final).toMatchObject({ state: 'failed', detail: 'found misconfigured', tries: 2 });
      expect(told).toHaveLength(2);
    }
  });

  test('who stops in the middle of a try, or while others are told, is told nothing more', async () => {
    const gate = Promise.withResolvers<Finding>();
    let asked = 0;
    const load = finding(() => {
      asked += 1;
      return gate.promise;
    });
    const by = prober({ load });
    const stopped = watch(by, question('tcp:127.0.0.1:1'));
    const told: string[] = [];
    const first = by.watch(question('tcp:127.0.0.1:1'), () => {
      told.push('first');
      second();
    });
    const second = by.watch(question('tcp:127.0.0.1:1'), () => {
      told.push('second');
      first();
    });
    await until(() => asked === 1);
    stopped.stop();
    gate.resolve({ state: 'unready', detail: '' });
    await until(() => told.length > 0);
    expect(told).toEqual(['first']);
    expect(stopped.told).toEqual([]);
    first();
  });

  test('a probe that goes on after its time, or throws, is not waited for', async () => {
    const hanging = watch(
      prober({ load: finding(() => new Promise(() => undefined)) }),
      question('tcp:127.0.0.1:1', { connectTimeoutMs: 50 }),
    );
    await until(() => hanging.told.length > 1);
    expect(hanging.told[0]).toMatchObject({ state: 'pending', detail: 'no answer within 0.05 s' });
    const load = finding(() => {
      throw new TypeError('hunter2');
    });
    expect(await watch(prober({ load }), question('tcp:127.0.0.1:1')).final).toMatchObject({
      state: 'failed',
      detail: 'the probe itself has failed (TypeError)',
    });
  });
});

describe('one loop', () => {
  test('for a thousand who wait: one connection per try', async () => {
    const server = await listen();
    const by = prober();
    const asked = question(`tcp:127.0.0.1:${server.port}`);
    const all = Array.from({ length: 1_000 }, () => watch(by, asked));
    expect(by.targets()).toMatchObject([{ text: `tcp:127.0.0.1:${server.port}`, waiters: 1_000, state: null }]);
    await Promise.all(all.map(({ final }) => final));
    await until(() => server.open.size === 0);
    expect(server.sockets).toHaveLength(1);
    expect(all.every(({ told }) => told.length === 1)).toBe(true);
    expect(by.figures).toEqual([{ kind: 'tcp', state: 'up', tries: 1 }]);
  });

  test('per credentials and options', async () => {
    const by = prober({ load: findings('unready') });
    const texts = [
      'redis://a:x@127.0.0.1',
      'redis://a:y@127.0.0.1',
      'redis://b:x@127.0.0.1',
      'redis://a:x@127.0.0.1/1',
    ];
    for (const text of [...texts, ...texts]) watch(by, question(text));
    watch(by, question(texts[0] as string, { insecure: true }));
    expect(by.count).toBe(5);
    expect(JSON.stringify(by.targets())).not.toMatch(/:x|:y/);
  });

  test('is found again by who comes back soon, with its tries', async () => {
    const by = prober({ load: findings('unready') });
    const asked = question('tcp:127.0.0.1:1');
    const first = watch(by, asked);
    await until(() => first.told.length === 2);
    first.stop();
    expect(by.targets()).toMatchObject([{ waiters: 0, tries: 2, state: 'unready', detail: 'found unready' }]);
    const again = watch(by, asked);
    await until(() => again.told.length === 1);
    expect(again.told[0]?.tries).toBe(3);
  });

  test('leaves nothing once nobody waits', async () => {
    const server = await listen();
    const by = prober();
    const before = process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
    // It accepts and never answers, so there is a try under way when the last one goes.
    const waiting = watch(by, question(`http://127.0.0.1:${server.port}/`, { connectTimeoutMs: 60_000 }));
    await until(() => server.open.size === 1);
    waiting.stop();
    await until(() => by.count === 0);
    await until(() => server.open.size === 0);
    await until(() => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length === before);
    expect(server.sockets).toHaveLength(1);
    expect(waiting.told).toEqual([]);
  });

  test('begins nothing after a try that was under way when the last one went', async () => {
    const gate = Promise.withResolvers<Finding>();
    let tries = 0;
    const load = finding(() => {
      tries += 1;
      return gate.promise;
    });
    const by = prober({ load });
    const first = watch(by, question('tcp:127.0.0.1:1'));
    await until(() => tries === 1);
    first.stop();
    gate.resolve({ state: 'unready', detail: '' });
    await until(() => by.count === 0);
    expect(tries).toBe(1);
    expect(by.figures).toEqual([{ kind: 'tcp', state: 'unready', tries: 1 }]);
  });

  test('close waits for a try that is being called off, of a loop that was left as well', async () => {
    let running = 0;
    const load = finding(async (_target, _endpoint, _options, signal) => {
      running += 1;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      running -= 1;
      return { state: 'down', detail: '' };
    });
    const by = prober({ load });
    watch(by, question('tcp:127.0.0.1:1'));
    const left = watch(by, question('tcp:127.0.0.1:2'));
    await until(() => running === 2);
    left.stop();
    await by.close();
    expect(running).toBe(0);
  });

  test('close ends all of it, in the middle of a try too', async () => {
    const server = await listen();
    const by = prober();
    const waiting = watch(by, question(`http://127.0.0.1:${server.port}/`));
    await until(() => server.open.size === 1);
    await by.close();
    await until(() => server.open.size === 0);
    expect([by.count, by.figures]).toEqual([0, []]);
    by.watch(question('tcp:127.0.0.1:1'), () => expect.unreachable())();
    expect([by.count, waiting.told.length]).toEqual([0, 0]);
  });
});

describe('addresses', () => {
  test('all of them are tried: the first refuses, the second is up', async () => {
    const server = await listen(undefined, '127.0.0.2');
    const names = lookup(['127.0.0.1', '127.0.0.2']);
    const { final } = watch(prober({ lookup: names }), question(`tcp:db:${server.port}`));
    expect(await final).toMatchObject({ state: 'met', tries: 1 });
  });

  test('one that is silent does not hold up the next', async () => {
    const server = await listen(undefined, '::1');
    const load: Kinds = {
      ...kinds,
      tcp: async () => {
        const { probe } = await kinds.tcp();
        return {
          probe: (asked, endpoint, options, signal) =>
            endpoint.address === '127.0.0.1'
              ? new Promise((resolve) => signal.addEventListener('abort', () => resolve({ state: 'down', detail: '' })))
              : probe(asked, endpoint, options, signal),
        };
      },
    };
    const by = prober({ lookup: lookup(['127.0.0.1', '::1']), load });
    const { final } = watch(by, question(`tcp:db:${server.port}`, { connectTimeoutMs: 30_000 }));
    expect(await final).toMatchObject({ state: 'met', tries: 1 });
  });

  test.each([
    [['down', 'unready'], 'pending', 'unready'],
    [['unready', 'down'], 'pending', 'unready'],
    [['misconfigured', 'down'], 'failed', 'misconfigured'],
    [['misconfigured', 'up'], 'met', 'up'],
    [['down', 'down'], 'pending', 'down'],
  ] as const)('of %j', async (states, state, detail) => {
    const addresses = states.map((_, i) => `127.0.0.${i + 1}`);
    const load = finding(async (_target, { address }) => {
      const found = states[addresses.indexOf(address)] as Finding['state'];
      return { state: found, detail: found };
    });
    const { told } = watch(prober({ load, lookup: lookup(addresses) }), question('tcp:db:1'));
    await until(() => told.length > 0);
    expect(told[0]).toMatchObject({ state, detail });
  });

  test('forbidden ones are left out', async () => {
    const asked: string[] = [];
    const load = finding(async (_target, { address }: Endpoint) => {
      asked.push(address);
      return { state: 'up', detail: '' };
    });
    const names = lookup(['169.254.169.254', '::ffff:169.254.169.254', '127.0.0.1', '10.0.0.1']);
    await watch(prober({ load, lookup: names }), question('tcp:db:1')).final;
    expect(asked).toEqual(['127.0.0.1']);
  });

  test('a name that changes between check and connect: what was checked is what is connected to', async () => {
    const good = await listen(undefined, '127.0.0.1');
    const bad = await listen(undefined, '127.0.0.2', good.port);
    const names = lookup(['127.0.0.1'], ['127.0.0.2']);
    const by = prober({ allow: ['127.0.0.1:*'], laptop: false, lookup: names });
    const { told, final } = watch(by, question(`tcp:db:${good.port}`, { successes: 100 }));
    // The first try goes to the first answer; the second answer is refused, and nothing is connected to.
    expect(await final).toMatchObject({ state: 'failed', detail: expect.stringContaining('127.0.0.2') });
    expect(told).toMatchObject([{ state: 'pending', detail: 'connected' }, { state: 'failed' }]);
    expect([good.sockets.length, bad.sockets.length, names.asked]).toEqual([1, 0, 2]);
  });

  test('an HTTP name that changes is asked at the address that was checked, by one look-up per try', async () => {
    const server = await listen((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const names = lookup(['127.0.0.1'], ['169.254.169.254']);
    const { final } = watch(prober({ lookup: names }), question(`http://localhost.example:${server.port}/`));
    expect(await final).toMatchObject({ state: 'met', detail: '200 OK' });
    expect(names.asked).toBe(1);
  });

  test('a name that does not resolve is down, and tried again', async () => {
    let asked = 0;
    const names: Lookup = async () => {
      asked += 1;
      if (asked < 3) throw Object.assign(new Error(), { code: 'ENOTFOUND' });
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const by = prober({ lookup: names, load: findings('up') });
    const { told, final } = watch(by, question('tcp:db:1'));
    expect(await final).toMatchObject({ state: 'met', tries: 3 });
    expect(told[0]).toMatchObject({ state: 'pending', detail: 'name does not resolve' });
  });
});

describe('admission', () => {
  test.each([
    ...['127.1', '2130706433', '0x7f000001', '017700000001', '①②⑦.0.0.1', '127.0.0.1.', '[::1]', '[::ffff:127.0.0.1]'],
    ...['0xa9fea9fe', '169.254.169.254', '[::ffff:a9fe:a9fe]', '[64:ff9b::a9fe:a9fe]', '0', '10.0.0.1', '[fe80::1]'],
  ])('%s is refused on a server, as tcp and as http', async (host) => {
    const by = prober({ laptop: false, allow: ['8.8.8.8'] });
    for (const text of [`tcp:${host}:80`, `http://${host}:80/`])
      expect(await by.admit(target(text))).toMatchObject({ code: 'target_not_allowed' });
  });

  test.each([
    '0xa9fea9fe',
    '169.254.169.254',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '0',
    '[fe80::1]',
    '10.0.0.1',
  ])('%s is refused on a laptop too', async (host) => {
    expect(await prober().admit(target(`tcp:${host}:80`))).toMatchObject({ code: 'target_not_allowed' });
  });

  test.each([
    '127.1',
    '2130706433',
    '0x7f000001',
    '①②⑦.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ])('%s is loopback on a laptop', async (host) => {
    expect(await prober().admit(target(`tcp:${host}:80`))).toBeNull();
  });

  test('looks up no name that nothing could allow', async () => {
    const names = lookup(['127.0.0.1']);
    const by = prober({ laptop: false, allow: ['other:80'], lookup: names });
    expect(await by.admit(target('tcp:db:80'))).toMatchObject({ code: 'target_not_allowed' });
    expect(names.asked).toBe(0);
  });

  test('takes a name that leads to what is allowed among others, or does not resolve', async () => {
    expect(await prober({ lookup: lookup(['10.0.0.1', '127.0.0.1']) }).admit(target('tcp:db:80'))).toBeNull();
    expect(await prober({ lookup: lookup(['10.0.0.1']) }).admit(target('tcp:db:80'))).not.toBeNull();
    const gone: Lookup = () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    expect(await prober({ lookup: gone }).admit(target('tcp:db:80'))).toBeNull();
  });

  test('asks for no allowance to look up a name', async () => {
    expect(await prober({ laptop: false }).admit(target('dns:db'))).toBeNull();
    const { final } = watch(prober({ laptop: false, load: findings('up') }), question('dns:db'));
    expect(await final).toMatchObject({ state: 'met' });
  });

  test('the configured PostgreSQL server is where a database without a host is, and its user goes there', async () => {
    const seen: unknown[] = [];
    const load = finding(async ({ user, password, resource, tls }, endpoint, { insecure }) => {
      seen.push({ user, password, resource, tls, insecure, ...endpoint });
      return { state: 'up', detail: '' };
    });
    const postgres = { host: 'pg', port: 5433, user: 'app', password: 'hunter2', tls: true, insecure: true };
    const by = prober({ postgres, laptop: false, load, lookup: lookup(['10.0.0.1']) });
    expect(await by.admit(target('postgres:uat'))).toBeNull();
    expect(await by.admit(target('postgres://pg:5433/uat'))).toMatchObject({ code: 'target_not_allowed' });
    await watch(by, question('postgres:uat')).final;
    expect(seen).toEqual([
      {
        ...{ user: 'app', password: 'hunter2', resource: 'uat', tls: true, insecure: true },
        ...{ address: '10.0.0.1', port: 5433, host: 'pg' },
      },
    ]);
    expect(await prober().admit(target('postgres:uat'))).toMatchObject({
      code: 'target_not_allowed',
      message: expect.stringContaining('--postgresURL'),
    });
  });

  test('has a bound, which loops that were left do not count against', async () => {
    const by = prober({ maxTargets: 2, load: findings('unready') });
    const one = watch(by, question('tcp:127.0.0.1:1'));
    const two = watch(by, question('tcp:127.0.0.1:2'));
    expect(await by.admit(target('tcp:127.0.0.1:3'))).toMatchObject({ code: 'too_many_waits' });
    const same = question('tcp:127.0.0.1:1');
    expect(await by.admit(same.target, same.options)).toBeNull();
    one.stop();
    expect(await by.admit(target('tcp:127.0.0.1:3'))).toBeNull();
    watch(by, question('tcp:127.0.0.1:3'));
    expect(by.targets().map(({ text }) => text)).toEqual(['tcp:127.0.0.1:2', 'tcp:127.0.0.1:3']);
    two.stop();
  });

  test('whoever was admitted together with others and found no room waits for it, and fails by nothing', async () => {
    const by = prober({ maxTargets: 1, load: findings('up') });
    const one = watch(by, question('tcp:127.0.0.1:1', { invert: true }));
    const later = watch(by, question('tcp:127.0.0.1:2'));
    const left = watch(by, question('tcp:127.0.0.1:3'));
    await until(() => later.told.length > 0);
    expect(later.told[0]).toMatchObject({ state: 'pending', detail: expect.stringContaining('too many targets') });
    left.stop();
    one.stop();
    expect(await later.final).toMatchObject({ state: 'met' });
    expect(by.targets().map(({ text }) => text)).not.toContain('tcp:127.0.0.1:3');
  });

  test('one target has one loop however it is written', () => {
    const by = prober({ load: findings('unready') });
    for (const text of ['tcp:127.0.0.1:1', 'tcp://127.0.0.1:1', 'TCP:127.0.0.1:01']) watch(by, question(text));
    expect(by.targets()).toMatchObject([{ waiters: 3 }]);
  });
});
