// A started server of one system.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { end, removeDirectory, startServer, temporaryDirectory } from './children.ts';
import { processTree } from './proc.ts';
import type { Endpoint, System } from './systems/system.ts';

const READY_LIMIT_MS = 15_000;
const READY_EVERY_MS = 20;
const LOOK_LIMIT_MS = 2_000;

export class Server {
  readonly system: System;
  readonly endpoint: Endpoint;
  readonly #directory: string;
  readonly #process: ChildProcess;
  pids: number[] = [];
  /** From its start until it was ready. */
  startMs = 0;

  private constructor(system: System, endpoint: Endpoint, directory: string, process: ChildProcess) {
    this.system = system;
    this.endpoint = endpoint;
    this.#directory = directory;
    this.#process = process;
  }

  /** Throws, with the end of the server's log, when it does not get ready. */
  static async start(system: System, within: string, key: string, limitMs = READY_LIMIT_MS): Promise<Server> {
    const endpoint = { port: await freePort(), key };
    const directory = temporaryDirectory(within, system.name);
    const data = join(directory, 'data');
    mkdirSync(data, { mode: 0o700 });
    const log = join(directory, 'server.log');
    const sparePort = await freePort();
    const startedAt = performance.now();
    const started = startServer(system.launch(endpoint, data, sparePort), directory, log);
    const server = new Server(system, endpoint, directory, started);
    try {
      await server.#untilReady(limitMs);
      server.startMs = performance.now() - startedAt;
      return server;
    } catch (error) {
      const said = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' | ');
      server.stop();
      throw new Error(`${(error as Error).message}; it said: ${said || 'nothing'}`);
    }
  }

  /** How it ended by itself; null while it runs. */
  get ended(): number | string | null {
    return this.#process.exitCode ?? this.#process.signalCode;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  stop(): void {
    end(this.#process);
    removeDirectory(this.#directory);
  }

  async #untilReady(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    let last = 'no answer';
    this.#process.once('error', (error) => {
      last = error.message;
    });
    while (performance.now() < until) {
      if (this.#process.pid === undefined || this.#process.exitCode !== null) {
        throw new Error(`the server ended at its start (${this.#process.exitCode ?? last})`);
      }
      try {
        if (await within(LOOK_LIMIT_MS, this.system.ready(this.endpoint))) {
          this.pids = processTree(this.#process.pid);
          return;
        }
      } catch (error) {
        last = (error as Error).message;
      }
      await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
    }
    throw new Error(`the server was not ready after ${limitMs / 1000} s (${last})`);
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(late);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
