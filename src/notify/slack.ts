// Tells a Slack channel, by an incoming webhook, in the words of the older system. What always holds: what comes from outside is
// text there and no markup: no mention, no link.

import type { Clock } from '../replica/clock.ts';
import { Address } from './post.ts';
import type { Message, Sent, Sink } from './sink.ts';

export interface SlackSettings {
  /** A secret: whoever has it may write there. */
  readonly webhook: string;
  /** For what names no channel; null: the one that the webhook was made for. */
  readonly channel: string | null;
}

const texts: Readonly<Record<string, (message: Message) => string>> = {
  'instance.launched': (message) => `Started instance \`${machine(message)}\`${ofBuild(message)}`,
  'instance.ready': (message) => `Finished starting instance \`${machine(message)}\`${ofBuild(message)}`,
  'instance.ending': (message) => `Terminating *${machine(message)}* :boom:`,
  'build.failed': (message) => {
    const step = message.build?.failure?.step ?? '';
    return `Instance build *${buildId(message)}* failed${step === '' ? '' : ` at ${plain(step)}`}${because(message)}`;
  },
  'build.cancelled': (message) => `Cancelled instance build *${buildId(message)}*${because(message)}`,
};

export class Slack implements Sink {
  readonly name = 'slack';
  readonly events = Object.keys(texts);
  /** Slack takes about one a second. */
  readonly atOnce = 1;
  readonly #address: Address;
  readonly #channel: string | null;

  constructor({ webhook, channel }: SlackSettings, clock: Clock) {
    this.#address = new Address(webhook, clock);
    this.#channel = channel;
  }

  async send(message: Message, signal: AbortSignal): Promise<Sent> {
    const { event, channel } = message.notice;
    const text = texts[event]?.(message);
    if (text === undefined) return { outcome: 'refused', reason: `there are no words for ${event}` };
    const body = JSON.stringify({
      text,
      channel: channelName(channel) ?? channelName(this.#channel) ?? undefined,
      username: 'Signalbox',
      icon_emoji: ':vertical_traffic_light:',
    });
    return this.#address.post({ body, headers: {}, complaint }, signal);
  }
}

/** With one `#`, however it was written; a person (`@ann`) and an id (`C024BE91L`) as they are. null: none. */
export function channelName(written: string | null): string | null {
  const name = written?.trim() ?? '';
  if (name.startsWith('@') || /^[CG][A-Z0-9]{7,}$/.test(name)) return name;
  const bare = name.replace(/^[#\s]+/, '');
  return bare === '' ? null : `#${bare}`;
}

/** Slack says what is wrong in a word: `channel_not_found`. Nothing else is repeated. */
function complaint(body: string): string | null {
  return /^[a-z_]{3,60}$/.exec(body.trim())?.[0] ?? null;
}

function machine({ notice: { cloudId, instance } }: Message): string {
  return plain(cloudId ?? instance ?? '');
}

function buildId({ notice }: Message): string {
  return plain(notice.build ?? '');
}

/** Of a machine that was found running there is no build. */
function ofBuild(message: Message): string {
  return message.notice.build === null ? '' : ` for instance build *${buildId(message)}*`;
}

function because({ notice: { reason } }: Message): string {
  return reason === null || reason === '' ? '' : `: ${plain(reason)}`;
}

/** https://docs.slack.dev/messaging/formatting-message-text, "Escaping text"; on one line, and closing no code that it stands in. */
function plain(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replaceAll('`', "'")
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
