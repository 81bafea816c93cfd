// `signalbox worker`: a process beside the server that makes machines and ends them. It claims jobs over HTTP and writes down each
// step there, so that it may die at any point, and so may the server; where REDIS_URL is set, jobs come to it by way of Redis.

import { Option } from 'commander';
import type { Outcome as Reply } from '../client/outcome.ts';
import { failureWords, isTransient } from '../client/outcome.ts';
import { pause } from '../client/pause.ts';
import { SERVER_OPTIONS, type ServerFlags, type ServerSettings, serverSettings, variables } from '../config.ts';
import type { Attempt } from '../provision/attempt.ts';
import type { Task } from '../provision/task.ts';
import { connect } from './connection/connect.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { version } from './frame/version.ts';
import { Failure } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { foreign } from './text/sanitize.ts';
import { Absence } from './worker/remote-desk.ts';

const GRACE_MS = 7_000;
const EXIT_MS = 10_000;
const FIRST_TRY_MS = 500;

type Flags = ServerFlags & ConnectionFlags & OutputFlags;

export function workerCommand() {
  const made = withConnection(
    command({
      name: 'worker',
      summary: 'Make machines and end them, as a process beside the server.',
      examples: [
        ['signalbox worker --driver ec2', 'works for the server at SIGNALBOX_URL'],
        ['signalbox worker --driver command:./machines.sh', 'with a driver of your own'],
      ],
      notes: [
        'The server is told to leave the work to workers: signalbox serve --no-worker.',
        'The key needs the scopes build and terminate. There may be several workers, and any may die.',
        'With REDIS_URL, which the server must have too, jobs come by way of Redis; then the key needs read as well.',
        'TERM stops it: what can be finished within seconds is finished, the rest is left to others.',
      ],
    }),
  );
  for (const { flag, environment, help } of [
    SERVER_OPTIONS.driver,
    SERVER_OPTIONS.config,
    SERVER_OPTIONS.redisNamespace,
  ])
    made.addOption(new Option(flag, `${help} (${environment.join(', ')})`));
  return made.action(work);
}

async function work(flags: Flags): Promise<void> {
  const out = new Output(flags);
  const { driver: given, file, redis } = await checkedSettings(flags);
  if (given === null)
    throw new Failure({
      what: 'a worker needs a driver, and there is none.',
      code: 'bad_setting',
      more: [
        '--driver ec2 or command:PATH (SIGNALBOX_DRIVER), or AWS credentials in the environment: docs/machines.md',
      ],
    });
  const { client, need, settings } = await connect(flags);
  const interruption = new Interruption(false);
  const absence = new Absence((line) => out.talk(line));
  const me = need(await whenThere(() => client.me(), absence, interruption.signal));
  absence.over();
  const needed = ['build', 'terminate', ...(redis === null ? [] : ['read'])];
  for (const scope of needed)
    if (!me.scopes.includes(scope) && !me.scopes.includes('admin'))
      throw new Failure({
        what: `this key may not work on jobs: it has ${me.scopes.join(', ') || 'nothing'}, it needs ${needed.join(', ')}.`,
        code: 'forbidden',
        more: [`signalbox key create worker --scope ${needed.join(',')}`],
      });
  const { openDriver } = await import('../provision/open.ts');
  const driver = await openDriver(given, file.ec2);
  if (driver === null) return;
  const { startWork } = await import('./worker/start.ts');
  const worker = `wk_${randomName()}`;
  const gone = new AbortController();
  const space = settings.space?.value ?? me.space;
  const running = startWork({
    ...{ client, driver, worker, absence, space, redis, version: version(), signal: gone.signal },
    clientOf: async (name) => (await connect({ ...flags, space: name })).client,
    say: (line) => out.talk(line),
    onAttempt: (task, attempt, tookMs) => tell(out, task, attempt, tookMs),
  });
  const from = redis === null ? '' : ' by way of Redis';
  if (out.json) out.objectLine({ version: version(), url: client.url, space, driver: driver.name, worker });
  else
    out.answer(
      `Signalbox ${version()} worker ${worker} · takes jobs of ${space} from ${client.url}${from} · driver ${driver.name}`,
    );
  await new Promise<void>((resolve) => interruption.signal.addEventListener('abort', () => resolve(), { once: true }));
  setTimeout(() => process.exit(EXIT.no), EXIT_MS).unref();
  const giveUp = setTimeout(() => gone.abort(), GRACE_MS);
  await running.stop(GRACE_MS);
  clearTimeout(giveUp);
  gone.abort();
}

/** The server may be started together with its workers, and later. */
async function whenThere<T>(ask: () => Promise<Reply<T>>, absence: Absence, signal: AbortSignal): Promise<Reply<T>> {
  for (;;) {
    const reply = await ask();
    if (reply.ok || !isTransient(reply) || signal.aborted) return reply;
    absence.noted(failureWords(reply));
    await pause(FIRST_TRY_MS, signal);
  }
}

async function checkedSettings(flags: Flags): Promise<ServerSettings> {
  const { driver, config, redisNamespace } = flags;
  const { readConfigFile } = await import('../config-file.ts');
  const configured = serverSettings({ driver, config, redisNamespace }, variables(), readConfigFile);
  if (configured.outcome === 'ready') return configured.settings;
  throw new Failure({ what: configured.message, code: 'bad_setting' });
}

/** One line for each job. A look at the driver is worth none unless it fails. */
function tell(out: Output, task: Task, attempt: Attempt, tookMs: number): void {
  const { job, kind, subject } = task;
  if (kind === 'reconcile' && attempt.outcome !== 'failed') return;
  const reason = attempt.outcome === 'failed' ? foreign(attempt.error.message, 500) : null;
  if (out.json) {
    out.objectLine({ job, kind, subject, outcome: attempt.outcome, reason, seconds: tookMs / 1000 });
    return;
  }
  const what = foreign(`${kind} ${subject}`.trim());
  const how =
    attempt.outcome === 'failed'
      ? `has failed at ${foreign(attempt.step) || 'no step'}: ${reason}`
      : words[attempt.outcome];
  out.answer(`${what} ${how} (${(tookMs / 1000).toFixed(1)} s)`);
}

const words = { done: 'is done', left: 'is left to others' } as const;

function randomName(): string {
  return Math.random().toString(36).slice(2, 10);
}
