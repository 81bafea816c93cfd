// Tells an address of one's own, in JSON. What always holds: with a secret each try is signed, together with its time, so that the
// receiver can tell who sends and that it is no recording; every try of a message has the same body and the same delivery id.

import { createHmac } from 'node:crypto';
import type { BuildRow } from '../core/rows.ts';
import type { Clock } from '../replica/clock.ts';
import { Address } from './post.ts';
import type { Message, Sent, Sink } from './sink.ts';

export interface WebhookSettings {
  readonly name: string;
  /** May hold a token. */
  readonly url: string;
  /** null: nothing is signed. */
  readonly secret: string | null;
  readonly events: readonly string[];
}

export class Webhook implements Sink {
  readonly name: string;
  readonly events: readonly string[];
  readonly atOnce = 4;
  readonly #address: Address;
  readonly #secret: string | null;
  readonly #clock: Clock;

  constructor({ name, url, secret, events }: WebhookSettings, clock: Clock) {
    this.name = name;
    this.events = events;
    this.#address = new Address(url, clock);
    this.#secret = secret;
    this.#clock = clock;
  }

  async send(message: Message, signal: AbortSignal): Promise<Sent> {
    const body = JSON.stringify(bodyOf(message));
    const headers: Record<string, string> = {
      'signalbox-event': message.notice.event,
      'signalbox-delivery': inHeader(message.delivery),
    };
    if (this.#secret !== null) headers['signalbox-signature'] = signature(this.#secret, body, this.#clock.wall());
    return this.#address.post({ body, headers }, signal);
  }
}

/** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">` */
export function signature(secret: string, body: string, now: number): string {
  const t = Math.floor(now / 1000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

/** Only what stays as it is: the state of a build may be another one by the next try. */
function bodyOf({ delivery, space, notice, build }: Message) {
  const { event, at, instance, cloudId, reason } = notice;
  return {
    ...{ id: delivery, event, at: new Date(at).toISOString(), space },
    build: notice.build === null ? null : { id: notice.build, ...(build === null ? {} : asked(build)) },
    instance: instance === null ? null : { id: instance, cloudId },
    reason,
  };
}

function asked({ spec, pool, by }: BuildRow) {
  const { site, env, queue, role, instanceType, count } = spec;
  return { site, env, queue, role, instanceType, count, pool, by };
}

/** The id of a build is whatever its asker likes. */
function inHeader(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}
