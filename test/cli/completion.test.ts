// Completion in the real shells. bash is on every machine that runs these tests; zsh and fish are asked where they are.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ENTRIES } from '../../src/cli/frame/catalogue.ts';
import { folder, lines, root, signalbox, startFile } from './process.ts';
import { serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

/** The tests share their machine: 300 ms may not be enough for the start of a process. */
const PATIENT = { SIGNALBOX_COMPLETION_TIMEOUT: '20s' };

/** What bash offers for a line whose last word is being typed. */
async function bashOffers(line: string, env: Record<string, string> = {}): Promise<string[]> {
  const { stdout: script } = await signalbox(['completion', 'bash']);
  const words = line.split(' ');
  const program = `${script}
COMP_WORDS=(${root}/bin/signalbox ${words
    .slice(1)
    .map((word) => `'${word}'`)
    .join(' ')})
COMP_CWORD=${words.length - 1}
_signalbox
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await startFile('bash', ['--norc', '-c', program], {
    SIGNALBOX_URL: 'http://127.0.0.1:2',
    ...PATIENT,
    ...env,
  }).ended;
  expect(stderr).toBe('');
  return lines(stdout).filter((offered) => offered !== '');
}

describe('bash', () => {
  test('offers every command', async () => {
    const offered = await bashOffers('signalbox ');
    for (const { name } of ENTRIES) expect(offered).toContain(name);
  });

  test.each([
    ['signalbox st', ['status', 'store']],
    ['signalbox env cl', ['clean']],
    ['signalbox status --j', ['--json']],
    ['signalbox env set --unl', ['--unlabel']],
    ['signalbox completion f', ['fish']],
    ['signalbox acquire --', expect.arrayContaining(['--wait', '--no-wait', '--ttl', '--state'])],
    ['signalbox request --sta', ['--state']],
  ])('"%s" is completed', async (line, offered) => {
    expect(await bashOffers(line)).toEqual(offered);
  });

  test('offers environments of the server by their beginning, no flags among them', async () => {
    const server = await serve();
    for (const name of ['uat', 'uat-2', 'db']) await server.signalbox(['env', 'create', name]);
    expect(await bashOffers('signalbox run ua', server.env)).toEqual(['uat', 'uat-2']);
    expect(await bashOffers('signalbox env show ', server.env)).toEqual(['db', 'uat', 'uat-2']);
  });

  test('offers signals and barriers beside the commands below theirs', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'migrated']);
    await server.signalbox(['signal', 'other']);
    await server.send('PUT', '/v1/barriers/shards', { parties: 2 });
    expect(await bashOffers('signalbox wait mig', server.env)).toEqual(['migrated']);
    expect(await bashOffers('signalbox signal ', server.env)).toEqual(['list', 'show', 'migrated', 'other']);
    expect(await bashOffers('signalbox signal show o', server.env)).toEqual(['other']);
    expect(await bashOffers('signalbox signal migrated --cl', server.env)).toEqual(['--clear']);
    expect(await bashOffers('signalbox barrier sh', server.env)).toEqual(['show', 'shards']);
    expect(await bashOffers('signalbox env nonsense ', server.env)).toEqual([]);
  });

  test('evaluates no name that a server sends', async () => {
    const place = folder();
    const hostile = [`$(touch ${place}/was-here)`, `\`touch ${place}/was-here\``, '*', '~', "a'b", 'uat'];
    const items = hostile.map((name) => ({ name, capacity: 1 }));
    const server = await recordingServer({
      status: 200,
      body: JSON.stringify({ items, next: null, asOf: { seq: 1, at: '2026-11-21T12:00:00Z' } }),
    });
    expect(await bashOffers('signalbox status ', { SIGNALBOX_URL: server.url })).toEqual(['uat']);
    expect(existsSync(join(place, 'was-here'))).toBe(false);
  });

  test('offers contexts', async () => {
    const home = folder();
    mkdirSync(join(home, 'signalbox'));
    writeFileSync(
      join(home, 'signalbox', 'config.json'),
      JSON.stringify({
        current: null,
        contexts: { shop: { url: 'http://127.0.0.1:2' }, bank: { url: 'http://127.0.0.1:2' } },
      }),
    );
    expect(await bashOffers('signalbox context use s', { XDG_CONFIG_HOME: home })).toEqual(['shop']);
  });
});

describe('names from the server', () => {
  test('are silent when it is not there, wants a key, or is something else', async () => {
    const closed = await serve([], { API_KEY: 'right' });
    const other = await recordingServer({ status: 200, type: 'text/html', body: '<h1>nginx</h1>' });
    for (const url of ['http://127.0.0.1:2', closed.url, other.url, 'nonsense']) {
      expect(await signalbox(['completion', 'environments'], { SIGNALBOX_URL: url })).toMatchObject({
        code: 0,
        stdout: '',
        stderr: '',
      });
    }
  });

  test('that come too late are not waited for', async () => {
    const { createServer } = await import('node:http');
    const body = JSON.stringify({ items: [{ name: 'uat' }], next: null, asOf: { seq: 1, at: '2026-11-21T12:00:00Z' } });
    const timers: NodeJS.Timeout[] = [];
    const slow = createServer((_request, response) => {
      const answer = () => response.writeHead(200, { 'content-type': 'application/json' }).end(body);
      timers.push(setTimeout(answer, 5000));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      timers.forEach(clearTimeout);
      slow.close();
      slow.closeAllConnections();
    });
    await new Promise((resolve) => slow.once('listening', resolve));
    const { port } = slow.address() as { port: number };
    const env = { SIGNALBOX_URL: `http://127.0.0.1:${port}` };
    expect(await signalbox(['completion', 'environments'], env)).toMatchObject({ code: 0, stdout: '' });
    const patient = await signalbox(['completion', 'environments'], { ...env, ...PATIENT });
    expect(patient).toMatchObject({ code: 0, stdout: 'uat\n' });
  });
});

/** A folder in which `signalbox` is this checkout's. */
function onPath(): string {
  const place = folder();
  symlinkSync(`${root}/bin/signalbox`, join(place, 'signalbox'));
  return `${place}:${process.env.PATH ?? ''}`;
}

describe('fish', () => {
  test('offers commands, commands below them, flags and environments', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat']);
    const { stdout: script } = await signalbox(['completion', 'fish']);
    const offers = (line: string) => {
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', `${script}\ncomplete -C '${line}'`], {
        encoding: 'utf8',
        env: { PATH: onPath(), HOME: folder(), ...PATIENT, ...server.env },
      });
      expect(stderr).toBe('');
      return lines(stdout).map((offered) => offered.split('\t')[0]);
    };
    expect(offers('signalbox rel')).toEqual(['release']);
    expect(offers('signalbox env cl')).toEqual(['clean']);
    expect(offers('signalbox acquire --st')).toEqual(['--state']);
    expect(offers('signalbox run ua')).toEqual(['uat']);
  });
});

describe('zsh', () => {
  test('offers commands, commands below them, flags and environments', async () => {
    const server = await serve();
    await server.signalbox(['env', 'create', 'uat']);
    const { stdout: script } = await signalbox(['completion', 'zsh']);
    const offers = (line: string) => {
      const words = line.split(' ');
      // The completion system itself needs a terminal; what the script hands to it does not.
      const program = `compdef() { }; compadd() { [[ $1 == -a ]] && print -l -- \${(P)2} }; _files() { }
${script}
words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; _signalbox`;
      const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', program], {
        encoding: 'utf8',
        env: { PATH: onPath(), HOME: folder(), ...PATIENT, ...server.env },
      });
      expect(stderr).toBe('');
      return lines(stdout);
    };
    expect(offers('signalbox ')).toContain('release');
    expect(offers('signalbox env ')).toContain('clean');
    expect(offers('signalbox acquire --')).toContain('--state');
    expect(offers('signalbox run ')).toContain('uat');
    expect(offers('signalbox env show ')).toContain('uat');
  });
});
