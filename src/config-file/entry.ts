// One place in a YAML file: what stands there, of which kind it must be, and where it is when it is not. What always holds: the
// first thing that is wrong ends the reading with one line that names file, line and path; a value that may be a secret is never
// repeated.

import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import type { Parse } from '../config-values.ts';
import { nearestName } from '../core/names.ts';

/** What is wrong with a file, in one line. */
export class FileFault extends Error {}

export interface YamlFile {
  /** As it was named. */
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const longestShown = 60;

export class Entry {
  readonly path: string;
  readonly #file: YamlFile;
  readonly #node: Node | null;
  readonly #offset: number;

  /** `offset`: of its key, for what has no value. */
  constructor(file: YamlFile, node: unknown, path: string, offset: number) {
    this.#file = file;
    this.path = path;
    this.#offset = (node as Node | null)?.range?.[0] ?? offset;
    const meant = isAlias(node)
      ? (node.resolve(file.document) ?? this.fault(`nothing above is &${node.source}`))
      : node;
    this.#node = meant as Node | null;
  }

  /** Ends the reading. */
  fault(complaint: string): never {
    throw this.#faultAt(this.#offset, this.path, complaint);
  }

  /** Nothing stands there, or `null` or `~`: it counts as left out. */
  get isEmpty(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null);
  }

  /** What has these names, of a map that has no others. */
  fields<K extends string>(known: readonly K[]): Partial<Record<K, Entry>> {
    const found: Partial<Record<K, Entry>> = {};
    for (const [name, entry, offset] of this.#pairs()) {
      if (!known.includes(name as K)) {
        const nearest = nearestName(name, known);
        const hint = nearest === null ? `there are ${known.join(', ')}` : `did you mean ${nearest}?`;
        throw this.#faultAt(offset, entry.path, `is not known: ${hint}`);
      }
      if (!entry.isEmpty) found[name as K] = entry;
    }
    return found;
  }

  /** A map whose names are anybody's. */
  entries(): [name: string, entry: Entry][] {
    return this.#pairs().map(([name, entry]) => [name, entry]);
  }

  items(): Entry[] {
    if (!isSeq(this.#node)) return this.isEmpty ? [] : this.fault('give a list');
    return this.#node.items.map(
      (item, i) => new Entry(this.#file, item, `${this.path}[${i}]`, (item as Node | null)?.range?.[0] ?? this.#offset),
    );
  }

  /** One value or a list of them. */
  oneOrMore(): Entry[] {
    return isSeq(this.#node) ? this.items() : [this];
  }

  /** Anything that is written in one piece, as it is written: `1.10` is no number here. */
  text(longest = 1000, mayBeEmpty = false): string {
    if (!isScalar(this.#node) || this.isEmpty) return this.fault('give a text');
    const { value, source } = this.#node;
    const text = typeof value === 'string' ? value : (source ?? String(value));
    if (text === '' && !mayBeEmpty) return this.fault('is empty');
    return text.length > longest ? this.fault(`is longer than ${longest} characters`) : text;
  }

  integer(min: number, max: number): number {
    const value = isScalar(this.#node) ? this.#node.value : null;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.fault(`give a whole number from ${min} to ${max}${this.#instead()}`);
  }

  boolean(): boolean {
    const value = isScalar(this.#node) ? this.#node.value : null;
    return typeof value === 'boolean' ? value : this.fault(`give true or false${this.#instead()}`);
  }

  /** Milliseconds of `90s`, `10m`, `1h30m`. */
  duration(minMs: number, maxMs: number): number {
    const text = isScalar(this.#node) ? String(this.#node.source ?? '') : '';
    const parts = [...text.matchAll(/(\d{1,9})(ms|[smhd])/g)];
    if (text === '' || parts.map(([part]) => part).join('') !== text)
      return this.fault(`give a duration like 90s, 10m or 24h${this.#instead()}`);
    const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
    if (total >= minMs && total <= maxMs) return total;
    return this.fault(`give at least ${minMs / 1000}s and at most ${maxMs / 1000}s${this.#instead()}`);
  }

  oneOf<T extends string>(known: readonly T[]): T {
    const text = this.text();
    if (known.includes(text as T)) return text as T;
    const nearest = nearestName(text, known);
    return this.fault(`give ${known.join(' or ')}${nearest === null ? this.#instead() : `: did you mean ${nearest}?`}`);
  }

  /** As a flag of the same meaning would take it. */
  parsed<T>(parse: Parse<T>): T {
    const result = parse(this.text());
    if (result.ok) return result.value;
    return this.fault(`${result.expected}${result.hidden === true ? '' : this.#instead()}`);
  }

  #pairs(): [name: string, entry: Entry, offset: number][] {
    if (this.isEmpty) return [];
    if (!isMap(this.#node)) return this.fault('give names with values, as in `name: value`');
    return this.#node.items.map(({ key, value }) => {
      const offset = (key as Node).range?.[0] ?? this.#offset;
      const name = isScalar(key) ? (typeof key.value === 'string' ? key.value : (key.source ?? '')) : null;
      if (name === null) throw this.#faultAt(offset, this.path, 'a name is one word or a text in quotes');
      const shown = /^[\w./-]+$/.test(name) ? name : JSON.stringify(name);
      const path = this.path === '' ? shown : `${this.path}.${shown}`;
      return [name, new Entry(this.#file, value, path, offset), offset];
    });
  }

  #instead(): string {
    const text = isScalar(this.#node) ? String(this.#node.source ?? this.#node.value) : '';
    return text === '' || text.length > longestShown ? '' : `, not ${JSON.stringify(text)}`;
  }

  #faultAt(offset: number, path: string, complaint: string): FileFault {
    const { line } = this.#file.lines.linePos(offset);
    return new FileFault(`${this.#file.name}:${line}: ${path === '' ? '' : `${path}: `}${complaint}`);
  }
}
