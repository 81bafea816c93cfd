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
    title: 'Look',
    entries: [
      {
        name: 'status',
        summary: 'who holds what, since when, who waits',
        load: async () => (await import('../status.ts')).statusCommand(),
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
        name: 'key',
        summary: 'list, create, delete, generate keys',
        load: async () => (await import('../key.ts')).keyCommand(),
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
        summary: 'back up and restore the store of a server',
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
