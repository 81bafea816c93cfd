// Starts server-child.ts, and knows what it has acknowledged.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

export class ServerProcess {
  readonly #child: ChildProcess;
  readonly pid: number;
  /** The last turn that it has said to be durable; 0 = none. */
  acknowledged = 0;
  #wake: () => void = () => {};
  readonly #exited: Promise<unknown>;

  private constructor(path: string) {
    const file = new URL('./server-child.ts', import.meta.url).pathname;
    this.#child = spawn(process.execPath, [file, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.pid = this.#child.pid as number;
    this.#exited = once(this.#child, 'exit');
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      this.acknowledged = Number(line) || this.acknowledged;
      this.#wake();
    });
  }

  /** To be called within a test, which ends it. Resolves once the store is open. */
  static async start(path: string): Promise<ServerProcess> {
    const server = new ServerProcess(path);
    onTestFinished(() => server.kill());
    await server.#line();
    return server;
  }

  /** Resolves once it has acknowledged so many turns in all. */
  async hasTaken(turns: number): Promise<void> {
    while (this.acknowledged < turns) await this.#line();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    // What it wrote before is still to be read.
    if (this.#child.stdout?.readableEnded === false) await once(this.#child.stdout, 'close');
  }

  #line(): Promise<void> {
    const line = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const died = this.#exited.then(() => {
      throw new Error('the server ended by itself');
    });
    return Promise.race([line, died]);
  }
}
