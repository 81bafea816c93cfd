// New ids. The core takes them as arguments, so that the simulation can repeat a run.

import { randomFillSync } from 'node:crypto';

export interface Ids {
  lease(): string;
  turn(): string;
}

const letters = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Random bytes are fetched by the thousand: asking the system for sixteen costs as much as deciding a lease. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomByte(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++] as number;
}

/** `length` letters without those that are mistaken for one another; a little less than 6 bits each. */
export function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    const byte = randomByte();
    // Beyond the largest multiple of the alphabet some letters would come more often.
    if (byte < 4 * letters.length) text += letters[byte % letters.length];
  }
  return text;
}

/** Letters that say when: what is made later sorts later, so that a store writes new rows side by side. Seven last until 2048. */
function timeText(): string {
  let text = '';
  for (let left = Date.now(); text.length < 7; left = Math.floor(left / letters.length))
    text = letters[left % letters.length] + text;
  return text;
}

export const randomIds: Ids = {
  lease: () => `ls_${timeText()}${randomText(10)}`,
  turn: () => randomText(16),
};

/** Of what belongs to machines. A machine's token is what its driver tells a repeated ask by. */
export const machineIds = {
  build: () => `bd_${randomText(12)}`,
  instance: () => ({ id: `in_${randomText(12)}`, token: randomText(32) }),
  job: () => `jb_${randomText(12)}`,
};

/** What a build of so many machines is asked for with, beside its own id. */
export function idsForBuild(count: number) {
  return { instances: Array.from({ length: Math.max(0, count) }, machineIds.instance), job: machineIds.job() };
}

/** A name for this run of a server among others on the same store. */
export function serverId(): string {
  return `sv_${timeText()}${randomText(5)}`;
}
