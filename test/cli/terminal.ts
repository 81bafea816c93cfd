// What a person sees: a command on a terminal of its own.

import { root, startFile } from './process.ts';
import type { Server } from './real-server.ts';

/** `columns` wide. */
export async function onTerminal(
  server: Pick<Server, 'env'>,
  command: string,
  columns = 120,
  env: Record<string, string> = {},
): Promise<string> {
  const typed = `stty cols ${columns}; ${root}/bin/signalbox ${command}`;
  const { stdout } = await startFile('script', ['-qec', typed, '/dev/null'], { TERM: 'xterm', ...server.env, ...env })
    .ended;
  return stdout.replaceAll('\r\n', '\n');
}

/** Without colours. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken out
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}
