// A started server of one system with the load generator that belongs to it.

import { Generator } from './generator.ts';
import type { Figures, Work } from './load/job.ts';
import { Server } from './server.ts';
import type { System } from './systems/system.ts';

export class Instance {
  readonly system: System;
  readonly #server: Server;
  readonly #load = new Generator();

  private constructor(server: Server) {
    this.system = server.system;
    this.#server = server;
  }

  /** Throws, with the end of the server's log, when it does not get ready. */
  static async start(system: System, within: string, key: string): Promise<Instance> {
    return new Instance(await Server.start(system, within, key));
  }

  /** One measurement. Throws when it failed or took longer than `limitMs`; the latter leaves the instance unusable. */
  async measure(work: Work, tag: string, limitMs: number): Promise<Figures> {
    const { endpoint, pids } = this.#server;
    try {
      return await this.#load.measure({ system: this.system.name, endpoint, pids, tag, work }, limitMs);
    } catch (error) {
      const { ended } = this.#server;
      throw ended === null ? error : new Error(`the server ended (${ended}); ${(error as Error).message}`);
    }
  }

  stop(): void {
    this.#load.stop();
    this.#server.stop();
  }
}
