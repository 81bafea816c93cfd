// `signalbox serve`: how it starts, how it refuses to, and how it ends.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder, lines, root, signalbox, start, startFile } from './process.ts';
import { serve } from './real-server.ts';

describe('a start', () => {
  test('says in its first line where it listens, what it keeps and who is let in', async () => {
    const place = folder();
    const server = start('signalbox', ['serve', '--port', '0', '--log-level', 'silent'], {}, place);
    await server.says('this machine only');
    expect(lines(server.stdout())).toHaveLength(1);
    expect(server.stdout()).toMatch(
      /^Signalbox \S+ on http:\/\/127\.0\.0\.1:\d+ · store sqlite:\.\/signalbox\.db \(new\) · no key: this machine only\n$/,
    );
  });

  test('on a terminal also says what to do next, with a command that works', async () => {
    const place = folder();
    const args = `${root}/bin/signalbox serve --port 0`;
    const server = startFile('script', ['-qefc', args, '/dev/null'], { TERM: 'xterm' }, place);
    await server.says('For a team:');
    const [first = '', ...hints] = server.stdout().replaceAll('\r', '').trimEnd().split('\n');
    const url = /http:\/\/\S+/.exec(first)?.[0];
    expect(hints).toEqual([
      `  Try it in another shell:   SIGNALBOX_URL=${url} signalbox run uat -- sleep 30`,
      `  Watch it:                  ${url}`,
      '  For a team:                export API_KEY=$(signalbox key generate) && signalbox serve --host 0.0.0.0',
    ]);
    server.child.kill('SIGTERM');
    await server.ended;
  });

  test('of a store that was there before says what it holds', async () => {
    const place = folder();
    const first = start('signalbox', ['serve', '--port', '0', '--log-level', 'silent', '--json'], {}, place);
    await first.says('"url"');
    const { url } = JSON.parse(first.stdout()) as { url: string };
    await signalbox(['acquire', 'uat', '--ttl', '10m'], { SIGNALBOX_URL: url });
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    const second = start('signalbox', ['serve', '--port', '0', '--log-level', 'silent'], {}, place);
    await second.says('this machine only');
    expect(second.stdout()).toMatch(/signalbox\.db \(1 environments?, 1 held, 0 waiting\)/);
  });

  test('with a key says so', async () => {
    const server = start(
      'signalbox',
      ['serve', '--port', '0', '--host', '127.0.0.1', '--store', 'memory:', '--log-level', 'silent'],
      { API_KEY: 'crj' },
    );
    await server.says('keys on');
    expect(server.stdout()).not.toContain('crj');
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends it, with 0', async (signal) => {
    const { process: server } = await serve();
    server.child.kill(signal);
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });
});

describe('a refusal is one line and leaves nothing running', () => {
  async function refusal(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
    const started = start('signalbox', ['serve', '--log-level', 'silent', ...args], env, cwd);
    const { code, stdout, stderr } = await started.ended;
    expect({ stdout, lines: lines(stderr).length }).toEqual({ stdout: '', lines: 1 });
    return { code, line: stderr.trimEnd() };
  }

  test.each([
    [['--port', 'eighty'], {}, '--port'],
    [[], { RS_PORT: '70000' }, 'RS_PORT'],
    [['--store', 'oracle:'], {}, '--store'],
    [['--trust-user-header', 'X-User'], {}, '--trust-user-header'],
  ] as [
    string[],
    Record<string, string>,
    string,
  ][])('of a wrong setting names it: %j %j', async (args, env, setting) => {
    const { code, line } = await refusal(args, env);
    expect(code).toBe(78);
    expect(line).toMatch(new RegExp(`^signalbox: ${setting}: .* \\[bad_setting\\]$`));
  });

  test('of an address for everyone without a key', async () => {
    const { code, line } = await refusal(['--host', '0.0.0.0', '--port', '0', '--store', 'memory:']);
    expect(code).toBe(78);
    expect(line).toMatch(/^signalbox: --host 0\.0\.0\.0 without a key .* --insecure .* \[insecure_listen\]$/);
  });

  test('of a port that another program has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, line } = await refusal(['--port', String(port), '--store', 'memory:']);
    expect(code).toBe(78);
    expect(line).toMatch(new RegExp(`^signalbox: port ${port} is taken .* \\[port_in_use\\]$`));
  });

  test('of a store that another server has', async () => {
    const place = folder();
    const first = start('signalbox', ['serve', '--port', '0', '--log-level', 'silent'], {}, place);
    await first.says('this machine only');
    const { code, line } = await refusal(['--port', '0'], {}, place);
    expect(code).toBe(78);
    expect(line).toMatch(/\[store_in_use\]$/);
  });

  test('of a store that is the file of something else', async () => {
    const place = folder();
    writeFileSync(
      join(place, 'signalbox.db'),
      'this is a letter to my aunt, and long enough for a header of SQLite'.repeat(20),
    );
    const { code, line } = await refusal(['--port', '0'], {}, place);
    expect(code).toBe(78);
    expect(line).toMatch(/\[store_not_ours\]$/);
  });

  test('of a store that cannot be written', async () => {
    const { code, line } = await refusal(['--port', '0', '--store', 'sqlite:/proc/none/signalbox.db']);
    expect(code).toBe(73);
    expect(line).toMatch(/\[store_not_writable\]$/);
  });
});
