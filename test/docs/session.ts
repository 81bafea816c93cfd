// One page's commands, as its reader would type them: one shell in a scratch folder, beside a private server. What always holds:
//   - the addresses that pages use (localhost:8080, --port 8081, …) are other, free ports here, and are written back in what is
//     printed, so that a page never meets a server of somebody else;
//   - nothing of this machine or of the CI that runs the tests is in the environment;
//   - at the end nothing that a page has started is left.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from './markdown.ts';
import { root } from './pages.ts';

/** Ports that pages may use. The first is the page's own server. */
const PORTS_OF_PAGES = [8080, 8081, 9000] as const;

export interface Ran {
  /** Null: it did not end in time. */
  readonly status: number | null;
  readonly output: string;
}

export class Session {
  readonly #folder: string;
  readonly #ports: ReadonlyMap<number, number>;
  readonly #mark = `SIGNALBOX_DOCS_SESSION=${randomUUID()}`;
  readonly #shell: ChildProcess;
  readonly #answers: Interface;
  /** Hears how the block that is running has ended. */
  #answered: (status: string) => void = () => {};
  #count = 0;
  #isOver = false;

  private constructor(ports: ReadonlyMap<number, number>) {
    this.#ports = ports;
    this.#folder = mkdtempSync(join(tmpdir(), 'signalbox-docs-'));
    this.#furnish();
    // Answers come on descriptor 3; each block's own output goes to a file, because what it leaves running keeps it open.
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: this.#folder,
      env: this.#env(),
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#answers = createInterface({ input: this.#shell.stdio[3] as NodeJS.ReadableStream });
    this.#answers.on('line', (status) => this.#answered(status));
    this.#shell.on('exit', (code) => {
      this.#isOver = true;
      this.#answered(String(code ?? 1));
    });
  }

  static async open(page: Page): Promise<Session> {
    const session = new Session(
      new Map(await Promise.all(PORTS_OF_PAGES.map(async (port) => [port, await freePort()] as const))),
    );
    for (const [, name] of page.blocks.flatMap((block) => [...block.text.matchAll(/(?<![\w/])\.\/([\w-]+\.sh)\b/g)])) {
      session.#script(name as string);
    }
    await session.#serve(wantedServer(page));
    return session;
  }

  /** Runs lines in the page's shell. `stopAtError`: as `bash -e` does, which also ends the shell. */
  async run(text: string, timeoutMs: number, options: { stopAtError: boolean; onTerminal?: boolean }): Promise<Ran> {
    if (this.#isOver) return { status: null, output: 'the shell had ended in an earlier block' };
    const name = join(this.#folder, '.runner', String(++this.#count));
    const lines = this.#toPorts(text);
    writeFileSync(`${name}.sh`, options.onTerminal ? `script -qefc ${quoted(lines)} /dev/null\n` : `${lines}\n`);
    writeFileSync(`${name}.out`, '');
    const answer = new Promise<string>((resolve) => (this.#answered = resolve));
    const script = `. ${quoted(`${name}.sh`)} < /dev/null > ${quoted(`${name}.out`)} 2>&1 3>&-`;
    // What the command before has left in `$?` is what `echo $?` shows.
    const line = options.stopAtError
      ? `set -eo pipefail; ${script}; set +eo pipefail; last=0; echo 0 >&3`
      : `(exit \${last:-0}); ${script}; last=$?; echo $last >&3`;
    this.#shell.stdin?.write(`${line}\n`);
    const ended = await Promise.race([answer, pause(timeoutMs, null, { ref: false })]);
    const output = this.#fromPorts(readFileSync(`${name}.out`, 'utf8'));
    return { status: ended === null ? null : Number(ended), output };
  }

  /** Ends everything, says what would not end by itself. */
  async close(): Promise<string[]> {
    if (!this.#isOver) kill(-(this.#shell.pid as number), 'SIGTERM');
    for (const pid of this.#started()) kill(pid, 'SIGTERM');
    for (let tries = 0; tries < 150 && this.#started().length > 0; tries++) await pause(100);
    const left = this.#started();
    const names = left.map(commandOf);
    if (!this.#isOver) kill(-(this.#shell.pid as number), 'SIGKILL');
    for (const pid of left) kill(pid, 'SIGKILL');
    this.#answers.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return names;
  }

  async #serve({
    flags,
    env,
  }: {
    flags: readonly string[] | null;
    env: Readonly<Record<string, string>>;
  }): Promise<void> {
    if (flags === null) return;
    const port = String(this.#ports.get(PORTS_OF_PAGES[0]));
    const server = spawn(join(root, 'bin/signalbox'), ['serve', '--port', port, '--host', '127.0.0.1', ...flags], {
      cwd: this.#folder,
      env: { ...this.#env(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (text: Buffer) => (said += text.toString()));
    for (let tries = 0; tries < 400; tries++) {
      if (server.exitCode !== null) break;
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(
        (reply) => reply.ok,
        () => false,
      );
      if (ready) return;
      await pause(50);
    }
    throw new Error(`the page's server did not start: ${said}`);
  }

  #env(): Record<string, string> {
    const [name = '', value = ''] = this.#mark.split('=');
    return {
      [name]: value,
      PORT: String(this.#ports.get(PORTS_OF_PAGES[0])),
      PATH: `${join(this.#folder, 'path')}:/usr/local/bin:/usr/bin:/bin`,
      HOME: this.#folder,
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      TERM: 'xterm',
      NO_COLOR: '1',
      SIGNALBOX_URL: `http://127.0.0.1:${this.#ports.get(PORTS_OF_PAGES[0])}`,
    };
  }

  /** A folder like a checkout, with the commands on the path too, as an installation has them. */
  #furnish(): void {
    for (const folder of ['bin', 'path']) {
      mkdirSync(join(this.#folder, folder));
      for (const name of ['signalbox', 'call-me-client'])
        symlinkSync(join(root, 'bin', name), join(this.#folder, folder, name));
    }
    symlinkSync(join(root, 'examples'), join(this.#folder, 'examples'));
    mkdirSync(join(this.#folder, '.runner'));
  }

  /** What pages call their own scripts: ./deploy.sh */
  #script(name: string): void {
    const file = join(this.#folder, name);
    writeFileSync(file, `#!/bin/sh\necho "${name}: done on \${SIGNALBOX_ENVIRONMENT:-nothing}"\n`);
    chmodSync(file, 0o755);
  }

  #toPorts(text: string): string {
    return text.replace(/(?<=(?:localhost|127\.0\.0\.1|0\.0\.0\.0):|--port[ =]|\bPORT=)(\d{4})\b/g, (port) =>
      String(this.#ports.get(Number(port)) ?? `no-page-may-use-${port}`),
    );
  }

  #fromPorts(text: string): string {
    let shown = text;
    for (const [ofPage, own] of this.#ports) shown = shown.replaceAll(String(own), String(ofPage));
    return shown;
  }

  /** Processes with this session's mark in their environment. */
  #started(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => environmentOf(pid).includes(this.#mark) && pid !== this.#shell.pid);
  }
}

/** `<!-- server: API_KEY=… --flag -->` on a page; without it a server without flags; `none`: the page starts its own. */
function wantedServer(page: Page): { flags: readonly string[] | null; env: Readonly<Record<string, string>> } {
  const written = page.prose
    .map((line) => /<!--\s*server:\s*(.*?)\s*-->/.exec(line)?.[1])
    .find((each) => each !== undefined);
  if (written === 'none') return { flags: null, env: {} };
  const words = (written ?? '').split(/\s+/).filter((word) => word !== '');
  const settings = words.filter((word) => /^[A-Z_]+=/.test(word));
  return {
    flags: words.filter((word) => !settings.includes(word)),
    env: Object.fromEntries(
      settings.map((setting) => [setting.slice(0, setting.indexOf('=')), setting.slice(setting.indexOf('=') + 1)]),
    ),
  };
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return `process ${pid}`;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * A port that nobody uses, outside of those that the system gives to whoever asks for any: a page may use it only after a
 * while, and other tests start servers meanwhile.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
