// One POST, and what its answer means. What always holds: it ends, within ten seconds; no redirect is followed, since a message is
// for one address only; of an answer no more than a little is read; and what went wrong is told without the address.

import type { Clock } from '../replica/clock.ts';
import type { Sent } from './sink.ts';

export interface Post {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a refusal says more, from the beginning of the answer's body; null: nothing. */
  readonly complaint?: (body: string) => string | null;
}

const answersWithinMs = 10_000;
const bodyAtMost = 64 * 1024;
/** Of what `Retry-After` asks for. */
const pauseAtLeastMs = 1_000;
const pauseAtMostMs = 60 * 60 * 1_000;

export class Address {
  readonly #url: string;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #clock: Clock;

  /** `url`: may have a name and a password, which fetch would not take. */
  constructor(url: string, clock: Clock) {
    const parsed = new URL(url);
    const login = [parsed.username, parsed.password].map(unescaped).join(':');
    parsed.username = '';
    parsed.password = '';
    this.#url = parsed.href;
    this.#authorization =
      login === ':' ? {} : { authorization: `Basic ${Buffer.from(login, 'utf8').toString('base64')}` };
    this.#clock = clock;
  }

  async post({ body, headers, complaint }: Post, signal: AbortSignal): Promise<Sent> {
    const late = new AbortController();
    const timer = this.#clock.after(answersWithinMs, () => late.abort());
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', 'user-agent': 'signalbox', ...this.#authorization, ...headers },
        body,
        signal: AbortSignal.any([signal, late.signal]),
      });
      const said = await beginningOf(response);
      return this.#meaning(response, complaint?.(said) ?? null);
    } catch (error) {
      const reason = late.signal.aborted ? `no answer within ${answersWithinMs / 1000} s` : whyNot(error);
      return { outcome: 'again', reason, afterMs: null };
    } finally {
      this.#clock.cancel(timer);
    }
  }

  #meaning({ status, ok, headers }: Response, complaint: string | null): Sent {
    if (ok) return { outcome: 'sent' };
    const reason = `answered ${status}${complaint === null ? '' : `: ${complaint}`}`;
    if (status === 429 || status >= 500)
      return { outcome: 'again', reason, afterMs: retryAfterMs(headers.get('retry-after'), this.#clock.wall()) };
    const isRedirect = status >= 300 && status < 400;
    return { outcome: 'refused', reason: isRedirect ? `${reason}, a redirect, which is not followed` : reason };
  }
}

/** `Retry-After`: seconds, or a date. */
export function retryAfterMs(written: string | null, now: number): number | null {
  if (written === null) return null;
  const text = written.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.min(pauseAtMostMs, Math.max(pauseAtLeastMs, ms));
}

/** Read so that the connection can be used again; what the status says counts, whatever becomes of the body. */
async function beginningOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of body) {
      parts.push(part);
      bytes += part.length;
      // Leaving the loop breaks the answer off.
      if (bytes > bodyAtMost) break;
    }
  } catch {
    // It has broken off, or took too long.
  }
  return Buffer.concat(parts).toString('utf8', 0, 1_000);
}

/** Its message would name the address. */
function whyNot(error: unknown): string {
  const { cause, name } = error as Error & { cause?: { code?: unknown } };
  const code = cause?.code;
  return `no connection: ${typeof code === 'string' ? code : name}`;
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
