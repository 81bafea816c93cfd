// Who sits at this machine, for those who wait for them.

import { hostname, userInfo } from 'node:os';
import { type Variables, variable } from '../../config.ts';

export function thisMachine(env: Variables): { user: string; host: string } {
  return { user: userName(env), host: hostname() };
}

/** In a container the user often has a number and no name; `userInfo` throws then. */
function userName(env: Variables): string {
  try {
    return userInfo().username;
  } catch {
    return variable(env, 'USER') ?? variable(env, 'LOGNAME') ?? `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
