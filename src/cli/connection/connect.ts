// From flags to a client that is ready to be used, and from its outcomes to values or errors. The only place in the CLI that
// makes a client.

import { Client, type ClientOptions } from '../../client/client.ts';
import type { Outcome } from '../../client/outcome.ts';
import { type Variables, variables } from '../../config.ts';
import { failureOf } from './failures.ts';
import { prepareNetwork } from './network.ts';
import { type ClientSettings, type ConnectionFlags, clientSettings } from './settings.ts';

export interface Connection {
  readonly client: Client;
  readonly settings: ClientSettings;
  /** The value of an outcome, or the failure thrown as an error that names this server and this key. */
  readonly need: <Value>(outcome: Outcome<Value>) => Value;
}

export function connect(flags: ConnectionFlags, env: Variables = variables()): Promise<Connection> {
  return openConnection(clientSettings(flags, env), env);
}

/** For settings that come from elsewhere: a login that is only tried. */
export async function openConnection(
  settings: ClientSettings,
  env: Variables = variables(),
  fetch?: ClientOptions['fetch'],
): Promise<Connection> {
  await prepareNetwork(settings, env);
  const client = new Client({ url: settings.url.value, key: settings.key?.value ?? null, ...(fetch && { fetch }) });
  return {
    client,
    settings,
    need: (outcome) => {
      if (outcome.ok) return outcome.value;
      throw failureOf(outcome, settings);
    },
  };
}
