// Which voice tells a wait: a terminal that can redraw, a log, or, with -q and --json, almost nobody.

import { variables } from '../../config.ts';
import type { Output } from '../frame/output.ts';
import { identify, inCi } from '../run/holder.ts';
import { logStyle } from '../speech/folds.ts';
import { chooseProgress, progresses } from '../speech/mouth.ts';
import { usage } from '../text/errors.ts';
import { logLines } from './log-lines.ts';
import { PlainVoice } from './plain.ts';
import { TtyVoice } from './tty.ts';
import type { Voice, VoiceOptions } from './voice.ts';

export interface Chosen {
  readonly voice: Voice;
  readonly kind: 'tty' | 'plain' | 'quiet';
}

/** `progress` as written after --progress. With --json everything is said on stdout, so the voice is quiet. */
export function makeVoice(out: Output, progress: string): Chosen {
  const asked = progresses.find((known) => known === progress);
  if (asked === undefined) throw usage(`--progress: "${progress}" is none of ${progresses.join(', ')}.`);
  const env = variables();
  const isTerminal = process.stderr.isTTY === true;
  const quiet = out.quiet || (out.json && asked === 'auto');
  const kind = chooseProgress(asked, { quiet, stderrIsTty: isTerminal, term: env.TERM, ci: inCi(env) });
  const { ci } = identify(env, { user: '', host: '' });
  const options: VoiceOptions = {
    write: (text) => process.stderr.write(text),
    style: logStyle(env.SIGNALBOX_LOG_STYLE, ci),
    wallMs: () => Date.now(),
    colours: isTerminal && !env.NO_COLOR,
    columns: () => process.stderr.columns || 80,
    rows: () => process.stderr.rows || 24,
  };
  if (kind === 'tty') return { kind, voice: new TtyVoice(options) };
  return { kind, voice: kind === 'plain' ? new PlainVoice(options) : new QuietVoice(options, out.json) };
}

/** `-q`: nothing unless it went wrong, and with --json not even that, because it is on stdout then. */
class QuietVoice implements Voice {
  readonly aligns = false;
  readonly #options: VoiceOptions;
  readonly #silent: boolean;

  constructor(options: VoiceOptions, silent: boolean) {
    this.#options = options;
    this.#silent = silent;
  }

  wrong(code: string, lines: readonly string[]): void {
    if (!this.#silent) this.#options.write(logLines(code, lines));
  }

  begin(): void {}
  stands(): void {}
  say(): void {}
  summary(): void {}
  tick(): void {}
  close(): void {}
}
