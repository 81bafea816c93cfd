// A started server of one system with the load generator that belongs to it.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { end, removeDirectory, startFork, startServer, temporaryDirectory } from './children.ts';
import type { Answer, CyclesJob, Figures, Job, QueueJob } from './load/job.ts';
import { processTree } from './proc.ts';
import type { Endpoint, System } from './systems/system.ts';

const READY_LIMIT_MS = 15_000;
const READY_EVERY_MS = 50;
const LOOK_LIMIT_MS = 2_000;

export class Instance {
  readonly system: System;
  readonly #endpoint: Endpoint;
  readonly #directory: string;
  readonly #server: ChildProcess;
  readonly #load: ChildProcess;
  #pids: number[] = [];
  /** Its load generator is still at an earlier measurement, whose answer would be taken for the next one's. */
  #late = false;

  private constructor(system: System, endpoint: Endpoint, directory: string, server: ChildProcess) {
    this.system = system;
    this.#endpoint = endpoint;
    this.#directory = directory;
    this.#server = server;
    this.#load = startFork(join(import.meta.dirname, 'load.ts'));
  }

  /** Throws, with the end of the server's log, when it does not get ready. */
  static async start(system: System, within: string, key: string): Promise<Instance> {
    const endpoint = { port: await freePort(), key };
    const directory = temporaryDirectory(within, system.name);
    const data = join(directory, 'data');
    mkdirSync(data, { mode: 0o700 });
    const log = join(directory, 'server.log');
    const server = startServer(system.launch(endpoint, data, await freePort()), directory, log);
    const instance = new Instance(system, endpoint, directory, server);
    try {
      await instance.#untilReady();
      return instance;
    } catch (error) {
      const said = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' | ');
      instance.stop();
      throw new Error(`${(error as Error).message}; it said: ${said || 'nothing'}`);
    }
  }

  /** One measurement. Throws when it failed or took longer than `limitMs`; the latter leaves the instance unusable. */
  async measure(work: CyclesJob | QueueJob, tag: string, limitMs: number): Promise<Figures> {
    if (this.#late) throw new Error('an earlier measurement did not end');
    const job: Job = { system: this.system.name, endpoint: this.#endpoint, pids: this.#pids, tag, work };
    const answer = await new Promise<Answer>((resolve) => {
      const failed = (reason: string) => finish({ outcome: 'failed', reason });
      const late = setTimeout(() => {
        this.#late = true;
        failed(`no result within ${Math.round(limitMs / 1000)} s`);
      }, limitMs);
      const gone = () => failed('the load generator ended');
      const finish = (message: Answer) => {
        clearTimeout(late);
        this.#load.off('message', finish).off('exit', gone);
        resolve(message);
      };
      this.#load.on('message', finish).once('exit', gone);
      if (this.#load.connected) this.#load.send(job);
      else gone();
    });
    if (answer.outcome === 'measured') return answer.figures;
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) {
      throw new Error(`the server ended (${this.#server.exitCode ?? this.#server.signalCode}); ${answer.reason}`);
    }
    throw new Error(answer.reason);
  }

  stop(): void {
    end(this.#load);
    end(this.#server);
    removeDirectory(this.#directory);
  }

  async #untilReady(): Promise<void> {
    const until = performance.now() + READY_LIMIT_MS;
    let last = 'no answer';
    this.#server.once('error', (error) => {
      last = error.message;
    });
    while (performance.now() < until) {
      if (this.#server.pid === undefined || this.#server.exitCode !== null) {
        throw new Error(`the server ended at its start (${this.#server.exitCode ?? last})`);
      }
      try {
        if (await within(LOOK_LIMIT_MS, this.system.ready(this.#endpoint))) {
          this.#pids = processTree(this.#server.pid);
          return;
        }
      } catch (error) {
        last = (error as Error).message;
      }
      await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
    }
    throw new Error(`the server was not ready after ${READY_LIMIT_MS / 1000} s (${last})`);
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
