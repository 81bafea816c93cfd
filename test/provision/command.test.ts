// The driver `command` against real processes: the example in shell, which must keep the contract of drivers, and programs that fail,
// hang or talk nonsense.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BuildSpec } from '../../src/core/rows.ts';
import { CommandDriver } from '../../src/provision/command.ts';
import { DriverError } from '../../src/provision/driver.ts';
import { bareAsk } from './fake-cloud.ts';

const example = join(import.meta.dirname, '../../examples/machines/processes.sh');
const spec: BuildSpec = {
  ...{ site: 'org', env: 'a "quoted" $(env)\n', queue: 'docker', role: 'worker', instanceType: 'small', count: 1 },
  ...{ image: null, nameTemplate: '%s %d', subnet: null, securityGroup: null, slackChannel: null },
};
const never = new AbortController().signal;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-driver-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the example', () => {
  let driver: CommandDriver;
  beforeEach(() => {
    const program = join(folder, 'driver.sh');
    writeFileSync(program, `#!/bin/sh\nMACHINES=${folder}/machines exec ${example} "$@"\n`);
    chmodSync(program, 0o755);
    driver = new CommandDriver(program, 20_000);
  });
  afterEach(async () => {
    for (const { cloudId } of await driver.list(never)) await driver.delete(cloudId, never);
  });
  const create = (instance: string, token = `t-${instance}`) =>
    driver.create({ ...bareAsk, token, instance, spec }, never);

  test('makes machines, lists them, finds them, and ends them', async () => {
    expect(await driver.list(never)).toEqual([]);
    const [a, b] = [await create('in_a'), await create('in_b')];
    expect(a.cloudId).not.toBe(b.cloudId);
    expect(a).toMatchObject({ instance: 'in_a', facts: { ip: '127.0.0.1' } });
    expect((await driver.list(never)).map(({ instance }) => instance).sort()).toEqual(['in_a', 'in_b']);
    expect(await driver.get(a.cloudId, never)).toEqual(a);
    expect(await driver.find('in_b', never)).toEqual(b);
    expect(await driver.find('in_c', never)).toBeNull();
    await driver.delete(a.cloudId, never);
    expect(await driver.get(a.cloudId, never)).toBeNull();
    expect(await driver.list(never)).toEqual([b]);
    // Of what is gone, and of what never was.
    await driver.delete(a.cloudId, never);
    await driver.delete('p-0', never);
  });

  test('makes nothing of a question that is cut off: its server has died while it asked', async () => {
    for (const part of ['', '{', '{"token":"t","instance":"in_a"'])
      expect(spawnSync(join(folder, 'driver.sh'), ['create'], { input: part, encoding: 'utf8' })).toMatchObject({
        status: 75,
        stderr: expect.stringMatching(/cut off/),
      });
    expect(await driver.list(never)).toEqual([]);
  });

  test('with the same token: the same machine, also where it is asked twice at the same time', async () => {
    const asked = await Promise.all([create('in_a'), create('in_a'), create('in_a')]);
    expect(new Set(asked.map(({ cloudId }) => cloudId)).size).toBe(1);
    expect(await create('in_a')).toEqual(asked[0]);
    expect(await driver.list(never)).toHaveLength(1);
  });
});

describe('a program', () => {
  const failing = async (lines: string, timeoutMs = 20_000, signal = never): Promise<DriverError> => {
    const program = join(folder, 'driver.sh');
    writeFileSync(program, `#!/bin/sh\n${lines}\n`);
    chmodSync(program, 0o755);
    const driver = new CommandDriver(program, timeoutMs);
    const error = await driver
      .create({ ...bareAsk, token: 't', instance: 'in_a', spec }, signal)
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DriverError);
    return error;
  };

  test.each([
    ['exit 75', 'again', /exit code 75/],
    ['echo "no room in a" >&2; exit 69', 'next choice', /no room in a/],
    ['echo first >&2; echo "no such image" >&2; exit 1', 'give up', /no such image$/],
    ['kill -9 $$', 'again', /ended by SIGKILL/],
    ['true', 'again', /cannot be read/],
    ['echo nonsense', 'again', /cannot be read.*nonsense/],
    ['echo null', 'again', /cannot be read/],
    [`echo '{"id":""}'`, 'again', /cannot be read/],
    [`echo '{"id":7}'`, 'again', /cannot be read/],
    [`echo '{"id":"i-1\\u0000"}'`, 'again', /cannot be read/],
    [`printf '{"id":"%0257d"}' 1`, 'again', /cannot be read/],
    // It is another one's: to take it would be to have two that are one.
    [`echo '{"id":"i-1","instance":"in_b"}'`, 'again', /answers with in_b, and was asked for in_a/],
    ['head -c 5000000 /dev/zero', 'again', /too long/],
  ])('that does `%s`: %s', async (lines, verdict, message) => {
    const error = await failing(lines);
    expect(error.verdict).toBe(verdict);
    expect(error.message).toMatch(message);
  });

  test('that hangs is ended, and so is one that is under way when the server stops', async () => {
    expect(await failing('sleep 600', 200)).toMatchObject({ verdict: 'again' });
    expect((await failing('trap "" TERM; exec sleep 600', 20_000, AbortSignal.timeout(100))).message).toMatch(
      /stopping/,
    );
  });

  test('that is not there, or may not be run', async () => {
    const driver = new CommandDriver(join(folder, 'none'), 1_000);
    await expect(driver.list(never)).rejects.toMatchObject({
      verdict: 'again',
      message: expect.stringMatching(/cannot be run/),
    });
  });

  test('need not read what it is told', async () => {
    const program = join(folder, 'driver.sh');
    writeFileSync(program, `#!/bin/sh\nexec 0<&-\necho '{"id":"i-1"}'\n`);
    chmodSync(program, 0o755);
    const big = { ...spec, nameTemplate: 'x'.repeat(300_000) };
    const made = new CommandDriver(program, 20_000).create(
      { ...bareAsk, token: 't', instance: 'in_a', spec: big },
      never,
    );
    expect(await made).toEqual({ cloudId: 'i-1', instance: 'in_a', facts: {} });
  });

  test('that knows another machine than it was asked for says nothing of the one that was meant', async () => {
    const program = join(folder, 'driver.sh');
    writeFileSync(program, `#!/bin/sh\necho '{"id":"i-2","instance":"in_b"}'\n`);
    chmodSync(program, 0o755);
    const driver = new CommandDriver(program, 20_000);
    await expect(driver.find('in_a', never)).rejects.toThrow('find: it answers with in_b, and was asked for in_a');
    await expect(driver.get('i-1', never)).rejects.toThrow('get: it answers with i-2, and was asked for i-1');
    expect(await driver.find('in_b', never)).toMatchObject({ cloudId: 'i-2' });
  });

  test('may say of a machine what it likes: people are shown it as text, and no more of it than they read', async () => {
    const facts = { ip: '10.0.0.1', zones: ['a', 'b'], cpus: 4, gone: null, log: 'x'.repeat(5_000) };
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`fact${i}`, 'x']));
    const program = join(folder, 'driver.sh');
    const answer = JSON.stringify([{ id: 'i-1', instance: 'in_a', facts: { ...facts, ...many } }]);
    writeFileSync(program, `#!/bin/sh\ncat << 'END'\n${answer}\nEND\n`);
    chmodSync(program, 0o755);
    const [made] = await new CommandDriver(program, 20_000).list(never);
    expect(made?.facts).toMatchObject({ ip: '10.0.0.1', zones: '["a","b"]', cpus: '4', log: 'x'.repeat(1_000) });
    expect(made?.facts).not.toHaveProperty('gone');
    expect(Object.keys(made?.facts ?? {})).toHaveLength(50);
  });
});
