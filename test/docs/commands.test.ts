// Every command that a page shows is run, in the order of the page, against a private server. A block that cannot be run says
// why (`sh not-run: needs root`). What must hold:
//   sh, bash      the block runs through under `bash -e`
//   console       each `$ command` prints what stands below it (`…` = any text) and ends with 0, unless `$ echo $?` follows
//   … tty         the same at a terminal
//   … eventually  the same, looked at again until it shows: commands that only look, at what comes in a moment
// Other languages (yaml, json, text, …) are not commands; examples.test.ts looks at some of them.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Block, commandsShown, differs, type Page } from './markdown.ts';
import { pages } from './pages.ts';
import { Session } from './session.ts';

const SHELLS = ['sh', 'bash', 'shell', 'zsh', 'console'];
const BLOCK_MS = 60_000;
const LOOK_MS = 20_000;

/** What a test must not do to the machine that it runs on. */
const CHANGES_THE_MACHINE = /^\s*(?:\$ )?(?:sudo |apt|npm |docker |systemctl |make\b|git )/m;

const isRun = (block: Block): boolean =>
  SHELLS.includes(block.language) && !block.info.startsWith('not-run') && !CHANGES_THE_MACHINE.test(block.text);

describe.each(pages.map((page) => [page.path, page] as const))('%s', (path, page) => {
  test('says of every block what it is, and of every command that is not run why', () => {
    expect(page.blocks.flatMap((block) => faultOf(block).map((fault) => `${path}:${block.line}: ${fault}`))).toEqual(
      [],
    );
  });

  const run = page.blocks.filter(isRun);
  if (run.length > 0) describe('when its commands are typed', () => typed(page, run));
});

function typed(page: Page, blocks: readonly Block[]): void {
  let session: Session;
  let broken: string | null = null;
  beforeAll(async () => {
    session = await Session.open(page);
  });
  afterAll(async () => {
    expect(await session?.close(), 'processes that a page started and that did not end when asked to').toEqual([]);
  });

  test.each(blocks.map((block) => [`line ${block.line}: ${titleOf(block)}`, block] as const))(
    '%s',
    { timeout: BLOCK_MS + 10_000 },
    async (_title, block) => {
      // What follows a block that failed would fail for no reason of its own.
      if (broken !== null) throw new Error(`not tried: ${broken} had failed`);
      broken = `line ${block.line}`;
      if (block.language === 'console') await runShown(session, block);
      else await runWhole(session, block);
      broken = null;
    },
  );
}

async function runWhole(session: Session, block: Block): Promise<void> {
  const { status, output } = await session.run(block.text, BLOCK_MS, { stopAtError: true });
  expect(status, `it ${status === null ? 'did not end in time' : 'failed'} and printed\n${output}`).toBe(0);
}

async function runShown(session: Session, block: Block): Promise<void> {
  const words = block.info.split(' ');
  const shown = commandsShown(block.text);
  for (const [i, { command, output: expected }] of shown.entries()) {
    const isAsked = shown[i + 1]?.command.startsWith('echo $?') ?? false;
    const giveUpAt = Date.now() + (words.includes('eventually') ? LOOK_MS : 0);
    for (let fault: string | null = ''; fault !== null; ) {
      const { status, output } = await session.run(command, BLOCK_MS, {
        stopAtError: false,
        onTerminal: words.includes('tty'),
      });
      fault = differs(expected, output);
      if (status === null) fault = `it did not end in time, and printed\n${output}`;
      else if (status !== 0 && !isAsked) fault = `it ended with ${status}, and printed\n${output}`;
      if (fault === null) continue;
      if (Date.now() >= giveUpAt) expect.fail(`${command}: ${fault}`);
      await pause(200);
    }
  }
}

const WORDS = ['tty', 'eventually'];

function faultOf(block: Block): string[] {
  if (block.language === '') return ['a block without a language: sh, console, yaml, text, …'];
  if (!SHELLS.includes(block.language)) return [];
  if (!block.info.startsWith('not-run') && CHANGES_THE_MACHINE.test(block.text))
    return ['this changes the machine: say not-run and why'];
  if (block.info === '') return [];
  if (block.language === 'console' && block.info.split(' ').every((word) => WORDS.includes(word))) return [];
  if (/^not-run: \S.{9,}/.test(block.info)) return [];
  return [`"${block.info}" is not known: ${WORDS.join(' ')} (of console), or not-run: and the reason`];
}

function titleOf(block: Block): string {
  const lines = block.text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return (lines[0] ?? '').slice(0, 60);
}

test('what a page shows and what was printed are compared', () => {
  expect(differs(['held by … since', '…', 'end'], 'held by anna since\r\nmore\nand more\nend\n')).toBeNull();
  expect(differs(['a', '…'], 'a')).toBeNull();
  expect(
    differs(
      ['fence 17 · ls_abc at once  · 12:00:00 · 4m12s · anna@laptop'],
      'fence 4 · ls_x9 after 1s    · 23:59:59 · 0s · root@vm',
    ),
  ).toBeNull();
  expect(differs(['1'], '0')).not.toBeNull();
  expect(differs(['a.c'], 'abc')).not.toBeNull();
  expect(differs(['a … c'], 'a\nc')).not.toBeNull();
  expect(differs([], 'anything')).not.toBeNull();
  expect(commandsShown('$ a \\\n> b\nout\n$ c')).toEqual([
    { command: 'a \\\nb', output: ['out'] },
    { command: 'c', output: [] },
  ]);
});
