// What the command line says of itself, and of what it does not understand. None of it needs a server.

import { describe, expect, test } from 'vitest';
import { CATALOGUE, ENTRIES } from '../../src/cli/frame/catalogue.ts';
import { lines, signalbox } from './process.ts';

/** A server that is not there: whatever asks it fails otherwise than by usage. */
const nowhere = { SIGNALBOX_URL: 'http://127.0.0.1:2' };

test('alone it prints twelve lines: what it is, six commands, where the rest is', async () => {
  const { code, stdout, stderr } = await signalbox([]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(lines(stdout)).toHaveLength(12);
  const named = lines(stdout).flatMap((line) => /^ {2}signalbox (\w+)/.exec(line)?.[1] ?? []);
  expect(named).toEqual(['serve', 'run', 'status', 'wait', 'signal', 'barrier']);
  expect(lines(stdout).filter((line) => line.length > 110)).toEqual([]);
});

test('--help names every command, after examples', async () => {
  const { code, stdout } = await signalbox(['--help']);
  expect(code).toBe(0);
  expect(stdout.startsWith('Examples:\n')).toBe(true);
  for (const { name } of ENTRIES) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test('--version is the version of the package', async () => {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  expect((await signalbox(['--version'])).stdout).toBe(`${version}\n`);
});

describe.each(CATALOGUE.flatMap(({ entries }) => entries))('$name --help', ({ name, load }) => {
  test('opens with examples that use only flags that there are, and shows how it is called', async () => {
    const { code, stdout, stderr } = await signalbox([name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Examples:\n {2}\S/);
    expect(stdout).toContain(`\nUsage: signalbox ${name}`);
    const made = await load();
    const flags = [made, ...made.commands].flatMap((each) => each.options.flatMap(({ long, short }) => [long, short]));
    const examples = stdout.slice(0, stdout.indexOf('\nUsage:')).split('\n');
    for (const line of examples.filter((each) => each.includes(`signalbox ${name}`))) {
      const [typed = ''] = (line.trim().split(/\s{3,}/)[0] ?? '').split(/ (?:--|\||&&|>>?) /);
      for (const [flag] of typed.matchAll(/(?<= )--?[a-z][a-z-]*/g)) expect(flags).toContain(flag);
    }
  });
});

describe('what is not understood is a question, and exit 64', () => {
  test.each([
    [['stauts'], 'no command "stauts". Did you mean status? [unknown_command]'],
    [['frobnicate'], 'no command "frobnicate". [unknown_command]'],
    [['status', '--jsno'], 'signalbox status has no option --jsno. Did you mean --json? [unknown_option]'],
    [['request', '--hlp'], 'signalbox acquire has no option --hlp. Did you mean --help? [unknown_option]'],
    [['env', 'crate', 'uat'], 'signalbox env has no command "crate". Did you mean create? [unknown_command]'],
    [['env'], 'signalbox env needs one of: list, show, create, set, delete, clean, drain, open. [usage]'],
    [['queue'], "signalbox queue: missing required argument 'environment'. [usage]"],
    [['-q', 'status'], 'the command comes first: signalbox status -q [usage]'],
    [['acquire'], 'which environment? [usage]'],
    [['acquire', 'uat', '--wait', 'soon'], '--wait: "soon" is not a duration. [usage]'],
    [['acquire', 'uat', '--ttl', '5'], '--ttl: "5" is not a duration. [usage]'],
    [['acquire', 'uat', '--format', 'xml'], '--format: "xml" is none of id, json, env, dotenv. [usage]'],
    [['acquire', 'uat', '--progress', 'loud'], '--progress: "loud" is none of auto, tty, plain, quiet. [usage]'],
    [['release'], 'which lease? [usage]'],
    [['check', 'uat', 'x'], '"x" is not a fence. [usage]'],
    [['revoke', 'uat'], '--reason: say why; it is shown to whoever loses it. [usage]'],
    [['revoke', '--reason', 'x'], 'give an environment, or --lease with an id. [usage]'],
    [['revoke', 'uat', '--reason', 'x', '--ttl', '5m'], '--ttl and --state are for --steal. [usage]'],
    [['freeze', '--reason', 'x'], 'what? Give names of environments, or --label, or --all. [usage]'],
    [['freeze', 'uat'], '--reason: say why; it is shown to everyone who waits. [usage]'],
    [['freeze', 'uat', '--label', 'a=b', '--reason', 'x'], 'give names, or --label, not both. [usage]'],
    [['env', 'set', 'uat'], 'nothing to change. [usage]'],
    [
      ['env', 'create', 'uat', '--capacity', 'many'],
      '--capacity: "many" is not a whole number from 0 to 1000000. [usage]',
    ],
    [['env', 'create', 'uat', '--on-expire', 'burn'], '--on-expire: "burn" is neither free nor hold. [usage]'],
    [['history', '--since', 'yesterday'], '--since: "yesterday" is not a time. [usage]'],
    [['key', 'create', 'ci'], '--scope: say what the key may do. [usage]'],
    [['completion', 'fissh'], 'no completion for "fissh". Did you mean fish? [usage]'],
    [['renew', 'ls_1', '--every', '10ms'], '--every: less than a second is too often. [usage]'],
    [['login', 'signalbox.example'], 'the address: "signalbox.example" is not the address of a server [bad_setting]'],
  ])('%j', async (args, first) => {
    const { code, stdout, stderr } = await signalbox(args, nowhere);
    expect(lines(stderr)[0]).toBe(`signalbox: ${first}`);
    expect(stdout).toBe('');
    expect(code).toBe(first.endsWith('[bad_setting]') ? 78 : 64);
  });

  test('every line of an error in a log says who speaks', async () => {
    const { stderr } = await signalbox(['env', 'crate', 'uat']);
    expect(lines(stderr).length).toBeGreaterThan(1);
    for (const line of lines(stderr)) expect(line).toMatch(/^signalbox: /);
  });
});

test('with --json an error is an object on stdout, with the same exit code', async () => {
  const { code, stdout, stderr } = await signalbox(['status', '--json'], nowhere);
  expect(JSON.parse(stdout)).toMatchObject({ code: 'unreachable' });
  expect({ code, stderr }).toEqual({ code: 69, stderr: '' });
});

test('a stack is shown with --debug only', async () => {
  const plain = await signalbox(['status'], nowhere);
  expect(plain.stderr).not.toMatch(/\n.* at /);
  const debug = await signalbox(['status', '--debug'], nowhere);
  expect(debug.stderr).toMatch(/\n.* {4}at /);
});

test('a key is generated here, each time another, in the form of all keys', async () => {
  const [one, two] = await Promise.all([
    signalbox(['key', 'generate'], nowhere),
    signalbox(['key', 'generate'], nowhere),
  ]);
  expect(one.stdout).toMatch(/^sbx_[0-9a-f]{12}_[0-9a-f]{64}\n$/);
  expect(one.stdout).not.toBe(two.stdout);
});
