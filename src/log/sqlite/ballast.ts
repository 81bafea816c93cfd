// Room that is set aside while there is enough, and given up when the disk is full (L14): SQLite needs room even to delete,
// so without it a full disk would stop releases too. What always holds: the file is there whole, with its blocks, or not at all.

import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { OWNER_ONLY } from './files.ts';
import { isFull } from './problems.ts';

const CHUNK_BYTES = 1 << 20;

export class Ballast {
  readonly #file: string;
  readonly #bytes: number;

  constructor(file: string, bytes: number) {
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Sets it aside unless it is. Says whether it is there now; false = no room. Throws when it cannot be written for another reason. */
  take(): boolean {
    if (this.#isThere()) return true;
    // Twice as much, so that taking it does not itself fill the disk.
    if (this.#free() < 2 * this.#bytes) return false;
    try {
      this.#write();
      return true;
    } catch (error) {
      this.release();
      if (isFull(error)) return false;
      throw error;
    }
  }

  /** Gives it up. Says whether there was any. */
  release(): boolean {
    const wasThere = statSync(this.#file, { throwIfNoEntry: false }) !== undefined;
    rmSync(this.#file, { force: true });
    return wasThere;
  }

  #isThere(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.size === this.#bytes;
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#file));
    return bavail * bsize;
  }

  #write(): void {
    // Random, because some file systems keep zeros without giving them room.
    const chunk = randomFillSync(Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#bytes)));
    const descriptor = openSync(this.#file, 'w', OWNER_ONLY);
    try {
      for (let left = this.#bytes; left > 0; ) left -= writeSync(descriptor, chunk, 0, Math.min(chunk.length, left));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
