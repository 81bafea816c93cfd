// Reading our own pages: fenced blocks, headings, links. Only as much Markdown as the pages use.

export interface Block {
  /** First word of the info string, `sh` or `yaml`; '' when the fence says nothing. */
  readonly language: string;
  /** What follows it: `not-run: needs root`, `tty`, `file=examples/ci.yml`. */
  readonly info: string;
  readonly text: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
}

export interface Link {
  readonly target: string;
  readonly line: number;
}

export interface Page {
  /** From the root of the project. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** What can stand behind a `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Code within a line: `signalbox run uat -- ./deploy.sh`. */
  readonly spans: readonly { readonly text: string; readonly line: number }[];
  /** Everything outside of fenced blocks, by line; lines within blocks are empty. */
  readonly prose: readonly string[];
}

export function readPage(path: string, text: string): Page {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { fence: string; indent: number; info: string; line: number; inside: string[] } | null = null;
  for (const [i, line] of lines.entries()) {
    if (open !== null) {
      prose.push('');
      if (line.trim() === open.fence) {
        const [language = '', ...more] = open.info.split(/\s+/);
        blocks.push({ language, info: more.join(' '), text: open.inside.join('\n'), line: open.line });
        open = null;
      } else open.inside.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
      continue;
    }
    const [, indent = '', fence, info = ''] = /^(\s*)(`{3,})(.*)$/.exec(line) ?? [];
    prose.push(fence === undefined ? line : '');
    if (fence !== undefined) open = { fence, indent: indent.length, info: info.trim(), line: i + 1, inside: [] };
  }
  if (open !== null) throw new Error(`${path}:${open.line}: this block is not closed`);
  return { path, blocks, links: linksOf(prose), anchors: anchorsOf(prose), spans: spansOf(prose), prose };
}

function linksOf(prose: readonly string[]): Link[] {
  const links: Link[] = [];
  for (const [i, line] of prose.entries()) {
    for (const match of withoutSpans(line).matchAll(/\]\(([^()\s]+)\)/g)) {
      links.push({ target: match[1] as string, line: i + 1 });
    }
  }
  return links;
}

function spansOf(prose: readonly string[]): { text: string; line: number }[] {
  return prose.flatMap((line, i) =>
    [...line.matchAll(/(`+)(.+?)\1(?!`)/g)].map((match) => ({ text: (match[2] as string).trim(), line: i + 1 })),
  );
}

const withoutSpans = (line: string): string => line.replace(/(`+)(.+?)\1(?!`)/g, (span) => '_'.repeat(span.length));

/** As GitHub makes them: lower case, without punctuation, spaces as hyphens, numbered when repeated. */
function anchorsOf(prose: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const line of prose) {
    for (const match of line.matchAll(/<a (?:id|name)="([^"]+)">/g)) anchors.add(match[1] as string);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

export interface Shown {
  readonly command: string;
  /** Lines that must come, with `…` for any text, and a line of `…` alone for any lines. */
  readonly output: readonly string[];
}

/** A `console` block: `$ command` (`> ` goes on with it), then what it prints. */
export function commandsShown(text: string): Shown[] {
  const shown: { command: string; output: string[] }[] = [];
  for (const line of text.split('\n')) {
    const last = shown.at(-1);
    if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [] });
    else if (last === undefined) throw new Error(`a console block begins with "$ ", not with "${line}"`);
    else if (line.startsWith('> ') && last.output.length === 0) last.command += `\n${line.slice(2)}`;
    else last.output.push(line);
  }
  return shown;
}

/** What is never the same twice: in what a page shows it stands for anything of its kind. */
const VARYING: readonly (readonly [shown: RegExp, any: string])[] = [
  [/at once|after (?:\d+(?:ms|[smhd]))+/, '(?:at once|after (?:\\d+(?:ms|[smhd]))+)'],
  [/\bls_\w+/, 'ls_\\w+'],
  [/\bfence \d+/, 'fence \\d+'],
  [/\b\d\d:\d\d:\d\dZ?/, '\\d\\d:\\d\\d:\\d\\dZ?'],
  [/(?<![\w:])(?:\d+(?:ms|[smhd]))+\b/, '(?:\\d+(?:ms|[smhd]))+'],
  [/[\w-]+@[\w-]+/, '[\\w-]+@[\\w.-]+'],
  [/…/, '[^\\n]*'],
];
const PIECES = new RegExp(VARYING.map(([shown]) => `(${shown.source})`).join('|'), 'g');

/** Lines without what a terminal adds, and tables without the width of their columns. */
function tidied(text: string): string {
  const lines = text.replaceAll('\r', '').split('\n');
  return lines
    .map((line) => line.trimEnd().replace(/ {2,}/g, '  '))
    .join('\n')
    .trimEnd();
}

/** Whether a command printed what the page shows; null, or what is wrong. */
export function differs(expected: readonly string[], printed: string): string | null {
  const pattern = tidied(expected.join('\n'));
  const source = pattern
    .split(/(?:^|\n)…(?=\n|$)/)
    .map(lineSource)
    .join('(?:(?:^|\\n)[^\\n]*)*');
  const text = tidied(printed);
  return new RegExp(`^${source}$`).test(text) ? null : `the page shows\n${pattern}\nand it printed\n${text}`;
}

function lineSource(shown: string): string {
  let source = '';
  let from = 0;
  for (const match of shown.matchAll(PIECES)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    source += literal(shown.slice(from, match.index)) + VARYING[kind]?.[1];
    from = match.index + match[0].length;
  }
  return source + literal(shown.slice(from));
}

/** A text as the source of a regular expression that matches it. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
