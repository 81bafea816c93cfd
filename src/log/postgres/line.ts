// One connection that is kept open: when it is lost another is made, again and again, until the log is closed. Its modes:
//   up       there is a session;
//   opening  one is being made, for the first time since the last was lost: whoever asks waits for it;
//   away     that has failed: whoever asks is told at once, and it is tried again in the background, less and less often.

import { endsSession } from './faults.ts';
import type { Session } from './session.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;

export class Line {
  readonly #open: () => Promise<Session>;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #trouble: Error | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | null = null;
  #waiting: { resolve: (session: Session) => void; reject: (error: Error) => void }[] = [];
  #closed: Error | null = null;
  /** Told of each new session; `again`: the store was away before it. */
  onUp: (session: Session, again: boolean) => void = () => {};

  /** `open` makes a session that is ready for use, or throws why the store is away. */
  constructor(open: () => Promise<Session>) {
    this.#open = open;
  }

  /** The session, or a new one after at most one try; throws when it is away. */
  async get(): Promise<Session> {
    if (this.#closed !== null) throw this.#closed;
    if (this.#session !== null) return this.#session;
    if (this.#trouble !== null) throw this.#trouble;
    return this.#connect();
  }

  /** The session, however long it takes. */
  wait(): Promise<Session> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#session !== null) return Promise.resolve(this.#session);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      // Who waits cannot do without: no pause from an earlier failure may stand in between for long.
      this.#connect().catch(() => {});
    });
  }

  async close(reason: Error): Promise<void> {
    if (this.#closed !== null) return;
    this.#closed = reason;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    await this.#opening?.catch(() => {});
    await this.#session?.end();
  }

  #connect(): Promise<Session> {
    if (this.#opening !== null) return this.#opening;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#opening = this.#open().then(
      (session) => this.#up(session),
      (error) => this.#failed(error as Error),
    );
    return this.#opening;
  }

  async #up(session: Session): Promise<Session> {
    this.#opening = null;
    if (this.#closed !== null) {
      await session.end();
      throw this.#closed;
    }
    const again = this.#trouble !== null;
    this.#session = session;
    this.#trouble = null;
    this.#pauseMs = FIRST_PAUSE_MS;
    session.onLost(() => this.#lost());
    this.onUp(session, again);
    for (const { resolve } of this.#waiting.splice(0)) resolve(session);
    return session;
  }

  #failed(error: Error): never {
    this.#opening = null;
    this.#trouble = error;
    this.#tryLater();
    throw error;
  }

  #lost(): void {
    this.#session = null;
    if (this.#closed === null) this.#connect().catch(() => {});
  }

  #tryLater(): void {
    if (this.#closed !== null) return;
    this.#timer = setTimeout(() => this.#connect().catch(() => {}), this.#pauseMs);
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }
}

/** Asks on a line what may be asked twice: a connection that was lost while nobody used it shows only now. */
export async function asked<T>(line: Line, question: (session: Session) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const session = await line.get();
    try {
      return await question(session);
    } catch (error) {
      if (endsSession(error)) session.drop();
      if (!session.isLost || tries === 2) throw error;
    }
  }
}
