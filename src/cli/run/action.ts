// Wires a run: the process, its terminal and its environment to the plan, the voice and the client. The only file of this folder
// that looks at this process's streams.

import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { type Variables, variable, variables } from '../../config.ts';
import { connect } from '../connection/connect.ts';
import type { ConnectionFlags } from '../connection/settings.ts';
import { logStyle } from '../speech/folds.ts';
import { chooseProgress, type Mouth, type MouthOptions } from '../speech/mouth.ts';
import { PlainMouth } from '../speech/plain.ts';
import { QuietMouth } from '../speech/quiet.ts';
import { TtyMouth } from '../speech/tty.ts';
import { formatExact } from '../text/durations.ts';
import { Failure, usage } from '../text/errors.ts';
import { EXIT } from '../text/exit-codes.ts';
import { foreign } from '../text/sanitize.ts';
import { systemClock } from './clock.ts';
import { identify, inCi } from './holder.ts';
import { locate } from './locate.ts';
import { planOf, progressOf, type RunFlags } from './options.ts';
import type { RunPlan } from './plan.ts';
import { nothingRun, writeResult } from './result.ts';
import { type RunEnd, run } from './run.ts';
import { StopRequests } from './stop-requests.ts';
import { appendSummary } from './summary-file.ts';
import { mayUseTerminal } from './terminal.ts';
import { stopMs } from './timing.ts';

export type RunCommandFlags = RunFlags & ConnectionFlags & { readonly quiet?: boolean; readonly json?: boolean };

/** `tail`: what stands after `--`, null when there was none. */
export async function runAction(words: string[], tail: string[] | null, flags: RunCommandFlags): Promise<void> {
  const env = variables();
  if (flags.json)
    throw usage('run has no --json: stdout belongs to the command.', 'What happens, as JSON: --events FILE');
  const identity = identify(env, machine());
  const ci = inCi(env);
  // From here on a signal is an orderly end.
  const stops = new StopRequests({ watchParent: ci && flags.keepRunning !== true });
  const around = { identity, ci, nonce: randomUUID(), resultFile: variable(env, 'SIGNALBOX_RESULT') };
  const plan = planOf(words, tail, flags, around);
  const end = await attempt(() => start(plan, flags, env, stops));
  if (plan.resultFile !== null) writeResult(plan.resultFile, end.result);
  if (end.summary !== null && identity.ci === 'github')
    appendSummary(variable(env, 'GITHUB_STEP_SUMMARY'), end.summary);
  if (end.failure !== null) throw end.failure;
  process.exitCode = end.exitCode;
}

/** What is found out before anything is asked for is an end like any other. */
async function attempt(go: () => Promise<RunEnd>): Promise<RunEnd> {
  try {
    return await go();
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    const { exitCode, code } = thrown;
    const outcome = exitCode === EXIT.cannotExecute || exitCode === EXIT.commandNotFound ? 'not_started' : 'refused';
    return { exitCode, failure: thrown, result: { ...nothingRun(null), outcome, exitCode, code }, summary: null };
  }
}

async function start(plan: RunPlan, flags: RunCommandFlags, env: Variables, stops: StopRequests): Promise<RunEnd> {
  checkCommand(plan, env);
  const { ci } = plan;
  const stdinIsTty = process.stdin.isTTY === true;
  const stderrIsTty = process.stderr.isTTY === true;
  const asked = progressOf(flags.progress);
  const progress = chooseProgress(asked, { quiet: flags.quiet === true, stderrIsTty, term: env.TERM, ci });
  const { client, settings } = await connect(flags, env);
  const keyboard = stdinIsTty && !ci;
  const terminal = mayUseTerminal({ ci, stdinIsTty, stderrIsTty });
  stayWithoutReaders();
  return run(plan, {
    client,
    settings,
    clock: systemClock,
    mouth: mouthFor(progress, plan, env, keyboard),
    stops,
    env: { ...env },
    terminalShell: terminal ? terminalShell(env) : null,
    // In the background of somebody's shell, as that shell would do it without job control.
    keepStdin: terminal || ci || !stdinIsTty,
    keyboard,
    tellNext: progress === 'tty',
  });
}

function checkCommand(plan: RunPlan, env: Variables): void {
  const [file] = plan.command;
  const located = locate(file, env.PATH);
  if (located.kind === 'found') return;
  const shown = plan.commandShown;
  if (located.kind === 'missing') {
    const where = file.includes('/') ? 'there is no such file.' : 'it is in no directory of PATH.';
    throw new Failure({
      what: `command not found: ${shown}; ${where}`,
      code: 'command_not_found',
      more: ['Nothing was queued.'],
      exitCode: EXIT.commandNotFound,
    });
  }
  throw new Failure({
    what: `cannot execute ${shown}: ${foreign(located.path)} ${located.why}.`,
    code: 'cannot_execute',
    more: ['Nothing was queued.'],
    exitCode: EXIT.cannotExecute,
  });
}

function mouthFor(progress: 'tty' | 'plain' | 'quiet', plan: RunPlan, env: Variables, keyboard: boolean): Mouth {
  const options: MouthOptions = {
    what: plan.what,
    command: plan.commandShown,
    ttl: formatExact(plan.ttlMs),
    stopMs: stopMs(plan.ttlMs, plan),
    write: (text) => {
      process.stderr.write(text);
    },
    style: logStyle(env.SIGNALBOX_LOG_STYLE, identify(env, machine()).ci),
    wallMs: systemClock.wallMs,
    colours: process.stderr.isTTY === true && variable(env, 'NO_COLOR') === null,
    // A terminal that does not know its width says 0.
    columns: () => process.stderr.columns || 80,
    keyboard,
  };
  if (progress === 'tty') return new TtyMouth(options);
  return progress === 'plain' ? new PlainMouth(options) : new QuietMouth(options);
}

/** bash where there is one: it hands on variables whose names are not those of shell variables, which others drop. */
function terminalShell(env: Variables): string {
  const bash = locate('bash', env.PATH);
  return bash.kind === 'found' ? bash.path : '/bin/sh';
}

/** Nobody reads our talk any more (`2>&1 | head`): no reason to leave a child without its keeper. */
function stayWithoutReaders(): void {
  process.stderr.removeAllListeners('error');
  process.stderr.on('error', () => {});
}

function machine(): { user: string; host: string } {
  try {
    return { user: userInfo().username, host: hostname() };
  } catch {
    // A user without a name, as containers have.
    return { user: `user ${process.getuid?.() ?? '?'}`, host: hostname() };
  }
}
