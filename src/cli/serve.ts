// `signalbox serve`: from flags and variables to a running server, and the words it starts with. The server itself, and all
// that it loads, comes in by src/main.ts only here.

import { existsSync } from 'node:fs';
import { Option } from 'commander';
import {
  SERVER_OPTIONS,
  type ServerFlags,
  type ServerSettings,
  StartRefusal,
  serverSettings,
  variable,
  variables,
} from '../config.ts';
import type { RunningServer } from '../main.ts';
import { command } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { version } from './frame/version.ts';
import { Failure } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';

/** Close is asked to be done in less; whoever stopped us would kill us anyway. */
const CLOSE_MS = 10_000;
const ON_TERMINAL = 'warn';

export function serveCommand() {
  const made = command({
    name: 'serve',
    summary: 'Start a server. Without a key it listens on this machine only.',
    examples: [
      ['signalbox serve', 'for this machine, kept in ./signalbox.db'],
      ['export API_KEY=$(signalbox key generate); signalbox serve', 'for a team; the key is admin'],
      ['signalbox serve --store sqlite:/var/lib/signalbox/store.db --port 8000', 'somewhere else'],
    ],
    notes: [
      'Each setting: the flag, else the variable in brackets, else the default.',
      'API_KEY (or PUDDING_AUTH_TOKEN): a key with the scope admin. Other keys: signalbox key create.',
      'TERM stops it: waiters are told where they stand, and keep their places.',
    ],
  });
  for (const { flag, environment, help, fallback } of Object.values(SERVER_OPTIONS)) {
    const usual = fallback === null || fallback === '' || !flag.includes('<') ? '' : `default ${fallback}; `;
    const option = new Option(flag, `${help} (${usual}${environment.join(', ')})`);
    // `--no-rendezvous` is a switch of that name, not the opposite of another one.
    option.negate = false;
    made.addOption(option);
  }
  return made.action(async (flags: ServerFlags & OutputFlags) => {
    const out = new Output(flags);
    const settings = await checkedSettings(flags);
    // Listened for from the beginning: whoever reads the first line may stop the server at once.
    const stopped = stopSignal();
    const server = await started(settings);
    for (const line of welcome(server, settings, out)) out.answer(line);
    const failure = await Promise.race([stopped, server.stopAsked, server.failed]);
    setTimeout(() => process.exit(EXIT.no), CLOSE_MS).unref();
    await server.close();
    // Whoever watches over it starts it again, and that start finds out what was kept.
    if (failure instanceof Error)
      throw new Failure({ what: `the store has failed: ${failure.message}`, code: 'store_broken' });
  });
}

async function checkedSettings(flags: ServerFlags): Promise<ServerSettings> {
  const env = variables();
  // On a terminal a person reads: the log would bury the lines that say what to do.
  const isQuiet =
    process.stdout.isTTY === true && flags.logLevel === undefined && variable(env, 'SIGNALBOX_LOG_LEVEL') === null;
  const { readConfigFile } = await import('../config-file.ts');
  const configured = serverSettings(isQuiet ? { ...flags, logLevel: ON_TERMINAL } : flags, env, readConfigFile);
  if (configured.outcome === 'ready') return configured.settings;
  throw new Failure({ what: configured.message, code: 'bad_setting' });
}

async function started(settings: ServerSettings): Promise<RunningServer> {
  const { startServer } = await import('../main.ts');
  try {
    return await startServer(settings);
  } catch (error) {
    if (error instanceof StartRefusal) throw new Failure({ what: error.message, code: error.code, cause: error });
    throw error;
  }
}

function welcome(server: RunningServer, settings: ServerSettings, out: Output): string[] {
  if (out.json) {
    const { url, store, isNew, keysOn } = server;
    return [JSON.stringify({ version: version(), url, store, isNew, keysOn })];
  }
  const keys = server.keysOn
    ? 'keys on'
    : settings.insecure
      ? 'no key: open to everyone who reaches it'
      : 'no key: this machine only';
  const first = `Signalbox ${version()} on ${server.url} · store ${server.store} (${server.isNew ? 'new' : server.summary}) · ${keys}`;
  if (!out.answersTerminal || !server.isNew || server.keysOn) return [first];
  const isCheckout = existsSync('bin/signalbox');
  const program = isCheckout ? './bin/signalbox' : 'signalbox';
  const again = isCheckout ? 'npm start --' : 'signalbox serve';
  const where = settings.port === 8080 ? '' : `SIGNALBOX_URL=${server.url} `;
  return [
    first,
    `  Try it in another shell:   ${where}${program} run uat -- sleep 30`,
    `  Watch it:                  ${server.url}`,
    `  For a team:                export API_KEY=$(${program} key generate) && ${again} --host 0.0.0.0`,
  ];
}

/** Resolves when somebody wants the server to end; a second signal ends it at once, unfinished. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const [name, code] of [
      ['SIGINT', EXIT.interrupted],
      ['SIGTERM', EXIT.terminated],
      ['SIGHUP', 129],
    ] as const) {
      let seen = false;
      process.on(name, () => {
        if (seen) process.exit(code);
        seen = true;
        resolve();
      });
    }
  });
}
