// A real server, as people start it: `bin/signalbox serve` on a free port, forgetting everything at the end.

import { type Env, type Started, signalbox, start } from './process.ts';

export interface Server {
  readonly url: string;
  /** For the commands that talk to it. */
  readonly env: Env;
  readonly process: Started;
  /** Runs a command against it. */
  readonly signalbox: (args: readonly string[], env?: Env, input?: string) => ReturnType<typeof signalbox>;
  /** A request that no command makes; its answer is whatever the test says it is. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
  readonly send: (method: string, path: string, body?: unknown) => Promise<any>;
}

/** With a key when `env` holds API_KEY; the commands then use it. Ends with the test. */
export async function serve(args: readonly string[] = [], env: Env = {}): Promise<Server> {
  const process = start(
    'signalbox',
    ['serve', '--json', '--port', '0', '--host', '127.0.0.1', '--store', 'memory:', '--log-level', 'silent', ...args],
    env,
  );
  await process.says(/"url":"[^"]+"/);
  const { url } = JSON.parse(process.stdout().split('\n')[0] ?? '') as { url: string };
  const clientEnv: Env = { SIGNALBOX_URL: url, ...(env.API_KEY !== undefined && { SIGNALBOX_KEY: env.API_KEY }) };
  return {
    url,
    env: clientEnv,
    process,
    signalbox: (each, more = {}, input = '') => signalbox(each, { ...clientEnv, ...more }, input),
    send: async (method, path, body) => {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (env.API_KEY !== undefined) headers.authorization = `Bearer ${env.API_KEY}`;
      const response = await fetch(`${url}${path}`, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return text === '' ? null : JSON.parse(text);
    },
  };
}
