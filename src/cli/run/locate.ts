// Whether the command can be run at all, looked at before a place in the queue is asked for: nobody waits an hour for a typo.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type Located =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'not_executable'; readonly path: string; readonly why: string };

/** As execvp looks: with a slash it is a path, else the directories of PATH in order. */
export function locate(command: string, searchPath: string | undefined): Located {
  if (command.includes('/')) return look(command);
  let found: Located = { kind: 'missing' };
  for (const directory of (searchPath ?? '/usr/bin:/bin').split(delimiter)) {
    const here: Located = command === '' ? found : look(join(directory === '' ? '.' : directory, command));
    if (here.kind === 'found') return here;
    if (here.kind === 'not_executable' && found.kind === 'missing') found = here;
  }
  return found;
}

function look(path: string): Located {
  try {
    if (statSync(path).isDirectory()) return { kind: 'not_executable', path, why: 'is a directory' };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'EACCES' ? { kind: 'not_executable', path, why: 'may not be read' } : { kind: 'missing' };
  }
  try {
    accessSync(path, constants.X_OK);
    return { kind: 'found', path };
  } catch {
    return { kind: 'not_executable', path, why: 'is not executable (chmod +x)' };
  }
}
