// From flags to a client that is ready to be used, and from its outcomes to values or errors. No command says by itself which
// server, key and space a client is for.

import { Client, type ClientOptions } from '../../client/client.ts';
import type { Outcome } from '../../client/outcome.ts';
import { type Variables, variables } from '../../config.ts';
import { failureOf, type Subject } from './failures.ts';
import { prepareNetwork } from './network.ts';
import { type ClientSettings, type ConnectionFlags, clientSettings } from './settings.ts';

export interface Connection {
  readonly client: Client;
  readonly settings: ClientSettings;
  /** The value of an outcome, or the failure thrown as an error that names this server and this key. */
  readonly need: <Value>(outcome: Outcome<Value>, subject?: Subject) => Value;
}

export function connect(flags: ConnectionFlags, env: Variables = variables()): Promise<Connection> {
  return openConnection(clientSettings(flags, env), env);
}

/** Which server, with which key, in which space. */
export function clientOptions({ url, key, space }: ClientSettings): ClientOptions {
  return { url: url.value, key: key?.value ?? null, space: space?.value ?? null };
}

/** Where what was made is found by whoever shows another key, or none; null: in main, or where the key says. */
export async function spaceInWhich(
  { client, settings }: Pick<Connection, 'client' | 'settings'>,
  signal?: AbortSignal,
): Promise<string | null> {
  if (settings.space !== null) return settings.space.value;
  if (settings.key === null) return null;
  const me = await client.me({ timeoutMs: 5_000, ...(signal !== undefined && { signal }) });
  return me.ok && me.value.space !== 'main' ? me.value.space : null;
}

/** For settings that come from elsewhere: a login that is only tried. */
export async function openConnection(
  settings: ClientSettings,
  env: Variables = variables(),
  fetch?: ClientOptions['fetch'],
): Promise<Connection> {
  await prepareNetwork(settings, env);
  const client = new Client({ ...clientOptions(settings), ...(fetch && { fetch }) });
  return {
    client,
    settings,
    need: (outcome, subject) => {
      if (outcome.ok) return outcome.value;
      throw failureOf(outcome, settings, null, subject);
    },
  };
}
