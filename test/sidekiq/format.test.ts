// What is found in a job that somebody has pushed: every form that was ever written, and what is none.

import { expect, test } from 'vitest';
import { failedEntry, jidOf, read } from '../../src/sidekiq/format.ts';
import type { QueueName } from '../../src/sidekiq/names.ts';

const fields = { site: 'org', env: 'staging', instance_type: 'c3.large', count: 4, queue: 'docker' };
const spec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.large', count: 4, image: null },
  ...{ nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};
const meaningOf = (value: unknown, queue: QueueName) => read(JSON.stringify(value), queue).meaning;

test.each([
  ['an object in args', { jid: 'j1', args: [fields] }],
  ['args that are the object', { jid: 'j1', args: fields }],
  ['a text in args', { jid: 'j1', args: [JSON.stringify(fields)] }],
  ['args that are a text', { jid: 'j1', args: JSON.stringify([fields]) }],
  ['args that are a text of the object', { jid: 'j1', args: JSON.stringify(fields) }],
  ['what was posted', { jid: 'j1', args: [{ instance_builds: fields }] }],
  ['a list in it', { jid: 'j1', args: [{ instance_builds: [fields] }] }],
  ['the fields alone', { jid: 'j1', ...fields }],
])('a build as %s', (_name, value) => {
  expect(meaningOf(value, 'instance-builds')).toEqual({ kind: 'build', id: 'j1', spec, space: null });
});

test('a build has the id that it names, else that of its push, else one of what it says', () => {
  expect(meaningOf({ jid: 'j1', args: [{ ...fields, id: 'bd_1', space: 'team-a' }] }, 'instance-builds')).toMatchObject(
    {
      ...{ id: 'bd_1', space: 'team-a' },
    },
  );
  const bare = JSON.stringify({ args: [fields] });
  expect(read(bare, 'instance-builds').meaning).toMatchObject({ id: jidOf(bare) });
});

test.each([
  [{ args: [{ ...fields, ami: 'ami-1', slack_channel: '#a' }] }, { image: 'ami-1', slackChannel: '#a' }],
  [{ slack_channel: '#b', args: [fields] }, { slackChannel: '#b' }],
  [{ args: [{ ...fields, slack_channel: '#c' }], slack_channel: '#b' }, { slackChannel: '#c' }],
  [{ args: [{ ...fields, count: '3' }] }, { count: 3 }],
])('fields of a build: %j', (value, wanted) => {
  expect(meaningOf(value, 'instance-builds')).toMatchObject({ spec: wanted });
});

test.each([
  ['bare, as the oldest ones', { instance_id: 'i-1', slack_channel: '#a' }],
  ['in args', { jid: 'j', args: [{ instance_id: 'i-1', slack_channel: '#a' }] }],
  ['as texts', { jid: 'j', args: ['i-1', '#a'] }],
  ['as a text of the object', { jid: 'j', args: ['{"instance_id":"i-1","slack_channel":"#a"}'] }],
])('an end %s', (_name, value) => {
  expect(meaningOf(value, 'instance-terminations')).toEqual({
    ...{ kind: 'end', instance: 'i-1', channel: '#a', space: null },
  });
});

test.each([
  ['instance-builds', 'no JSON', 'it is no JSON object'],
  ['instance-builds', '[1]', 'it is no JSON object'],
  ['instance-builds', '{"args":[]}', 'it is no JSON object, or has no object in its args'],
  ['instance-builds', '{"args":["x"]}', 'or has no object in its args'],
  ['instance-builds', '{"args":[{"site":1,"id":"a b"}]}', '"site" must be a string, id must have letters'],
  ['instance-terminations', '{"args":[{"slack_channel":"x"}]}', 'empty "instance_id" param'],
  ['instance-terminations', '{"args":[{"instance_id":7}]}', 'empty "instance_id" param'],
] as const)('what is no job on %s: %s', (queue, raw, reason) => {
  const { meaning, entry } = read(raw, queue);
  expect(meaning).toMatchObject({ kind: 'fault', reason: expect.stringContaining(reason) });
  // It can be put where people see it.
  expect(entry).toMatchObject({ queue, class: expect.any(String), jid: expect.any(String), args: expect.any(Array) });
});

test('a failure is written as Sidekiq writes it', () => {
  const { entry } = read(JSON.stringify({ jid: 'j', args: [fields], enqueued_at: 5.5 }), 'instance-builds');
  const error = { name: 'Refused', message: 'no' };
  const first = failedEntry(entry, error, 7.5);
  expect(first).toMatchObject({ error_class: 'Refused', error_message: 'no', failed_at: 7.5, retry_count: 0 });
  expect(first).not.toHaveProperty('enqueued_at');
  expect(failedEntry(first, error, 9.5)).toMatchObject({ failed_at: 7.5, retried_at: 9.5, retry_count: 1 });
});
