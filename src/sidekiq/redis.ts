// A connection to Redis that comes back by itself. What always holds: nothing is kept for when it is back, so that whoever asks
// knows at once that it is away; it is said once that it is, and once that it is back.

import { createClient } from '@redis/client';

export interface RedisOptions {
  /** May hold a password: never shown. */
  readonly url: string;
  /** A line for people. */
  readonly onNote: (line: string) => void;
}

const answersWithinMs = 10_000;
const longestPauseMs = 1_000;

function open(url: string) {
  return createClient({
    ...{ url, RESP: 2, disableOfflineQueue: true, maintNotifications: 'disabled' },
    commandOptions: { timeout: answersWithinMs },
    socket: {
      connectTimeout: answersWithinMs,
      reconnectStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 10), longestPauseMs),
    },
  });
}

export class Redis {
  readonly #client: ReturnType<typeof open>;
  #isAway = false;

  constructor({ url, onNote }: RedisOptions) {
    this.#client = open(url);
    this.#client.on('error', (error: Error) => {
      if (!this.#isAway) onNote(`Redis is away: ${wordsOf(error)}. It is tried again.`);
      this.#isAway = true;
    });
    this.#client.on('ready', () => {
      if (this.#isAway) onNote('Redis is back');
      this.#isAway = false;
    });
    // What goes wrong comes as an error event, and is tried again.
    this.#client.connect().catch(() => undefined);
  }

  get isUp(): boolean {
    return this.#client.isReady;
  }

  ask(...words: readonly string[]): Promise<unknown> {
    return this.#client.sendCommand([...words]);
  }

  /** All of them or none, one after the other. */
  async all(commands: readonly (readonly string[])[]): Promise<void> {
    const multi = this.#client.multi();
    for (const words of commands) multi.addCommand([...words]);
    await multi.exec();
  }

  async texts(...words: readonly string[]): Promise<string[]> {
    const reply = await this.ask(...words);
    return Array.isArray(reply) ? reply.map(String) : [];
  }

  async text(...words: readonly string[]): Promise<string | null> {
    const reply = await this.ask(...words);
    return reply === null || reply === undefined ? null : String(reply);
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy();
  }
}

/** Several addresses of a name fail together, and say nothing as a whole. */
function wordsOf(error: Error): string {
  const [first = error] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  const { code } = first as NodeJS.ErrnoException;
  return first.message.replace(/\.+$/, '') || code || 'no connection';
}
