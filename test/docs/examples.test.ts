// What pages show for other programs than a shell: the files that they quote are those in examples/, YAML is YAML, shell within
// it is shell, flags exist, and metrics too.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { literal } from './markdown.ts';
import { pages, readProjectFile, root } from './pages.ts';

const examples = readdirSync(join(root, 'examples'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => relative(root, join(parentPath, name)));

const quoted = pages.flatMap(({ path, blocks }) =>
  blocks.flatMap((block) => {
    const file = /(?:^|\s)file=(\S+)/.exec(block.info)?.[1];
    return file === undefined ? [] : [{ at: `${path}:${block.line}`, file, text: block.text }];
  }),
);

test.each(quoted)('$at shows $file as it is', ({ file, text }) => {
  expect(`${text}\n`).toBe(readProjectFile(file));
});

test('every example is shown or linked on a page', () => {
  const linked = pages.flatMap((page) => page.links.map(({ target }) => target));
  expect(examples.filter((file) => !linked.some((target) => target.endsWith(file)))).toEqual([]);
});

const yaml = [
  ...examples.filter((file) => file.endsWith('.yml')).map((file) => ({ at: file, text: readProjectFile(file) })),
  ...pages.flatMap(({ path, blocks }) =>
    blocks.filter(({ language }) => language === 'yaml').map(({ line, text }) => ({ at: `${path}:${line}`, text })),
  ),
];

/** Where these systems keep shell. */
const SHELL_FIELDS = ['run', 'script', 'before_script', 'after_script', 'command'];

function shellIn(value: unknown, field = ''): string[] {
  if (typeof value === 'string') return SHELL_FIELDS.includes(field) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((each) => shellIn(each, field));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => shellIn(each, name));
}

function shellFault(text: string): string | null {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' });
  return status === 0 ? null : stderr;
}

describe.each(yaml)('$at', ({ at, text }) => {
  test('is YAML, and the shell within it is shell', () => {
    const parsed: unknown = parse(text);
    const scripts = shellIn(parsed);
    if (!at.includes('alerts') && at.startsWith('examples/')) expect(scripts).not.toEqual([]);
    expect(scripts.map(shellFault).filter((fault) => fault !== null)).toEqual([]);
  });
});

test.each(examples.filter((file) => file.endsWith('.sh')))('%s is sh', (file) => {
  expect(shellFault(readProjectFile(file))).toBeNull();
});

// --- flags

function signalbox(...args: string[]): string {
  const { stdout, stderr } = spawnSync(join(root, 'bin/signalbox'), args, { encoding: 'utf8' });
  return stdout + stderr;
}

interface Call {
  readonly at: string;
  readonly words: readonly string[];
}

/** `signalbox NAME …` up to the `--` before somebody else's command, wherever it stands in a text. */
function callsIn(at: string, text: string): Call[] {
  const joined = text.replace(/\\\n\s*/g, ' ');
  return [...joined.matchAll(/(?:^|[\s;&|("'`/])signalbox ((?:[a-z]+)(?:[ \t]+[^\s|&;<>)`]+)*)/gm)].map((match) => {
    const words = (match[1] as string).split(/[ \t]+/);
    const end = words.indexOf('--');
    return { at, words: end < 0 ? words : words.slice(0, end) };
  });
}

/** Where nothing else tries them: commands that are run need no such look. */
const calls: Call[] = [
  ...pages.flatMap(({ path, blocks, spans }) => [
    ...blocks
      .filter(({ language, info }) => language === 'groovy' || language === 'yaml' || info.startsWith('not-run'))
      .flatMap(({ line, text }) => callsIn(`${path}:${line}`, withoutComments(text))),
    ...spans.flatMap(({ text, line }) => (text.startsWith('signalbox ') ? callsIn(`${path}:${line}`, text) : [])),
  ]),
  ...examples.flatMap((file) => callsIn(file, withoutComments(readProjectFile(file)))),
];

function withoutComments(text: string): string {
  return text.replace(/(?:^|\s)#.*$/gm, '');
}

describe('every command and flag of signalbox that a page names exists', () => {
  const names = [...new Set(calls.map(({ words }) => words[0] as string))].sort();
  test.each(names)('signalbox %s', { timeout: 60_000 }, (name) => {
    const help = signalbox(name, '--help');
    expect(help, `named in ${calls.find(({ words }) => words[0] === name)?.at}`).toContain('Usage: ');
    const ofGroup = new Map<string, string>();
    const faults = calls
      .filter(({ words }) => words[0] === name)
      .flatMap(({ at, words }) => {
        const child = words[1] ?? '';
        const isChild =
          new RegExp(`^  ${literal(child)}\\b`, 'm').test(help.split('Commands:')[1] ?? '') && /^[a-z]+$/.test(child);
        if (isChild && !ofGroup.has(child)) ofGroup.set(child, signalbox(name, child, '--help'));
        const known = isChild ? (ofGroup.get(child) as string) : help;
        return words
          .filter((word) => /^--?[a-z]/.test(word))
          .map((word) => word.replace(/[=.,:'"].*$/, ''))
          .filter((flag) => flag !== '--help' && !new RegExp(`(?<![\\w-])${flag}(?![\\w-])`).test(known))
          .map((flag) => `${at}: signalbox ${words.join(' ')}: there is no ${flag}`);
      });
    expect(faults).toEqual([]);
  });

  test('a command on a page and one within YAML are seen', () => {
    expect(
      callsIn('x', 'exec signalbox run uat --ttl 60s -- ./a --b\n. "x"; ./bin/signalbox env set uat --ttl 1h'),
    ).toEqual([
      { at: 'x', words: ['run', 'uat', '--ttl', '60s'] },
      { at: 'x', words: ['env', 'set', 'uat', '--ttl', '1h'] },
    ]);
  });
});
