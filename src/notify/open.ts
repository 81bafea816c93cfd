// From what was set to who is told.

import type { Clock } from '../replica/clock.ts';
import type { Sink } from './sink.ts';
import { Slack } from './slack.ts';
import { Webhook, type WebhookSettings } from './webhook.ts';

export interface NotifyChoice {
  readonly slack: { readonly webhook: string | null; readonly channel: string | null };
  readonly webhooks: readonly WebhookSettings[];
}

export function openSinks({ slack: { webhook, channel }, webhooks }: NotifyChoice, clock: Clock): readonly Sink[] {
  const slack = webhook === null ? [] : [new Slack({ webhook, channel }, clock)];
  return [...slack, ...webhooks.map((each) => new Webhook(each, clock))];
}
