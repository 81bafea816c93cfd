// Every command: its name, a line about it, and where its code is. The code of a command is loaded only when it is called, so
// that `signalbox run true` does not pay for the server.

import type { Entry, Group } from './entry.ts';

export const CATALOGUE: readonly Group[] = [
  {
    title: 'Take turns',
    entries: [
      {
        name: 'run',
        summary: 'queue, run a command while the environment is yours, release',
        load: async () => (await import('../run/command.ts')).runCommand(),
      },
      {
        name: 'acquire',
        alias: 'request',
        summary: 'take an environment and keep it over several steps',
        load: async () => (await import('../acquire.ts')).acquireCommand(),
      },
      {
        name: 'renew',
        summary: 'keep what acquire took',
        load: async () => (await import('../renew.ts')).renewCommand(),
      },
      {
        name: 'release',
        summary: 'give back what acquire took',
        load: async () => (await import('../release.ts')).releaseCommand(),
      },
      {
        name: 'check',
        summary: 'is the lease still current? exit 0 or 1',
        load: async () => (await import('../check.ts')).checkCommand(),
      },
    ],
  },
  {
    title: 'Meet',
    entries: [
      {
        name: 'wait',
        summary: 'until signals, barriers, ports, addresses, databases are ready',
        load: async () => (await import('../wait.ts')).waitCommand(),
      },
      {
        name: 'signal',
        summary: 'tell those who wait that something is done, or has failed',
        load: async () => (await import('../signal.ts')).signalCommand(),
      },
      {
        name: 'barrier',
        summary: 'go on when all parties have come',
        load: async () => (await import('../barrier.ts')).barrierCommand(),
      },
    ],
  },
  {
    title: 'Get machines',
    entries: [
      {
        name: 'build',
        summary: 'create, list, show, cancel builds, machines that are made for you, and their logs',
        load: async () => (await import('../build.ts')).buildCommand(),
      },
      {
        name: 'pool',
        summary: 'list, show, create, set, delete pools: machines that are built when somebody queues for them',
        load: async () => (await import('../pool.ts')).poolCommand(),
      },
      {
        name: 'image',
        summary: 'list, set, forget what machines are made from',
        load: async () => (await import('../image.ts')).imageCommand(),
      },
      {
        name: 'instance',
        summary: 'list, terminate machines, and say that one is ready',
        load: async () => (await import('../instance.ts')).instanceCommand(),
      },
      {
        name: 'job',
        summary: 'list what is to be done about machines, and what was given up',
        load: async () => (await import('../job.ts')).jobCommand(),
      },
    ],
  },
  {
    title: 'Look',
    entries: [
      {
        name: 'status',
        summary: 'who holds what, since when, who waits',
        load: async () => (await import('../status.ts')).statusCommand(),
      },
      {
        name: 'waits',
        summary: 'who waits for what, and what was waited for in vain',
        load: async () => (await import('../waits.ts')).waitsCommand(),
      },
      {
        name: 'queue',
        summary: 'who waits for an environment, and why',
        load: async () => (await import('../queue.ts')).queueCommand(),
      },
      {
        name: 'history',
        summary: 'what happened, and who did it',
        load: async () => (await import('../history.ts')).historyCommand(),
      },
    ],
  },
  {
    title: 'Step in',
    entries: [
      {
        name: 'revoke',
        summary: 'take an environment away from its holder',
        load: async () => (await import('../revoke.ts')).revokeCommand(),
      },
      {
        name: 'freeze',
        summary: 'let nobody new in',
        load: async () => (await import('../freeze.ts')).freezeCommand(),
      },
      { name: 'unfreeze', summary: 'end a freeze', load: async () => (await import('../freeze.ts')).unfreezeCommand() },
      {
        name: 'env',
        summary: 'list, show, create, set, delete, clean, drain, open environments',
        load: async () => (await import('../env.ts')).envCommand(),
      },
    ],
  },
  {
    title: 'Set up',
    entries: [
      { name: 'serve', summary: 'start a server', load: async () => (await import('../serve.ts')).serveCommand() },
      {
        name: 'worker',
        summary: 'make machines and end them, as a process beside the server',
        load: async () => (await import('../worker.ts')).workerCommand(),
      },
      {
        name: 'key',
        summary: 'list, create, delete, generate keys',
        load: async () => (await import('../key.ts')).keyCommand(),
      },
      {
        name: 'space',
        summary: 'list, create, remove spaces: a world of its own for each team',
        load: async () => (await import('../space.ts')).spaceCommand(),
      },
      {
        name: 'login',
        summary: 'try a key and keep it for the commands that follow',
        load: async () => (await import('../login.ts')).loginCommand(),
      },
      {
        name: 'context',
        summary: 'list, use, remove servers that you have logged in to',
        load: async () => (await import('../context.ts')).contextCommand(),
      },
      {
        name: 'doctor',
        summary: 'which server, which key, and does all of it work?',
        load: async () => (await import('../doctor.ts')).doctorCommand(),
      },
      {
        name: 'completion',
        summary: 'completion for bash, zsh, fish',
        load: async () => (await import('../completion.ts')).completionCommand(ENTRIES),
      },
      {
        name: 'store',
        summary: 'back up, restore and move the store of a server',
        load: async () => (await import('../store.ts')).storeCommand(),
      },
    ],
  },
];

export const ENTRIES: readonly Entry[] = CATALOGUE.flatMap((group) => group.entries);

export function findEntry(name: string): Entry | null {
  return ENTRIES.find((entry) => entry.name === name || entry.alias === name) ?? null;
}

/** Names as they may be typed, aliases too. */
export const COMMAND_NAMES: readonly string[] = ENTRIES.flatMap((entry) =>
  entry.alias === undefined ? [entry.name] : [entry.name, entry.alias],
);
