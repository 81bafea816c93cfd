// What Slack is told, and where.

import { describe, expect, test } from 'vitest';
import type { BuildRow, Notice } from '../../src/core/rows.ts';
import type { Sent } from '../../src/notify/sink.ts';
import { channelName, Slack } from '../../src/notify/slack.ts';
import { systemClock } from '../../src/replica/clock.ts';
import { Receiver, status } from './receiver.ts';
import { buildRow } from './world.ts';

const never = new AbortController().signal;

const noticeOf = (change: Partial<Notice>): Notice => ({
  ...{ sink: 'slack', event: 'instance.launched', build: 'bd_1', instance: 'in_1', cloudId: 'i-1' },
  ...{ channel: null, reason: null, at: 0, ...change },
});

async function tell(
  change: Partial<Notice>,
  {
    channel = null,
    build = buildRow(),
    receiver,
  }: { channel?: string | null; build?: BuildRow; receiver?: Receiver } = {},
): Promise<{ sent: Sent; text: string; channel: string | undefined; receiver: Receiver }> {
  const server = receiver ?? (await Receiver.start());
  const slack = new Slack({ webhook: server.url, channel }, systemClock);
  const sent = await slack.send({ delivery: 'nt', space: 'main', notice: noticeOf(change), build }, never);
  return { sent, receiver: server, ...server.told.at(-1)?.json };
}

const failure = { step: 'launch 2/2', reason: 'no such image', tries: 1 };
const about = { instance: null, cloudId: null };

test.each([
  [{ event: 'instance.launched' }, 'Started instance `i-1` for instance build *bd_1*'],
  [{ event: 'instance.ready' }, 'Finished starting instance `i-1` for instance build *bd_1*'],
  [{ event: 'instance.ending' }, 'Terminating *i-1* :boom:'],
  [{ event: 'instance.launched', build: null }, 'Started instance `i-1`'],
  [
    { event: 'build.failed', ...about, reason: 'no such image' },
    'Instance build *bd_1* failed at launch 2/2: no such image',
  ],
  [{ event: 'build.cancelled', ...about, reason: 'no use' }, 'Cancelled instance build *bd_1*: no use'],
  [{ event: 'build.cancelled', ...about }, 'Cancelled instance build *bd_1*'],
])('%o is told as %s', async (change, text) => {
  expect(await tell(change, { build: buildRow({ failure }) })).toMatchObject({ sent: { outcome: 'sent' }, text });
});

test('every event that is written for Slack has its words, and another is refused', async () => {
  const receiver = await Receiver.start();
  for (const event of new Slack({ webhook: receiver.url, channel: null }, systemClock).events)
    expect((await tell({ event }, { receiver })).sent).toEqual({ outcome: 'sent' });
  expect((await tell({ event: 'build.asked' }, { receiver })).sent).toMatchObject({ outcome: 'refused' });
});

test('what comes from outside is no markup there', async () => {
  const change = { event: 'build.failed', build: 'a<b>&c', reason: '<!channel> & `x`\nmore' };
  expect((await tell(change)).text).toBe("Instance build *a&lt;b&gt;&amp;c* failed: &lt;!channel&gt; &amp; 'x' more");
});

describe('the channel', () => {
  test.each([
    ['general', '#general'],
    ['#general', '#general'],
    ['##general', '#general'],
    [' # general ', '#general'],
    ['@ann', '@ann'],
    ['C024BE91L', 'C024BE91L'],
    ['G024BE91L', 'G024BE91L'],
    ['Concert', '#Concert'],
    ['#', null],
    [' ', null],
    [null, null],
  ])('%j is written %j', (written, name) => expect(channelName(written)).toBe(name));

  test('is that of the notice, else the one that was set, else that of the webhook', async () => {
    expect((await tell({ channel: 'builds' }, { channel: 'general' })).channel).toBe('#builds');
    expect((await tell({}, { channel: '#general' })).channel).toBe('#general');
    expect(await tell({})).not.toHaveProperty('channel', expect.anything());
  });
});

test('a refusal says what Slack says in a word, and nothing else that it says', async () => {
  const receiver = await Receiver.start();
  receiver.answers.push(status(404, {}, 'channel_not_found'), status(403, {}, `<p>${receiver.url}</p>`));
  expect((await tell({}, { receiver })).sent).toEqual({
    outcome: 'refused',
    reason: 'answered 404: channel_not_found',
  });
  expect((await tell({}, { receiver })).sent).toEqual({ outcome: 'refused', reason: 'answered 403' });
});
