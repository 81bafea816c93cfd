// Faults that are planted into a copy of the queue, to show that the comparison sees them. The copy lies in a temporary
// directory; src/ itself carries no hooks for this.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Queue } from '../../src/core/queue/queue.ts';

export interface Mutant {
  /** What the faulty queue does. */
  readonly fault: string;
  readonly file: string;
  /** Text that stands in the file exactly once, and what stands there instead. */
  readonly find: string;
  readonly put: string;
  /** Where looking for it begins, if it shows in few worlds only. */
  readonly seed?: number;
}

/** Wrong even where no search is bounded. */
export const mutants: readonly Mutant[] = [
  {
    fault: 'serves the last to come first',
    file: 'ranking.ts',
    find: 'let after = bucket.tail;',
    put: 'let after = null as T | null;',
  },
  {
    fault: 'ignores priorities',
    file: 'units.ts',
    find: 'return a.level === b.level ? a.order < b.order : a.level > b.level;',
    put: 'return a.order < b.order;',
  },
  {
    fault: 'never takes over a slot that is set aside for a later request',
    file: 'search.ts',
    find: 'if (this.#latest === null || !ranksBefore(this.#unit, this.#latest)) return null;',
    put: 'return null;',
  },
  {
    fault: 'takes over from whichever later request it reaches first instead of the latest',
    file: 'search.ts',
    find: 'if (this.#latest === null || ranksBefore(this.#latest, unit)) this.#latest = unit;',
    put: 'if (this.#latest === null || !ranksBefore(this.#unit, this.#latest)) this.#latest = unit;',
  },
  {
    fault: 'forgets who was pushed out',
    file: 'queue.ts',
    find: '      pushedOut?.line.join(pushedOut);\n',
    put: '',
  },
  {
    fault: 'gives a free slot only to those who ask for the environment by name',
    file: 'search.ts',
    find: '      for (const line of to.lines) {\n        const unit = line.first(',
    put: '      for (const line of [to.own]) {\n        const unit = line.first(',
  },
  {
    fault: 'gives a free slot to the first that it finds instead of the earliest',
    file: 'search.ts',
    find: '(earliest === null || ranksBefore(unit, earliest.unit))) earliest = { unit, to };',
    put: 'earliest === null) earliest = { unit, to };',
  },
  {
    fault: 'gives a free slot only to those who can use it as it is',
    file: 'search.ts',
    find: 'if (line !== at.own && this.#movable.size < bound) this.#look(line, at, bound);',
    put: 'if (line === at.own) this.#look(line, at, bound);',
  },
  {
    fault: 'forgets that one unit of a request may make way for another when a slot comes free',
    file: 'search.ts',
    find: 'if (!this.#movable.has(sibling) && sibling.line.places.has(from)) this.#move(sibling, from);',
    put: ';',
    seed: 1100,
  },
  {
    fault: 'sets the same environment aside twice for one request',
    file: 'search.ts',
    find: '      if (mover.request.at.has(to)) continue;\n',
    put: '',
  },
  {
    fault: 'looks at the environments of a selector once only, although one of its units was barred from some of them',
    file: 'search.ts',
    find: 'if (sibling !== undefined) rest.push(to);\n      else this.#done.add(to);',
    put: 'this.#done.add(to);',
  },
  {
    fault: 'keeps what a leaving request had for nobody',
    file: 'queue.ts',
    find: '    this.#forget(request);\n    this.#settle();\n  }\n\n  /** A waiting request becomes',
    put: '    this.#forget(request);\n    this.#unsettled.clear();\n  }\n\n  /** A waiting request becomes',
  },
  {
    fault: 'offers only one slot of those that come back together',
    file: 'queue.ts',
    find: '      place.held--;\n      this.#note(place);\n    }\n    this.#settle();',
    put: '      place.held--;\n      this.#unsettled.clear();\n      this.#note(place);\n    }\n    this.#settle();',
  },
  {
    fault: 'leaves set aside what is no longer there',
    file: 'queue.ts',
    find: 'while (place.aside.size > Math.max(0, openSlots(place))) {',
    put: 'while (place.aside.size > place.capacity) {',
  },
  {
    fault: 'lets those who lose a slot wait without looking for another',
    file: 'queue.ts',
    find: '      this.#takeBack(latest);\n      this.#seek(latest);\n    }\n    this.#note(place);',
    put: '      this.#takeBack(latest);\n      latest.line.join(latest);\n    }\n    this.#note(place);',
  },
  {
    fault: 'counts dirty slots as free',
    file: 'units.ts',
    find: 'place.capacity - place.held - place.dirty',
    put: 'place.capacity - place.held',
  },
  {
    fault: 'grants in closed environments',
    file: 'units.ts',
    find: 'return place.closed ? 0 : ',
    put: 'return ',
  },
  {
    fault: 'leaves an environment in its old pools when its labels change',
    file: 'queue.ts',
    find: '      this.pools.exit(place);\n      place.labels',
    put: '      place.labels',
  },
  {
    fault: 'does not let an environment into the pools of its new labels',
    file: 'queue.ts',
    find: '      this.pools.enter(place);\n    }',
    put: '    }',
  },
  {
    fault: 'ignores the globs of a key',
    file: 'pools.ts',
    find: 'const selector: Selector = { labels, globs: globs === null ? null : globs.toSorted() };',
    put: 'const selector: Selector = { labels, globs: null };',
  },
  {
    fault: 'takes requests with other globs for the same line',
    file: 'pools.ts',
    find: 'return JSON.stringify([labelsOf(labels).sort(), globs]);',
    put: 'return JSON.stringify([labelsOf(labels).sort(), globs === null]);',
  },
  {
    fault: 'drops the line of a selector that is in use again',
    file: 'pools.ts',
    find: '    this.#unused.delete(line);\n    return line;',
    put: '    return line;',
  },
  {
    fault: 'keeps the lines of selectors for ever',
    file: 'pools.ts',
    find: 'if (this.#unused.size <= unusedLinesKept) return;',
    put: 'return;',
  },
  {
    fault: 'does not say that a request is ready when another slot than its first came last',
    file: 'queue.ts',
    find: 'if (--unit.request.missing === 0) this.#full.add(unit.request);',
    put: 'if (--unit.request.missing === 0 && unit.index === 0) this.#full.add(unit.request);',
  },
  {
    fault: 'shows everybody as the next',
    file: 'ranking.ts',
    find: 'if (back === null) return ahead + steps + 1;',
    put: 'if (back === null) return 1;',
  },
];

/** Wrong only where a search was cut short. */
export const mutantsWithBound: readonly Mutant[] = [
  {
    fault: 'overtakes at a slot that came free by an exchange',
    file: 'queue.ts',
    find: '        this.#keepOrder(place);\n',
    put: '',
    seed: 41,
  },
  {
    fault: 'lets the first in order wait for an exchange of its own',
    file: 'queue.ts',
    find: 'while (this.#serveFirst())',
    put: 'while (false)',
  },
  {
    fault: 'does not let a unit that was pushed out push out a later one',
    file: 'queue.ts',
    find: 'next = pushedOut !== null && isCutShort ? roomFor(pushedOut, this.#searchBound) : null;',
    put: 'next = null;',
  },
  {
    fault: 'looks at a few only of the slots that a unit could take as they are',
    file: 'search.ts',
    find: 'this.#look(mover, others, Number.POSITIVE_INFINITY);',
    put: 'this.#look(mover, others, bound);',
  },
  {
    fault: 'knows no exchange within a request',
    file: 'search.ts',
    find: 'if (mover.line.places.has(to) && this.#visit(sibling, { unit: mover, to })) own.push(sibling);',
    put: ';',
  },
];

export interface Planted {
  readonly queue: (bound: number) => Queue;
  remove(): void;
}

/** A queue with this fault. Throws where the text to replace is not found exactly once: then the list has grown stale. */
export async function plant({ fault, file, find, put }: Mutant): Promise<Planted> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-mutant-'));
  cpSync(join(import.meta.dirname, '../../src/core'), directory, { recursive: true });
  const path = join(directory, 'queue', file);
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2) throw new Error(`"${fault}": its text stands in ${file} ${parts.length - 1} times`);
  writeFileSync(path, parts.join(put));
  const url = pathToFileURL(join(directory, 'queue', 'queue.ts')).href;
  const { Queue: Mutated } = (await import(url)) as { Queue: typeof Queue };
  return {
    queue: (bound) => new Mutated(bound),
    remove: () => rmSync(directory, { recursive: true }),
  };
}
