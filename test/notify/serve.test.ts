// A server that was set up to tell does so, in every space.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { start } from '../http/server.ts';
import { Receiver, status } from './receiver.ts';

const driver = { kind: 'command', program: join(import.meta.dirname, '../http/machine.sh') } as const;
const asked = { id: 'b1', site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count: 1 };

async function serve() {
  const [slack, hook] = [await Receiver.start(), await Receiver.start()];
  const events = ['build.started', 'instance.launched'];
  const notify = {
    slack: { webhook: slack.url, channel: '#general' },
    webhooks: [{ name: 'audit', url: hook.url, secret: 'of us two', events }],
  };
  return { slack, hook, server: await start({ driver, notify }) };
}

describe('a server that is to tell', () => {
  test('tells Slack and its webhooks of what they are to hear of, and counts it', async () => {
    const { slack, hook, server } = await serve();
    hook.answers.push(status(404));
    await server.call('POST', '/v1/instance-builds', { body: asked });
    await eventually(() => expect(hook.events.sort()).toEqual(['build.started', 'instance.launched']));
    await eventually(() => expect(slack.told).toHaveLength(1));
    expect(slack.told[0]?.json).toMatchObject({
      text: expect.stringMatching(/^Started instance `i-\d+` for instance build \*b1\*$/),
      channel: '#general',
    });
    const { json } = await server.call('GET', '/v1/jobs');
    expect(json.items.filter(({ kind }: { kind: string }) => kind === 'notify')).toMatchObject([
      { state: 'dead', error: 'answered 404' },
    ]);
    await eventually(async () => {
      const { text } = await server.call('GET', '/metrics');
      for (const [sink, outcome] of [...['sent', 'refused'].map((each) => ['audit', each]), ['slack', 'sent']])
        expect(text).toContain(`signalbox_notifications_total{sink="${sink}",outcome="${outcome}"} 1`);
    });
  });

  test('does so in every space, and says in which', async () => {
    const { hook, server } = await serve();
    expect(await server.call('PUT', '/v1/spaces/team-a', { body: {} })).toMatchObject({ status: 201 });
    const headers = { 'signalbox-space': 'team-a' };
    await eventually(async () =>
      expect((await server.call('POST', '/v1/instance-builds', { body: asked, headers })).status).toBeLessThan(300),
    );
    await eventually(() => expect(hook.told).toHaveLength(2));
    for (const { json } of hook.told) expect(json).toMatchObject({ space: 'team-a', build: { id: 'b1' } });
  });
});
