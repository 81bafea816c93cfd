// How `acquire` tells that it waits: in the voices of `run` (src/cli/speech), which differ only in what comes after the grant.

import type { PlaceEvent } from '../client/place.ts';
import { variables } from '../config.ts';
import type { Output } from './frame/output.ts';
import { identify, inCi } from './run/holder.ts';
import { logStyle } from './speech/folds.ts';
import { chooseProgress, type Mouth, type MouthOptions, progresses } from './speech/mouth.ts';
import { PlainMouth } from './speech/plain.ts';
import { QuietMouth } from './speech/quiet.ts';
import { TtyMouth } from './speech/tty.ts';
import { usage } from './text/errors.ts';

export interface WaitingVoice {
  hear(event: PlaceEvent, atMs: number): void;
  tick(atMs: number): void;
  close(atMs: number): void;
}

/** `progress` as written after --progress. */
export function makeMouth(out: Output, progress: string, what: string): WaitingVoice {
  const asked = progresses.find((known) => known === progress);
  if (asked === undefined) throw usage(`--progress: "${progress}" is none of ${progresses.join(', ')}.`);
  const env = variables();
  const isTerminal = process.stderr.isTTY === true;
  const voice = chooseProgress(asked, { quiet: out.quiet, stderrIsTty: isTerminal, term: env.TERM, ci: inCi(env) });
  const { ci } = identify(env, { user: '', host: '' });
  const options: MouthOptions = {
    what,
    command: '',
    ttl: '',
    stopMs: 0,
    write: (text) => process.stderr.write(text),
    style: logStyle(env.SIGNALBOX_LOG_STYLE, ci),
    wallMs: () => Date.now(),
    colours: isTerminal && !env.NO_COLOR,
    columns: () => process.stderr.columns || 80,
    keyboard: process.stdin.isTTY === true,
  };
  const mouth = mouthOf(voice, options);
  return {
    hear: (event, atMs) => mouth.hear(event.kind === 'queued' ? { ...event, ahead: [] } : event, atMs),
    tick: (atMs) => mouth.tick(atMs),
    close: (atMs) => mouth.close(atMs),
  };
}

function mouthOf(voice: 'tty' | 'plain' | 'quiet', options: MouthOptions): Mouth {
  if (voice === 'tty') return new TtyMouth(options);
  return voice === 'plain' ? new PlainMouth(options) : new QuietMouth(options);
}
