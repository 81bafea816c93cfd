// How servers tell one another that there is something to learn: NOTIFY, and a look every 250 ms behind it, so that a
// notification that was lost costs a moment and never a wake-up. What always holds:
//   - a notification is sent outside the transaction of the turn: within it, all turns of all spaces would queue up for it;
//   - at most one statement is on its way; turns that are taken meanwhile, in whatever space, share the next;
//   - it carries only the space and a seq: who is told reads the turns themselves;
//   - one connection listens, and one statement looks, for all spaces of a store.

import type { Line } from './line.ts';
import type { Session } from './session.ts';
import { fromColumn, toColumn } from './text.ts';

const CHANNEL = 'signalbox';
const LOOK_MS = 250;
const NEWEST = {
  name: 'newest',
  text: `SELECT space, (SELECT seq FROM turn WHERE turn.space = asked.space ORDER BY prev DESC LIMIT 1)
    FROM unnest($1::text[]) AS asked (space)`,
};
const NOTIFY = { name: 'notify', text: 'SELECT pg_notify($1, told) FROM unnest($2::text[]) AS told' };

/** A space that is open here. */
interface Watched {
  /** The seq up to which this server knows everything. */
  readonly known: () => number;
  readonly wake: () => void;
}

export class Wakes {
  readonly #line: Line;
  readonly #watched = new Map<string, Watched>();
  /** Spaces in which this server has taken turns since, and the seq of the last. */
  readonly #toAnnounce = new Map<string, number>();
  #announcing = false;
  #looking: NodeJS.Timeout | null = null;
  #isLooking = false;

  /** `line` is for this alone, and for short questions. */
  constructor(line: Line) {
    this.#line = line;
    line.onUp = (session) => this.#listen(session);
  }

  /** Calls back when another server may have appended to a space, while the store is away, and when it is back. Returns how to stop. */
  watch(space: string, watched: Watched): () => void {
    this.#watched.set(space, watched);
    this.#looking ??= setInterval(() => void this.#look(), LOOK_MS).unref();
    this.#line.get().catch(() => {});
    return () => {
      if (this.#watched.get(space) === watched) this.#watched.delete(space);
      if (this.#watched.size === 0) this.stop();
    };
  }

  /** This server has taken a turn. */
  announce(space: string, seq: number): void {
    this.#toAnnounce.set(space, seq);
    if (!this.#announcing) void this.#announce();
  }

  /** Calls everyone back. */
  wakeAll(): void {
    for (const { wake } of [...this.#watched.values()]) wake();
  }

  stop(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = null;
  }

  async #announce(): Promise<void> {
    this.#announcing = true;
    while (this.#toAnnounce.size > 0) {
      const told = Array.from(this.#toAnnounce, ([space, seq]) => `${seq} ${toColumn(space)}`);
      // One that cannot be sent is not tried again: the others look by themselves.
      this.#toAnnounce.clear();
      await this.#line
        .get()
        .then((session) => session.run(NOTIFY, [CHANNEL, told]))
        .catch(() => undefined);
    }
    this.#announcing = false;
  }

  #listen(session: Session): void {
    session.onNotification = (payload) => {
      const [, seq, space] = /^(\d+) (.*)$/s.exec(payload) ?? [];
      if (space !== undefined) this.#heard(space, Number(seq));
    };
    // Its own commits carry nothing that could be lost: they need not wait for the disk.
    session.simple(`SET synchronous_commit = off; LISTEN ${CHANNEL}`).catch(() => session.drop());
    // What was announced in between went past.
    void this.#look();
  }

  /** What this server has announced itself is known already. */
  #heard(column: string, seq: number): void {
    const watched = this.#watched.get(fromColumn(column));
    if (watched !== undefined && seq > watched.known()) watched.wake();
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#watched.size === 0) return;
    this.#isLooking = true;
    try {
      const session = await this.#line.get();
      const { rows } = await session.run(NEWEST, [Array.from(this.#watched.keys(), toColumn)]);
      for (const [space, seq] of rows) this.#heard(space as string, Number(seq ?? 0));
    } catch {
      // Whoever learns now hears that it is away.
      this.wakeAll();
    } finally {
      this.#isLooking = false;
    }
  }
}
