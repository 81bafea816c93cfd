// Who is told of what happens to machines, as `signalbox.yaml` says it. Addresses and secrets are never repeated.

import { dirname, resolve } from 'node:path';
import { type Parsed, secretAddress } from '../config-values.ts';
import { noticeEvents } from '../core/machines/notice.ts';
import type { Entry } from './entry.ts';
import { fileAt } from './machines.ts';
import type { NotifySettings, WebhookSettings } from './settings.ts';

const usualEvents = ['instance.launched', 'instance.ready', 'instance.ending', 'build.failed'] as const;
const webhooksAtMost = 20;

export function notify(entry: Entry | undefined, file: string): NotifySettings {
  const given = entry?.fields(['slack', 'webhooks']) ?? {};
  const slack = given.slack?.fields(['webhook', 'channel']) ?? {};
  const webhooks = given.webhooks?.items().map((each) => webhook(each, file)) ?? [];
  if (webhooks.length > webhooksAtMost) given.webhooks?.fault(`there are more than ${webhooksAtMost}`);
  const twice = webhooks.findIndex(({ name }, i) => webhooks.findIndex((other) => other.name === name) < i);
  if (twice >= 0) given.webhooks?.items()[twice]?.fault(`there are two with the name ${webhooks[twice]?.name}`);
  return {
    slack: { webhook: slack.webhook?.parsed(secretAddress) ?? null, channel: slack.channel?.text(200) ?? null },
    webhooks,
  };
}

function webhook(entry: Entry, file: string): WebhookSettings {
  const given = entry.fields(['name', 'url', 'secret', 'secretFile', 'events']);
  if (given.secret !== undefined && given.secretFile !== undefined)
    return entry.fault('give secret or secretFile, not both');
  const events = given.events?.oneOrMore().map((each) => each.oneOf(noticeEvents));
  if (events?.length === 0) return entry.fault('events is empty: nothing would ever be told');
  return {
    name: (given.name ?? entry.fault('name is missing')).parsed(sinkName),
    url: (given.url ?? entry.fault('url is missing')).parsed(secretAddress),
    secret: given.secret?.text() ?? (given.secretFile === undefined ? null : secretIn(given.secretFile, file)),
    events: [...new Set(events ?? usualEvents)],
  };
}

function secretIn(entry: Entry, file: string): string {
  const secret = fileAt(entry, resolve(dirname(file), entry.text()))
    .toString('utf8')
    .trim();
  return secret === '' ? entry.fault('the file is empty') : secret;
}

/** Stands in ids of jobs, and tells who could not be reached. */
function sinkName(written: string): Parsed<string> {
  if (written === 'slack')
    return { ok: false, expected: 'slack has a place of its own, notify.slack; give another name' };
  return /^[a-z0-9-]{1,40}$/.test(written)
    ? { ok: true, value: written }
    : { ok: false, expected: 'give a-z, 0-9 and -, at most 40 of them' };
}
