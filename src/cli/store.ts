// `signalbox store`: a copy of a server's store, its way back, and its way into a store of another kind. They work on the store
// itself and ask no server.

import { Option } from 'commander';
import { SERVER_OPTIONS, StartRefusal, serverSettings, variables } from '../config.ts';
import type { StoreSetting } from '../config-values.ts';
import { command, group } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { copyProgress, copySummary, nextSteps } from './store-copy.ts';
import { Failure } from './text/errors.ts';

interface SpaceFlags extends OutputFlags {
  readonly space?: string;
}

interface StoreFlags extends SpaceFlags {
  readonly store?: string;
}

export function storeCommand() {
  const made = group({
    name: 'store',
    summary: 'Back up, restore and move the store of a server.',
    examples: [
      ['signalbox store backup /backups/signalbox-monday.db', 'also while the server runs'],
      ['signalbox store restore /backups/signalbox-monday.db', 'the server must be stopped'],
      ['signalbox store copy sqlite:signalbox.db postgres://signalbox@db/signalbox', 'to several servers; and back'],
    ],
    notes: ['Restore only so, never by copying the file: it sees to it that no fence is given a second time.'],
  });
  made.addCommand(
    withStore(
      command({
        name: 'backup',
        summary: 'Copy the store into a new file, also while its server runs.',
        examples: [
          ['signalbox store backup /backups/monday.db', 'of ./signalbox.db, or SIGNALBOX_STORE'],
          ['signalbox store backup /backups/team-a.db --space team-a', 'one space alone'],
        ],
        notes: ['Each space has a file of its own: beside monday.db there is monday.team-a.db then.'],
      }),
    ).action(backup),
  );
  made.addCommand(
    withStore(
      command({
        name: 'restore',
        summary: 'Put a backup in the place of the store. What was there is kept beside it as .replaced.',
        examples: [
          ['signalbox store restore /backups/monday.db', 'its server must be stopped'],
          ['signalbox store restore /backups/monday.team-a.db --space team-a', 'one space alone'],
        ],
        notes: ['With the files of spaces that lie beside the backup.'],
      }),
    ).action(restore),
  );
  made.addCommand(
    command({
      name: 'copy',
      summary: 'Copy a store into a new one: from the file to PostgreSQL, and back.',
      examples: [
        ['signalbox store copy sqlite:signalbox.db postgres://signalbox@db/signalbox', 'the database must be empty'],
        ['signalbox store copy postgres://signalbox@db/signalbox sqlite:new.db', 'and back, into a new file'],
        [
          'signalbox store copy --space team-a postgres://signalbox@db/signalbox postgres://signalbox@db/team_a',
          'one space into a database of its own; then --space-stores',
        ],
      ],
      notes: [
        'All servers must be stopped, of both. The copy is read back and compared; if anything fails there is none.',
        'All spaces that are in the store are copied, or with --space that one, also into a store that holds others.',
        'A password belongs into PGPASSWORD: arguments can be read in the list of processes.',
        'Afterwards start servers on the new store only. Every new fence is higher than all before.',
      ],
    })
      .argument('<from>', 'sqlite:PATH or postgres://USER@HOST:PORT/DATABASE')
      .argument('<to>', 'the same, and there must be nothing there')
      .option('--space <name>', 'copy this one alone')
      .action(copy),
  );
  return made;
}

function withStore(made: ReturnType<typeof command>) {
  const { flag, environment, fallback } = SERVER_OPTIONS.store;
  return made
    .argument('<file>', 'the backup')
    .option('--space <name>', 'this one alone (default all that have a file beside the store)')
    .addOption(new Option(flag, `the store of the server (default ${fallback}; ${environment.join(', ')})`));
}

async function backup(file: string, flags: StoreFlags): Promise<void> {
  const out = new Output(flags);
  const { backUp } = await import('../store.ts');
  const store = storeOf(flags);
  const { spaces, elsewhere } = refusing(() => backUp(store, file, flags.space ?? null));
  if (out.json) return out.object({ backup: file, spaces, elsewhere });
  for (const each of spaces) out.talk(`${each.store} is copied to ${each.backup}`, '✓');
  for (const space of elsewhere)
    out.talk(`not in it: ${space}, which is in no file beside ${nameOf(store)}. Back up its own store too`);
}

async function restore(file: string, flags: StoreFlags): Promise<void> {
  const out = new Output(flags);
  const { putBack } = await import('../store.ts');
  const store = storeOf(flags);
  const { spaces, missing } = refusing(() => putBack(file, store, flags.space ?? null));
  if (out.json) return out.object({ restored: nameOf(store), epoch: spaces[0]?.epoch, spaces, missing });
  for (const each of spaces)
    out.talk(
      `${each.store} is what ${each.backup} holds; leases in it go on, and every new fence is higher than all before`,
      '✓',
    );
  for (const space of missing) out.talk(`not in it: ${space}, which is as it was`);
}

async function copy(from: string, to: string, flags: SpaceFlags): Promise<void> {
  const out = new Output(flags);
  const { copyInto } = await import('../store.ts');
  const [old, made] = [named('<from>', from), named('<to>', to)];
  const space = flags.space ?? null;
  const progress = copyProgress(out);
  const copied = await copyInto(old, made, { space, onProgress: progress.tell })
    .finally(progress.end)
    .catch((error) => refusing(() => raise(error)));
  if (out.json) return out.object({ copied });
  for (const line of copySummary(copied, space)) out.talk(line, '✓');
  for (const line of nextSteps(copied, to, space)) out.talk(line);
}

function named(argument: string, written: string): StoreSetting {
  const configured = serverSettings({ store: written }, postgresVariables());
  if (configured.outcome === 'ready') return configured.settings.store;
  throw new Failure({ what: configured.message.replace(/^--store/, argument), code: 'bad_setting' });
}

function storeOf(flags: StoreFlags): StoreSetting {
  // Only the store counts here: another setting that is wrong must not keep anybody from a backup.
  const { SIGNALBOX_STORE } = variables();
  const configured = serverSettings({ store: flags.store }, { SIGNALBOX_STORE });
  if (configured.outcome === 'ready') return configured.settings.store;
  throw new Failure({ what: configured.message, code: 'bad_setting' });
}

function postgresVariables() {
  return Object.fromEntries(Object.entries(variables()).filter(([name]) => name.startsWith('PG')));
}

function raise(error: unknown): never {
  throw error;
}

function nameOf(store: StoreSetting): string {
  return store.kind === 'sqlite' ? store.path : `${store.kind}:`;
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof StartRefusal) throw new Failure({ what: error.message, code: error.code, cause: error });
    throw error;
  }
}
