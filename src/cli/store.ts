// `signalbox store`: a copy of a server's store, and its way back. Both work on files of this machine and ask no server.

import { Option } from 'commander';
import { SERVER_OPTIONS, StartRefusal, type StoreSetting, serverSettings, variables } from '../config.ts';
import { command, group } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { Failure } from './text/errors.ts';

interface StoreFlags extends OutputFlags {
  readonly store?: string;
}

export function storeCommand() {
  const made = group({
    name: 'store',
    summary: 'Back up and restore the store of a server.',
    examples: [
      ['signalbox store backup /backups/signalbox-monday.db', 'also while the server runs'],
      ['signalbox store restore /backups/signalbox-monday.db', 'the server must be stopped'],
    ],
    notes: ['Restore only so, never by copying the file: it sees to it that no fence is given a second time.'],
  });
  made.addCommand(
    withStore(
      command({
        name: 'backup',
        summary: 'Copy the store into a new file, also while its server runs.',
        examples: [['signalbox store backup /backups/monday.db', 'of ./signalbox.db, or SIGNALBOX_STORE']],
      }),
    ).action(backup),
  );
  made.addCommand(
    withStore(
      command({
        name: 'restore',
        summary: 'Put a backup in the place of the store. What was there is kept beside it as .replaced.',
        examples: [['signalbox store restore /backups/monday.db', 'its server must be stopped']],
      }),
    ).action(restore),
  );
  return made;
}

function withStore(made: ReturnType<typeof command>) {
  const { flag, environment, fallback } = SERVER_OPTIONS.store;
  return made
    .argument('<file>', 'the backup')
    .addOption(new Option(flag, `the store of the server (default ${fallback}; ${environment.join(', ')})`));
}

async function backup(file: string, flags: StoreFlags): Promise<void> {
  const out = new Output(flags);
  const { backUp } = await import('../store.ts');
  const store = storeOf(flags);
  refusing(() => backUp(store, file));
  if (out.json) out.object({ backup: file });
  else out.talk(`${nameOf(store)} is copied to ${file}`, '✓');
}

async function restore(file: string, flags: StoreFlags): Promise<void> {
  const out = new Output(flags);
  const { putBack } = await import('../store.ts');
  const store = storeOf(flags);
  const { epoch } = refusing(() => putBack(file, store));
  if (out.json) out.object({ restored: nameOf(store), epoch });
  else
    out.talk(
      `${nameOf(store)} is what ${file} holds; leases in it go on, and every new fence is higher than all before`,
      '✓',
    );
}

function storeOf(flags: StoreFlags): StoreSetting {
  // Only the store counts here: another setting that is wrong must not keep anybody from a backup.
  const { SIGNALBOX_STORE } = variables();
  const configured = serverSettings({ store: flags.store }, { SIGNALBOX_STORE });
  if (configured.outcome === 'ready') return configured.settings.store;
  throw new Failure({ what: configured.message, code: 'bad_setting' });
}

function nameOf(store: StoreSetting): string {
  return store.kind === 'sqlite' ? store.path : 'memory:';
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof StartRefusal) throw new Failure({ what: error.message, code: error.code, cause: error });
    throw error;
  }
}
