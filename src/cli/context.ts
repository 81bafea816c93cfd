// `signalbox context`: the servers that somebody has logged in to, and which of them counts.

import { variables } from '../config.ts';
import { type Contexts, contextsFile, readContexts, writeContexts } from './connection/contexts.ts';
import { keyShown } from './connection/failures.ts';
import { command, group } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { Failure } from './text/errors.ts';
import { didYouMean } from './text/nearest.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';

export function contextCommand() {
  const made = group({
    name: 'context',
    summary: 'Servers that you have logged in to.',
    examples: [
      ['signalbox context list', 'all of them; the current one is marked'],
      ['signalbox context use shop', 'the one that counts from now on'],
      ['signalbox context remove shop', 'forget it and its key'],
    ],
    notes: ['SIGNALBOX_URL and SIGNALBOX_KEY go before the current context. A new one: signalbox login URL'],
  });
  made.addCommand(
    command({
      name: 'list',
      summary: 'All contexts.',
      examples: [['signalbox context list', 'never shows a key']],
    }).action(list),
  );
  made.addCommand(
    command({
      name: 'use',
      summary: 'Make one the current one.',
      examples: [['signalbox context use shop', 'from now on']],
    })
      .argument('<name>')
      .action(use),
  );
  made.addCommand(
    command({
      name: 'remove',
      summary: 'Forget a server and its key.',
      examples: [['signalbox context remove shop', 'the key itself stays valid']],
    })
      .argument('<name>')
      .action(remove),
  );
  return made;
}

async function list(flags: OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { current, byName } = readContexts(contextsFile(variables()));
  const entries = Object.entries(byName).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (out.json) {
    const items = entries.map(([name, { url, caFile, space }]) => ({
      name,
      current: name === current,
      url,
      caFile,
      space,
    }));
    return out.object({ items });
  }
  if (entries.length === 0) return out.talk('none yet: signalbox login https://signalbox.example');
  const someNameSpaces = entries.some(([, { space }]) => space !== null);
  const rows = entries.map(([name, { url, key, space }]) => {
    const shown = key === null ? 'no key' : keyShown(key);
    const row = out.answersTerminal
      ? [name === current ? '●' : '', name, url, shown]
      : [name, url, shown, name === current ? 'current' : ''];
    return someNameSpaces ? [...row, foreign(space ?? '', 60)] : row;
  });
  out.answer(
    ...table(['', 'CONTEXT', 'SERVER', 'KEY', ...(someNameSpaces ? ['SPACE'] : [])], rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
    }),
  );
}

function use(name: string, flags: OutputFlags): void {
  const out = new Output(flags);
  change(name, (contexts) => ({ ...contexts, current: name }));
  out.talk(`${name} is the current context`, '✓');
}

function remove(name: string, flags: OutputFlags): void {
  const out = new Output(flags);
  change(name, ({ current, byName }) => ({
    current: current === name ? null : current,
    byName: Object.fromEntries(Object.entries(byName).filter(([other]) => other !== name)),
  }));
  out.talk(`${name} is forgotten here; its key stays valid until an admin deletes it`, '✓');
}

function change(name: string, to: (contexts: Contexts) => Contexts): void {
  const file = contextsFile(variables());
  const contexts = readContexts(file);
  const names = Object.keys(contexts.byName);
  if (!names.includes(name)) {
    throw new Failure({
      what: `there is no context "${name}".${didYouMean(name, names)}`,
      code: 'usage',
      more: [
        names.length === 0
          ? 'There are none yet: signalbox login https://signalbox.example'
          : `There are: ${names.join(', ')}`,
      ],
    });
  }
  writeContexts(file, to(contexts));
}
