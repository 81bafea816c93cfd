// What a store holds in two figures that can be compared: how many, and a hash. Rows come in any order, so their hashes are added
// up; events come in their order, and are hashed as one text. A half of a surrogate pair in a name counts as U+FFFD, which is what
// SQLite keeps of it.

import { createHash } from 'node:crypto';
import type { CopiedEvent, CopiedRow, Held } from './sides.ts';

export interface Digest {
  readonly count: number;
  /** Hex. */
  readonly hash: string;
}

/** Of all rows and all events of a store. */
export interface Digests {
  readonly rows: Digest;
  readonly events: Digest;
}

const MODULUS = 1n << 256n;

export class RowDigest {
  #count = 0;
  #sum = 0n;

  add({ kind, id, seq, body }: CopiedRow): void {
    const text = JSON.stringify([kind.toWellFormed(), id.toWellFormed(), seq, body]);
    this.#count++;
    this.#sum = (this.#sum + BigInt(`0x${createHash('sha256').update(text).digest('hex')}`)) % MODULUS;
  }

  end(): Digest {
    return { count: this.#count, hash: this.#sum.toString(16).padStart(64, '0') };
  }
}

export class EventDigest {
  #count = 0;
  readonly #hash = createHash('sha256');

  add({ seq, at, kind, subject, actor, data }: CopiedEvent): void {
    const texts = [kind, subject, actor].map((text) => text.toWellFormed());
    this.#count++;
    this.#hash.update(`${JSON.stringify([seq, at, ...texts, data])}\n`);
  }

  end(): Digest {
    return { count: this.#count, hash: this.#hash.digest('hex') };
  }
}

export async function digestsOf(store: Held): Promise<Digests> {
  const rows = new RowDigest();
  const events = new EventDigest();
  for await (const part of store.rows()) for (const row of part) rows.add(row);
  for await (const part of store.events()) for (const event of part) events.add(event);
  return { rows: rows.end(), events: events.end() };
}
