// What an address of one's own is told, and what its answers mean.

import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Notice } from '../../src/core/rows.ts';
import { retryAfterMs } from '../../src/notify/post.ts';
import type { Message, Sent } from '../../src/notify/sink.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { pages } from '../docs/pages.ts';
import { eventually } from '../eventually.ts';
import { ManualClock } from './manual-clock.ts';
import { Receiver, silence, status } from './receiver.ts';
import { buildRow, webhook } from './world.ts';

const never = new AbortController().signal;
const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

const notice: Notice = {
  ...{ sink: 'hook', event: 'instance.ready', build: 'bd_1', instance: 'in_1', cloudId: 'i-1' },
  ...{ channel: null, reason: null, at },
};
const message: Message = { delivery: 'nt_hook_instance.ready_in_1', space: 'main', notice, build: buildRow() };

/** What became of it, where the receiver answers so, in no time. */
async function answered(...answers: Receiver['answers']): Promise<Sent> {
  const receiver = await Receiver.start();
  receiver.answers.push(...answers);
  return webhook(receiver.url, new ManualClock()).send(message, never);
}

test('it is told what happened, when, and to what', async () => {
  const receiver = await Receiver.start();
  await webhook(receiver.url).send(message, never);
  const [told] = receiver.told;
  expect(told?.json).toEqual({
    ...{ id: 'nt_hook_instance.ready_in_1', event: 'instance.ready', at: '2026-01-02T03:04:05.006Z', space: 'main' },
    build: {
      ...{ id: 'bd_1', site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.2xlarge' },
      ...{ count: 1, pool: null, by: 'ann' },
    },
    instance: { id: 'in_1', cloudId: 'i-1' },
    reason: null,
  });
  expect(told?.path).toBe('/secret-path');
  expect(told?.headers).toMatchObject({
    'content-type': 'application/json',
    'signalbox-event': 'instance.ready',
    'signalbox-delivery': 'nt_hook_instance.ready_in_1',
  });
  expect(told?.headers).not.toHaveProperty('signalbox-signature');
});

test('a build that is not kept any more is told by its id, one that there never was not at all', async () => {
  const receiver = await Receiver.start();
  const hook = webhook(receiver.url);
  await hook.send({ ...message, build: null }, never);
  await hook.send({ ...message, build: null, notice: { ...notice, build: null } }, never);
  await hook.send({ ...message, notice: { ...notice, instance: null, cloudId: null, reason: 'gone' } }, never);
  expect(receiver.told.map(({ json }) => [json.build, json.instance, json.reason])).toEqual([
    [{ id: 'bd_1' }, { id: 'in_1', cloudId: 'i-1' }, null],
    [null, { id: 'in_1', cloudId: 'i-1' }, null],
    [expect.objectContaining({ id: 'bd_1' }), null, 'gone'],
  ]);
});

test('with a secret it is signed together with its time', async () => {
  const receiver = await Receiver.start();
  await webhook(receiver.url, new ManualClock(), 'hook', 'of us two').send(message, never);
  const [told] = receiver.told;
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(told?.headers['signalbox-signature'])) ?? [];
  expect(Number(t)).toBe(Date.UTC(2026, 0, 1) / 1000);
  expect(v1).toBe(createHmac('sha256', 'of us two').update(`${t}.${told?.text}`).digest('hex'));
});

test('the check in docs/machines.md takes what is sent, and nothing else', async () => {
  const page = pages.find(({ path }) => path === 'docs/machines.md');
  const [block] = page?.blocks.filter(({ language }) => language === 'js') ?? [];
  const { isFromSignalbox } = await import(`data:text/javascript,${encodeURIComponent(block?.text ?? '')}`);
  const receiver = await Receiver.start();
  await webhook(receiver.url, systemClock, 'hook', 'of us two').send(message, never);
  await webhook(receiver.url, new ManualClock(), 'hook', 'of us two').send(message, never);
  const [now, old] = receiver.told.map(({ headers, text }) => [headers['signalbox-signature'], text] as const);
  expect(isFromSignalbox('of us two', ...(now ?? []))).toBe(true);
  expect(isFromSignalbox('another', ...(now ?? []))).toBe(false);
  expect(isFromSignalbox('of us two', now?.[0], `${now?.[1]} `)).toBe(false);
  expect(isFromSignalbox('of us two', ...(old ?? []))).toBe(false);
  expect(isFromSignalbox('of us two', undefined, now?.[1])).toBe(false);
});

test('an id with characters that no header takes is escaped there, and as it is in the body', async () => {
  const receiver = await Receiver.start();
  expect(await webhook(receiver.url).send({ ...message, delivery: 'nt_ä b\n' }, never)).toEqual({ outcome: 'sent' });
  expect(receiver.told[0]?.headers['signalbox-delivery']).toBe('nt_%C3%A4%20b%0A');
  expect(receiver.told[0]?.json.id).toBe('nt_ä b\n');
});

test('a name and a password in the address are sent as such', async () => {
  const receiver = await Receiver.start();
  const url = receiver.url.replace('://', '://ann:s%3Acret@');
  expect(await webhook(url).send(message, never)).toEqual({ outcome: 'sent' });
  expect(receiver.told[0]?.headers.authorization).toBe(`Basic ${btoa('ann:s:cret')}`);
});

describe('an answer', () => {
  test.each([200, 201, 204])('%i: it is told', async (code) => {
    expect(await answered(status(code))).toEqual({ outcome: 'sent' });
  });

  test.each([429, 500, 502, 503])('%i: again', async (code) => {
    expect(await answered(status(code))).toEqual({ outcome: 'again', reason: `answered ${code}`, afterMs: null });
  });

  test.each([429, 503])('%i with Retry-After: again, then', async (code) => {
    expect(await answered(status(code, { 'retry-after': '30' }))).toMatchObject({ afterMs: 30_000 });
  });

  test.each([400, 401, 404, 410])('%i: never', async (code) => {
    expect(await answered(status(code, {}, 'not for you'))).toEqual({
      outcome: 'refused',
      reason: `answered ${code}`,
    });
  });

  test('that leads elsewhere is not followed', async () => {
    const elsewhere = await Receiver.start();
    expect(await answered(status(307, { location: elsewhere.url }))).toEqual({
      outcome: 'refused',
      reason: 'answered 307, a redirect, which is not followed',
    });
    expect(elsewhere.told).toEqual([]);
  });

  test('without end is broken off', async () => {
    let isOver = false;
    const endless: Receiver['usual'] = (reply) => {
      reply.writeHead(200).on('close', () => (isOver = true));
      const more = (): void => {
        if (!reply.destroyed) reply.write('x'.repeat(10_000), () => setImmediate(more));
      };
      more();
    };
    expect(await answered(endless)).toEqual({ outcome: 'sent' });
    await eventually(() => expect(isOver).toBe(true));
  });

  test('that does not come within ten seconds: again', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    receiver.usual = silence;
    const sending = webhook(receiver.url, clock).send(message, never);
    await eventually(() => expect(receiver.told).toHaveLength(1));
    await clock.advance(10_000);
    expect(await sending).toEqual({ outcome: 'again', reason: 'no answer within 10 s', afterMs: null });
  });

  test('whose body never ends for want of the rest counts by its status, after ten seconds', async () => {
    const clock = new ManualClock();
    const receiver = await Receiver.start();
    receiver.usual = (reply) => void reply.writeHead(200, { 'content-length': '10' }).write('x');
    const sending = webhook(receiver.url, clock).send(message, never);
    await eventually(() => expect(receiver.told).toHaveLength(1));
    await eventually(async () => {
      await clock.advance(10_000);
      expect(await Promise.race([sending, null])).toEqual({ outcome: 'sent' });
    });
  });
});

test('nobody there: again, and the address is not told', async () => {
  const receiver = await Receiver.start();
  const { url } = receiver;
  await receiver.stop();
  expect(await webhook(url).send(message, never)).toEqual({
    outcome: 'again',
    reason: 'no connection: ECONNREFUSED',
    afterMs: null,
  });
});

test('it ends early when it is told to', async () => {
  const receiver = await Receiver.start();
  receiver.usual = silence;
  const stop = new AbortController();
  const sending = webhook(receiver.url, new ManualClock()).send(message, stop.signal);
  await eventually(() => expect(receiver.told).toHaveLength(1));
  stop.abort();
  expect(await sending).toMatchObject({ outcome: 'again' });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1);
  test.each([
    ['120', 120_000],
    [' 120 ', 120_000],
    ['0', 1_000],
    ['86400', 3_600_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 1_000],
    ['soon', null],
    ['', null],
    [null, null],
  ])('%j is %j ms', (written, ms) => expect(retryAfterMs(written, now)).toBe(ms));
});
