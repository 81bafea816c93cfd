// A real server in a process of its own, that can be killed at any moment and started again on the same store and port.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/signalbox', import.meta.url));

export class ServerProcess {
  readonly url: string;
  readonly #folder: string;
  readonly #flags: readonly string[];
  readonly #variables: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  /** What the server has written to stderr and stdout, for a failed test. */
  output = '';

  private constructor(port: number, flags: readonly string[], variables: Readonly<Record<string, string>>) {
    this.#variables = variables;
    this.#folder = mkdtempSync(join(tmpdir(), 'signalbox-crash-'));
    this.url = `http://127.0.0.1:${port}`;
    this.#flags = [
      '--port',
      String(port),
      '--store',
      `sqlite:${join(this.#folder, 'store.db')}`,
      '--log-level',
      'error',
      ...flags,
    ];
  }

  static async create(
    flags: readonly string[] = [],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    return new ServerProcess(await freePort(), flags, variables);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and resolves once it can decide. */
  async start(): Promise<void> {
    const child = spawn(program, ['serve', ...this.#flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#variables },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    for (let tries = 0; tries < 600; tries++) {
      if (child.exitCode !== null) throw new Error(`the server did not start: ${this.output}`);
      const ready = await fetch(`${this.url}/readyz`).then(
        (reply) => reply.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`the server was not ready in time: ${this.output}`);
  }

  /** Ends it as a power cut would end the process: no handler runs. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
